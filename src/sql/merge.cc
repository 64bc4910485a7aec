// MERGE INTO, which is also what INSERT ... ON CONFLICT, OR REPLACE and OR IGNORE are rewritten to:
// DuckDB's own operator decides what happens to which row, our three sinks do it.
#include <map>
#include <utility>

#include "duckdb/execution/operator/persistent/physical_merge_into.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/planner/operator/logical_merge_into.hpp"
#include "sql/catalog.h"
#include "sql/delete.h"
#include "sql/insert.h"
#include "sql/update.h"

namespace pyralog::sql {
namespace {

using Action = duckdb::BoundMergeIntoAction;
using PlannedActions = duckdb::vector<duckdb::unique_ptr<duckdb::MergeIntoOperator>>;

// Plans the actions of one MERGE.
class MergePlanner {
 public:
  MergePlanner(duckdb::ClientContext& context, duckdb::PhysicalPlanGenerator& planner,
               duckdb::LogicalMergeInto& op)
      : planner_(planner),
        op_(op),
        table_(TableEntry::Of(op.table)),
        cardinality_(op.EstimateCardinality(context)),
        types_(op.types) {
    if (op.return_chunk) types_.pop_back();  // merge_action, which the merge operator adds
    for (const auto& [condition, actions] : op.actions) {
      for (const auto& action : actions) frees_keys_ = frees_keys_ || FreesKeys(*action);
    }
  }

  duckdb::unique_ptr<duckdb::MergeIntoOperator> Plan(Action& action);

 private:
  // Whether the action may free a key that another row of the statement takes.
  bool FreesKeys(const Action& action) const;
  duckdb::PhysicalOperator& PlanInsert(Action& action);
  duckdb::PhysicalOperator& PlanUpdate(Action& action);

  duckdb::PhysicalPlanGenerator& planner_;
  duckdb::LogicalMergeInto& op_;
  TableEntry& table_;
  const duckdb::idx_t cardinality_;
  duckdb::vector<duckdb::LogicalType> types_;
  bool frees_keys_ = false;
};

bool MergePlanner::FreesKeys(const Action& action) const {
  return action.action_type == duckdb::MergeActionType::MERGE_DELETE ||
         (action.action_type == duckdb::MergeActionType::MERGE_UPDATE &&
          SetsKey(table_, action.columns));
}

duckdb::PhysicalOperator& MergePlanner::PlanInsert(Action& action) {
  if (!action.column_index_map.empty()) {
    Expressions in_table_order;
    for (const auto& column : op_.table.GetColumns().Physical()) {
      const auto given = action.column_index_map[column.Physical()];
      in_table_order.push_back(given == duckdb::DConstants::INVALID_INDEX
                                   ? op_.bound_defaults[column.StorageOid()]->Copy()
                                   : std::move(action.expressions[given]));
    }
    action.expressions = std::move(in_table_order);
  }
  const InsertOperator::Options options{
      .mode = InsertOperator::Mode::kParallel,
      .when = frees_keys_ ? InsertOperator::When::kAtEnd : InsertOperator::When::kAtOnce,
      .returns_rows = op_.return_chunk};
  return planner_.Make<InsertOperator>(types_, cardinality_, table_,
                                       CopyConstraints(op_.bound_constraints), options);
}

duckdb::PhysicalOperator& MergePlanner::PlanUpdate(Action& action) {
  UpdateOperator::Set set{std::move(action.columns), std::move(action.expressions), {}};
  for (const auto& value : op_.bound_defaults) set.defaults.push_back(value->Copy());
  return planner_.Make<UpdateOperator>(types_, cardinality_, table_, std::move(set),
                                       CopyConstraints(op_.bound_constraints), op_.return_chunk,
                                       /*at_end=*/false);
}

duckdb::unique_ptr<duckdb::MergeIntoOperator> MergePlanner::Plan(Action& action) {
  auto planned = duckdb::make_uniq<duckdb::MergeIntoOperator>();
  planned->action_type = action.action_type;
  planned->condition = std::move(action.condition);
  switch (action.action_type) {
    case duckdb::MergeActionType::MERGE_INSERT:
      planned->op = &PlanInsert(action);
      planned->expressions = std::move(action.expressions);
      break;
    case duckdb::MergeActionType::MERGE_UPDATE:
      planned->op = &PlanUpdate(action);
      break;
    case duckdb::MergeActionType::MERGE_DELETE:
      planned->op = &planner_.Make<DeleteOperator>(types_, cardinality_, table_, op_.row_id_start,
                                                   op_.return_chunk);
      break;
    case duckdb::MergeActionType::MERGE_ERROR:
      planned->expressions = std::move(action.expressions);
      break;
    default:  // DO NOTHING
      break;
  }
  return planned;
}

}  // namespace

duckdb::PhysicalOperator& SqlCatalog::PlanMergeInto(duckdb::ClientContext& context,
                                                    duckdb::PhysicalPlanGenerator& planner,
                                                    duckdb::LogicalMergeInto& op,
                                                    duckdb::PhysicalOperator& plan) {
  MergePlanner merge(context, planner, op);
  duckdb::map<duckdb::MergeActionCondition, PlannedActions> actions;
  for (auto& [condition, bound] : op.actions) {
    PlannedActions& planned = actions[condition];
    for (auto& action : bound) planned.push_back(merge.Plan(*action));
  }
  auto& result = planner.Make<duckdb::PhysicalMergeInto>(
      op.types, std::move(actions), op.row_id_start, op.source_marker,
      /*parallel=*/!op.return_chunk, op.return_chunk);
  result.children.push_back(plan);
  return result;
}

}  // namespace pyralog::sql
