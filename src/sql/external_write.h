// INSERT, UPDATE, DELETE, MERGE and COPY FROM on an external table: refused by name.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// DuckDB takes external tables for views and refuses to write to them in words that name neither.
// This replaces its error on every connection that is opened from now on.
void RegisterExternalWriteRefusal(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
