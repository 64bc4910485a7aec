#include "sql/external_types.h"

#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/compute/api_vector.h"
#include "arrow/compute/cast.h"
#include "arrow/compute/exec.h"
#include "arrow/extension_type.h"
#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr int kMaxDecimalDigits = 38;
constexpr int kMaxFixedListItems = 100'000;  // DuckDB's ArrayType::MAX_ARRAY_SIZE

arrow::Status Refuse(const arrow::DataType& type, const std::string& why) {
  return MakeError(ErrorCode::kNotSupported, "type " + type.ToString() + " " + why);
}

arrow::Result<std::shared_ptr<arrow::Field>> CarriedField(
    const std::shared_ptr<arrow::Field>& field, Origin origin) {
  ARROW_ASSIGN_OR_RAISE(TypePtr type, CarriedType(field->type(), origin));
  return field->WithType(type);
}

arrow::Result<TypePtr> CarriedStruct(const TypePtr& type, Origin origin) {
  if (type->num_fields() == 0) return Refuse(*type, "has no fields, which SQL does not know");
  arrow::FieldVector fields;
  for (const auto& field : type->fields()) {
    ARROW_ASSIGN_OR_RAISE(fields.emplace_back(), CarriedField(field, origin));
  }
  return arrow::struct_(fields);
}

arrow::Result<TypePtr> CarriedFixedList(const TypePtr& type, Origin origin) {
  const int size = static_cast<const arrow::FixedSizeListType&>(*type).list_size();
  if (size < 1 || size > kMaxFixedListItems) {
    return Refuse(*type, "has " + std::to_string(size) + " items; SQL takes 1 to 100000");
  }
  ARROW_ASSIGN_OR_RAISE(auto field, CarriedField(type->field(0), origin));
  return arrow::fixed_size_list(std::move(field), size);
}

arrow::Result<TypePtr> CarriedMap(const TypePtr& type, Origin origin) {
  const auto& map = static_cast<const arrow::MapType&>(*type);
  ARROW_ASSIGN_OR_RAISE(auto key, CarriedField(map.key_field(), origin));
  ARROW_ASSIGN_OR_RAISE(auto item, CarriedField(map.item_field(), origin));
  return std::make_shared<arrow::MapType>(std::move(key), std::move(item), map.keys_sorted());
}

// Of dictionaries and runs: themselves when their values need no change, else their values' carried
// type.
arrow::Result<TypePtr> CarriedEncoded(const TypePtr& type, const TypePtr& values, Origin origin) {
  ARROW_ASSIGN_OR_RAISE(TypePtr carried, CarriedType(values, origin));
  if (carried->Equals(*values) && values->num_fields() == 0) return type;
  return carried;
}

arrow::Result<TypePtr> CarriedUnion(const TypePtr& type, Origin origin) {
  for (const auto& field : type->fields()) {
    ARROW_ASSIGN_OR_RAISE(const TypePtr carried, CarriedType(field->type(), origin));
    if (!carried->Equals(*field->type())) {
      return Refuse(*type, "holds " + field->type()->ToString() + ", which a union cannot convert");
    }
  }
  return type;
}

// Whether `test` holds for the type or any type in it.
template <class Test>
bool AnyType(const arrow::DataType& type, Test test) {
  if (test(type)) return true;
  if (type.id() == arrow::Type::DICTIONARY) {
    return AnyType(*static_cast<const arrow::DictionaryType&>(type).value_type(), test);
  }
  if (type.id() == arrow::Type::EXTENSION) {
    return AnyType(*static_cast<const arrow::ExtensionType&>(type).storage_type(), test);
  }
  for (const auto& field : type.fields()) {
    if (AnyType(*field->type(), test)) return true;
  }
  return false;
}

// Nanoseconds of intervals below the SQL engine's microseconds, anywhere in the data.
bool CutsIntervals(const arrow::ArrayData& data) {
  if (data.type->id() == arrow::Type::INTERVAL_MONTH_DAY_NANO) {
    constexpr int64_t kNanosPerMicro = 1'000;
    const arrow::MonthDayNanoIntervalArray array(std::make_shared<arrow::ArrayData>(data));
    for (int64_t i = 0; i < array.length(); ++i) {
      if (array.IsValid(i) && array.GetValue(i).nanoseconds % kNanosPerMicro != 0) return true;
    }
  }
  if (data.dictionary != nullptr && CutsIntervals(*data.dictionary)) return true;
  for (const auto& child : data.child_data) {
    if (child != nullptr && CutsIntervals(*child)) return true;
  }
  return false;
}

// What the readers of foreign files let through and the SQL engine would cut.
arrow::Status CheckValues(const arrow::Array& column) {
  const arrow::DataType& type = *column.type();
  const bool ruled = AnyType(type, [](const arrow::DataType& part) {
    return arrow::is_decimal(part.id()) || part.id() == arrow::Type::DATE64 ||
           arrow::is_time(part.id());
  });
  if (ruled) ARROW_RETURN_NOT_OK(column.ValidateFull());
  const bool intervals = AnyType(type, [](const arrow::DataType& part) {
    return part.id() == arrow::Type::INTERVAL_MONTH_DAY_NANO;
  });
  if (intervals && CutsIntervals(*column.data())) {
    return arrow::Status::Invalid("an interval has nanoseconds, SQL keeps microseconds");
  }
  return arrow::Status::OK();
}

// The values themselves of a column of dictionary indices.
arrow::Status Decode(std::shared_ptr<arrow::Array>* column, arrow::compute::ExecContext* context) {
  if ((*column)->type_id() != arrow::Type::DICTIONARY) return arrow::Status::OK();
  const auto& encoded = static_cast<const arrow::DictionaryArray&>(**column);
  ARROW_ASSIGN_OR_RAISE(
      const arrow::Datum values,
      arrow::compute::Take(encoded.dictionary(), encoded.indices(),
                           arrow::compute::TakeOptions::NoBoundsCheck(), context));
  *column = values.make_array();
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<TypePtr> CarriedType(const TypePtr& type, Origin origin) {
  if (arrow::is_decimal(type->id())) {
    const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
    if (decimal.scale() < 0 || decimal.scale() > decimal.precision()) {
      return Refuse(*type, "has a scale outside of its digits, which SQL's decimals have not");
    }
  }
  switch (type->id()) {
    case arrow::Type::HALF_FLOAT:
      return arrow::float32();
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::Decimal256Type&>(*type);
      if (decimal.precision() > kMaxDecimalDigits) return arrow::utf8();
      return arrow::decimal128(decimal.precision(), decimal.scale());
    }
    case arrow::Type::DATE64:
      return arrow::date32();
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
      const bool zoned_nanos =
          !timestamp.timezone().empty() && timestamp.unit() == arrow::TimeUnit::NANO;
      const bool parquet_millis =
          origin == Origin::kParquet && timestamp.unit() == arrow::TimeUnit::MILLI;
      if (!zoned_nanos && !parquet_millis) return type;
      return arrow::timestamp(arrow::TimeUnit::MICRO, timestamp.timezone());
    }
    case arrow::Type::DURATION:
      if (static_cast<const arrow::DurationType&>(*type).unit() != arrow::TimeUnit::NANO)
        return type;
      return arrow::duration(arrow::TimeUnit::MICRO);
    case arrow::Type::INTERVAL_DAY_TIME:
      return Refuse(*type, "is not known to SQL; store it as interval[month_day_nano]");
    case arrow::Type::DENSE_UNION:
      return Refuse(*type, "is not known to SQL; store it as a sparse union");
    case arrow::Type::SPARSE_UNION:
      return CarriedUnion(type, origin);
    case arrow::Type::STRUCT:
      return CarriedStruct(type, origin);
    case arrow::Type::LIST: {
      ARROW_ASSIGN_OR_RAISE(auto field, CarriedField(type->field(0), origin));
      return arrow::list(std::move(field));
    }
    case arrow::Type::LARGE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto field, CarriedField(type->field(0), origin));
      return arrow::large_list(std::move(field));
    }
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW: {
      ARROW_ASSIGN_OR_RAISE(auto field, CarriedField(type->field(0), origin));
      if (field->type()->Equals(*type->field(0)->type())) return type;
      return arrow::large_list(std::move(field));
    }
    case arrow::Type::FIXED_SIZE_LIST:
      return CarriedFixedList(type, origin);
    case arrow::Type::MAP:
      return CarriedMap(type, origin);
    case arrow::Type::DICTIONARY:
      return CarriedEncoded(type, static_cast<const arrow::DictionaryType&>(*type).value_type(),
                            origin);
    case arrow::Type::RUN_END_ENCODED:
      return CarriedEncoded(type, static_cast<const arrow::RunEndEncodedType&>(*type).value_type(),
                            origin);
    default:
      return type;
  }
}

arrow::Result<std::shared_ptr<arrow::Schema>> CarriedSchema(const arrow::Schema& schema,
                                                            Origin origin) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    auto carried = CarriedField(field, origin);
    if (!carried.ok()) {
      return MakeError(GetErrorCode(carried.status()),
                       "column '" + field->name() + "': " + carried.status().message());
    }
    fields.push_back(std::move(*carried));
  }
  return arrow::schema(std::move(fields));
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> CarryBatch(
    const std::shared_ptr<arrow::RecordBatch>& batch, const std::shared_ptr<arrow::Schema>& carried,
    arrow::MemoryPool* pool) {
  arrow::compute::ExecContext context(pool);
  context.set_use_threads(false);
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (int i = 0; i < batch->num_columns(); ++i) {
    std::shared_ptr<arrow::Array> column = batch->column(i);
    const TypePtr& type = carried->field(i)->type();
    arrow::Status status = CheckValues(*column);
    if (status.ok() && !column->type()->Equals(*type)) {
      status = Decode(&column, &context);
    }
    if (status.ok() && !column->type()->Equals(*type)) {
      const auto safe = arrow::compute::CastOptions::Safe();
      status = arrow::compute::Cast(*column, type, safe, &context).Value(&column);
    }
    if (!status.ok()) {
      const ErrorCode code = GetErrorCode(status);
      return MakeError(code == ErrorCode::kMemoryLimit ? code : ErrorCode::kInvalidArgument,
                       "column '" + carried->field(i)->name() + "' cannot be carried exactly as " +
                           type->ToString() + ": " + status.message());
    }
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(carried, batch->num_rows(), std::move(columns));
}

}  // namespace pyralog::sql
