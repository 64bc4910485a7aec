// DuckDB's filters as Arrow expressions, for skipping what cannot match.
#pragma once

#include "arrow/compute/expression.h"
#include "arrow/type.h"
#include "duckdb.hpp"
#include "duckdb/planner/operator/logical_get.hpp"

namespace pyralog::sql {

// The conjunction of those filters that compare a column of `schema` with a constant (=, <, <=, >,
// >=, BETWEEN, AND, IS NULL, IS NOT NULL); true when there are none. The filters themselves stay
// where they are.
arrow::compute::Expression SkippingFilter(
    const duckdb::LogicalGet& get,
    const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& filters,
    const arrow::Schema& schema);

}  // namespace pyralog::sql
