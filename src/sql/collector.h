// Query results that are wanted whole: a result collector of our own at the top of DuckDB's plans,
// which builds Arrow batches in the threads that make the rows.
//
//   CollectArrow(context, true);
//   auto pending = statement->PendingQuery(parameters, /*allow_stream_result=*/false);
//   auto result = pending->Execute();
//   std::optional<CollectedRows> rows = TakeCollectedRows(*result);
//
// Results that stream, and those of statements that DuckDB runs past its executor, are not
// collected: see result_reader.h.
#pragma once

#include <memory>
#include <optional>

#include "arrow/record_batch.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// From now on (or no more) statements of this connection that do not stream are collected as Arrow.
void CollectArrow(duckdb::ClientContext& context, bool on);

struct CollectedRows {
  std::shared_ptr<arrow::Schema> schema;
  arrow::RecordBatchVector batches;  // rows keep their order
};

// The rows of a successful result that was collected; nothing for any other.
std::optional<CollectedRows> TakeCollectedRows(duckdb::QueryResult& result);

}  // namespace pyralog::sql
