// EXPORT DATABASE: DuckDB's, kept from losing values.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// Of an EXPORT: text that is empty stays apart from NULL in CSV, and kNotSupported is thrown for
// columns that Parquet would change.
void PrepareExport(duckdb::LogicalOperator& plan);

}  // namespace pyralog::sql
