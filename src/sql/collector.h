// Query results as Arrow: a result collector of our own at the top of DuckDB's plans, which builds
// batches in the threads that make the rows.
//
//   ArrowCollection collection(context);   // statements are planned so while it lives
//   auto result = collection.Start(connection.PendingQuery(statement, /*allow_stream=*/false));
//   if (!result->HasError()) ArrowRowsOf(*result)->Next(&batch, &error);
//
// For statements of which DuckDB streams the rows; those of others it has to run to their end.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "arrow/record_batch.h"
#include "duckdb.hpp"
#include "sql/batch_queue.h"

namespace pyralog::sql {

// The rows of one result, in order. They are made while they are read, by all threads of the
// instance, a bounded number of bytes ahead. Not thread-safe.
class ArrowRows {
 public:
  ArrowRows(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<BatchQueue> queue,
            duckdb::unique_ptr<duckdb::PendingQueryResult> pending);

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  // Whether nothing runs any more: what is left is in memory.
  bool ended() const { return pending_ == nullptr; }
  // Runs until there is something to read, or to the end. False, with `error` set, on failure.
  bool Advance(duckdb::ErrorData* error);
  // The next batch; nullptr at the end.
  bool Next(std::shared_ptr<arrow::RecordBatch>* batch, duckdb::ErrorData* error);
  // All batches that are left, as fast as they can be made.
  bool Rest(std::vector<std::shared_ptr<arrow::RecordBatch>>* batches, duckdb::ErrorData* error);

 private:
  // One step towards the end.
  bool Step(duckdb::ErrorData* error);
  // Waits for work or rows, not for long.
  void Pause();

  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<BatchQueue> queue_;
  duckdb::unique_ptr<duckdb::PendingQueryResult> pending_;
  std::deque<std::shared_ptr<arrow::RecordBatch>> taken_;
  std::optional<std::chrono::steady_clock::time_point> idle_since_;
};

// While it lives, statements of this connection that are planned without streaming leave as Arrow.
class ArrowCollection {
 public:
  explicit ArrowCollection(duckdb::ClientContext& context);
  ArrowCollection(const ArrowCollection&) = delete;
  ArrowCollection& operator=(const ArrowCollection&) = delete;
  ~ArrowCollection();

  // Starts what was planned since, and runs it to its first rows: a result with an error, or one of
  // which ArrowRowsOf gives the rows.
  duckdb::unique_ptr<duckdb::QueryResult> Start(
      duckdb::unique_ptr<duckdb::PendingQueryResult> pending);

 private:
  struct Planned;
  duckdb::ClientContext& context_;
  const std::shared_ptr<Planned> planned_;
};

// The rows of a result of ArrowCollection::Start; nullptr for any other.
ArrowRows* ArrowRowsOf(duckdb::QueryResult& result);

}  // namespace pyralog::sql
