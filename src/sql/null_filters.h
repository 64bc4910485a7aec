// `x IS DISTINCT FROM 1 OR x = 2` and its kin.
//
// Of an OR of comparisons of one column DuckDB makes a filter of the scan, to pass over parts that
// cannot have such rows, and takes a part in which x is NULL, or 1 and NULL, for one: but NULL is
// distinct from 1. `x IS NULL OR x <> 1` says the same, and it makes no such filter of that.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

void SpellOutDistinct(duckdb::DBConfig* config);

}  // namespace pyralog::sql
