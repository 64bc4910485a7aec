#include "formats/foreign_arrays.h"

#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/array/validate.h"
#include "arrow/extension_type.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;
using DataPtr = std::shared_ptr<arrow::ArrayData>;

TypePtr Lenient(const TypePtr& type, Dictionaries dictionaries);

arrow::FieldVector LenientFields(const arrow::DataType& type, Dictionaries dictionaries) {
  arrow::FieldVector fields;
  for (const auto& field : type.fields()) {
    fields.push_back(field->WithType(Lenient(field->type(), dictionaries)));
  }
  return fields;
}

// A type of the same layout whose values have no rules. Itself where there is nothing to relax.
TypePtr Lenient(const TypePtr& type, Dictionaries dictionaries) {
  switch (type->id()) {
    case arrow::Type::TIME32:
      return arrow::int32();
    case arrow::Type::DATE64:
    case arrow::Type::TIME64:
      return arrow::int64();
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return arrow::fixed_size_binary(
          static_cast<const arrow::FixedSizeBinaryType&>(*type).byte_width());
    case arrow::Type::LIST:
      return arrow::list(LenientFields(*type, dictionaries).front());
    case arrow::Type::LARGE_LIST:
      return arrow::large_list(LenientFields(*type, dictionaries).front());
    case arrow::Type::LIST_VIEW:
      return arrow::list_view(LenientFields(*type, dictionaries).front());
    case arrow::Type::LARGE_LIST_VIEW:
      return arrow::large_list_view(LenientFields(*type, dictionaries).front());
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          LenientFields(*type, dictionaries).front(),
          static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case arrow::Type::STRUCT:
      return arrow::struct_(LenientFields(*type, dictionaries));
    case arrow::Type::MAP:
      return std::make_shared<arrow::MapType>(
          LenientFields(*type, dictionaries).front(),
          static_cast<const arrow::MapType&>(*type).keys_sorted());
    case arrow::Type::SPARSE_UNION:
      return arrow::sparse_union(LenientFields(*type, dictionaries),
                                 static_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::DENSE_UNION:
      return arrow::dense_union(LenientFields(*type, dictionaries),
                                static_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
      return arrow::dictionary(dictionary.index_type(),
                               dictionaries == Dictionaries::kChecked
                                   ? arrow::null()
                                   : Lenient(dictionary.value_type(), dictionaries),
                               dictionary.ordered());
    }
    case arrow::Type::RUN_END_ENCODED: {
      const auto& runs = static_cast<const arrow::RunEndEncodedType&>(*type);
      return arrow::run_end_encoded(runs.run_end_type(), Lenient(runs.value_type(), dictionaries));
    }
    case arrow::Type::EXTENSION:
      return Lenient(static_cast<const arrow::ExtensionType&>(*type).storage_type(), dictionaries);
    default:
      return type;
  }
}

// The same buffers under another type of the same layout.
DataPtr Retyped(const arrow::ArrayData& data, const TypePtr& type) {
  auto copy = std::make_shared<arrow::ArrayData>(data);
  copy->type = type;
  for (size_t i = 0; i < copy->child_data.size(); ++i) {
    if (copy->child_data[i] == nullptr || static_cast<int>(i) >= type->num_fields()) continue;
    copy->child_data[i] = Retyped(*copy->child_data[i], type->field(static_cast<int>(i))->type());
  }
  if (copy->dictionary != nullptr && type->id() == arrow::Type::DICTIONARY) {
    const TypePtr& values = static_cast<const arrow::DictionaryType&>(*type).value_type();
    const int64_t count = copy->dictionary->length;
    // Nulls stand for values that need no check: only their number matters.
    copy->dictionary = values->id() == arrow::Type::NA
                           ? arrow::ArrayData::Make(values, count, {nullptr}, count)
                           : Retyped(*copy->dictionary, values);
  }
  return copy;
}

// Forgets what the file says of the number of nulls; whoever asks counts.
DataPtr WithNullsUncounted(const arrow::ArrayData& data, Dictionaries dictionaries) {
  auto copy = std::make_shared<arrow::ArrayData>(data);
  if (!copy->buffers.empty() && copy->buffers.front() != nullptr) {
    copy->null_count = arrow::kUnknownNullCount;
  }
  for (auto& child : copy->child_data) {
    if (child != nullptr) child = WithNullsUncounted(*child, dictionaries);
  }
  if (copy->dictionary != nullptr && dictionaries == Dictionaries::kCheck) {
    copy->dictionary = WithNullsUncounted(*copy->dictionary, dictionaries);
  }
  return copy;
}

arrow::Status ValidateColumn(const DataPtr& data, Dictionaries dictionaries) {
  const TypePtr lenient = Lenient(data->type, dictionaries);
  const DataPtr checked = lenient->Equals(*data->type) ? data : Retyped(*data, lenient);
  return arrow::internal::ValidateArrayFull(*checked);
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ValidateForeign(const arrow::RecordBatch& batch,
                                                                   Dictionaries dictionaries) {
  std::vector<DataPtr> columns;
  for (int i = 0; i < batch.num_columns(); ++i) {
    DataPtr data = WithNullsUncounted(*batch.column_data(i), dictionaries);
    if (data->length != batch.num_rows()) {
      return MakeError(ErrorCode::kDamaged, "column " + std::to_string(i) + " has " +
                                                std::to_string(data->length) + " rows, its batch " +
                                                std::to_string(batch.num_rows()));
    }
    const arrow::Status status = ValidateColumn(data, dictionaries);
    if (!status.ok()) {
      return MakeError(ErrorCode::kDamaged,
                       "column " + std::to_string(i) + ": " + status.message());
    }
    columns.push_back(std::move(data));
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

}  // namespace pyralog::formats
