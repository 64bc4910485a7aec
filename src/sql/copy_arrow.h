// COPY ... TO and FROM for the formats that DuckDB does not have; and what COPY ... TO 'file' (FORMAT
// parquet) must not lose.
#pragma once

#include "duckdb/main/extension/extension_loader.hpp"

namespace pyralog::sql {

// Every format that can be written and that DuckDB has no writer for, by its name and aliases.
// Options are those of the format's writer; those whose FormatInfo says so also take
// ROW_GROUP_SIZE, the rows of a batch.
void RegisterCopyArrow(duckdb::ExtensionLoader& loader);

// DuckDB's Parquet writer rounds 128-bit integers to doubles, drops the microseconds of intervals
// and the offsets of times: they go as DECIMAL(38, 0) (an error for what is beyond) and as text.
void KeepParquetExact(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
