#include "sql/update.h"

#include <algorithm>
#include <utility>

#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "sql/arrow_vectors.h"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/ordered_appender.h"
#include "sql/row_fetcher.h"
#include "sql/row_ids.h"

namespace pyralog::sql {
namespace {

class UpdateState final : public WriteState {
 public:
  UpdateState(SqlTransaction& transaction, const TableEntry& table)
      : WriteState(transaction, table),
        view(transaction.View(table.definition())),
        seen(transaction.ChangedRows(table.definition().id)),
        at_end([this](const std::shared_ptr<arrow::RecordBatch>& rows) { Append(rows); }) {}

  const lsm::TableViewPtr view;  // in which the row ids of the input stand
  RowIdSet& seen;
  OrderedAppender at_end;
};

// Columns of the table that are not set.
std::vector<int> KeptColumns(const catalog::TableDef& table, const UpdateOperator::Set& set) {
  std::vector<int> kept;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (std::ranges::find(set.columns, duckdb::PhysicalIndex(i)) == set.columns.end()) {
      kept.push_back(static_cast<int>(i));
    }
  }
  return kept;
}

// One thread's share: new values are collected until there are enough rows for an append.
class UpdateLocalState final : public duckdb::LocalSinkState {
 public:
  UpdateLocalState(duckdb::ClientContext& context, const TableEntry& table,
                   const UpdateOperator::Set& set, const BoundConstraints& constraints,
                   bool returns_rows);

  void Sink(duckdb::ClientContext& context, duckdb::DataChunk& chunk, UpdateState& state);
  // Replaces the rows collected so far.
  void Flush(UpdateState& state, bool append_at_end);
  int64_t rows() const { return static_cast<int64_t>(row_ids_.size()); }

 private:
  // The values to set, for all rows of the input.
  void ComputeNewValues(duckdb::DataChunk& chunk);
  // The whole new rows: for CHECK and RETURNING only.
  void FillWholeRows(const UpdateState& state, std::span<const int64_t> row_ids);

  const catalog::TableDef& table_;
  const UpdateOperator::Set& set_;
  const bool needs_whole_rows_;
  const bool returns_rows_;
  RowChecker checker_;
  RowFetcher kept_;
  duckdb::ExpressionExecutor defaults_;        // of the columns set to DEFAULT, in order
  std::unique_ptr<BatchCollector> collector_;  // of the columns set
  std::vector<int64_t> row_ids_;               // parallel to the collector's rows
  duckdb::SelectionVector selection_;
  duckdb::DataChunk new_values_;
  duckdb::DataChunk default_values_;
  duckdb::DataChunk whole_rows_;
};

UpdateLocalState::UpdateLocalState(duckdb::ClientContext& context, const TableEntry& table,
                                   const UpdateOperator::Set& set,
                                   const BoundConstraints& constraints, bool returns_rows)
    : table_(table.definition()),
      set_(set),
      needs_whole_rows_(returns_rows || table.has_checks()),
      returns_rows_(returns_rows),
      checker_(context, table_, constraints),
      kept_(table_, KeptColumns(table_, set), context),
      defaults_(context),
      selection_(STANDARD_VECTOR_SIZE) {
  std::vector<catalog::ColumnDef> columns;
  duckdb::vector<duckdb::LogicalType> types;
  duckdb::vector<duckdb::LogicalType> default_types;
  for (size_t i = 0; i < set.columns.size(); ++i) {
    columns.push_back(table_.columns[set.columns[i].index]);
    types.push_back(table.GetColumns().GetColumn(set.columns[i]).Type());
    if (set.expressions[i]->GetExpressionType() == duckdb::ExpressionType::VALUE_DEFAULT) {
      defaults_.AddExpression(*set.defaults[set.columns[i].index]);
      default_types.push_back(types.back());
    }
  }
  if (!columns.empty()) collector_ = ValueOrThrow(MakeBatchCollector(columns, context));
  new_values_.InitializeEmpty(types);
  if (!default_types.empty()) default_values_.Initialize(context, default_types);
  if (needs_whole_rows_) whole_rows_.Initialize(context, table.GetTypes());
}

void UpdateLocalState::ComputeNewValues(duckdb::DataChunk& chunk) {
  if (default_values_.ColumnCount() > 0) {
    default_values_.Reset();
    defaults_.Execute(chunk, default_values_);
  }
  size_t next_default = 0;
  new_values_.Reset();
  for (size_t i = 0; i < set_.columns.size(); ++i) {
    const duckdb::Expression& expression = *set_.expressions[i];
    if (expression.GetExpressionType() == duckdb::ExpressionType::VALUE_DEFAULT) {
      new_values_.data[i].Reference(default_values_.data[next_default++]);
    } else {
      const auto& reference = expression.Cast<duckdb::BoundReferenceExpression>();
      new_values_.data[i].Reference(chunk.data[reference.index]);
    }
  }
  new_values_.SetCardinality(chunk);
}

void UpdateLocalState::FillWholeRows(const UpdateState& state, std::span<const int64_t> row_ids) {
  whole_rows_.Reset();
  std::vector<duckdb::Vector*> kept;
  for (const int column : kept_.columns()) kept.push_back(&whole_rows_.data[column]);
  kept_.Fetch(*state.view, row_ids, kept);
  for (size_t i = 0; i < set_.columns.size(); ++i) {
    whole_rows_.data[set_.columns[i].index].Reference(new_values_.data[i]);
  }
  whole_rows_.SetCardinality(row_ids.size());
}

void UpdateLocalState::Sink(duckdb::ClientContext& context, duckdb::DataChunk& chunk,
                            UpdateState& state) {
  const size_t before = row_ids_.size();
  const duckdb::idx_t count =
      TakeNewRowIds(chunk.data.back(), chunk.size(), state.seen, &row_ids_, &selection_);
  if (count == 0) return;
  ComputeNewValues(chunk);
  if (count < chunk.size()) new_values_.Slice(selection_, count);
  for (size_t i = 0; i < set_.columns.size(); ++i) {
    checker_.CheckNotNull(static_cast<int>(set_.columns[i].index), new_values_.data[i], count);
  }
  if (needs_whole_rows_) {
    FillWholeRows(state, std::span(row_ids_).subspan(before));
    checker_.CheckExpressions(whole_rows_);
    if (returns_rows_) state.Return(context, whole_rows_);
  }
  if (collector_ != nullptr) {
    ThrowIfError(collector_->Append(new_values_));
  } else {
    row_ids_.resize(before);  // nothing is set: the rows stay as they are
  }
  state.Count(static_cast<int64_t>(count));
}

void UpdateLocalState::Flush(UpdateState& state, bool append_at_end) {
  if (row_ids_.empty()) return;
  const auto new_values = ValueOrThrow(collector_->Finish());
  arrow::ArrayVector columns(table_.columns.size());
  for (size_t i = 0; i < set_.columns.size(); ++i) {
    columns[set_.columns[i].index] = new_values->column(static_cast<int>(i));
  }
  if (!kept_.columns().empty()) {
    const auto kept = ValueOrThrow(state.view->Fetch(row_ids_, kept_.columns()));
    for (size_t i = 0; i < kept_.columns().size(); ++i) {
      columns[kept_.columns()[i]] = kept->column(static_cast<int>(i));
    }
  }
  auto rows =
      arrow::RecordBatch::Make(state.view->schema()->arrow, this->rows(), std::move(columns));
  state.Delete(row_ids_);
  if (append_at_end) {
    state.at_end.Add(0, std::move(rows));
  } else {
    state.Append(rows);
  }
  row_ids_.clear();
}

}  // namespace

bool SetsKey(const TableEntry& table, const duckdb::vector<duckdb::PhysicalIndex>& columns) {
  return std::ranges::any_of(columns, [&](const duckdb::PhysicalIndex& column) {
    return table.IsUniqueColumn(static_cast<int>(column.index));
  });
}

UpdateOperator::UpdateOperator(duckdb::PhysicalPlan& plan,
                               duckdb::vector<duckdb::LogicalType> types, duckdb::idx_t cardinality,
                               TableEntry& table, Set set, BoundConstraints constraints,
                               bool returns_rows, bool at_end)
    : WriteOperator(plan, std::move(types), cardinality, returns_rows),
      table_(table),
      set_(std::move(set)),
      constraints_(std::move(constraints)),
      append_at_end_(at_end || SetsKey(table, set_.columns)) {}

duckdb::unique_ptr<duckdb::GlobalSinkState> UpdateOperator::GetGlobalSinkState(
    duckdb::ClientContext& context) const {
  return duckdb::make_uniq<UpdateState>(SqlTransaction::Get(context, table_.catalog), table_);
}

duckdb::unique_ptr<duckdb::LocalSinkState> UpdateOperator::GetLocalSinkState(
    duckdb::ExecutionContext& context) const {
  return duckdb::make_uniq<UpdateLocalState>(context.client, table_, set_, constraints_,
                                             returns_rows_);
}

duckdb::SinkResultType UpdateOperator::Sink(duckdb::ExecutionContext& context,
                                            duckdb::DataChunk& chunk,
                                            duckdb::OperatorSinkInput& input) const {
  auto& state = input.global_state.Cast<UpdateState>();
  auto& local = input.local_state.Cast<UpdateLocalState>();
  local.Sink(context.client, chunk, state);
  if (local.rows() >= kRowsPerAppend) local.Flush(state, append_at_end_);
  return duckdb::SinkResultType::NEED_MORE_INPUT;
}

duckdb::SinkCombineResultType UpdateOperator::Combine(
    duckdb::ExecutionContext& context, duckdb::OperatorSinkCombineInput& input) const {
  input.local_state.Cast<UpdateLocalState>().Flush(input.global_state.Cast<UpdateState>(),
                                                   append_at_end_);
  return duckdb::SinkCombineResultType::FINISHED;
}

duckdb::SinkFinalizeType UpdateOperator::Finalize(duckdb::Pipeline& pipeline, duckdb::Event& event,
                                                  duckdb::ClientContext& context,
                                                  duckdb::OperatorSinkFinalizeInput& input) const {
  auto& state = input.global_state.Cast<UpdateState>();
  state.at_end.AppendAll();
  state.Finish();
  return duckdb::SinkFinalizeType::READY;
}

duckdb::PhysicalOperator& SqlCatalog::PlanUpdate(duckdb::ClientContext& context,
                                                 duckdb::PhysicalPlanGenerator& planner,
                                                 duckdb::LogicalUpdate& op,
                                                 duckdb::PhysicalOperator& plan) {
  UpdateOperator::Set set{op.columns, std::move(op.expressions), std::move(op.bound_defaults)};
  auto& update =
      planner.Make<UpdateOperator>(op.types, op.estimated_cardinality, TableEntry::Of(op.table),
                                   std::move(set), std::move(op.bound_constraints), op.return_chunk,
                                   /*at_end=*/false);
  update.children.push_back(plan);
  return update;
}

}  // namespace pyralog::sql
