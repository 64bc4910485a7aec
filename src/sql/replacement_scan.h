// FROM 'file', FROM 'folder/*.parquet', FROM "file://...": a path in place of a table.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// Registers it, before DuckDB's own: what a file is tells its first bytes, else its name.
void RegisterReplacementScan(duckdb::DatabaseInstance& instance);

// The table function that reads files of this format: the SQL engine's own where it has one, else
// read_<format>.
std::string ReaderOf(const std::string& format);

}  // namespace pyralog::sql
