#include "formats/value_text.h"

#include <gtest/gtest.h>

#include <limits>

#include "arrow/array.h"
#include "arrow/extension/json.h"
#include "arrow/extension/uuid.h"
#include "formats/temporal_text.h"
#include "formats/testing.h"

namespace pyralog::formats {
namespace {

// The text of each value of an array, parted by '|'.
std::string TextOf(const arrow::Array& array, TextStyle style) {
  auto text = MakeValueText(*array.type(), style);
  EXPECT_TRUE(text.ok()) << text.status().ToString();
  std::string out;
  for (int64_t row = 0; row < array.length(); ++row) {
    if (row > 0) out += '|';
    (*text)->Append(array, row, &out);
  }
  return out;
}

std::string Json(const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
  return TextOf(*Values(type, json), TextStyle::kJson);
}
std::string Plain(const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
  return TextOf(*Values(type, json), TextStyle::kPlain);
}

TEST(ValueText, IntegersAreExact) {
  EXPECT_EQ(Json(arrow::int64(), "[9223372036854775807, -9223372036854775808, null]"),
            "9223372036854775807|-9223372036854775808|null");
  EXPECT_EQ(Json(arrow::uint64(), "[18446744073709551615]"), "18446744073709551615");
  EXPECT_EQ(Json(arrow::int8(), "[-128]"), "-128");
  EXPECT_EQ(Json(arrow::boolean(), "[true, false]"), "true|false");
}

TEST(ValueText, FloatsAreTheShortestThatReadBackEqual) {
  EXPECT_EQ(Json(arrow::float64(), "[0.1, 1, -0.0, 1e300, 1e15, 123456789.125, 0.00001]"),
            "0.1|1.0|-0.0|1e+300|1000000000000000.0|123456789.125|1e-05");
  EXPECT_EQ(Json(arrow::float32(), "[0.1, 16777216]"), "0.1|16777216.0");
  EXPECT_EQ(Json(arrow::float64(), "[NaN, Inf, -Inf]"), R"("NaN"|"Infinity"|"-Infinity")");
  EXPECT_EQ(Plain(arrow::float64(), "[NaN, -Inf, null]"), "NaN|-Infinity|");
}

TEST(ValueText, DecimalsKeepTheirDigits) {
  EXPECT_EQ(Json(arrow::decimal128(10, 2), R"(["12.50", "-0.05", null])"),
            R"("12.50"|"-0.05"|null)");
  EXPECT_EQ(Plain(arrow::decimal256(50, 3), R"(["1.500"])"), "1.500");
}

TEST(ValueText, StringsAreEscaped) {
  EXPECT_EQ(Json(arrow::utf8(), R"(["a\"b\\c\n\t\u0001é"])"), R"("a\"b\\c\n\t\u0001é")");
  EXPECT_EQ(Plain(arrow::utf8(), R"(["a\"b"])"), "a\"b");
  EXPECT_EQ(Json(arrow::large_utf8(), R"(["x"])"), "\"x\"");
  EXPECT_EQ(Json(arrow::utf8_view(), R"(["longer than twelve bytes"])"),
            "\"longer than twelve bytes\"");
}

TEST(ValueText, BinaryIsBase64) {
  EXPECT_EQ(Json(arrow::binary(), R"(["abc"])"), "\"YWJj\"");
  EXPECT_EQ(Plain(arrow::fixed_size_binary(3), R"(["abc"])"), "YWJj");
}

TEST(ValueText, DatesAndTimesAreIso8601) {
  EXPECT_EQ(Json(arrow::date32(), "[0, 19782, -719529]"),
            R"("1970-01-01"|"2024-02-29"|"-0001-12-31")");
  EXPECT_EQ(Json(arrow::date64(), "[86400000]"), "\"1970-01-02\"");
  EXPECT_EQ(Json(arrow::timestamp(arrow::TimeUnit::MICRO), "[1, -1]"),
            R"("1970-01-01T00:00:00.000001"|"1969-12-31T23:59:59.999999")");
  const auto zoned = arrow::timestamp(arrow::TimeUnit::SECOND, "Europe/Berlin");
  EXPECT_EQ(Json(zoned, "[0]"), "\"1970-01-01T00:00:00Z\"");
  EXPECT_EQ(Plain(zoned, "[0]"), "1970-01-01 00:00:00+00");
  EXPECT_EQ(Json(arrow::time32(arrow::TimeUnit::MILLI), "[3723004]"), "\"01:02:03.004\"");
  EXPECT_EQ(Json(arrow::duration(arrow::TimeUnit::MILLI), "[1500, -1, 0]"),
            R"("PT1.5S"|"-PT0.001S"|"PT0S")");
  EXPECT_EQ(Json(arrow::month_day_nano_interval(), "[[1, -2, 3000], [0, 0, 0]]"),
            R"("P1M-2DT0.000003S"|"P0D")");
}

TEST(ValueText, InfiniteDatesAndTimesAreWords) {
  EXPECT_EQ(Json(arrow::date32(), "[2147483647, -2147483647]"), R"("infinity"|"-infinity")");
  const auto micros = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  EXPECT_EQ(Plain(micros, "[9223372036854775807, -9223372036854775807]"), "infinity|-infinity");
  EXPECT_EQ(Plain(arrow::timestamp(arrow::TimeUnit::NANO), "[9223372036854775807]"),
            "2262-04-11 23:47:16.854775807");
}

TEST(ValueText, EveryTimestampHasText) {
  for (const int64_t value :
       {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    for (const auto unit : arrow::TimeUnit::values()) {
      std::string out;
      AppendTimestamp(value, unit, 'T', &out);
      EXPECT_GE(out.size(), 19U);
    }
  }
}

TEST(ValueText, NestedValuesAreJson) {
  const auto item = arrow::struct_(
      {arrow::field("a", arrow::int32()), arrow::field("b \"", arrow::list(arrow::utf8()))});
  const std::string data = R"([{"a": 1, "b \"": ["x", null]}, null, {"a": null, "b \"": null}])";
  EXPECT_EQ(Json(item, data), R"({"a":1,"b \"":["x",null]}|null|{"a":null,"b \"":null})");
  EXPECT_EQ(Plain(item, data), R"({"a":1,"b \"":["x",null]}||{"a":null,"b \"":null})");
  EXPECT_EQ(Json(arrow::map(arrow::int32(), arrow::date32()), "[[[1, 0]], []]"),
            R"({"1":"1970-01-01"}|{})");
  EXPECT_EQ(Json(arrow::fixed_size_list(arrow::float32(), 2), "[[1, 2.5], null]"),
            "[1.0,2.5]|null");
}

TEST(ValueText, SlicesAreTheirRows) {
  const auto array = Values(arrow::struct_({arrow::field("l", arrow::list(arrow::int8()))}),
                            R"([{"l": [1]}, {"l": [2, 3]}, {"l": []}])");
  EXPECT_EQ(TextOf(*array->Slice(1), TextStyle::kJson), R"({"l":[2,3]}|{"l":[]})");
}

TEST(ValueText, EncodingsDoNotShow) {
  const auto dictionary =
      arrow::DictionaryArray::FromArrays(arrow::dictionary(arrow::int8(), arrow::utf8()),
                                         Values(arrow::int8(), "[1, 0, null]"),
                                         Values(arrow::utf8(), R"(["a", "b"])"))
          .ValueOrDie();
  EXPECT_EQ(TextOf(*dictionary, TextStyle::kJson), R"("b"|"a"|null)");
  ASSERT_OK_AND_ASSIGN(const auto runs,
                       arrow::RunEndEncodedArray::Make(5, Values(arrow::int32(), "[2, 5]"),
                                                       Values(arrow::utf8(), R"(["a", "b"])")));
  EXPECT_EQ(TextOf(*runs, TextStyle::kPlain), "a|a|b|b|b");
  EXPECT_EQ(TextOf(*runs->Slice(1, 2), TextStyle::kPlain), "a|b");
}

TEST(ValueText, JsonAndUuidAreThemselves) {
  const auto documents = Values(arrow::utf8(), R"(["{\"a\": 1}", "no json", "1\n2"])");
  const auto json =
      arrow::ExtensionType::WrapArray(arrow::extension::json(arrow::utf8()), documents);
  EXPECT_EQ(TextOf(*json, TextStyle::kJson), R"({"a": 1}|"no json"|"1\n2")");
  const auto bytes = Values(arrow::fixed_size_binary(16), R"(["0123456789abcdef"])");
  const auto uuid = arrow::ExtensionType::WrapArray(arrow::extension::uuid(), bytes);
  EXPECT_EQ(TextOf(*uuid, TextStyle::kPlain), "30313233-3435-3637-3839-616263646566");
}

}  // namespace
}  // namespace pyralog::formats
