// The system view storage_stats: one row for each file that holds data, of the hot engine or
// registered outside.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// Registers the table function storage_stats() and a view of the same name, which a table of the
// user's hides.
void RegisterStorageStats(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
