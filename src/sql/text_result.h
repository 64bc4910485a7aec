// Rows of a DuckDB result as text.
#pragma once

#include <memory>

#include "duckdb.hpp"
#include "pyralog/database.h"
#include "sql/result_reader.h"

namespace pyralog::sql {

// Holds the result, and keeps `owner` alive until it is read to its end or gone.
arrow::Result<std::unique_ptr<TextResult>> MakeTextResult(
    duckdb::unique_ptr<duckdb::QueryResult> result,
    duckdb::shared_ptr<duckdb::ClientContext> context, ErrorTranslator translate,
    std::shared_ptr<void> owner);

// Of no statement: no columns, no rows.
std::unique_ptr<TextResult> EmptyTextResult();

}  // namespace pyralog::sql
