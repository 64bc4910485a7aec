#include "sql/scan_plan.h"

#include <algorithm>
#include <map>
#include <memory>
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
#include "sql/table_entry.h"

namespace pyralog::sql {
namespace {

// Counting the visible rows of a unit takes a few microseconds; with more units than this only all
// are counted.
constexpr int64_t kMaxUnitsToCount = 2000;

// A value between the bounds of rows that are there does not change MIN or MAX, whoever owned it.
struct SeenBounds {
  duckdb::Value min, max;
};

// What the partitions of one table share while DuckDB asks about them.
struct Partitions {
  duckdb::ClientContext& context;
  lsm::TableViewPtr view;
  const catalog::TableDef& table;
  std::map<int, SeenBounds> seen;  // by column: of partitions whose bounds were found to be exact
  std::map<int, TypeLayout> layouts;  // by column
};

// A unit's statistics, for DuckDB to fold MIN and MAX and to count rows before an OFFSET.
class UnitPartition final : public duckdb::PartitionRowGroup {
 public:
  UnitPartition(std::shared_ptr<Partitions> all, size_t unit) : all_(std::move(all)), unit_(unit) {}

  duckdb::unique_ptr<duckdb::BaseStatistics> GetColumnStatistics(
      const duckdb::StorageIndex& column) override {
    if (column.HasChildren()) return nullptr;
    const auto position = static_cast<int>(column.GetPrimaryIndex());
    return UnitStatistics(*all_->view, unit_, position, LayoutAt(position));
  }

  // DuckDB asks this of every partition whose bounds it is about to combine. Bounds whose owners
  // are deleted are as good as exact where those of an earlier partition decide.
  bool MinMaxIsExact(const duckdb::BaseStatistics&, const duckdb::StorageIndex& column) override {
    const auto position = static_cast<int>(column.GetPrimaryIndex());
    const auto zone = ValueOrThrow(all_->view->Zone(unit_, position));
    if (!zone.has_range || !zone.min_exact || !zone.max_exact) return false;
    const TypeLayout& layout = LayoutAt(position);
    const duckdb::Value min = ZoneBound(zone.min, layout), max = ZoneBound(zone.max, layout);
    if (min.IsNull() || max.IsNull()) return false;
    SeenBounds& seen = all_->seen[position];
    const bool lower = seen.min.IsNull() || min < seen.min,
               higher = seen.max.IsNull() || max > seen.max;
    if (lower && !IsThere(position, layout, min)) return false;
    if (higher && !IsThere(position, layout, max)) return false;
    if (lower) seen.min = min;
    if (higher) seen.max = max;
    return true;
  }

 private:
  const TypeLayout& LayoutAt(int position) const {
    const auto known = all_->layouts.find(position);
    if (known != all_->layouts.end()) return known->second;
    auto layout = ValueOrThrow(LayoutOfColumn(all_->table.columns[position]));
    return all_->layouts.emplace(position, std::move(layout)).first->second;
  }
  bool IsThere(int position, const TypeLayout& layout, const duckdb::Value& value) const {
    return !all_->view->units()[unit_].maybe_masked ||
           HasVisibleValue(all_->context, *all_->view, unit_, position, layout, value);
  }

  const std::shared_ptr<Partitions> all_;
  const size_t unit_;
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
  duckdb::ExpressionIterator::EnumerateChildren(expression, [&](const duckdb::Expression& child) {
    changes = changes || ChangesBetweenQueries(child);
  });
  return changes;
}

bool MayBeKept(duckdb::LogicalOperator& plan) {
  if (plan.type == duckdb::LogicalOperatorType::LOGICAL_GET) return false;
  bool kept = true;
  duckdb::LogicalOperatorVisitor::EnumerateExpressions(
      plan, [&](duckdb::unique_ptr<duckdb::Expression>* expression) {
        kept = kept && !ChangesBetweenQueries(**expression);
      });
  return kept && std::all_of(plan.children.begin(), plan.children.end(),
                             [](auto& child) { return MayBeKept(*child); });
}

}  // namespace

duckdb::unique_ptr<duckdb::BaseStatistics> PlanStatistics(
    duckdb::ClientContext& context, duckdb::TableFunctionGetStatisticsInput& input) {
  const duckdb::ColumnIndex& column = input.column_index;
  if (column.IsVirtualColumn() || column.HasChildren()) return nullptr;
  auto& table = input.bind_data->Cast<ScanBindData>().table;
  const int position = TableEntry::Of(table).StoredPosition(column.GetPrimaryIndex());
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
  const auto masked = std::count_if(units.begin(), units.end(),
                                    [](const lsm::Unit& unit) { return unit.maybe_masked; });
  if (masked > kMaxUnitsToCount) {
    partitions.push_back(ExactCount(view->num_rows()));
    return partitions;
  }
  auto all =
      std::make_shared<Partitions>(Partitions{context, view, DefinitionOf(bind.table), {}, {}});
  lsm::MaskWords mask;
  for (size_t unit = 0; unit < units.size(); ++unit) {
    partitions.push_back(
        ExactCount(units[unit].maybe_masked ? view->Mask(unit, &mask) : units[unit].rows));
    partitions.back().partition_row_group = duckdb::make_shared_ptr<UnitPartition>(all, unit);
  }
  bind.counted_view = view;
  return partitions;
}

void AllowPlanCacheWithoutScans(duckdb::Binder& binder, duckdb::LogicalOperator& plan) {
  if (MayBeKept(plan)) binder.GetStatementProperties().always_require_rebind = false;
}

}  // namespace pyralog::sql
