#include "sql/parameter_value.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "arrow/array.h"
#include "arrow/extension/opaque.h"
#include "arrow/extension/uuid.h"
#include "arrow/extension_type.h"
#include "arrow/util/decimal.h"
#include "arrow/util/float16.h"
#include "duckdb/common/types/uuid.hpp"
#include "pyralog/error.h"
#include "sql/arrow_types.h"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using duckdb::Value;

arrow::Status NotSupported(const arrow::DataType& type) {
  return MakeError(ErrorCode::kNotSupported,
                   "a parameter of type " + type.ToString() + " is not supported");
}

arrow::Status NotExact(const arrow::Scalar& scalar) {
  return MakeError(ErrorCode::kInvalidArgument,
                   "a parameter of type " + scalar.type->ToString() +
                       " has a part below a microsecond, which SQL cannot hold");
}

// Microseconds for each unit of time that is not finer.
int64_t MicrosPer(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1'000'000;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    default:
      return 1;
  }
}

// `value` in units as microseconds.
arrow::Result<int64_t> Micros(const arrow::Scalar& scalar, int64_t value,
                              arrow::TimeUnit::type unit) {
  if (unit == arrow::TimeUnit::NANO) {
    if (value % 1000 != 0) return NotExact(scalar);
    return value / 1000;
  }
  int64_t micros;
  if (__builtin_mul_overflow(value, MicrosPer(unit), &micros)) {
    return MakeError(ErrorCode::kInvalidArgument, "a parameter of type " + scalar.type->ToString() +
                                                      " is out of the range of microseconds");
  }
  return micros;
}

constexpr int kHugeBytes = 16;  // of HUGEINT, UHUGEINT and UUID

arrow::Result<LogicalType> SqlType(const arrow::DataType& type);

arrow::Result<duckdb::child_list_t<LogicalType>> SqlFields(const arrow::StructType& type) {
  duckdb::child_list_t<LogicalType> fields;
  for (const auto& field : type.fields()) {
    ARROW_ASSIGN_OR_RAISE(LogicalType child, SqlType(*field->type()));
    fields.emplace_back(field->name(), std::move(child));
  }
  return fields;
}

arrow::Result<LogicalType> SqlDecimal(const arrow::DecimalType& type) {
  // A negative scale would have to be multiplied out.
  if (type.precision() > 38 || type.scale() < 0 || type.scale() > type.precision()) {
    return NotSupported(type);
  }
  return LogicalType::DECIMAL(static_cast<uint8_t>(type.precision()),
                              static_cast<uint8_t>(type.scale()));
}

// SQL's own types among the extension types; others go as what they are stored as.
arrow::Result<LogicalType> SqlExtension(const arrow::ExtensionType& type) {
  if (type.extension_name() == "arrow.uuid") return LogicalType(LogicalType::UUID);
  if (type.extension_name() == "arrow.opaque") {
    const auto& opaque = static_cast<const arrow::extension::OpaqueType&>(type);
    const bool wide = opaque.vendor_name() == "DuckDB" &&
                      type.storage_type()->Equals(arrow::fixed_size_binary(kHugeBytes));
    if (wide && opaque.type_name() == "hugeint") return LogicalType(LogicalType::HUGEINT);
    if (wide && opaque.type_name() == "uhugeint") return LogicalType(LogicalType::UHUGEINT);
  }
  return SqlType(*type.storage_type());
}

arrow::Result<LogicalType> SqlNestedType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW: {
      ARROW_ASSIGN_OR_RAISE(LogicalType child, SqlType(*type.field(0)->type()));
      return LogicalType::LIST(child);
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      ARROW_ASSIGN_OR_RAISE(LogicalType child, SqlType(*type.field(0)->type()));
      const auto& list = static_cast<const arrow::FixedSizeListType&>(type);
      return LogicalType::ARRAY(child, list.list_size());
    }
    case arrow::Type::STRUCT: {
      ARROW_ASSIGN_OR_RAISE(auto fields, SqlFields(static_cast<const arrow::StructType&>(type)));
      return LogicalType::STRUCT(std::move(fields));
    }
    default:
      return NotSupported(type);
  }
}

arrow::Result<LogicalType> SqlType(const arrow::DataType& type) {
  if (auto plain = PlainSqlType(type)) return *std::move(plain);
  switch (type.id()) {
    case arrow::Type::NA:
      return LogicalType(LogicalType::SQLNULL);
    case arrow::Type::DATE64:
      return LogicalType(LogicalType::TIMESTAMP_MS);
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
      return SqlDecimal(static_cast<const arrow::DecimalType&>(type));
    case arrow::Type::EXTENSION:
      return SqlExtension(static_cast<const arrow::ExtensionType&>(type));
    case arrow::Type::DICTIONARY:
      return SqlType(*static_cast<const arrow::DictionaryType&>(type).value_type());
    default:
      return SqlNestedType(type);
  }
}

template <class ScalarType>
auto ValueIn(const arrow::Scalar& scalar) {
  return static_cast<const ScalarType&>(scalar).value;
}

Value DecimalValue(const arrow::Scalar& scalar, const LogicalType& type) {
  arrow::Decimal128 value;
  switch (scalar.type->id()) {
    case arrow::Type::DECIMAL32:
      value = arrow::Decimal128(ValueIn<arrow::Decimal32Scalar>(scalar).value());
      break;
    case arrow::Type::DECIMAL64:
      value = arrow::Decimal128(ValueIn<arrow::Decimal64Scalar>(scalar).value());
      break;
    default:
      value = ValueIn<arrow::Decimal128Scalar>(scalar);
      break;
  }
  duckdb::hugeint_t huge;
  huge.lower = value.low_bits();
  huge.upper = value.high_bits();
  const uint8_t width = duckdb::DecimalType::GetWidth(type);
  const uint8_t scale = duckdb::DecimalType::GetScale(type);
  switch (type.InternalType()) {
    case duckdb::PhysicalType::INT128:
      return Value::DECIMAL(huge, width, scale);
    case duckdb::PhysicalType::INT64:
      return Value::DECIMAL(static_cast<int64_t>(huge.lower), width, scale);
    case duckdb::PhysicalType::INT32:
      return Value::DECIMAL(static_cast<int32_t>(huge.lower), width, scale);
    default:
      return Value::DECIMAL(static_cast<int16_t>(huge.lower), width, scale);
  }
}

arrow::Result<Value> IntervalValue(const arrow::Scalar& scalar) {
  switch (scalar.type->id()) {
    case arrow::Type::INTERVAL_MONTHS:
      return Value::INTERVAL(ValueIn<arrow::MonthIntervalScalar>(scalar), 0, 0);
    case arrow::Type::INTERVAL_DAY_TIME: {
      const auto value = ValueIn<arrow::DayTimeIntervalScalar>(scalar);
      return Value::INTERVAL(0, value.days, int64_t{1000} * value.milliseconds);
    }
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: {
      const auto value = ValueIn<arrow::MonthDayNanoIntervalScalar>(scalar);
      if (value.nanoseconds % 1000 != 0) return NotExact(scalar);
      return Value::INTERVAL(value.months, value.days, value.nanoseconds / 1000);
    }
    default: {
      const auto unit = static_cast<const arrow::DurationType&>(*scalar.type).unit();
      ARROW_ASSIGN_OR_RAISE(const int64_t micros,
                            Micros(scalar, ValueIn<arrow::DurationScalar>(scalar), unit));
      return Value::INTERVAL(0, 0, micros);
    }
  }
}

arrow::Result<Value> TimestampValue(const arrow::Scalar& scalar) {
  const auto& type = static_cast<const arrow::TimestampType&>(*scalar.type);
  const int64_t value = ValueIn<arrow::TimestampScalar>(scalar);
  if (!type.timezone().empty()) {
    ARROW_ASSIGN_OR_RAISE(const int64_t micros, Micros(scalar, value, type.unit()));
    return Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(micros));
  }
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return Value::TIMESTAMPSEC(duckdb::timestamp_sec_t(value));
    case arrow::TimeUnit::MILLI:
      return Value::TIMESTAMPMS(duckdb::timestamp_ms_t(value));
    case arrow::TimeUnit::MICRO:
      return Value::TIMESTAMP(duckdb::timestamp_t(value));
    case arrow::TimeUnit::NANO:
      return Value::TIMESTAMPNS(duckdb::timestamp_ns_t(value));
  }
  return NotSupported(type);
}

arrow::Result<Value> TimeValue(const arrow::Scalar& scalar) {
  if (scalar.type->id() == arrow::Type::TIME32) {
    const auto unit = static_cast<const arrow::Time32Type&>(*scalar.type).unit();
    ARROW_ASSIGN_OR_RAISE(const int64_t micros,
                          Micros(scalar, ValueIn<arrow::Time32Scalar>(scalar), unit));
    return Value::TIME(duckdb::dtime_t(micros));
  }
  const int64_t value = ValueIn<arrow::Time64Scalar>(scalar);
  if (static_cast<const arrow::Time64Type&>(*scalar.type).unit() == arrow::TimeUnit::NANO) {
    return Value::TIME_NS(duckdb::dtime_ns_t(value));
  }
  return Value::TIME(duckdb::dtime_t(value));
}

arrow::Result<duckdb::vector<Value>> Elements(const arrow::Array& array) {
  duckdb::vector<Value> values;
  for (int64_t i = 0; i < array.length(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto element, array.GetScalar(i));
    ARROW_ASSIGN_OR_RAISE(Value value, ParameterValue(*element));
    values.push_back(std::move(value));
  }
  return values;
}

// 16 bytes: of a UUID in the order of its text, of the others the lowest first.
Value HugeValue(std::string_view bytes, const LogicalType& type) {
  if (type.id() == duckdb::LogicalTypeId::UUID) {
    return Value::UUID(
        duckdb::BaseUUID::FromBlob(reinterpret_cast<duckdb::const_data_ptr_t>(bytes.data())));
  }
  uint64_t words[2];
  std::memcpy(words, bytes.data(), sizeof words);
  if (type.id() == duckdb::LogicalTypeId::UHUGEINT) {
    return Value::UHUGEINT(duckdb::uhugeint_t(words[1], words[0]));
  }
  return Value::HUGEINT(duckdb::hugeint_t(static_cast<int64_t>(words[1]), words[0]));
}

arrow::Result<Value> ExtensionValue(const arrow::ExtensionScalar& scalar) {
  ARROW_ASSIGN_OR_RAISE(const LogicalType type, SqlType(*scalar.type));
  if (!scalar.is_valid) return Value(type);
  switch (type.id()) {
    case duckdb::LogicalTypeId::HUGEINT:
    case duckdb::LogicalTypeId::UHUGEINT:
    case duckdb::LogicalTypeId::UUID:
      return HugeValue(static_cast<const arrow::BaseBinaryScalar&>(*scalar.value).view(), type);
    default:
      return ParameterValue(*scalar.value);
  }
}

arrow::Result<Value> NestedValue(const arrow::Scalar& scalar, const LogicalType& type) {
  switch (type.id()) {
    case duckdb::LogicalTypeId::LIST: {
      ARROW_ASSIGN_OR_RAISE(auto values,
                            Elements(*static_cast<const arrow::BaseListScalar&>(scalar).value));
      return Value::LIST(duckdb::ListType::GetChildType(type), std::move(values));
    }
    case duckdb::LogicalTypeId::ARRAY: {
      ARROW_ASSIGN_OR_RAISE(auto values,
                            Elements(*static_cast<const arrow::BaseListScalar&>(scalar).value));
      return Value::ARRAY(duckdb::ArrayType::GetChildType(type), std::move(values));
    }
    default: {
      duckdb::vector<Value> fields;
      for (const auto& field : static_cast<const arrow::StructScalar&>(scalar).value) {
        ARROW_ASSIGN_OR_RAISE(Value value, ParameterValue(*field));
        fields.push_back(std::move(value));
      }
      return Value::STRUCT(type, std::move(fields));
    }
  }
}

arrow::Result<Value> ValidValue(const arrow::Scalar& scalar, const LogicalType& type) {
  switch (scalar.type->id()) {
    case arrow::Type::BOOL:
      return Value::BOOLEAN(ValueIn<arrow::BooleanScalar>(scalar));
    case arrow::Type::INT8:
      return Value::TINYINT(ValueIn<arrow::Int8Scalar>(scalar));
    case arrow::Type::INT16:
      return Value::SMALLINT(ValueIn<arrow::Int16Scalar>(scalar));
    case arrow::Type::INT32:
      return Value::INTEGER(ValueIn<arrow::Int32Scalar>(scalar));
    case arrow::Type::INT64:
      return Value::BIGINT(ValueIn<arrow::Int64Scalar>(scalar));
    case arrow::Type::UINT8:
      return Value::UTINYINT(ValueIn<arrow::UInt8Scalar>(scalar));
    case arrow::Type::UINT16:
      return Value::USMALLINT(ValueIn<arrow::UInt16Scalar>(scalar));
    case arrow::Type::UINT32:
      return Value::UINTEGER(ValueIn<arrow::UInt32Scalar>(scalar));
    case arrow::Type::UINT64:
      return Value::UBIGINT(ValueIn<arrow::UInt64Scalar>(scalar));
    case arrow::Type::HALF_FLOAT:
      return Value::FLOAT(
          arrow::util::Float16::FromBits(ValueIn<arrow::HalfFloatScalar>(scalar)).ToFloat());
    case arrow::Type::FLOAT:
      return Value::FLOAT(ValueIn<arrow::FloatScalar>(scalar));
    case arrow::Type::DOUBLE:
      return Value::DOUBLE(ValueIn<arrow::DoubleScalar>(scalar));
    case arrow::Type::DATE32:
      return Value::DATE(duckdb::date_t(ValueIn<arrow::Date32Scalar>(scalar)));
    case arrow::Type::DATE64:
      return Value::TIMESTAMPMS(duckdb::timestamp_ms_t(ValueIn<arrow::Date64Scalar>(scalar)));
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return TimeValue(scalar);
    case arrow::Type::TIMESTAMP:
      return TimestampValue(scalar);
    default:
      break;
  }
  switch (type.id()) {
    case duckdb::LogicalTypeId::VARCHAR:
      return Value(std::string(static_cast<const arrow::BaseBinaryScalar&>(scalar).view()));
    case duckdb::LogicalTypeId::BLOB:
      return Value::BLOB_RAW(
          std::string(static_cast<const arrow::BaseBinaryScalar&>(scalar).view()));
    case duckdb::LogicalTypeId::INTERVAL:
      return IntervalValue(scalar);
    case duckdb::LogicalTypeId::DECIMAL:
      return DecimalValue(scalar, type);
    default:
      return NestedValue(scalar, type);
  }
}

}  // namespace

arrow::Result<Value> ParameterValue(const arrow::Scalar& scalar) {
  if (scalar.type->id() == arrow::Type::EXTENSION) {
    return ExtensionValue(static_cast<const arrow::ExtensionScalar&>(scalar));
  }
  if (scalar.type->id() == arrow::Type::DICTIONARY && scalar.is_valid) {
    ARROW_ASSIGN_OR_RAISE(const auto value,
                          static_cast<const arrow::DictionaryScalar&>(scalar).GetEncodedValue());
    return ParameterValue(*value);
  }
  ARROW_ASSIGN_OR_RAISE(const LogicalType type, SqlType(*scalar.type));
  if (!scalar.is_valid) return Value(type);
  return Guard([&] { return ValidValue(scalar, type); });
}

Value CastIfExact(Value value, const LogicalType& type) {
  if (value.type() == type) return value;
  if (value.IsNull()) return Value(type);
  Value cast;
  Value back;
  std::string error;
  if (!value.DefaultTryCastAs(type, cast, &error)) return value;
  if (!cast.DefaultTryCastAs(value.type(), back, &error)) return value;
  return Value::NotDistinctFrom(back, value) ? cast : value;
}

}  // namespace pyralog::sql
