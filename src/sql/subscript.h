// Subscripts start at 1: 0 is an error, where DuckDB gives NULL or an empty text.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// Makes the subscripts of lists, arrays and texts (a[i], a[i:j] and the functions behind them)
// refuse a constant 0 when they are bound and any other when they run. Negative ones count from the
// end, and what is out of range stays NULL. Maps, structs and JSON have keys instead.
void CheckSubscripts(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
