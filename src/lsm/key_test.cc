#include "lsm/key.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <tuple>

#include "arrow/array/concatenate.h"
#include "arrow/json/from_string.h"
#include "arrow/scalar.h"
#include "arrow/testing/gtest_util.h"
#include "arrow/util/float16.h"
#include "base/endian.h"
#include "base/hash.h"
#include "lsm/record_log_testing.h"
#include "lsm/row_codec_testing.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

using arrow::Scalar;
using arrow::Type;

template <class T>
int Sign(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

template <class T>
T As(const Scalar& scalar) {
  const auto& primitive = dynamic_cast<const arrow::internal::PrimitiveScalarBase&>(scalar);
  return LoadLittle<T>(primitive.view().data());
}

int CompareFloats(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return Sign(std::isnan(a), std::isnan(b));
  return Sign(a, b);
}

// Months, days, rest; the order of DuckDB's interval_t.
std::tuple<int64_t, int64_t, int64_t> Carried(int64_t months, int64_t days, int64_t nanos) {
  constexpr int64_t kDay = 86'400'000'000'000;
  days += nanos / kDay;
  return {months + days / 30, days % 30, nanos % kDay};
}

auto IntervalOf(const Scalar& scalar) {
  if (scalar.type->id() == Type::INTERVAL_MONTHS) return Carried(As<int32_t>(scalar), 0, 0);
  if (scalar.type->id() == Type::INTERVAL_DAY_TIME) {
    const auto v = As<arrow::DayTimeIntervalType::c_type>(scalar);
    return Carried(0, v.days, int64_t{v.milliseconds} * 1'000'000);
  }
  const auto v = As<arrow::MonthDayNanoIntervalType::c_type>(scalar);
  return Carried(v.months, v.days, v.nanoseconds);
}

int Compare(const Scalar& a, const Scalar& b);

int CompareLists(const arrow::Array& a, const arrow::Array& b) {
  for (int64_t i = 0; i < std::min(a.length(), b.length()); ++i) {
    const int order = Compare(**a.GetScalar(i), **b.GetScalar(i));
    if (order != 0) return order;
  }
  return Sign(a.length(), b.length());
}

// What stands behind dictionaries, runs and extensions.
std::shared_ptr<Scalar> Plain(const Scalar& scalar) {
  switch (scalar.type->id()) {
    case Type::DICTIONARY:
      return Plain(**static_cast<const arrow::DictionaryScalar&>(scalar).GetEncodedValue());
    case Type::RUN_END_ENCODED:
      return Plain(*static_cast<const arrow::RunEndEncodedScalar&>(scalar).value);
    case Type::EXTENSION:
      return Plain(*static_cast<const arrow::ExtensionScalar&>(scalar).value);
    default:
      return std::const_pointer_cast<Scalar>(scalar.shared_from_this());
  }
}

int CompareStructs(const Scalar& a, const Scalar& b) {
  const auto& left = static_cast<const arrow::StructScalar&>(a).value;
  const auto& right = static_cast<const arrow::StructScalar&>(b).value;
  for (size_t i = 0; i < left.size(); ++i) {
    const int order = Compare(*left[i], *right[i]);
    if (order != 0) return order;
  }
  return 0;
}

int CompareBinary(const Scalar& a, const Scalar& b) {
  return Sign(static_cast<const arrow::BaseBinaryScalar&>(a).view(),
              static_cast<const arrow::BaseBinaryScalar&>(b).view());
}

int CompareIntegers(const Scalar& a, const Scalar& b) {
  switch (a.type->id()) {
    case Type::UINT8:
      return Sign(As<uint8_t>(a), As<uint8_t>(b));
    case Type::UINT16:
      return Sign(As<uint16_t>(a), As<uint16_t>(b));
    case Type::UINT32:
      return Sign(As<uint32_t>(a), As<uint32_t>(b));
    case Type::UINT64:
      return Sign(As<uint64_t>(a), As<uint64_t>(b));
    case Type::INT8:
      return Sign(As<int8_t>(a), As<int8_t>(b));
    case Type::INT16:
      return Sign(As<int16_t>(a), As<int16_t>(b));
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32:
      return Sign(As<int32_t>(a), As<int32_t>(b));
    default:
      return Sign(As<int64_t>(a), As<int64_t>(b));
  }
}

// The order of SQL: DuckDB's. Nulls (inside values) are greatest.
int Compare(const Scalar& encoded_a, const Scalar& encoded_b) {
  const auto plain_a = Plain(encoded_a);
  const auto plain_b = Plain(encoded_b);
  const Scalar& a = *plain_a;
  const Scalar& b = *plain_b;
  if (!a.is_valid || !b.is_valid) return Sign(!a.is_valid, !b.is_valid);
  switch (a.type->id()) {
    case Type::BOOL:
      return Sign(As<bool>(a), As<bool>(b));
    case Type::HALF_FLOAT: {
      const auto half = [](const Scalar& s) {
        return arrow::util::Float16::FromBits(As<uint16_t>(s)).ToDouble();
      };
      return CompareFloats(half(a), half(b));
    }
    case Type::FLOAT:
      return CompareFloats(As<float>(a), As<float>(b));
    case Type::DOUBLE:
      return CompareFloats(As<double>(a), As<double>(b));
    case Type::DECIMAL32:
      return Sign(static_cast<const arrow::Decimal32Scalar&>(a).value,
                  static_cast<const arrow::Decimal32Scalar&>(b).value);
    case Type::DECIMAL64:
      return Sign(static_cast<const arrow::Decimal64Scalar&>(a).value,
                  static_cast<const arrow::Decimal64Scalar&>(b).value);
    case Type::DECIMAL128:
      return Sign(static_cast<const arrow::Decimal128Scalar&>(a).value,
                  static_cast<const arrow::Decimal128Scalar&>(b).value);
    case Type::DECIMAL256:
      return Sign(static_cast<const arrow::Decimal256Scalar&>(a).value,
                  static_cast<const arrow::Decimal256Scalar&>(b).value);
    case Type::INTERVAL_MONTHS:
    case Type::INTERVAL_DAY_TIME:
    case Type::INTERVAL_MONTH_DAY_NANO:
      return Sign(IntervalOf(a), IntervalOf(b));
    case Type::STRUCT:
      return CompareStructs(a, b);
    default:
      break;
  }
  if (arrow::is_base_binary_like(a.type->id()) || arrow::is_binary_view_like(a.type->id()) ||
      a.type->id() == Type::FIXED_SIZE_BINARY) {
    return CompareBinary(a, b);
  }
  if (arrow::is_list_like(a.type->id()) || arrow::is_list_view(a.type->id())) {
    return CompareLists(*static_cast<const arrow::BaseListScalar&>(a).value,
                        *static_cast<const arrow::BaseListScalar&>(b).value);
  }
  return CompareIntegers(a, b);
}

int SignOf(std::string_view a, std::string_view b) { return Sign(a.compare(b), 0); }

void ExpectPrefixFree(std::string_view a, std::string_view b) {
  EXPECT_TRUE(a == b || !(a.starts_with(b) || b.starts_with(a)));
}

using Columns = std::vector<std::shared_ptr<arrow::Array>>;

// Compares every pair of rows of `columns` by key and by value.
void ExpectOrder(const Columns& columns) {
  KeyBatch keys;
  ASSERT_OK(keys.Append(columns));
  const int64_t rows = columns[0]->length();
  ASSERT_EQ(keys.size(), rows);
  for (int64_t i = 0; i < rows; ++i) {
    EXPECT_EQ(keys.hash(i), Hash64(keys.key(i), kKeyHashSeed));
    for (int64_t j = 0; j < rows; ++j) {
      int expected = 0;
      for (const auto& column : columns) {
        if (expected == 0) expected = Compare(**column->GetScalar(i), **column->GetScalar(j));
      }
      ASSERT_EQ(SignOf(keys.key(i), keys.key(j)), expected)
          << columns[0]->type()->ToString() << ": " << (*columns[0]->GetScalar(i))->ToString()
          << " and " << (*columns[0]->GetScalar(j))->ToString();
      ExpectPrefixFree(keys.key(i), keys.key(j));
    }
  }
}

// The rows that are not null: key columns have no others.
std::shared_ptr<arrow::Array> WithoutNulls(const std::shared_ptr<arrow::Array>& array) {
  arrow::ArrayVector kept{array->Slice(0, 0)};
  for (int64_t i = 0; i < array->length(); ++i) {
    if (Plain(**array->GetScalar(i))->is_valid) kept.push_back(array->Slice(i, 1));
  }
  return *arrow::Concatenate(kept);
}

arrow::DataTypeVector KeyTypes() {
  arrow::DataTypeVector types;
  for (const auto& list : {FlatTypes(), NestedTypes()}) {
    for (const auto& type : list) {
      if (CheckKeyType(*type).ok()) types.push_back(type);
    }
  }
  return types;
}

TEST(Key, BytesSortAsValuesOfEveryTypeDo) {
  EXPECT_EQ(KeyTypes().size(), FlatTypes().size() - 1 + NestedTypes().size() - 3);
  for (const auto& type : KeyTypes()) {
    for (uint64_t seed = 0; seed < 6; ++seed) {
      RandomArrays arrays(seed, seed % 2 == 1);
      const auto array = WithoutNulls(arrays.Make(type, 60));
      ExpectOrder({array});
      ExpectOrder({array->Slice(array->length() / 3)});
    }
  }
}

TEST(Key, CompositeKeysSortColumnByColumn) {
  const auto types = KeyTypes();
  RandomArrays arrays(1, false);
  for (int i = 0; i < 300; ++i) {
    Columns columns;
    // Few values in the first columns, so that the next ones decide.
    for (int j = 0; j < 3; ++j) {
      const auto array = arrays.Make(types[arrays.Below(static_cast<int64_t>(types.size()))], 4);
      arrow::ArrayVector repeated;
      for (int k = 0; k < 20; ++k) repeated.push_back(array->Slice(arrays.Below(4), 1));
      columns.push_back(*arrow::Concatenate(repeated));
    }
    ExpectOrder(columns);
  }
}

template <class BuilderType, class T>
std::shared_ptr<arrow::Array> FromValues(const std::vector<T>& values) {
  BuilderType builder;
  EXPECT_OK(builder.AppendValues(values));
  return *builder.Finish();
}

template <class BuilderType, class T>
void ExpectFloatOrder() {
  using Limits = std::numeric_limits<T>;
  const auto array = FromValues<BuilderType, T>(
      {T{0}, -T{0}, Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::signaling_NaN(),
       Limits::infinity(), -Limits::infinity(), Limits::denorm_min(), -Limits::denorm_min(),
       Limits::min(), Limits::max(), Limits::lowest(), T{1}, T{-1}, T(1.5), T(-1.5)});
  ExpectOrder({array});
  KeyBatch keys;
  ASSERT_OK(keys.Append(Columns{array}));
  EXPECT_EQ(keys.key(0), keys.key(1));
  EXPECT_EQ(keys.key(2), keys.key(3));
  EXPECT_EQ(keys.key(2), keys.key(4));
  EXPECT_GT(keys.key(2), keys.key(5));
}

TEST(Key, ZerosAndNansOfEachFloatAreOneKey) {
  ExpectFloatOrder<arrow::FloatBuilder, float>();
  ExpectFloatOrder<arrow::DoubleBuilder, double>();
  // Half floats: all of them.
  std::string bits;
  for (uint32_t i = 0; i < 65536; i += 37) AppendLittle(&bits, static_cast<uint16_t>(i));
  for (uint32_t i : {0x0000, 0x8000, 0x7C00, 0xFC00, 0x7C01, 0xFFFF}) {
    AppendLittle(&bits, static_cast<uint16_t>(i));
  }
  const auto length = static_cast<int64_t>(bits.size() / 2);
  ExpectOrder({arrow::MakeArray(arrow::ArrayData::Make(
      arrow::float16(), length, {nullptr, arrow::Buffer::FromString(std::move(bits))}))});
}

TEST(Key, TheEndsOfIntegerRangesSort) {
  ExpectOrder(
      {FromValues<arrow::Int64Builder, int64_t>({0, -1, 1, INT64_MIN, INT64_MAX, 255, 256})});
  ExpectOrder(
      {FromValues<arrow::Int32Builder, int32_t>({0, -1, 1, INT32_MIN, INT32_MAX, 255, 256})});
  ExpectOrder({FromValues<arrow::UInt64Builder, uint64_t>({0, 1, UINT64_MAX, 255, 256})});
}

TEST(Key, IntervalsCompareAsTheSqlEngineDoes) {
  using Value = arrow::MonthDayNanoIntervalType::MonthDayNanos;
  constexpr int64_t kDay = 86'400'000'000'000;
  const auto array =
      FromValues<arrow::MonthDayNanoIntervalBuilder, Value>({{1, 0, 0},
                                                             {0, 30, 0},
                                                             {0, 29, kDay},
                                                             {0, 1, -1000},
                                                             {0, 0, kDay - 1000},
                                                             {1, -30, 0},
                                                             {0, 0, 0},
                                                             {INT32_MAX, INT32_MAX, INT64_MAX},
                                                             {INT32_MIN, INT32_MIN, INT64_MIN}});
  ExpectOrder({array});
  KeyBatch keys;
  ASSERT_OK(keys.Append(Columns{array}));
  EXPECT_EQ(keys.key(0), keys.key(1));  // a month is 30 days,
  EXPECT_EQ(keys.key(0), keys.key(2));  // a day 24 hours;
  EXPECT_GT(keys.key(3), keys.key(4));  // but a day less 1 us is greater than 23:59:59.999999,
  EXPECT_EQ(keys.key(5), keys.key(6));  // and a month less 30 days is nothing.
}

TEST(Key, NullsInsideValuesAreGreatest) {
  const auto lists = *arrow::json::ArrayFromJSONString(
      arrow::list(arrow::int32()), "[[], [1], [1, 2], [1, null], [null], [null, 1]]");
  KeyBatch keys;
  ASSERT_OK(keys.Append(Columns{lists}));
  for (int i = 1; i < 6; ++i) EXPECT_LT(keys.key(i - 1), keys.key(i));
}

TEST(Key, ANullKeyIsAConstraintAndChangesNothing) {
  KeyBatch keys;
  const auto ok = FromValues<arrow::Int32Builder, int32_t>({1, 2, 3});
  ASSERT_OK(keys.Append(Columns{ok}));
  const auto null_type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto in_dictionary =
      *arrow::json::DictArrayFromJSONString(null_type, "[0, 1, 0]", R"(["a", null])");
  const auto plain = *arrow::json::ArrayFromJSONString(arrow::utf8(), R"(["a", null, "b"])");
  for (const auto& column : {in_dictionary, plain}) {
    const auto status = keys.Append(Columns{ok, column});
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kConstraint);
    EXPECT_NE(status.message().find("column 1 is null in row 1"), std::string::npos)
        << status.message();
  }
  EXPECT_EQ(keys.size(), 3);
  ASSERT_OK(keys.Append(Columns{plain->Slice(2)}));
  EXPECT_EQ(keys.key(3), std::string_view("b\0\0", 3));
}

TEST(Key, TypesWithoutOrderAreRefused) {
  const auto dense = arrow::dense_union({arrow::field("i", arrow::int32())});
  for (const auto& type :
       {arrow::null(), dense, arrow::list(dense), arrow::dictionary(arrow::int8(), dense),
        arrow::struct_({arrow::field("n", arrow::null())})}) {
    EXPECT_EQ(GetErrorCode(CheckKeyType(*type)), ErrorCode::kNotSupported) << type->ToString();
    RandomArrays arrays(1, false);
    KeyBatch keys;
    EXPECT_EQ(GetErrorCode(keys.Append(Columns{arrays.Make(type, 3)})), ErrorCode::kNotSupported);
  }
}

TEST(Key, EqualStringsOfEveryLayoutHaveOneKey) {
  const std::string json = R"(["", "abc", "a longer one, not inline"])";
  std::vector<KeyBatch> batches;
  for (const auto& type : {arrow::utf8(), arrow::large_utf8(), arrow::utf8_view(), arrow::binary(),
                           arrow::large_binary(), arrow::binary_view()}) {
    ASSERT_OK(
        batches.emplace_back().Append(Columns{*arrow::json::ArrayFromJSONString(type, json)}));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(batches.back().key(i), batches.front().key(i));
  }
}

TEST(Key, ABatchIsReusable) {
  KeyBatch keys;
  for (int round = 0; round < 3; ++round) {
    ASSERT_OK(keys.Append(Columns{FromValues<arrow::Int32Builder, int32_t>({round, 7})}));
    ASSERT_OK(keys.Append(Columns{FromValues<arrow::Int32Builder, int32_t>({})}));
    EXPECT_EQ(keys.size(), 2);
    EXPECT_LT(keys.key(0), keys.key(1));
    keys.Clear();
    EXPECT_EQ(keys.size(), 0);
  }
  EXPECT_EQ(GetErrorCode(keys.Append({})), ErrorCode::kInvalidArgument);
}

TEST(Key, EncodedKeysAreTakenAsTheyAre) {
  KeyBatch keys;
  ASSERT_OK(keys.Append(Columns{FromValues<arrow::Int32Builder, int32_t>({1, 2})}));
  KeyBatch copies;
  for (int64_t i = 0; i < keys.size(); ++i) copies.AppendEncoded(keys.key(i));
  ASSERT_OK(copies.Append(Columns{FromValues<arrow::Int32Builder, int32_t>({3})}));
  ASSERT_EQ(copies.size(), 3);
  for (int64_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(copies.key(i), keys.key(i));
    EXPECT_EQ(copies.hash(i), keys.hash(i));
  }
  EXPECT_LT(copies.key(1), copies.key(2));
}

TEST(Key, ThePageShowsTheBytes) {
  const auto json = [](const std::shared_ptr<arrow::DataType>& type, const char* text) {
    return *arrow::json::ArrayFromJSONString(type, text);
  };
  const auto list = arrow::list(arrow::field("item", arrow::uint8()));
  KeyBatch keys;
  ASSERT_OK(
      keys.Append(Columns{json(arrow::int32(), "[-2]"), json(arrow::utf8(), R"(["a\u0000b"])"),
                          json(arrow::float64(), "[-1.5]"), json(list, "[[5, null]]"),
                          json(arrow::month_interval(), "[1]")}));
  const std::string_view key = keys.key(0);
  EXPECT_EQ(AsHex(WorkedExample("keys.md", key.size())), AsHex(key));
  EXPECT_EQ(keys.hash(0), 0x6883805c12023882u);
}

}  // namespace
}  // namespace pyralog::lsm
