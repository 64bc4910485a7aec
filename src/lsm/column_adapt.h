// Columns as a newer schema wants them: matched by field id, cast losslessly, or made up for rows
// older than the field.
#pragma once

#include <memory>

#include "arrow/array.h"
#include "arrow/result.h"
#include "lsm/table_schema.h"

namespace pyralog::lsm {

// Where each field of a newer schema comes from in an older one.
class ColumnMap {
 public:
  ColumnMap(TableSchemaPtr stored, TableSchemaPtr wanted);
  // Position in the stored schema, or -1: the field is younger.
  int stored(int wanted_column) const { return stored_[wanted_column]; }
  // Neither missing nor of another type: the stored array is the answer.
  bool identical(int wanted_column) const { return identical_[wanted_column]; }
  // The stored array in the wanted type.
  arrow::Result<std::shared_ptr<arrow::Array>> Adapt(int wanted_column,
                                                     std::shared_ptr<arrow::Array> stored) const;
  // `rows` times the value of rows older than the field.
  arrow::Result<std::shared_ptr<arrow::Array>> Missing(int wanted_column, int64_t rows) const;

 private:
  TableSchemaPtr stored_schema_;
  TableSchemaPtr wanted_schema_;
  std::vector<int> stored_;
  std::vector<bool> identical_;
};

}  // namespace pyralog::lsm
