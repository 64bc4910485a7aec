#include "sql/write_operator.h"

#include <utility>

#include "sql/dictionary_column.h"
#include "sql/errors.h"
#include "sql/table_scan.h"

namespace pyralog::sql {
namespace {

class ReturningScan final : public duckdb::GlobalSourceState {
 public:
  explicit ReturningScan(const duckdb::ColumnDataCollection* rows) : rows_(rows) {
    if (rows_ != nullptr) rows_->InitializeScan(state_);
  }
  bool Next(duckdb::DataChunk& chunk) { return rows_ != nullptr && rows_->Scan(state_, chunk); }

 private:
  const duckdb::ColumnDataCollection* rows_;
  duckdb::ColumnDataScanState state_;
};

}  // namespace

WriteState::WriteState(SqlTransaction& transaction, const TableEntry& table)
    : transaction_(transaction), table_(table) {
  transaction_.NoteWrite();
  transaction_.BeginSink();
  // From here on the statement reads the table as it is now, whatever this sink writes.
  transaction_.View(definition());
}

void WriteState::Append(const std::shared_ptr<arrow::RecordBatch>& rows) {
  AppendRows(transaction_, definition(), rows);
}

void AppendRows(SqlTransaction& transaction, const catalog::TableDef& table,
                const std::shared_ptr<arrow::RecordBatch>& rows) {
  if (rows->num_rows() == 0) return;
  arrow::RecordBatchVector parts;
  ThrowIfError(AppendOfSchema(rows, &parts));
  arrow::Status status;
  for (const auto& part : parts) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].arrow_first)
        ThrowIfError(CheckEntries(*part->column(static_cast<int>(i)), table.columns[i]));
    }
    if (status.ok()) status = transaction.state().storage().Append(table.id, part);
  }
  if (status.ok()) return;
  if (GetErrorCode(status) != ErrorCode::kConstraint) ThrowStatus(status);
  ThrowStatus(
      MakeError(ErrorCode::kConstraint, "table \"" + table.name + "\": " + status.message()));
}

int64_t WriteState::Delete(std::span<const int64_t> row_ids) {
  if (row_ids.empty()) return 0;
  return ValueOrThrow(transaction_.state().storage().Delete(definition().id, row_ids));
}

void WriteState::Return(duckdb::ClientContext& context, duckdb::DataChunk& rows) {
  const std::lock_guard lock(returned_mutex_);
  if (returned_ == nullptr) {
    returned_ = std::make_unique<duckdb::ColumnDataCollection>(context, rows.GetTypes());
  }
  returned_->Append(rows);
}

WriteOperator::WriteOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                             duckdb::idx_t cardinality, bool returns_rows)
    : duckdb::PhysicalOperator(plan, duckdb::PhysicalOperatorType::EXTENSION, std::move(types),
                               cardinality),
      returns_rows_(returns_rows) {}

duckdb::unique_ptr<duckdb::GlobalSourceState> WriteOperator::GetGlobalSourceState(
    duckdb::ClientContext& context) const {
  return duckdb::make_uniq<ReturningScan>(sink_state->Cast<WriteState>().returned());
}

duckdb::SourceResultType WriteOperator::GetDataInternal(duckdb::ExecutionContext& context,
                                                        duckdb::DataChunk& chunk,
                                                        duckdb::OperatorSourceInput& input) const {
  if (!returns_rows_) {
    chunk.SetCardinality(1);
    chunk.SetValue(0, 0, duckdb::Value::BIGINT(sink_state->Cast<WriteState>().changed()));
    return duckdb::SourceResultType::FINISHED;
  }
  return input.global_state.Cast<ReturningScan>().Next(chunk)
             ? duckdb::SourceResultType::HAVE_MORE_OUTPUT
             : duckdb::SourceResultType::FINISHED;
}

}  // namespace pyralog::sql
