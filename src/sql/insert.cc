#include "sql/insert.h"

#include <utility>

#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/parallel/task_scheduler.hpp"
#include "duckdb/planner/operator/logical_create_table.hpp"
#include "duckdb/planner/operator/logical_insert.hpp"
#include "sql/arrow_vectors.h"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/ordered_appender.h"

namespace pyralog::sql {
namespace {

class InsertState final : public WriteState {
 public:
  InsertState(SqlTransaction& transaction, const TableEntry& table)
      : WriteState(transaction, table),
        ordered([this](const std::shared_ptr<arrow::RecordBatch>& rows) { Append(rows); }) {}

  OrderedAppender ordered;  // of kOrdered, and for kAtEnd
};

class InsertLocalState final : public duckdb::LocalSinkState {
 public:
  void Prepare(duckdb::ClientContext& context, const InsertState& state,
               const BoundConstraints& constraints) {
    if (collector != nullptr) return;
    collector = ValueOrThrow(MakeBatchCollector(state.definition().columns, context));
    checker = std::make_unique<RowChecker>(context, state.definition(), constraints);
  }

  std::unique_ptr<BatchCollector> collector;
  std::unique_ptr<RowChecker> checker;
  uint64_t batch_index = 0;  // of what the collector holds (kOrdered)
};

// Parallel where the order of rows does not matter, or can be restored.
InsertOperator::Mode ModeFor(duckdb::ClientContext& context, duckdb::PhysicalOperator& child,
                             bool returns_rows) {
  if (returns_rows || duckdb::TaskScheduler::GetScheduler(context).NumberOfThreads() == 1) {
    return InsertOperator::Mode::kSerial;
  }
  if (!duckdb::PhysicalPlanGenerator::PreserveInsertionOrder(context, child)) {
    return InsertOperator::Mode::kParallel;
  }
  return duckdb::PhysicalPlanGenerator::UseBatchIndex(context, child)
             ? InsertOperator::Mode::kOrdered
             : InsertOperator::Mode::kSerial;
}

}  // namespace

InsertOperator::InsertOperator(duckdb::PhysicalPlan& plan,
                               duckdb::vector<duckdb::LogicalType> types, duckdb::idx_t cardinality,
                               TableEntry& table, BoundConstraints constraints, Options options)
    : WriteOperator(plan, std::move(types), cardinality, options.returns_rows),
      table_(&table),
      schema_(nullptr),
      constraints_(std::move(constraints)),
      options_(options) {}

InsertOperator::InsertOperator(duckdb::PhysicalPlan& plan,
                               duckdb::vector<duckdb::LogicalType> types, duckdb::idx_t cardinality,
                               duckdb::SchemaCatalogEntry& schema,
                               duckdb::unique_ptr<duckdb::BoundCreateTableInfo> created,
                               Options options)
    : WriteOperator(plan, std::move(types), cardinality, options.returns_rows),
      table_(nullptr),
      schema_(&schema),
      created_(std::move(created)),
      options_(options) {}

duckdb::OperatorPartitionInfo InsertOperator::RequiredPartitionInfo() const {
  return options_.mode == Mode::kOrdered ? duckdb::OperatorPartitionInfo::BatchIndex()
                                         : duckdb::OperatorPartitionInfo::NoPartitionInfo();
}

duckdb::unique_ptr<duckdb::GlobalSinkState> InsertOperator::GetGlobalSinkState(
    duckdb::ClientContext& context) const {
  if (table_ != nullptr) {
    return duckdb::make_uniq<InsertState>(SqlTransaction::Get(context, table_->catalog), *table_);
  }
  duckdb::Catalog& catalog = schema_->catalog;
  auto entry = catalog.CreateTable(catalog.GetCatalogTransaction(context), *schema_, *created_);
  if (entry == nullptr) {  // IF NOT EXISTS, and another statement was faster than the plan
    ThrowStatus(MakeError(ErrorCode::kAlreadyExists,
                          "table \"" + created_->Base().table + "\" already exists"));
  }
  return duckdb::make_uniq<InsertState>(SqlTransaction::Get(context, catalog),
                                        static_cast<TableEntry&>(*entry));
}

duckdb::unique_ptr<duckdb::LocalSinkState> InsertOperator::GetLocalSinkState(
    duckdb::ExecutionContext& context) const {
  return duckdb::make_uniq<InsertLocalState>();
}

duckdb::SinkResultType InsertOperator::Sink(duckdb::ExecutionContext& context,
                                            duckdb::DataChunk& chunk,
                                            duckdb::OperatorSinkInput& input) const {
  auto& state = input.global_state.Cast<InsertState>();
  auto& local = input.local_state.Cast<InsertLocalState>();
  local.Prepare(context.client, state, constraints_);
  local.checker->Check(chunk);
  ThrowIfError(local.collector->Append(chunk));
  if (returns_rows_) state.Return(context.client, chunk);
  state.Count(static_cast<int64_t>(chunk.size()));
  if (options_.mode == Mode::kOrdered) {
    local.batch_index = local.partition_info.batch_index.GetIndex();
  }
  if (local.collector->rows() >= kRowsPerAppend) {
    auto rows = ValueOrThrow(local.collector->Finish());
    if (options_.mode == Mode::kOrdered || options_.when == When::kAtEnd) {
      state.ordered.Add(local.batch_index, std::move(rows));
    } else {
      state.Append(rows);
    }
  }
  return duckdb::SinkResultType::NEED_MORE_INPUT;
}

duckdb::SinkNextBatchType InsertOperator::NextBatch(
    duckdb::ExecutionContext& context, duckdb::OperatorSinkNextBatchInput& input) const {
  auto& state = input.global_state.Cast<InsertState>();
  auto& local = input.local_state.Cast<InsertLocalState>();
  if (local.collector != nullptr && local.collector->rows() > 0) {
    state.ordered.Add(local.batch_index, ValueOrThrow(local.collector->Finish()));
  }
  local.batch_index = local.partition_info.batch_index.GetIndex();
  state.ordered.AppendBelow(local.partition_info.min_batch_index.GetIndex());
  return duckdb::SinkNextBatchType::READY;
}

duckdb::SinkCombineResultType InsertOperator::Combine(
    duckdb::ExecutionContext& context, duckdb::OperatorSinkCombineInput& input) const {
  auto& state = input.global_state.Cast<InsertState>();
  auto& local = input.local_state.Cast<InsertLocalState>();
  if (local.collector == nullptr || local.collector->rows() == 0) {
    return duckdb::SinkCombineResultType::FINISHED;
  }
  auto rows = ValueOrThrow(local.collector->Finish());
  if (options_.mode == Mode::kOrdered || options_.when == When::kAtEnd) {
    state.ordered.Add(local.batch_index, std::move(rows));
  } else {
    state.Append(rows);
  }
  return duckdb::SinkCombineResultType::FINISHED;
}

duckdb::SinkFinalizeType InsertOperator::Finalize(duckdb::Pipeline& pipeline, duckdb::Event& event,
                                                  duckdb::ClientContext& context,
                                                  duckdb::OperatorSinkFinalizeInput& input) const {
  auto& state = input.global_state.Cast<InsertState>();
  state.ordered.AppendAll();
  state.Finish();
  return duckdb::SinkFinalizeType::READY;
}

duckdb::PhysicalOperator& SqlCatalog::PlanInsert(
    duckdb::ClientContext& context, duckdb::PhysicalPlanGenerator& planner,
    duckdb::LogicalInsert& op, duckdb::optional_ptr<duckdb::PhysicalOperator> plan) {
  const InsertOperator::Options options{.mode = ModeFor(context, *plan, op.return_chunk),
                                        .returns_rows = op.return_chunk};
  if (!op.column_index_map.empty()) plan = planner.ResolveDefaultsProjection(op, *plan);
  auto& insert =
      planner.Make<InsertOperator>(op.types, op.estimated_cardinality, TableEntry::Of(op.table),
                                   std::move(op.bound_constraints), options);
  insert.children.push_back(*plan);
  return insert;
}

duckdb::PhysicalOperator& SqlCatalog::PlanCreateTableAs(duckdb::ClientContext& context,
                                                        duckdb::PhysicalPlanGenerator& planner,
                                                        duckdb::LogicalCreateTable& op,
                                                        duckdb::PhysicalOperator& plan) {
  const InsertOperator::Options options{.mode = ModeFor(context, plan, false)};
  auto& insert = planner.Make<InsertOperator>(op.types, op.estimated_cardinality, op.schema,
                                              std::move(op.info), options);
  insert.children.push_back(plan);
  return insert;
}

}  // namespace pyralog::sql
