// Query results as Arrow batches: a result collector of our own at the top of DuckDB's plans, and
// readers for the rest.
//
//   UseArrowResults(*connection.context);  // once for each connection
//   auto pending = statement->PendingQuery(parameters, /*allow_stream_result=*/false);
//   auto result = pending->Execute();      // materialised, by the collector
//   ARROW_ASSIGN_OR_RAISE(auto reader, ReadArrow(std::move(result)));
//
// A streaming result (allow_stream_result = true) goes through ReadArrow too, batch by batch as it
// is read; the connection must stay as it is until then. The collector is not used for it.
#pragma once

#include <memory>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// Rows of a batch at most. The unit of storage too, so that a bare scan gives one batch for each.
constexpr int64_t kResultBatchRows = 122880;

// The Arrow schema of result columns: see ResultLayoutOf. UUIDs are marked as arrow.uuid.
std::shared_ptr<arrow::Schema> ResultSchema(const duckdb::vector<duckdb::LogicalType>& types,
                                            const duckdb::vector<std::string>& names);

// From now on statements of this connection that do not stream are collected as Arrow.
void UseArrowResults(duckdb::ClientContext& context);

// The rows of a successful result, whatever made it; its error as a status (StatusOf) otherwise.
// Rows keep their order.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ReadArrow(
    duckdb::unique_ptr<duckdb::QueryResult> result);

}  // namespace pyralog::sql
