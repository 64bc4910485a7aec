// DEFAULT and CHECK for rows that come as Arrow, past SQL: the expressions are bound once and
// evaluated by DuckDB.
#pragma once

#include <memory>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "catalog/entries.h"
#include "duckdb.hpp"
#include "sql/arrow_vectors.h"
#include "sql/instance.h"
#include "sql/row_checker.h"

namespace pyralog::sql {

// The expressions of one table. Not thread-safe.
class RowExpressions {
 public:
  static arrow::Result<std::unique_ptr<RowExpressions>> Make(
      Instance& instance, std::shared_ptr<const catalog::TableDef> table);

  // The column's default, `rows` times. REQUIRES: it has one.
  arrow::Result<std::shared_ptr<arrow::Array>> Default(int column, int64_t rows);
  // kConstraint names a CHECK that a row fails. `rows` has all columns of the table, as stored.
  arrow::Status Check(const arrow::RecordBatch& rows);

 private:
  explicit RowExpressions(std::shared_ptr<const catalog::TableDef> table);

  arrow::Status Bind(Instance& instance);

  const std::shared_ptr<const catalog::TableDef> table_;
  ConnectionPtr connection_;  // in a transaction, as binding requires
  duckdb::vector<duckdb::LogicalType> types_;
  duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> defaults_;  // one a column; null without
  BoundConstraints constraints_;
};

}  // namespace pyralog::sql
