#include "lsm/row_codec.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/array/concatenate.h"
#include "arrow/compare.h"
#include "arrow/json/from_string.h"
#include "arrow/record_batch.h"
#include "arrow/testing/gtest_util.h"
#include "lsm/record_log_testing.h"
#include "lsm/row_codec_testing.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

std::shared_ptr<arrow::RecordBatch> OneColumn(const std::shared_ptr<arrow::Array>& array) {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field("c", array->type())}),
                                  array->length(), {array});
}

std::string Encode(const arrow::RecordBatch& batch) {
  std::string bytes;
  EXPECT_OK(EncodeRows(batch, &bytes));
  return bytes;
}

// The values that the indices name: dictionaries are cut, so they may differ where these do not.
std::shared_ptr<arrow::Array> Values(const arrow::DictionaryArray& array) {
  arrow::ArrayVector values{*arrow::MakeArrayOfNull(array.dictionary()->type(), 0)};
  for (int64_t i = 0; i < array.length(); ++i) {
    values.push_back(array.IsNull(i) ? *arrow::MakeArrayOfNull(array.dictionary()->type(), 1)
                                     : array.dictionary()->Slice(array.GetValueIndex(i), 1));
  }
  return *arrow::Concatenate(values);
}

void ExpectSame(const arrow::Array& expected, const arrow::Array& actual, bool check_full = true) {
  if (check_full) {
    ASSERT_OK(actual.ValidateFull());
  }
  ASSERT_EQ(*expected.type(), *actual.type());
  if (expected.type_id() == arrow::Type::DICTIONARY) {
    return ExpectSame(*Values(static_cast<const arrow::DictionaryArray&>(expected)),
                      *Values(static_cast<const arrow::DictionaryArray&>(actual)), check_full);
  }
  if (expected.type_id() == arrow::Type::STRUCT) {
    const auto a = *static_cast<const arrow::StructArray&>(expected).Flatten();
    const auto b = *static_cast<const arrow::StructArray&>(actual).Flatten();
    for (size_t i = 0; i < a.size(); ++i) ExpectSame(*a[i], *b[i], check_full);
    EXPECT_EQ(expected.null_count(), actual.null_count());
    return;
  }
  const auto options = arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);
  EXPECT_TRUE(expected.Equals(actual, options)) << expected.type()->ToString() << "\n"
                                                << expected.ToString() << "\n"
                                                << actual.ToString();
}

void RoundTrip(const std::shared_ptr<arrow::Array>& array, bool check_full = true) {
  ASSERT_OK(array->ValidateFull()) << array->type()->ToString();
  const auto batch = OneColumn(array);
  const std::string bytes = Encode(*batch);
  size_t consumed = 0;
  ASSERT_OK_AND_ASSIGN(auto decoded, DecodeRows(batch->schema(), bytes + "tail", &consumed));
  EXPECT_EQ(consumed, bytes.size());
  ASSERT_EQ(decoded->num_rows(), array->length());
  ExpectSame(*array, *decoded->column(0), check_full);
  // What was read is written as the same bytes: nothing of the array's layout is left in them.
  EXPECT_EQ(Encode(*decoded), bytes) << array->type()->ToString();
}

arrow::DataTypeVector EveryType() {
  auto types = FlatTypes();
  for (auto& type : NestedTypes()) types.push_back(type);
  return types;
}

TEST(RowCodec, RoundTripsEveryTypeWholeAndSliced) {
  for (const auto& type : EveryType()) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      RandomArrays arrays(seed, seed % 2 == 1);
      const auto array =
          arrays.Make(type, seed < 4 ? static_cast<int64_t>(seed) : arrays.Below(70));
      RoundTrip(array);
      for (int i = 0; i < 4; ++i) {
        const int64_t offset = arrays.Below(array->length() + 1);
        const int64_t length = arrays.Below(array->length() - offset + 1);
        RoundTrip(array->Slice(offset, length));
      }
      if (array->length() > 0) RoundTrip(array->Slice(arrays.Below(array->length()), 1));
      if (testing::Test::HasFailure()) FAIL() << type->ToString() << " seed " << seed;
    }
  }
}

TEST(RowCodec, ManyColumnsShareOneStream) {
  RandomArrays arrays(7, true);
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const auto& type : EveryType()) {
    fields.push_back(arrow::field("c" + std::to_string(fields.size()), type));
    columns.push_back(arrays.Make(type, 33));
  }
  const auto batch = arrow::RecordBatch::Make(arrow::schema(fields), 33, columns);
  std::string bytes = "before";
  ASSERT_OK(EncodeRows(*batch, &bytes));
  ASSERT_OK(EncodeRows(*batch->Slice(5, 0), &bytes));
  size_t first = 0;
  size_t second = 0;
  const auto view = std::string_view(bytes).substr(6);
  ASSERT_OK_AND_ASSIGN(auto decoded, DecodeRows(batch->schema(), view, &first));
  ASSERT_OK_AND_ASSIGN(auto none, DecodeRows(batch->schema(), view.substr(first), &second));
  EXPECT_EQ(first + second, view.size());
  EXPECT_EQ(none->num_rows(), 0);
  for (int i = 0; i < batch->num_columns(); ++i) ExpectSame(*columns[i], *decoded->column(i));
}

TEST(RowCodec, BuffersAreAlignedAndOutliveTheBytes) {
  RandomArrays arrays(3, true);
  const auto batch = OneColumn(arrays.Make(arrow::large_utf8(), 100));
  auto bytes = std::make_unique<std::string>(Encode(*batch));
  size_t consumed = 0;
  ASSERT_OK_AND_ASSIGN(auto decoded, DecodeRows(batch->schema(), *bytes, &consumed));
  bytes.reset();
  ExpectSame(*batch->column(0), *decoded->column(0));
  for (const auto& buffer : decoded->column_data(0)->buffers) EXPECT_EQ(buffer->address() % 8, 0u);
}

TEST(RowCodec, TakesValuesThatFullValidationRefuses) {
  const auto bad = arrow::Buffer::FromString(std::string("\xFF\xFE\xFD\xFC\xFB\xFA\xF9\xF8", 8));
  const auto offsets = arrow::Buffer::FromString(std::string("\0\0\0\0\x08\0\0\0", 8));
  const auto text =
      arrow::MakeArray(arrow::ArrayData::Make(arrow::utf8(), 1, {nullptr, offsets, bad}));
  EXPECT_FALSE(text->ValidateFull().ok());
  for (const auto& array :
       {text, arrow::MakeArray(arrow::ArrayData::Make(arrow::date64(), 1, {nullptr, bad})),
        arrow::MakeArray(arrow::ArrayData::Make(arrow::decimal64(3, 0), 1, {nullptr, bad}))}) {
    const auto batch = OneColumn(array);
    size_t consumed = 0;
    ASSERT_OK_AND_ASSIGN(auto decoded, DecodeRows(batch->schema(), Encode(*batch), &consumed));
    ExpectSame(*array, *decoded->column(0), false);
  }
}

TEST(RowCodec, CutsDictionariesToTheRows) {
  RandomArrays arrays(5, false);
  const auto values = arrays.Make(arrow::utf8(), 100'000);
  ASSERT_OK_AND_ASSIGN(auto indices, arrow::MakeArrayFromScalar(arrow::Int32Scalar(77'777), 1));
  ASSERT_OK_AND_ASSIGN(auto array, arrow::DictionaryArray::FromArrays(indices, values));
  EXPECT_LT(Encode(*OneColumn(array)).size(), 100u);
  RoundTrip(array);
}

TEST(RowCodec, RefusesColumnsOfAnotherLength) {
  RandomArrays arrays(5, false);
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("c", arrow::int32())}), 5,
                                              {arrays.Make(arrow::int32(), 4)});
  std::string bytes = "kept";
  EXPECT_EQ(GetErrorCode(EncodeRows(*batch, &bytes)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(bytes, "kept");
}

// Whatever the bytes are: kDamaged, or arrays that no walk over them leaves.
void ExpectSafe(const std::shared_ptr<arrow::Schema>& schema, std::string_view bytes) {
  // An own allocation of the exact size, so that the sanitizer sees every byte read behind the end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  size_t consumed = 0;
  const auto decoded = DecodeRows(schema, {exact.data(), exact.size()}, &consumed);
  if (!decoded.ok()) {
    EXPECT_TRUE(IsDamaged(decoded.status())) << decoded.status().ToString();
    EXPECT_NE(decoded.status().ToString().find("damaged rows"), std::string::npos);
    return;
  }
  EXPECT_LE(consumed, exact.size());
  EXPECT_OK((*decoded)->Validate());
  for (const auto& column : (*decoded)->columns()) {
    // Content may be anything (see the header), so these are all that may be wrong.
    const std::string text = column->ValidateFull().ToString();
    const bool content = text.find("UTF8") != text.npos || text.find("precision") != text.npos ||
                         text.find("whole number of days") != text.npos ||
                         text.find("acceptable range") != text.npos;
    EXPECT_TRUE(text == "OK" || content) << text;
  }
}

TEST(RowCodec, DamagedBytesAreSafe) {
  for (const auto& type : EveryType()) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      RandomArrays arrays(seed, seed % 2 == 1);
      const auto batch = OneColumn(arrays.Make(type, seed < 2 ? 1 : 9));
      const std::string bytes = Encode(*batch);
      for (size_t size = 0; size < bytes.size(); ++size) {
        size_t consumed = 0;
        EXPECT_FALSE(DecodeRows(batch->schema(), {bytes.data(), size}, &consumed).ok()) << size;
      }
      for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        // A flip in the upper row count would only make arrays of null long, and their check slow.
        if (bit >= 16 && bit < 32) continue;
        std::string flipped = bytes;
        flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
        ExpectSafe(batch->schema(), flipped);
      }
      for (int i = 0; i < 200; ++i) {
        std::string noise = bytes;
        for (int j = 0; j < 3; ++j) {
          const int64_t at = arrays.Below(static_cast<int64_t>(noise.size()));
          if (at < 2 || at > 3) noise[at] = static_cast<char>(arrays.Below(256));
        }
        ExpectSafe(batch->schema(), noise);
      }
      if (testing::Test::HasFailure()) FAIL() << type->ToString() << " seed " << seed;
    }
  }
}

TEST(RowCodec, ThePageShowsTheBytes) {
  const auto schema = arrow::schema(
      {arrow::field("id", arrow::int32()), arrow::field("name", arrow::utf8()),
       arrow::field("ok", arrow::boolean()), arrow::field("tags", arrow::list(arrow::int8()))});
  const auto column = [&](int i, const char* json) {
    return *arrow::json::ArrayFromJSONString(schema->field(i)->type(), json);
  };
  const auto batch = arrow::RecordBatch::Make(
      schema, 3,
      {column(0, "[7, null, -1]"), column(1, R"(["ab", "", "c"])"),
       column(2, "[true, false, true]"), column(3, "[[1, 2], null, [3]]")});
  const std::string bytes = Encode(*batch);
  EXPECT_EQ(AsHex(WorkedExample("wal-rows.md", bytes.size())), AsHex(bytes));
}

}  // namespace
}  // namespace pyralog::lsm
