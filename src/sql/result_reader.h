// Rows of a DuckDB result as Arrow record batches.
#pragma once

#include <functional>
#include <memory>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "duckdb.hpp"
#include "duckdb/function/table/arrow/arrow_duck_schema.hpp"

namespace duckdb {
class ArrowAppender;
}

namespace pyralog::sql {

using ExtensionTypes =
    duckdb::unordered_map<duckdb::idx_t, const duckdb::shared_ptr<duckdb::ArrowTypeExtensionData>>;

// Turns an error that came while rows were read into a status.
using ErrorTranslator = std::function<arrow::Status(const duckdb::ErrorData&)>;

// The Arrow schema of a result.
arrow::Result<std::shared_ptr<arrow::Schema>> ResultSchema(duckdb::QueryResult& result);

// The rows of a result that comes in chunks at once, as one batch. For statements that run often:
// what depends on the result's types is made once.
class BatchAssembler {
 public:
  BatchAssembler(duckdb::ClientContext& context, duckdb::vector<duckdb::LogicalType> types,
                 const duckdb::vector<std::string>& names);
  ~BatchAssembler();
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }

  void Append(duckdb::DataChunk& rows);
  void Discard();
  // What was appended since the last call; nullptr when that is nothing.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  const duckdb::vector<duckdb::LogicalType> types_;
  duckdb::ClientProperties properties_;
  const ExtensionTypes extension_types_;
  std::shared_ptr<arrow::Schema> schema_;
  duckdb::unique_ptr<duckdb::ArrowAppender> appender_;
};

// A reader that holds the result, and keeps `owner` alive until it is closed or gone. Not
// thread-safe.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> MakeResultReader(
    duckdb::unique_ptr<duckdb::QueryResult> result, std::shared_ptr<arrow::Schema> schema,
    duckdb::ClientContext& context, ErrorTranslator translate, std::shared_ptr<void> owner);

}  // namespace pyralog::sql
