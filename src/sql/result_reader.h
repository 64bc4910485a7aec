// Rows of a DuckDB result as Arrow record batches.
#pragma once

#include <functional>
#include <memory>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// Turns an error that came while rows were read into a status.
using ErrorTranslator = std::function<arrow::Status(const duckdb::ErrorData&)>;

// The Arrow schema of a result.
arrow::Result<std::shared_ptr<arrow::Schema>> ResultSchema(duckdb::QueryResult& result);

// A reader that holds the result, and keeps `owner` alive until it is closed or gone. Not
// thread-safe.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MakeResultReader(
    duckdb::unique_ptr<duckdb::QueryResult> result, std::shared_ptr<arrow::Schema> schema,
    duckdb::ClientContext& context, ErrorTranslator translate, std::shared_ptr<void> owner);

}  // namespace pyralog::sql
