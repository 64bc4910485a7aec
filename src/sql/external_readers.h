// DuckDB's own file readers behind the checks of the formats layer.
#pragma once

#include <string>

#include "duckdb.hpp"
#include "duckdb/main/extension/extension_loader.hpp"

namespace pyralog::sql {

// Makes read_parquet, read_csv, read_json and all that opens files of these formats look at each
// file first: it must be a regular file whose header and footer hold (formats::Format::Open). A
// Parquet file that is intact but that DuckDB's reader would read wrongly goes to Arrow's reader;
// folders, file:// URIs and {a,b} are expanded. Also registers read_parquet_by_arrow, which those
// files go to.
void GuardReaders(duckdb::ExtensionLoader& loader);

// The same for COPY ... FROM.
void GuardCopyFrom(duckdb::DatabaseInstance& instance, duckdb::ExtensionLoader& loader);

}  // namespace pyralog::sql
