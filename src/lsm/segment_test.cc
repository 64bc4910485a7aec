#include "lsm/segment.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <thread>

#include "arrow/extension_type.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/util/decimal.h"
#include "lsm/segment_arrow_file.h"
#include "lsm/segment_encoding.h"
#include "lsm/segment_testing.h"

namespace pyralog::lsm::testing {
namespace {

// Rows of `type` from JSON-like repetition: a few values, repeated, with nulls.
std::shared_ptr<arrow::Array> Repeated(const std::shared_ptr<arrow::Array>& seed, int64_t rows) {
  arrow::ArrayVector pieces;
  for (int64_t have = 0; have < rows; have += seed->length()) pieces.push_back(seed);
  return arrow::Concatenate(pieces).ValueOrDie()->Slice(0, rows);
}

template <class Builder, class... Values>
std::shared_ptr<arrow::Array> Seed(const std::shared_ptr<arrow::DataType>& type, Values... values) {
  auto builder = arrow::MakeBuilder(type).ValueOrDie();
  auto* typed = static_cast<Builder*>(builder.get());
  const bool appended = (typed->Append(values).ok() && ...);
  EXPECT_TRUE(appended);
  EXPECT_TRUE(builder->AppendNull().ok());
  return builder->Finish().ValueOrDie();
}

std::vector<std::shared_ptr<arrow::Array>> SeedsOfAllTypes() {
  using namespace arrow;  // NOLINT: a list of nothing but Arrow's names
  std::vector<std::shared_ptr<Array>> seeds = {
      Seed<BooleanBuilder>(boolean(), true, false, true),
      Seed<Int8Builder>(int8(), -128, 127, 3),
      Seed<UInt8Builder>(uint8(), 255, 0),
      Seed<Int16Builder>(int16(), -32768, 5),
      Seed<UInt16Builder>(uint16(), 65535, 5),
      Seed<Int32Builder>(int32(), -5, 7),
      Seed<UInt32Builder>(uint32(), 4000000000u, 7),
      Seed<Int64Builder>(int64(), int64_t{-1} << 62, 7),
      Seed<UInt64Builder>(uint64(), ~uint64_t{0}, 7),
      Seed<HalfFloatBuilder>(float16(), uint16_t{0x3C00}, uint16_t{0x7E00}),
      Seed<FloatBuilder>(float32(), 1.5f, -0.0f, NAN),
      Seed<DoubleBuilder>(float64(), 1.5, -0.0, static_cast<double>(NAN), 2.0),
      Seed<Date32Builder>(date32(), 1, -1),
      Seed<TimestampBuilder>(timestamp(TimeUnit::MICRO, "UTC"), 1, -1),
      Seed<Time64Builder>(time64(TimeUnit::NANO), 1, 5),
      Seed<DurationBuilder>(duration(TimeUnit::SECOND), 1, 5),
      Seed<MonthDayNanoIntervalBuilder>(month_day_nano_interval(),
                                        MonthDayNanoIntervalType::MonthDayNanos{1, 2, 3}),
      Seed<Decimal128Builder>(decimal128(38, 2), Decimal128(-5), Decimal128(7)),
      Seed<Decimal256Builder>(decimal256(70, 2), Decimal256(-5)),
      Seed<Decimal32Builder>(decimal32(5, 2), Decimal32(-5)),
      Seed<FixedSizeBinaryBuilder>(fixed_size_binary(3), "abc", "xyz"),
      Seed<StringBuilder>(utf8(), "", "a", "a longer string than a view holds inline"),
      Seed<LargeStringBuilder>(large_utf8(), "", "a", "xyz"),
      Seed<BinaryBuilder>(binary(), std::string("\0\1", 2), "b"),
      Seed<LargeBinaryBuilder>(large_binary(), "b"),
      Seed<StringViewBuilder>(utf8_view(), "", "short", "a longer string than a view holds inline"),
      Seed<BinaryViewBuilder>(binary_view(), "another string that is longer than twelve", "x"),
  };
  const size_t flat = seeds.size();
  const auto strings = Strings(
      4, [](int64_t i) { return "a nested string that is quite long " + std::to_string(i); });
  const auto offsets = Seed<Int32Builder>(int32(), 0, 1, 1, 4)->Slice(0, 4);
  seeds.push_back(ListArray::FromArrays(*offsets, *strings).ValueOrDie());
  const auto views = seeds[flat - 2];
  seeds.push_back(StructArray::Make({views, seeds[11]->Slice(0, views->length())},
                                    std::vector<std::string>{"view", "number"})
                      .ValueOrDie());
  seeds.push_back(
      FixedSizeListArray::FromArrays(Int64s(8, [](int64_t i) { return i; }), 2).ValueOrDie());
  seeds.push_back(
      MapArray::FromArrays(offsets, strings, Int64s(4, [](int64_t i) { return i; })).ValueOrDie());
  const auto lengths = Seed<Int32Builder>(int32(), 1, 0, 3)->Slice(0, 3);
  seeds.push_back(
      ListViewArray::FromArrays(*offsets->Slice(0, 3), *lengths, *strings).ValueOrDie());
  seeds.push_back(MakeArrayOfNull(null(), 5).ValueOrDie());
  seeds.push_back(
      MakeArrayOfNull(dense_union({field("x", int32()), field("y", utf8())}), 5).ValueOrDie());
  seeds.push_back(MakeArrayOfNull(run_end_encoded(int32(), int64()), 5).ValueOrDie());
  return seeds;
}

TEST(SegmentTest, RoundTripsEveryType) {
  constexpr int64_t kRows = 2 * kUnitRows + 1003;
  for (const auto& seed : SeedsOfAllTypes()) {
    SCOPED_TRACE(seed->type()->ToString());
    SegmentFixture fixture(arrow::schema({arrow::field("c", seed->type())}));
    const auto all = fixture.Batch({Repeated(seed, kRows)});
    // Pieces that do not end where units do, one of them empty, one larger than a unit.
    auto meta = fixture.Write(
        {all->Slice(0, 1), all->Slice(1, 70001), all->Slice(5, 0), all->Slice(70002)});
    SEGMENT_ASSERT_OK(meta.status());
    EXPECT_EQ(meta->rows, static_cast<uint64_t>(kRows));
    auto segment = fixture.Open(*meta);
    EXPECT_EQ(segment->num_units(), 3);
    SEGMENT_ASSERT_OK(ReadsAs(segment.get(), *all));
    SEGMENT_ASSERT_OK(segment->VerifyAll());
    const auto expected =
        batch::ComputeZoneMap(*all->column(0)->Slice(kUnitRows, kUnitRows)).ValueOrDie();
    EXPECT_EQ(*segment->Zone(1, 0).ValueOrDie(), expected);
  }
}

TEST(SegmentTest, DictionariesOfDifferentBatchesAreStoredAsValues) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  SegmentFixture fixture(
      arrow::schema({arrow::field("c", type), arrow::field("l", arrow::list(type))}));
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int b = 0; b < 3; ++b) {
    const auto values = Strings(2, [&](int64_t i) { return "value " + std::to_string(b * 2 + i); });
    arrow::Int8Builder indices;
    for (int i = 0; i < 8; ++i)
      ASSERT_TRUE((i % 3 == 2 ? indices.AppendNull() : indices.Append(i % 2)).ok());
    const auto dictionary =
        arrow::DictionaryArray::FromArrays(type, indices.Finish().ValueOrDie(), values)
            .ValueOrDie();
    arrow::Int32Builder offsets;
    ASSERT_TRUE(offsets.AppendValues({0, 1, 1, 2, 3, 4, 5, 6, 8}).ok());
    const auto list =
        arrow::ListArray::FromArrays(*offsets.Finish().ValueOrDie(), *dictionary).ValueOrDie();
    batches.push_back(fixture.Batch({dictionary, list}));
  }
  auto meta = fixture.Write(batches);
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  auto stored = segment->StoredColumn(0, 0).ValueOrDie();
  EXPECT_TRUE(stored->type()->Equals(arrow::utf8()));
  EXPECT_EQ(static_cast<const arrow::StringArray&>(*stored).GetString(8), "value 2");
  auto column = segment->Column(0, 0);
  SEGMENT_ASSERT_OK(column.status());
  EXPECT_TRUE((*column)->type()->Equals(type));
  const auto& dictionary = static_cast<const arrow::DictionaryArray&>(**column);
  EXPECT_EQ(
      dictionary.dictionary()->GetScalar(dictionary.GetValueIndex(17)).ValueOrDie()->ToString(),
      "value 5");
  EXPECT_TRUE(dictionary.IsNull(18));
  EXPECT_TRUE(segment->StoredColumn(0, 1).ValueOrDie()->type()->Equals(arrow::list(arrow::utf8())));
}

TEST(SegmentTest, ViewsShareOneBufferPerUnit) {
  SegmentFixture fixture(arrow::schema({arrow::field("v", arrow::utf8_view())}));
  arrow::StringViewBuilder builder;
  for (int64_t i = 0; i < kUnitRows + 10; ++i) {
    ASSERT_TRUE(builder.Append("a string of more than twelve bytes " + std::to_string(i)).ok());
  }
  const auto batch = fixture.Batch({builder.Finish().ValueOrDie()});
  auto meta = fixture.Write({batch});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  EXPECT_EQ(segment->Column(0, 0).ValueOrDie()->data()->buffers.size(), 3u);
  EXPECT_LT(segment->Column(1, 0).ValueOrDie()->data()->buffers[2]->size(), 1000);
}

TEST(SegmentTest, BuffersAreAlignedAndAreViewsOfTheMapping) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const auto& seed : SeedsOfAllTypes()) {
    fields.push_back(arrow::field("c" + std::to_string(fields.size()), seed->type()));
    columns.push_back(Repeated(seed, 1003));
  }
  SegmentFixture fixture(arrow::schema(fields));
  auto meta = fixture.Write({fixture.Batch(columns)});
  SEGMENT_ASSERT_OK(meta.status());
  const auto file = io::ReadFileToString(fixture.env.get(), "db/00000031.arrow").ValueOrDie();
  const auto buffer = arrow::Buffer::FromString(file);
  auto reader =
      arrow::ipc::RecordBatchFileReader::Open(std::make_shared<arrow::io::BufferReader>(buffer))
          .ValueOrDie();
  const auto batch = reader->ReadRecordBatch(0).ValueOrDie();
  const std::function<void(const arrow::ArrayData&)> check = [&](const arrow::ArrayData& data) {
    for (const auto& b : data.buffers) {
      if (b != nullptr && b->size() > 0) {
        EXPECT_EQ((b->address() - buffer->address()) % kBufferAlignment, 0u);
      }
    }
    for (const auto& child : data.child_data) check(*child);
  };
  for (int i = 0; i < batch->num_columns(); ++i) check(*batch->column_data(i));
  SEGMENT_ASSERT_OK(batch->ValidateFull());
  EXPECT_EQ(reader->schema()->field(2)->metadata()->Get(kFieldIdKey).ValueOrDie(), "3");

  std::shared_ptr<arrow::Array> kept;
  {
    auto segment = fixture.Open(*meta);
    kept = segment->Column(0, 7).ValueOrDie();
  }
  SEGMENT_ASSERT_OK(kept->ValidateFull());  // the mapping lives with the array
}

// Lazy verification stands on this: Arrow looks at headers only when it makes the arrays of a
// batch.
TEST(SegmentTest, ArrowReadsNoByteOfABodyByItself) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const auto& seed : SeedsOfAllTypes()) {
    fields.push_back(arrow::field("c" + std::to_string(fields.size()), seed->type()));
    columns.push_back(Repeated(seed, kUnitRows));
  }
  SegmentFixture fixture(arrow::schema(fields));
  const auto batch = fixture.Batch(columns);
  SEGMENT_ASSERT_OK(fixture.Write({batch}).status());
  const auto file = io::ReadFileToString(fixture.env.get(), "db/00000031.arrow").ValueOrDie();
  // Everything between the schema and the footer, less a page at both ends for the headers, cannot
  // be read.
  void* mapping =
      ::mmap(nullptr, file.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  std::memcpy(mapping, file.data(), file.size());
  constexpr size_t kPage = 4096;
  constexpr size_t kHeaders = 16 * kPage;
  const size_t hidden = (file.size() - 2 * kHeaders) / kPage * kPage;
  ASSERT_EQ(::mprotect(static_cast<char*>(mapping) + kHeaders, hidden, PROT_NONE), 0);
  {
    const auto buffer = std::make_shared<arrow::Buffer>(static_cast<uint8_t*>(mapping),
                                                        static_cast<int64_t>(file.size()));
    auto reader =
        arrow::ipc::RecordBatchFileReader::Open(std::make_shared<arrow::io::BufferReader>(buffer))
            .ValueOrDie();
    const auto read = reader->ReadRecordBatch(0).ValueOrDie();
    EXPECT_EQ(read->num_rows(), kUnitRows);
    EXPECT_EQ(read->columns().size(), columns.size());
    EXPECT_EQ(read->column(7)->null_count(), batch->column(7)->null_count());
  }
  ::munmap(mapping, file.size());
}

TEST(SegmentTest, BirthsAreRuns) {
  SegmentFixture fixture(arrow::schema({arrow::field("i", arrow::int64())}));
  const auto batch = fixture.Batch({Int64s(6, [](int64_t i) { return i; })});
  auto writer = fixture.NewWriter();
  const auto c = [](uint64_t n) { return CommitNumber(n); };
  const std::vector<CommitNumber> births = {c(3), c(3), c(4), c(4), c(4), c(9)};
  SEGMENT_ASSERT_OK(writer->Append(*batch, births));
  const CommitNumber nine = c(9);
  SEGMENT_ASSERT_OK(writer->Append(*batch, {&nine, 1}));
  EXPECT_EQ(writer->rows(), 12u);
  auto meta = writer->Finish();
  SEGMENT_ASSERT_OK(meta.status());
  EXPECT_EQ(meta->min_birth, c(3));
  EXPECT_EQ(meta->max_birth, c(9));
  const auto runs = fixture.Open(*meta)->Births().ValueOrDie();
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].first_row, 0u);
  EXPECT_EQ(runs[1].first_row, 2u);
  EXPECT_EQ(runs[1].birth, c(4));
  EXPECT_EQ(runs[2].first_row, 5u);

  auto one = fixture.Write({batch}, 32, c(8));
  SEGMENT_ASSERT_OK(one.status());
  EXPECT_EQ(one->min_birth, c(8));
  EXPECT_TRUE(fixture.Open(*one)->Births().ValueOrDie().empty());
}

TEST(SegmentTest, ManyThreadsReadAFreshSegment) {
  constexpr int64_t kRows = 3 * kUnitRows;
  SegmentFixture fixture(
      arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("s", arrow::utf8())}),
      {0});
  const auto batch = fixture.Batch({Int64s(kRows, [](int64_t i) { return i; }),
                                    Strings(kRows, [](int64_t i) { return std::to_string(i); })});
  const auto meta = fixture.Write({batch}).ValueOrDie();
  KeyBatch keys;
  SEGMENT_ASSERT_OK(
      keys.Append(arrow::ArrayVector{batch->column(0)->Slice(kUnitRows - 500, 1000)}));
  std::vector<int64_t> which(1000);
  std::iota(which.begin(), which.end(), 0);
  for (int round = 0; round < 3; ++round) {
    auto segment = fixture.Open(meta);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int64_t u = 0; u < 3; ++u) {
          const int64_t unit = (u + t) % 3;
          segment->WillNeed(unit, std::vector<int>{0, 1});
          EXPECT_TRUE(segment->Column(unit, t % 2)
                          .ValueOrDie()
                          ->Equals(batch->column(t % 2)->Slice(unit * kUnitRows, kUnitRows)));
          EXPECT_EQ(segment->Zone(unit, 0).ValueOrDie()->rows, kUnitRows);
          std::vector<int64_t> rows(1000);
          EXPECT_TRUE(segment->Find(keys, which, rows).ok());
          EXPECT_EQ(rows[999], kUnitRows + 499);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
}

TEST(SegmentTest, EmptySegment) {
  SegmentFixture fixture(arrow::schema({arrow::field("i", arrow::int64(), false)}), {0});
  auto meta = fixture.Write({});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  EXPECT_EQ(segment->num_units(), 0);
  SEGMENT_ASSERT_OK(segment->VerifyAll());
  KeyBatch keys;
  SEGMENT_ASSERT_OK(keys.Append(
      std::vector<std::shared_ptr<arrow::Array>>{Int64s(1, [](int64_t) { return 1; })}));
  const int64_t which = 0;
  int64_t row = 5;
  SEGMENT_ASSERT_OK(segment->Find(keys, {&which, 1}, {&row, 1}));
  EXPECT_EQ(row, -1);
}

TEST(SegmentTest, NarrowedIntegersAreReadAsTheirType) {
  constexpr int64_t kRows = kUnitRows + 1003;
  SegmentFixture fixture(
      arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("i", arrow::int64()),
                     arrow::field("s", arrow::utf8())}),
      {0});
  const auto number = [](int64_t i) { return i % 200 - 100; };
  // The text becomes codes, which are taken back in the second unit: what is there is written again.
  const auto all = fixture.Batch(
      {Int64s(kRows, [](int64_t i) { return i; }), Int64s(kRows, number),
       Strings(kRows, [](int64_t i) { return std::to_string(i < kUnitRows ? i % 10 : i); })});
  auto writer = fixture.NewWriter(31, {{1, arrow::int8()}});
  const CommitNumber birth(1);
  SEGMENT_ASSERT_OK(writer->Append(*all, {&birth, 1}));
  auto meta = writer->Finish();
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  SEGMENT_ASSERT_OK(ReadsAs(segment.get(), *all));
  SEGMENT_ASSERT_OK(segment->VerifyAll());
  for (const int64_t unit : {0, 1}) {
    EXPECT_EQ(segment->StoredColumn(unit, 1).ValueOrDie()->type_id(), arrow::Type::INT8);
    EXPECT_EQ(segment->Encoded(unit, 1).ValueOrDie()->type_id(), arrow::Type::INT8);
    EXPECT_EQ(segment->Column(unit, 1).ValueOrDie()->type_id(), arrow::Type::INT64);
    EXPECT_EQ(segment->StoredColumn(unit, 0).ValueOrDie()->type_id(), arrow::Type::INT64);
  }
  const auto expected = batch::ComputeZoneMap(*all->column(1)->Slice(kUnitRows)).ValueOrDie();
  EXPECT_EQ(*segment->Zone(1, 1).ValueOrDie(), expected);

  auto wrong = fixture.NewWriter(32, {{1, arrow::int8()}});
  const auto large = fixture.Batch({Int64s(3, [](int64_t i) { return i; }),
                                    Int64s(3, [](int64_t i) { return i * 100; }),
                                    Strings(3, [](int64_t) { return "x"; })});
  SEGMENT_ASSERT_OK(wrong->Append(*large, {&birth, 1}));
  ExpectStatus(wrong->Finish().status(), ErrorCode::kUnknown, "does not fit int8");
}

TEST(SegmentTest, WriterRefusesWhatDoesNotFit) {
  SegmentFixture fixture(arrow::schema({arrow::field("i", arrow::int64(), false)}), {0});
  auto writer = fixture.NewWriter();
  const CommitNumber birth(1);
  const auto ints = Int64s(3, [](int64_t i) { return i; });
  const auto other = arrow::RecordBatch::Make(arrow::schema({arrow::field("i", arrow::utf8())}), 3,
                                              {Strings(3, [](int64_t) { return "x"; })});
  ExpectStatus(writer->Append(*other, {&birth, 1}), ErrorCode::kInvalidArgument,
               "column 'i' has type string");
  const std::vector<CommitNumber> two(2, birth);
  ExpectStatus(writer->Append(*fixture.Batch({ints}), two), ErrorCode::kInvalidArgument,
               "2 births for 3 rows");
  SEGMENT_ASSERT_OK(writer->Append(*fixture.Batch({ints}), {&birth, 1}));
  SEGMENT_ASSERT_OK(writer->Append(*fixture.Batch({ints}), {&birth, 1}));
  ExpectStatus(writer->Finish().status(), ErrorCode::kUnknown, "rows 0 and 3 have the same key");
  ExpectStatus(writer->Finish().status(), ErrorCode::kUnknown, "rows 0 and 3 have the same key");
  writer.reset();
  EXPECT_TRUE(fixture.env->List("tmp").ValueOrDie().empty());
  EXPECT_TRUE(fixture.env->List("db").ValueOrDie().empty());
}

TEST(SegmentTest, AnUnfinishedWriterLeavesNothing) {
  SegmentFixture fixture(arrow::schema({arrow::field("i", arrow::int64())}));
  auto writer = fixture.NewWriter();
  const CommitNumber birth(1);
  SEGMENT_ASSERT_OK(writer->Append(*fixture.Batch({Int64s(kUnitRows, [](int64_t i) { return i; })}),
                                   {&birth, 1}));
  EXPECT_GT(writer->bytes(), 0u);
  EXPECT_FALSE(fixture.env->List("tmp").ValueOrDie().empty());
  writer.reset();
  EXPECT_TRUE(fixture.env->List("tmp").ValueOrDie().empty());
}

TEST(SegmentTest, OpeningDoesNoIo) {
  SegmentFixture fixture(arrow::schema({arrow::field("i", arrow::int64())}));
  SegmentMeta meta;
  meta.id = SegmentId(99);
  meta.rows = 10;
  meta.arrow_bytes = meta.index_bytes = 100;
  auto segment = fixture.Open(meta);
  ExpectStatus(segment->Column(0, 0).status(), ErrorCode::kDamaged, "db/00000099.idx: is missing");
  segment->WillNeed(0, std::vector<int>{0});
}

}  // namespace
}  // namespace pyralog::lsm::testing
