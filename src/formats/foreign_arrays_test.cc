#include "formats/foreign_arrays.h"

#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using io::ExpectError;

arrow::Status Check(const std::shared_ptr<arrow::Array>& array) {
  const auto schema = arrow::schema({arrow::field("c", array->type())});
  return ValidateForeign(*arrow::RecordBatch::Make(schema, array->length(), {array})).status();
}

// An array of these offsets over these bytes.
std::shared_ptr<arrow::Array> Text(const std::vector<int32_t>& offsets, std::string_view bytes) {
  return arrow::MakeArray(arrow::ArrayData::Make(
      arrow::utf8(), static_cast<int64_t>(offsets.size()) - 1,
      {nullptr,
       arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(offsets.data()),
                                             offsets.size() * sizeof(int32_t))),
       arrow::Buffer::FromString(std::string(bytes))},
      0));
}

TEST(ForeignArrays, ChecksOffsetsAndText) {
  EXPECT_OK(Check(Text({0, 1, 3}, "abc")));
  ExpectError(Check(Text({0, 4}, "abc")), ErrorCode::kDamaged, "column 0");
  ExpectError(Check(Text({0, 2, 1}, "abc")), ErrorCode::kDamaged);
  ExpectError(Check(Text({0, 2}, "\xC3\x28")), ErrorCode::kDamaged);
}

TEST(ForeignArrays, ChecksDictionaryIndices) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto values = Values(arrow::utf8(), R"(["a"])");
  const auto bad =
      std::make_shared<arrow::DictionaryArray>(type, Values(arrow::int8(), "[0, 1]"), values);
  ExpectError(Check(bad), ErrorCode::kDamaged);
}

TEST(ForeignArrays, LooksOnlyAtTheIndicesWhereTheDictionaryWasChecked) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto values = Text({0, 4}, "abc");  // leads outside
  const auto array = [&](const std::string& indices) {
    return arrow::RecordBatch::Make(
        arrow::schema({arrow::field("c", type)}), 2,
        {std::make_shared<arrow::DictionaryArray>(type, Values(arrow::int8(), indices), values)});
  };
  ExpectError(ValidateForeign(*array("[0, 0]")), ErrorCode::kDamaged);
  ExpectError(ValidateForeign(*array("[0, 1]"), Dictionaries::kChecked), ErrorCode::kDamaged);
  ASSERT_OK_AND_ASSIGN(const auto batch, ValidateForeign(*array("[0, 0]"), Dictionaries::kChecked));
  EXPECT_EQ(batch->column_data(0)->dictionary, values->data());
}

TEST(ForeignArrays, LetsValuesBreakTheRulesOfTheirType) {
  EXPECT_FALSE(
      Values(arrow::int64(), "[5]")->View(arrow::date64()).ValueOrDie()->ValidateFull().ok());
  const auto half_day = Values(arrow::int64(), "[5]")->View(arrow::date64());
  EXPECT_OK(Check(*half_day));
  const auto list = arrow::ListArray::FromArrays(*Values(arrow::int32(), "[0, 1]"), **half_day);
  EXPECT_OK(Check(*list));
  const auto late = Values(arrow::int32(), "[86400]")->View(arrow::time32(arrow::TimeUnit::SECOND));
  EXPECT_OK(Check(*late));
}

TEST(ForeignArrays, CountsNullsItself) {
  auto data = Values(arrow::int32(), "[1, null, null]")->data()->Copy();
  data->null_count = 1;
  const auto schema = arrow::schema({arrow::field("c", arrow::int32())});
  ASSERT_OK_AND_ASSIGN(const auto batch,
                       ValidateForeign(*arrow::RecordBatch::Make(schema, 3, {data})));
  EXPECT_EQ(batch->column(0)->null_count(), 2);
}

TEST(ForeignArrays, ChecksLengths) {
  const auto schema = arrow::schema({arrow::field("c", arrow::int32())});
  const auto batch = arrow::RecordBatch::Make(schema, 3, {Values(arrow::int32(), "[1, 2]")});
  ExpectError(ValidateForeign(*batch), ErrorCode::kDamaged, "2 rows");
}

}  // namespace
}  // namespace pyralog::formats
