// What a database tells about itself in tables, beside storage_stats: external_files, formats,
// memory, sessions, settings, storage_summary.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

void RegisterSystemTables(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
