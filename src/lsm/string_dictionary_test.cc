// Columns of texts as codes of a dictionary: when, and that nothing is lost.
#include "lsm/string_dictionary.h"

#include <gtest/gtest.h>

#include "arrow/api.h"
#include "arrow/compute/api.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "lsm/segment_testing.h"

namespace pyralog::lsm::testing {
namespace {

// Texts by row, NULL every `null_every` rows (0: none), as utf8_view, utf8 or large_utf8.
template <class Builder>
std::shared_ptr<arrow::Array> Texts(int64_t rows, int64_t null_every,
                                    const std::function<std::string(int64_t)>& text) {
  Builder builder;
  for (int64_t i = 0; i < rows; ++i) {
    const bool null = null_every > 0 && i % null_every == null_every - 1;
    EXPECT_TRUE((null ? builder.AppendNull() : builder.Append(text(i))).ok());
  }
  return builder.Finish().ValueOrDie();
}

std::string Color(int64_t i) {
  return i % 3 == 0 ? "" : "a colour longer than a view holds inline " + std::to_string(i % 70);
}

arrow::Type::type StoredType(Segment* segment, int column) {
  return segment->StoredColumn(0, column).ValueOrDie()->type_id();
}

TEST(StringDictionaryTest, TextsThatRepeatAreCodes) {
  constexpr int64_t kRows = 2 * kUnitRows + 5000;
  SegmentFixture fixture(
      arrow::schema({arrow::field("v", arrow::utf8_view()), arrow::field("s", arrow::utf8()),
                     arrow::field("l", arrow::large_utf8())}));
  const auto all = fixture.Batch({Texts<arrow::StringViewBuilder>(kRows, 11, Color),
                                  Texts<arrow::StringBuilder>(kRows, 0, Color),
                                  Texts<arrow::LargeStringBuilder>(kRows, 5, Color)});
  auto meta = fixture.Write({all->Slice(0, 7), all->Slice(7)});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  SEGMENT_ASSERT_OK(ReadsAs(segment.get(), *all));
  SEGMENT_ASSERT_OK(segment->VerifyAll());
  for (int column = 0; column < 3; ++column)
    EXPECT_EQ(StoredType(segment.get(), column), arrow::Type::DICTIONARY) << column;
  // One dictionary, the same array whatever the unit.
  const auto first = segment->Encoded(0, 0).ValueOrDie();
  const auto last = segment->Encoded(2, 0).ValueOrDie();
  EXPECT_TRUE(first->type()->Equals(arrow::dictionary(arrow::int16(), arrow::utf8_view())));
  EXPECT_EQ(first->data()->dictionary.get(), last->data()->dictionary.get());
  EXPECT_EQ(first->data()->dictionary->length, 71);
  SEGMENT_ASSERT_OK(last->ValidateFull());
  EXPECT_LT(meta->arrow_bytes, static_cast<uint64_t>(kRows * 3 * 3));
  EXPECT_EQ(segment->Zone(0, 0).ValueOrDie()->min,
            batch::ComputeZoneMap(*all->column(0)->Slice(0, kUnitRows)).ValueOrDie().min);
}

TEST(StringDictionaryTest, TextsThatDoNotRepeatAndKeysAreNot) {
  constexpr int64_t kRows = 9000;
  SegmentFixture fixture(arrow::schema({arrow::field("k", arrow::utf8_view(), false),
                                        arrow::field("often", arrow::utf8_view(), false),
                                        arrow::field("third", arrow::utf8_view()),
                                        arrow::field("cycle", arrow::utf8_view()),
                                        arrow::field("bytes", arrow::binary_view())}),
                         {0, 1});
  const auto all = fixture.Batch(
      {Texts<arrow::StringViewBuilder>(kRows, 0, [](int64_t i) { return std::to_string(i / 2); }),
       Texts<arrow::StringViewBuilder>(kRows, 0, [](int64_t i) { return std::to_string(i % 2); }),
       Texts<arrow::StringViewBuilder>(kRows, 0, [](int64_t i) { return std::to_string(i / 3); }),
       Texts<arrow::StringViewBuilder>(kRows, 0,
                                       [](int64_t i) { return std::to_string(i % 1000); }),
       Texts<arrow::BinaryViewBuilder>(kRows, 0, [](int64_t) { return "x"; })});
  auto meta = fixture.Write({all});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  SEGMENT_ASSERT_OK(ReadsAs(segment.get(), *all));
  for (const int column : {0, 1, 2, 4})
    EXPECT_NE(StoredType(segment.get(), column), arrow::Type::DICTIONARY) << column;
  EXPECT_EQ(StoredType(segment.get(), 3), arrow::Type::DICTIONARY);
  EXPECT_TRUE(segment->Encoded(0, 2).ValueOrDie()->Equals(segment->Column(0, 2).ValueOrDie()));
}

TEST(StringDictionaryTest, TooManyTextsAfterAllAreWrittenAgain) {
  constexpr int64_t kRows = 3 * kUnitRows;
  SegmentFixture fixture(arrow::schema({arrow::field("grows", arrow::utf8_view()),
                                        arrow::field("few", arrow::utf8_view()),
                                        arrow::field("long", arrow::utf8_view())}));
  const auto all = fixture.Batch(
      {Texts<arrow::StringViewBuilder>(
           kRows, 7,
           [](int64_t i) { return "text " + std::to_string(i < 2 * kUnitRows ? i % 9 : i); }),
       Texts<arrow::StringViewBuilder>(kRows, 0, Color),
       Texts<arrow::StringViewBuilder>(kRows, 0, [](int64_t i) {
         return i < kUnitRows || i % 16 > 0 ? "short" : std::string(2000, 'a') + std::to_string(i);
       })});
  auto meta = fixture.Write({all});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  SEGMENT_ASSERT_OK(ReadsAs(segment.get(), *all));
  EXPECT_EQ(StoredType(segment.get(), 0), arrow::Type::STRING_VIEW);
  EXPECT_EQ(StoredType(segment.get(), 1), arrow::Type::DICTIONARY);
  EXPECT_EQ(StoredType(segment.get(), 2), arrow::Type::STRING_VIEW);
  EXPECT_TRUE(fixture.env->List("tmp").ValueOrDie().empty());
}

TEST(StringDictionaryTest, DictionariesComeBackWithTheirType) {
  constexpr int64_t kRows = 4000;
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  SegmentFixture fixture(arrow::schema({arrow::field("d", type)}));
  arrow::Int8Builder indices;
  for (int64_t i = 0; i < kRows; ++i)
    ASSERT_TRUE(
        (i % 9 == 0 ? indices.AppendNull() : indices.Append(static_cast<int8_t>(i % 3))).ok());
  const auto values = Strings(3, [](int64_t i) { return "value " + std::to_string(i); });
  const auto all =
      fixture.Batch({arrow::DictionaryArray::FromArrays(type, indices.Finish().ValueOrDie(), values)
                         .ValueOrDie()});
  const auto meta = fixture.Write({all});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  EXPECT_EQ(StoredType(segment.get(), 0), arrow::Type::DICTIONARY);
  const auto column = segment->Column(0, 0).ValueOrDie();
  SEGMENT_ASSERT_OK(column->ValidateFull());
  EXPECT_TRUE(column->type()->Equals(type));
  const auto texts = [](const std::shared_ptr<arrow::Array>& array) {
    return arrow::compute::Cast(*array, arrow::utf8()).ValueOrDie();
  };
  EXPECT_TRUE(texts(column)->Equals(texts(all->column(0))));
}

TEST(StringDictionaryTest, AnyArrowReaderReadsThem) {
  SegmentFixture fixture(arrow::schema({arrow::field("v", arrow::utf8_view())}));
  const auto all = fixture.Batch({Texts<arrow::StringViewBuilder>(5000, 3, Color)});
  SEGMENT_ASSERT_OK(fixture.Write({all}).status());
  const auto file = io::ReadFileToString(fixture.env.get(), "db/00000031.arrow").ValueOrDie();
  auto reader = arrow::ipc::RecordBatchFileReader::Open(
                    std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(file)))
                    .ValueOrDie();
  const auto batch = reader->ReadRecordBatch(0).ValueOrDie();
  SEGMENT_ASSERT_OK(batch->ValidateFull());
  const auto& codes = static_cast<const arrow::DictionaryArray&>(*batch->column(0));
  const auto decoded = DecodeStrings(codes, arrow::utf8_view()).ValueOrDie();
  EXPECT_TRUE(decoded->Equals(all->column(0)));
  EXPECT_TRUE(DecodeStrings(codes, arrow::utf8()).ValueOrDie()->type()->Equals(arrow::utf8()));
}

}  // namespace
}  // namespace pyralog::lsm::testing
