// What INSERT, UPDATE and DELETE have in common: they are the sink of one pipeline and the source
// of the next, which gets either the number of rows changed or, with RETURNING, the rows.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "arrow/record_batch.h"
#include "duckdb.hpp"
#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/execution/physical_operator.hpp"
#include "sql/table_entry.h"
#include "sql/transaction.h"

namespace pyralog::sql {

// Rows that a sink collects before it gives them to the storage: one unit of a segment.
constexpr int64_t kRowsPerAppend = 122880;

// The state of one execution, shared by the threads of the sink.
class WriteState : public duckdb::GlobalSinkState {
 public:
  WriteState(SqlTransaction& transaction, const TableEntry& table);

  SqlTransaction& transaction() { return transaction_; }
  const TableEntry& table() const { return table_; }
  const catalog::TableDef& definition() const { return table_.definition(); }

  // Appends rows to the table; kConstraint names table and key. Thread-safe.
  void Append(const std::shared_ptr<arrow::RecordBatch>& rows);
  // Deletes rows and returns how many were there. Thread-safe.
  int64_t Delete(std::span<const int64_t> row_ids);

  // To be called once, when all rows were appended and deleted: the last sink of a statement checks
  // foreign keys, and throws kConstraint naming the tables.
  void Finish() { transaction_.EndSink(); }

  void Count(int64_t rows) { changed_ += rows; }
  int64_t changed() const { return changed_; }
  // Keeps rows for RETURNING. Thread-safe.
  void Return(duckdb::ClientContext& context, duckdb::DataChunk& rows);
  // nullptr when no row was kept. REQUIRES: all sinks are done.
  const duckdb::ColumnDataCollection* returned() const { return returned_.get(); }

 private:
  SqlTransaction& transaction_;
  const TableEntry& table_;
  std::atomic<int64_t> changed_ = 0;
  std::mutex returned_mutex_;
  std::unique_ptr<duckdb::ColumnDataCollection> returned_;  // guarded by returned_mutex_
};

class WriteOperator : public duckdb::PhysicalOperator {
 public:
  WriteOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                duckdb::idx_t cardinality, bool returns_rows);

  bool IsSink() const final { return true; }
  bool IsSource() const final { return true; }
  duckdb::unique_ptr<duckdb::GlobalSourceState> GetGlobalSourceState(
      duckdb::ClientContext& context) const final;

 protected:
  duckdb::SourceResultType GetDataInternal(duckdb::ExecutionContext& context,
                                           duckdb::DataChunk& chunk,
                                           duckdb::OperatorSourceInput& input) const final;

  const bool returns_rows_;
};

// Appends rows to the table; what violates a constraint is reported with the table's name.
void AppendRows(SqlTransaction& transaction, const catalog::TableDef& table,
                const std::shared_ptr<arrow::RecordBatch>& rows);

}  // namespace pyralog::sql
