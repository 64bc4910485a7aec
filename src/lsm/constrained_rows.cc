#include "lsm/constrained_rows.h"

#include <bit>
#include <numeric>

#include "lsm/batch_rows.h"
#include "lsm/key_index.h"

namespace pyralog::lsm {
namespace {

// Clears the bits of the array's nulls.
void ClearNulls(const arrow::Array& array, MaskWords* mask) {
  if (array.null_count() == 0) return;
  for (int64_t row = 0; row < array.length(); ++row) {
    if (array.IsNull(row)) (*mask)[row >> 6] &= ~(uint64_t{1} << (row & 63));
  }
}

}  // namespace

arrow::Result<ConstrainedRows> ConstrainedRowsOf(const arrow::RecordBatch& batch) {
  arrow::FieldVector fields;
  const int64_t rows = batch.num_rows();
  MaskWords mask((rows + 63) / 64, ~uint64_t{0});
  if (rows % 64 != 0) mask.back() = (uint64_t{1} << (rows % 64)) - 1;
  for (int column = 0; column < batch.num_columns(); ++column) {
    fields.push_back(batch.schema()->field(column)->WithNullable(false));
    ClearNulls(*batch.column(column), &mask);
  }
  int64_t kept = 0;
  for (const uint64_t word : mask) kept += std::popcount(word);
  ConstrainedRows result;
  const auto all = arrow::RecordBatch::Make(arrow::schema(fields), rows, batch.columns());
  ARROW_ASSIGN_OR_RAISE(result.values, FilterBatch(all, mask, kept));
  ARROW_RETURN_NOT_OK(result.keys.Append(result.values->columns()));
  result.rows.reserve(kept);
  for (int64_t row = 0; row < rows; ++row) {
    if ((mask[row >> 6] >> (row & 63)) & 1) result.rows.push_back(row);
  }
  return result;
}

arrow::Result<TableSchemaPtr> UniqueIndexSchema(const TableSchema& table, const UniqueSet& set) {
  arrow::FieldVector fields;
  std::vector<int> key;
  for (const int position : table.PositionsOf(set.fields)) {
    const auto& field = table.arrow->field(position);
    ARROW_RETURN_NOT_OK(CheckKeyType(*field->type()));
    key.push_back(static_cast<int>(fields.size()));
    fields.push_back(arrow::field(field->name(), field->type(), false));
  }
  return MakeTableSchema(arrow::schema(std::move(fields)), std::move(key));
}

std::string ValuesText(const arrow::RecordBatch& batch, const std::vector<int>& columns,
                       int64_t row) {
  std::string text;
  for (const int column : columns) {
    auto value = batch.column(column)->GetScalar(row);
    if (!text.empty()) text += ", ";
    text +=
        batch.schema()->field(column)->name() + " = " + (value.ok() ? (*value)->ToString() : "?");
  }
  return text;
}

std::string ValuesText(const arrow::RecordBatch& batch, int64_t row) {
  std::vector<int> all(batch.num_columns());
  std::iota(all.begin(), all.end(), 0);
  return ValuesText(batch, all, row);
}

std::string NamesText(const TableSchema& schema, const std::vector<FieldId>& fields) {
  std::string text;
  for (const int position : schema.PositionsOf(fields)) {
    text += text.empty() ? "(" : ", ";
    text += schema.arrow->field(position)->name();
  }
  return text + ")";
}

int64_t FindRepeat(const KeyBatch& keys) {
  if (keys.size() < 2) return -1;
  bool ascending = true;
  for (int64_t i = 1; i < keys.size() && ascending; ++i) ascending = keys.key(i - 1) < keys.key(i);
  if (ascending) return -1;
  KeyIndex seen;
  for (int64_t i = 0; i < keys.size(); ++i) {
    if (seen.Newest(keys.key(i), keys.hash(i)) != KeyIndex::kNone) return i;
    seen.Add(keys.key(i), keys.hash(i));
  }
  return -1;
}

}  // namespace pyralog::lsm
