// Least and greatest values that DuckDB takes from Parquet files' metadata in place of reading a column.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// From now on no MIN or MAX of floating-point numbers is answered by bounds that a file gives: most
// writers leave NaN out of them, which is the greatest number in SQL. `function` is a reader of Parquet.
void ReadFloatsForMinMax(duckdb::TableFunction* function);

}  // namespace pyralog::sql
