#include "batch/zone_map.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "arrow/api.h"
#include "arrow/util/decimal.h"
#include "pyralog/error.h"

namespace pyralog::batch {
namespace {

template <class Builder, class T>
std::shared_ptr<arrow::Array> Values(const std::shared_ptr<arrow::DataType>& type,
                                     const std::vector<std::optional<T>>& values) {
  auto builder = arrow::MakeBuilder(type).ValueOrDie();
  for (const auto& value : values) {
    auto* typed = static_cast<Builder*>(builder.get());
    EXPECT_TRUE((value ? typed->Append(*value) : typed->AppendNull()).ok());
  }
  return builder->Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> Doubles(const std::vector<std::optional<double>>& values) {
  return Values<arrow::DoubleBuilder>(arrow::float64(), values);
}
std::shared_ptr<arrow::Array> Texts(const std::vector<std::optional<std::string>>& values) {
  return Values<arrow::StringBuilder>(arrow::utf8(), values);
}
ZoneMap Zone(const std::shared_ptr<arrow::Array>& array) {
  return ComputeZoneMap(*array).ValueOrDie();
}

template <class T>
T As(const std::string& raw) {
  EXPECT_EQ(raw.size(), sizeof(T));
  T value{};
  std::memcpy(&value, raw.data(), std::min(raw.size(), sizeof(T)));
  return value;
}

// Random integers with nulls, as any slice, against a loop.
template <class Type>
void CheckIntegers(const std::shared_ptr<arrow::DataType>& type) {
  using T = typename Type::c_type;
  std::mt19937_64 random(11);
  for (int round = 0; round < 40; ++round) {
    const unsigned null_every = 1 + random() % 6;
    std::vector<std::optional<T>> values(random() % 300);
    for (auto& value : values) {
      if (null_every == 1 || random() % null_every != 0) value = static_cast<T>(random());
    }
    const size_t skipped = values.empty() ? 0 : random() % values.size();
    const auto array = Values<typename arrow::TypeTraits<Type>::BuilderType>(type, values)
                           ->Slice(static_cast<int64_t>(skipped));
    ZoneMap expected;
    expected.rows = array->length();
    std::optional<T> min;
    std::optional<T> max;
    for (size_t i = skipped; i < values.size(); ++i) {
      expected.nulls += values[i] ? 0 : 1;
      if (!values[i]) continue;
      min = min ? std::min(*min, *values[i]) : *values[i];
      max = max ? std::max(*max, *values[i]) : *values[i];
    }
    const ZoneMap zone = Zone(array);
    EXPECT_EQ(zone.rows, expected.rows);
    EXPECT_EQ(zone.nulls, expected.nulls);
    ASSERT_EQ(zone.has_range, min.has_value());
    if (!min) continue;
    EXPECT_TRUE(zone.min_exact && zone.max_exact);
    EXPECT_EQ(As<T>(zone.min), *min);
    EXPECT_EQ(As<T>(zone.max), *max);
  }
}

TEST(ZoneMapTest, Integers) {
  CheckIntegers<arrow::Int8Type>(arrow::int8());
  CheckIntegers<arrow::Int16Type>(arrow::int16());
  CheckIntegers<arrow::Int32Type>(arrow::int32());
  CheckIntegers<arrow::Int64Type>(arrow::int64());
  CheckIntegers<arrow::UInt8Type>(arrow::uint8());
  CheckIntegers<arrow::UInt16Type>(arrow::uint16());
  CheckIntegers<arrow::UInt32Type>(arrow::uint32());
  CheckIntegers<arrow::UInt64Type>(arrow::uint64());
  CheckIntegers<arrow::Date32Type>(arrow::date32());
  CheckIntegers<arrow::TimestampType>(arrow::timestamp(arrow::TimeUnit::NANO));
}

TEST(ZoneMapTest, FloatsAreInSqlOrder) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  ZoneMap zone = Zone(Doubles({3.0, -2.5, std::nullopt, 1e-310}));
  EXPECT_EQ(As<double>(zone.min), -2.5);
  EXPECT_EQ(As<double>(zone.max), 3.0);
  zone = Zone(Doubles({3.0, std::copysign(nan, -1.0), -infinity}));
  EXPECT_EQ(As<double>(zone.min), -infinity);
  EXPECT_TRUE(std::isnan(As<double>(zone.max)));
  zone = Zone(Doubles({nan, nan}));
  EXPECT_TRUE(std::isnan(As<double>(zone.min)));
  zone = Zone(Doubles({infinity, 1.0}));
  EXPECT_EQ(As<double>(zone.max), infinity);
  zone = Zone(Doubles({-0.0}));
  EXPECT_FALSE(std::signbit(As<double>(zone.min)));
  EXPECT_EQ(zone.min, Zone(Doubles({0.0})).max);
  const auto floats =
      Values<arrow::FloatBuilder>(arrow::float32(), std::vector<std::optional<float>>{1.5f, -3.0f});
  EXPECT_EQ(As<float>(Zone(floats).min), -3.0f);
  const auto halves = Values<arrow::HalfFloatBuilder>(
      arrow::float16(),
      std::vector<std::optional<uint16_t>>{0x3C00, 0xC000, 0xFE01});  // 1, -2, NaN
  EXPECT_EQ(As<uint16_t>(Zone(halves).min), 0xC000);
  EXPECT_EQ(As<uint16_t>(Zone(halves).max), 0x7E00);
}

TEST(ZoneMapTest, BooleansAndDecimals) {
  const auto flags = [](const std::vector<std::optional<bool>>& values) {
    return Zone(Values<arrow::BooleanBuilder>(arrow::boolean(), values));
  };
  EXPECT_EQ(flags({true, std::nullopt}).min, std::string(1, 1));
  EXPECT_EQ(flags({true, false}).min, std::string(1, 0));
  EXPECT_EQ(flags({true, false}).max, std::string(1, 1));
  EXPECT_EQ(flags({false}).max, std::string(1, 0));
  const auto type = arrow::decimal128(38, 0);
  const std::vector<std::optional<arrow::Decimal128>> decimals = {
      arrow::Decimal128("-99999999999999999999"), std::nullopt, arrow::Decimal128(5),
      arrow::Decimal128("1" + std::string(30, '0'))};
  const ZoneMap zone = Zone(Values<arrow::Decimal128Builder>(type, decimals));
  EXPECT_EQ(RawToScalar(zone.min, type).ValueOrDie()->ToString(), "-99999999999999999999");
  EXPECT_EQ(RawToScalar(zone.max, type).ValueOrDie()->ToString(), "1" + std::string(30, '0'));
}

TEST(ZoneMapTest, StringsByBytes) {
  ZoneMap zone = Zone(Texts({"b", std::nullopt, "a", "", "c\x7F", std::string("\0", 1)}));
  EXPECT_EQ(zone.min, "");
  EXPECT_EQ(zone.max, "c\x7F");
  EXPECT_TRUE(zone.min_exact && zone.max_exact);
  EXPECT_EQ(zone.nulls, 1);
  const std::string same(8, 'p');
  zone = Zone(Texts({same + "b", same + "a", same, same + "c"}));
  EXPECT_EQ(zone.min, same);
  EXPECT_EQ(zone.max, same + "c");
}

TEST(ZoneMapTest, LongStringsAreCutAndRoundedUp) {
  const std::string prefix(31, 'x');
  ZoneMap zone = Zone(Texts({prefix + "abc"}));
  EXPECT_EQ(zone.min, prefix + "a");
  EXPECT_EQ(zone.max, prefix + "b");
  EXPECT_FALSE(zone.min_exact || zone.max_exact);
  // A character of two bytes that does not fit whole, and one that has no successor in its last
  // byte.
  zone = Zone(Texts({prefix + "\xC3\xA9z"}));
  EXPECT_EQ(zone.min, prefix);
  EXPECT_EQ(zone.max, std::string(30, 'x') + "y");
  zone = Zone(Texts({std::string(30, 'x') + "\xC3\xBFz"}));
  EXPECT_EQ(zone.min, std::string(30, 'x') + "\xC3\xBF");
  EXPECT_EQ(zone.max, std::string(29, 'x') + "y");
  // Nothing to round up to.
  std::string highest;
  for (int i = 0; i < 9; ++i) highest += "\xF4\x8F\xBF\xBF";
  EXPECT_FALSE(Zone(Texts({highest})).has_range);
  const auto bytes = Values<arrow::BinaryBuilder>(
      arrow::binary(), std::vector<std::optional<std::string>>{std::string(33, '\xFF')});
  EXPECT_FALSE(Zone(bytes).has_range);
}

TEST(ZoneMapTest, CutBoundsHoldForRandomStrings) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::optional<std::string>> values;
    for (int i = 0; i < 5; ++i) {
      std::string value(random() % 40, '\0');
      for (char& c : value) c = static_cast<char>(random() % 4 == 0 ? 0xFF : random() % 3);
      if (random() % 2 != 0) value.insert(0, 30, '\xFF');
      values.emplace_back(value);
    }
    const auto& type = arrow::large_binary();
    const ZoneMap zone = Zone(Values<arrow::LargeBinaryBuilder>(type, values));
    if (!zone.has_range) continue;
    for (const auto& value : values) {
      EXPECT_LE(CompareRaw(zone.min, *value, *type), 0);
      EXPECT_GE(CompareRaw(zone.max, *value, *type), 0);
    }
  }
}

TEST(ZoneMapTest, DictionariesCountWhatOccurs) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto indices = Values<arrow::Int8Builder>(
      arrow::int8(), std::vector<std::optional<int8_t>>{1, 3, std::nullopt, 1});
  const auto values = Texts({"a", "m", "z", std::nullopt});
  const ZoneMap zone = Zone(arrow::DictionaryArray::FromArrays(type, indices, values).ValueOrDie());
  EXPECT_EQ(zone.rows, 4);
  EXPECT_EQ(zone.nulls, 2);
  EXPECT_EQ(zone.min, "m");
  EXPECT_EQ(zone.max, "m");
  EXPECT_EQ(RawToScalar(zone.min, type).ValueOrDie()->ToString(), "m");
}

TEST(ZoneMapTest, TypesWithoutOrderCountNulls) {
  const auto list = arrow::MakeArrayOfNull(arrow::list(arrow::int32()), 3).ValueOrDie();
  EXPECT_EQ(Zone(list).nulls, 3);
  EXPECT_FALSE(Zone(list).has_range);
  const auto nothing = arrow::MakeArrayOfNull(arrow::null(), 3).ValueOrDie();
  EXPECT_EQ(Zone(nothing).nulls, 3);
  const auto wide = Values<arrow::Decimal256Builder>(
      arrow::decimal256(70, 0),
      std::vector<std::optional<arrow::Decimal256>>{arrow::Decimal256(1)});
  EXPECT_FALSE(Zone(wide).has_range);
  EXPECT_EQ(Zone(wide).nulls, 0);
  EXPECT_FALSE(RawToScalar("x", arrow::list(arrow::int32())).ok());
}

TEST(ZoneMapTest, MergeCoversBoth) {
  std::mt19937 random(9);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::optional<double>> values(1 + random() % 20);
    for (auto& value : values) {
      if (random() % 3 != 0)
        value = random() % 10 == 0 ? std::nan("") : static_cast<double>(random() % 100) - 50;
    }
    const auto array = Doubles(values);
    const int64_t cut = static_cast<int64_t>(random() % values.size());
    ZoneMap zone = Zone(array->Slice(0, cut));
    zone.Merge(Zone(array->Slice(cut)), *array->type());
    EXPECT_EQ(zone, Zone(array));
  }
}

TEST(ZoneMapTest, MergeWithAnUnknownRangeHasNone) {
  std::string highest;
  for (int i = 0; i < 9; ++i) highest += "\xF4\x8F\xBF\xBF";
  ZoneMap zone = Zone(Texts({"a"}));
  zone.Merge(Zone(Texts({highest})), *arrow::utf8());
  EXPECT_FALSE(zone.has_range);
  EXPECT_EQ(zone.rows, 2);
  zone = Zone(Texts({"a"}));
  zone.Merge(Zone(Texts({std::nullopt})), *arrow::utf8());
  EXPECT_EQ(zone.max, "a");
  // An exact bound is kept where a cut one is equal to it.
  const std::string prefix(32, 'x');
  zone = Zone(Texts({prefix + "tail"}));
  zone.Merge(Zone(Texts({prefix})), *arrow::utf8());
  EXPECT_TRUE(zone.min_exact);
}

TEST(ZoneMapTest, RawValuesBecomeScalars) {
  EXPECT_EQ(RawToScalar(Zone(Doubles({2.5})).min, arrow::float64()).ValueOrDie()->ToString(),
            "2.5");
  EXPECT_EQ(RawToScalar("abc", arrow::utf8_view()).ValueOrDie()->ToString(), "abc");
  EXPECT_EQ(RawToScalar(std::string(1, 1), arrow::boolean()).ValueOrDie()->ToString(), "true");
  const auto wide = RawToScalar(std::string(32, 'a'), arrow::fixed_size_binary(40));
  ASSERT_TRUE(wide.ok());
  EXPECT_EQ(static_cast<const arrow::FixedSizeBinaryScalar&>(**wide).value->size(), 40);
  EXPECT_EQ(GetErrorCode(RawToScalar("abc", arrow::int64()).status()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(GetErrorCode(RawToScalar("abc", arrow::fixed_size_binary(4)).status()),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace pyralog::batch
