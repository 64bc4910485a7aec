// NOT NULL and CHECK, before rows go to the storage. (The storage itself guards the primary key.)
#pragma once

#include <string>
#include <vector>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/planner/bound_constraint.hpp"

namespace pyralog::sql {

using BoundConstraints = duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>>;

BoundConstraints CopyConstraints(const BoundConstraints& constraints);

// Not thread-safe; one a thread. `table` and `constraints` (those of the table, bound) must outlive
// it.
class RowChecker {
 public:
  RowChecker(duckdb::ClientContext& context, const catalog::TableDef& table,
             const BoundConstraints& constraints);

  // Throws kConstraint, naming table, column or check, unless all rows pass. `rows` has all columns
  // of the table.
  void Check(duckdb::DataChunk& rows);
  // The two halves: a vector of one column against its NOT NULL, and whole rows against the CHECKs.
  void CheckNotNull(int column, duckdb::Vector& values, duckdb::idx_t count);
  void CheckExpressions(duckdb::DataChunk& rows);

 private:
  const catalog::TableDef& table_;
  std::vector<const duckdb::Expression*> checks_;            // parallel to table_.checks
  duckdb::unique_ptr<duckdb::ExpressionExecutor> executor_;  // of checks_; null without any
};

}  // namespace pyralog::sql
