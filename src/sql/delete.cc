#include "sql/delete.h"

#include <numeric>
#include <utility>

#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/operator/logical_delete.hpp"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/row_fetcher.h"
#include "sql/row_ids.h"

namespace pyralog::sql {
namespace {

class DeleteState final : public WriteState {
 public:
  DeleteState(SqlTransaction& transaction, const TableEntry& table)
      : WriteState(transaction, table),
        view(transaction.View(table.definition())),
        seen(transaction.ChangedRows(table.definition().id)) {}

  const lsm::TableViewPtr view;
  RowIdSet& seen;
};

// One thread's share.
class DeleteLocalState final : public duckdb::LocalSinkState {
 public:
  DeleteLocalState() : selection(STANDARD_VECTOR_SIZE) {}

  // Gives the rows with these ids to RETURNING.
  void Return(duckdb::ClientContext& context, DeleteState& state, std::span<const int64_t> ids);
  void Flush(DeleteState& state) {
    state.Count(state.Delete(row_ids));
    row_ids.clear();
  }

  std::vector<int64_t> row_ids;
  duckdb::SelectionVector selection;

 private:
  std::unique_ptr<RowFetcher> fetcher_;
  duckdb::DataChunk rows_;
};

void DeleteLocalState::Return(duckdb::ClientContext& context, DeleteState& state,
                              std::span<const int64_t> ids) {
  if (fetcher_ == nullptr) {
    std::vector<int> columns(state.definition().columns.size());
    std::iota(columns.begin(), columns.end(), 0);
    fetcher_ = std::make_unique<RowFetcher>(state.definition(), std::move(columns), context);
    rows_.Initialize(context, state.table().GetTypes());
  }
  rows_.Reset();
  std::vector<duckdb::Vector*> out;
  for (duckdb::Vector& vector : rows_.data) out.push_back(&vector);
  fetcher_->Fetch(*state.view, ids, out);
  rows_.SetCardinality(ids.size());
  state.Return(context, rows_);
}

}  // namespace

DeleteOperator::DeleteOperator(duckdb::PhysicalPlan& plan,
                               duckdb::vector<duckdb::LogicalType> types, duckdb::idx_t cardinality,
                               TableEntry& table, duckdb::idx_t row_id_column, bool returns_rows)
    : WriteOperator(plan, std::move(types), cardinality, returns_rows),
      table_(table),
      row_id_column_(row_id_column) {}

duckdb::unique_ptr<duckdb::GlobalSinkState> DeleteOperator::GetGlobalSinkState(
    duckdb::ClientContext& context) const {
  return duckdb::make_uniq<DeleteState>(SqlTransaction::Get(context, table_.catalog), table_);
}

duckdb::unique_ptr<duckdb::LocalSinkState> DeleteOperator::GetLocalSinkState(
    duckdb::ExecutionContext& context) const {
  return duckdb::make_uniq<DeleteLocalState>();
}

duckdb::SinkResultType DeleteOperator::Sink(duckdb::ExecutionContext& context,
                                            duckdb::DataChunk& chunk,
                                            duckdb::OperatorSinkInput& input) const {
  auto& state = input.global_state.Cast<DeleteState>();
  auto& local = input.local_state.Cast<DeleteLocalState>();
  const size_t before = local.row_ids.size();
  const duckdb::idx_t count = TakeNewRowIds(chunk.data[row_id_column_], chunk.size(), state.seen,
                                            &local.row_ids, &local.selection);
  if (returns_rows_ && count > 0) {
    local.Return(context.client, state, std::span(local.row_ids).subspan(before));
  }
  if (static_cast<int64_t>(local.row_ids.size()) >= kRowsPerAppend) local.Flush(state);
  return duckdb::SinkResultType::NEED_MORE_INPUT;
}

duckdb::SinkCombineResultType DeleteOperator::Combine(
    duckdb::ExecutionContext& context, duckdb::OperatorSinkCombineInput& input) const {
  input.local_state.Cast<DeleteLocalState>().Flush(input.global_state.Cast<DeleteState>());
  return duckdb::SinkCombineResultType::FINISHED;
}

duckdb::SinkFinalizeType DeleteOperator::Finalize(duckdb::Pipeline& pipeline, duckdb::Event& event,
                                                  duckdb::ClientContext& context,
                                                  duckdb::OperatorSinkFinalizeInput& input) const {
  input.global_state.Cast<DeleteState>().Finish();
  return duckdb::SinkFinalizeType::READY;
}

duckdb::PhysicalOperator& SqlCatalog::PlanDelete(duckdb::ClientContext& context,
                                                 duckdb::PhysicalPlanGenerator& planner,
                                                 duckdb::LogicalDelete& op,
                                                 duckdb::PhysicalOperator& plan) {
  const auto& row_id = op.expressions[0]->Cast<duckdb::BoundReferenceExpression>();
  auto& result = planner.Make<DeleteOperator>(
      op.types, op.estimated_cardinality, TableEntry::Of(op.table), row_id.index, op.return_chunk);
  result.children.push_back(plan);
  return result;
}

}  // namespace pyralog::sql
