// The values of a constraint's columns: rows with a null among them are not constrained.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "lsm/key.h"
#include "lsm/table_schema.h"

namespace pyralog::lsm {

struct ConstrainedRows {
  std::shared_ptr<arrow::RecordBatch> values;  // of the columns, without nulls
  KeyBatch keys;                               // of `values`
  std::vector<int64_t> rows;                   // parallel: which row of the batch
};

// `batch` has the constraint's columns, in key order.
arrow::Result<ConstrainedRows> ConstrainedRowsOf(const arrow::RecordBatch& batch);

// The schema of the table that holds a unique set's values.
arrow::Result<TableSchemaPtr> UniqueIndexSchema(const TableSchema& table, const UniqueSet& set);

// "id = 5, day = 2024-01-01"
std::string ValuesText(const arrow::RecordBatch& batch, const std::vector<int>& columns,
                       int64_t row);
std::string ValuesText(const arrow::RecordBatch& batch, int64_t row);  // of all columns
// "(a, b)"
std::string NamesText(const TableSchema& schema, const std::vector<FieldId>& fields);

// The first row whose key an earlier row of the batch has, or -1.
int64_t FindRepeat(const KeyBatch& keys);

}  // namespace pyralog::lsm
