#include "sql/scan_plan.h"

#include <algorithm>
#include <utility>

#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/logical_operator_visitor.hpp"
#include "duckdb/storage/statistics/node_statistics.hpp"
#include "sql/errors.h"
#include "sql/filter_zone.h"
#include "sql/scan.h"
#include "sql/scan_state.h"

namespace pyralog::sql {
namespace {

// A unit's statistics, for DuckDB to fold MIN and MAX and to count rows before an OFFSET.
class UnitPartition final : public duckdb::PartitionRowGroup {
 public:
  UnitPartition(lsm::TableViewPtr view, size_t unit, const catalog::TableDef& table)
      : view_(std::move(view)), unit_(unit), table_(table) {}

  duckdb::unique_ptr<duckdb::BaseStatistics> GetColumnStatistics(const duckdb::StorageIndex& column) override {
    if (column.HasChildren()) return nullptr;
    const auto position = static_cast<int>(column.GetPrimaryIndex());
    const TypeLayout layout = ValueOrThrow(LayoutOfColumn(table_.columns[position]));
    return UnitStatistics(*view_, unit_, position, layout);
  }
  bool MinMaxIsExact(const duckdb::BaseStatistics&, const duckdb::StorageIndex& column) override {
    const auto zone = ValueOrThrow(view_->Zone(unit_, static_cast<int>(column.GetPrimaryIndex())));
    return zone.has_range && zone.min_exact && zone.max_exact;
  }

 private:
  const lsm::TableViewPtr view_;
  const size_t unit_;
  const catalog::TableDef& table_;
};

duckdb::PartitionStatistics ExactCount(int64_t rows) {
  duckdb::PartitionStatistics partition;
  partition.count = static_cast<duckdb::idx_t>(rows);
  partition.count_type = duckdb::CountType::COUNT_EXACT;
  return partition;
}

// Whether the plan must be bound anew for each execution whatever tables it reads, as with now().
bool ChangesBetweenQueries(const duckdb::Expression& expression) {
  if (expression.GetExpressionClass() == duckdb::ExpressionClass::BOUND_FUNCTION &&
      expression.Cast<duckdb::BoundFunctionExpression>().function.GetStability() ==
          duckdb::FunctionStability::CONSISTENT_WITHIN_QUERY) {
    return true;
  }
  bool changes = false;
  duckdb::ExpressionIterator::EnumerateChildren(
      expression, [&](const duckdb::Expression& child) { changes = changes || ChangesBetweenQueries(child); });
  return changes;
}

bool MayBeKept(duckdb::LogicalOperator& plan) {
  if (plan.type == duckdb::LogicalOperatorType::LOGICAL_GET) return false;
  bool kept = true;
  duckdb::LogicalOperatorVisitor::EnumerateExpressions(plan, [&](duckdb::unique_ptr<duckdb::Expression>* expression) {
    kept = kept && !ChangesBetweenQueries(**expression);
  });
  return kept && std::all_of(plan.children.begin(), plan.children.end(), [](auto& child) { return MayBeKept(*child); });
}

}  // namespace

duckdb::unique_ptr<duckdb::BaseStatistics> PlanStatistics(duckdb::ClientContext& context,
                                                          duckdb::TableFunctionGetStatisticsInput& input) {
  const duckdb::ColumnIndex& column = input.column_index;
  if (column.IsVirtualColumn() || column.HasChildren()) return nullptr;
  auto& table = input.bind_data->Cast<ScanBindData>().table;
  const auto position = static_cast<int>(column.GetPrimaryIndex());
  const TypeLayout layout = ValueOrThrow(LayoutOfColumn(DefinitionOf(table).columns[position]));
  const auto zone = ValueOrThrow(CurrentView(context, table)->ColumnRange(position));
  return zone.has_range ? StatisticsOf(zone, zone.rows, layout) : nullptr;
}

duckdb::unique_ptr<duckdb::NodeStatistics> PlanCardinality(duckdb::ClientContext& context,
                                                           const duckdb::FunctionData* bind_data) {
  auto& bind = bind_data->CastNoConst<ScanBindData>();
  const auto view = CurrentView(context, bind.table);
  bind.planned_rows = view->num_rows_bound();
  bind.planned_units = static_cast<int64_t>(view->units().size());
  const auto rows = static_cast<duckdb::idx_t>(bind.planned_rows);
  return duckdb::make_uniq<duckdb::NodeStatistics>(rows, rows);
}

duckdb::vector<duckdb::PartitionStatistics> PlanPartitions(duckdb::ClientContext& context,
                                                           duckdb::GetPartitionStatsInput& input) {
  auto& bind = input.bind_data->CastNoConst<ScanBindData>();
  const auto view = CurrentView(context, bind.table);
  const auto& units = view->units();
  duckdb::vector<duckdb::PartitionStatistics> partitions;
  if (std::any_of(units.begin(), units.end(), [](const lsm::Unit& unit) { return unit.maybe_masked; })) {
    partitions.push_back(ExactCount(view->num_rows()));
    return partitions;
  }
  for (size_t unit = 0; unit < units.size(); ++unit) {
    partitions.push_back(ExactCount(units[unit].rows));
    partitions.back().partition_row_group =
        duckdb::make_shared_ptr<UnitPartition>(view, unit, DefinitionOf(bind.table));
  }
  bind.counted_view = view;
  return partitions;
}

void AllowPlanCacheWithoutScans(duckdb::Binder& binder, duckdb::LogicalOperator& plan) {
  if (MayBeKept(plan)) binder.GetStatementProperties().always_require_rebind = false;
}

}  // namespace pyralog::sql
