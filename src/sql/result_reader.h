// A reader of a DuckDB result, collected or streamed.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// Turns an error that came while rows were read into a status.
using ErrorTranslator = std::function<arrow::Status(const duckdb::ErrorData&)>;

// How rows become batches.
struct ResultForm {
  std::shared_ptr<arrow::Schema> schema;   // of the result
  std::optional<int64_t> batch_rows = {};  // of a batch that streams; nothing: kStreamedRows
};

// A reader whose rows can be had all at once.
class WholeReader : public arrow::RecordBatchReader {
 public:
  // All batches that are left.
  virtual arrow::Result<arrow::RecordBatchVector> Rest() = 0;
};

// A reader that holds the result, and keeps `owner` alive until it is closed or gone. Not thread-safe.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MakeResultReader(
    duckdb::unique_ptr<duckdb::QueryResult> result, ResultForm form, ErrorTranslator translate,
    std::shared_ptr<void> owner);

}  // namespace pyralog::sql
