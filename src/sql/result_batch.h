// Rows of a DuckDB result as Arrow record batches: their schema, and batches in the making.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "duckdb.hpp"

namespace pyralog::sql {

class ColumnCollector;

// Rows of a batch at most, unless the session has a batch_size. The unit of storage too, so that a bare scan gives one batch for each.
constexpr int64_t kResultBatchRows = 122880;

// The Arrow schema of result columns: see ResultLayoutOf.
std::shared_ptr<arrow::Schema> ResultSchema(const duckdb::vector<duckdb::LogicalType>& types,
                                            const duckdb::vector<std::string>& names,
                                            const std::string& time_zone);

// Chunks of a result, one after the other in one batch. For statements that run often: what depends
// on the result's types is made once. Not thread-safe.
class ResultBatch {
 public:
  // `schema` is ResultSchema of these types. A batch has at most `most_rows`.
  ResultBatch(std::shared_ptr<arrow::Schema> schema,
              const duckdb::vector<duckdb::LogicalType>& types,
              int64_t most_rows = kResultBatchRows);
  ~ResultBatch();
  ResultBatch(const ResultBatch&) = delete;
  ResultBatch& operator=(const ResultBatch&) = delete;

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  int64_t rows() const { return rows_; }
  // Of texts and blobs.
  int64_t bytes() const;
  // Whether another chunk might be too much.
  bool IsFull() const;
  // kInvalidArgument names the column of a value that its Arrow type cannot hold. After an error
  // only Discard is of use.
  arrow::Status Append(duckdb::DataChunk& chunk);
  // What was appended; starts anew.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Finish();
  void Discard();

 private:
  void MakeColumns();

  const std::shared_ptr<arrow::Schema> schema_;
  const duckdb::vector<duckdb::LogicalType> types_;
  const int64_t most_rows_;
  std::vector<std::unique_ptr<ColumnCollector>> columns_;
  int64_t rows_ = 0;
};

}  // namespace pyralog::sql
