// Where a bound plan can look keys up: see key_lookup.h. Anything that does not fit exactly stays
// as it was.
#include <algorithm>
#include <optional>
#include <utility>

#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/operator/logical_comparison_join.hpp"
#include "duckdb/planner/operator/logical_dummy_scan.hpp"
#include "duckdb/planner/operator/logical_expression_get.hpp"
#include "duckdb/planner/operator/logical_filter.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "sql/arrow_types.h"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/key_lookup.h"
#include "sql/stored_values.h"

namespace pyralog::sql {
namespace {

using OperatorPtr = duckdb::unique_ptr<duckdb::LogicalOperator>;
using ExpressionPtr = duckdb::unique_ptr<duckdb::Expression>;
using duckdb::LogicalOperatorType;

// The keyed hot table that a plain scan reads, or nullptr; none whose keys cannot be looked up.
TableEntry* KeyedTable(const duckdb::LogicalOperator& op) {
  if (op.type != LogicalOperatorType::LOGICAL_GET) return nullptr;
  const auto& get = op.Cast<duckdb::LogicalGet>();
  const auto table = get.GetTable();
  if (table == nullptr || table->catalog.GetCatalogType() != kCatalogName) return nullptr;
  if (!get.children.empty() || !get.projection_ids.empty() || !get.table_filters.filters.empty() ||
      get.extra_info.sample_options || get.ordinality_idx.IsValid()) {
    return nullptr;
  }
  TableEntry& entry = TableEntry::Of(*const_cast<duckdb::TableCatalogEntry*>(table.get()));
  const catalog::TableDef& definition = entry.definition();
  const bool has_lookup =
      !definition.key.empty() && std::ranges::all_of(definition.key, [&](int key) {
        return TakesAnyKey(definition.columns[key]);
      });
  return has_lookup ? &entry : nullptr;
}

// The columns of a scan, or nothing when one is of a kind that a lookup does not emit.
std::optional<LookupColumns> ColumnsOf(const duckdb::LogicalGet& get) {
  LookupColumns columns;
  for (const duckdb::ColumnIndex& id : get.GetColumnIds()) {
    if (id.HasChildren()) return std::nullopt;
    if (id.IsVirtualColumn() && !id.IsRowIdColumn() && !id.IsEmptyColumn()) return std::nullopt;
    columns.ids.push_back(id);
    columns.types.push_back(get.GetColumnType(id));
  }
  return columns;
}

// The position in the key of the column that `expression` plainly refers to, or -1.
int KeyPosition(const duckdb::Expression& expression, const duckdb::LogicalGet& get,
                const TableEntry& table) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF) return -1;
  const auto& reference = expression.Cast<duckdb::BoundColumnRefExpression>();
  if (reference.depth != 0 || reference.binding.table_index != get.table_index) return -1;
  const duckdb::ColumnIndex& id = get.GetColumnIds()[reference.binding.column_index];
  if (id.IsVirtualColumn()) return -1;
  const auto& key = table.definition().key;
  const int stored = table.StoredPosition(id.GetPrimaryIndex());
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] == stored) return static_cast<int>(i);
  }
  return -1;
}

bool RefersToColumns(const duckdb::Expression& expression) {
  if (expression.GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF) return true;
  bool refers = false;
  duckdb::ExpressionIterator::EnumerateChildren(expression, [&](const duckdb::Expression& child) {
    refers = refers || RefersToColumns(child);
  });
  return refers;
}

// Types whose SQL equality is that of their encoded keys, and whose values compare without a
// collation.
bool HasPlainEquality(const duckdb::LogicalType& type) {
  return !type.IsNested() && type.id() != duckdb::LogicalTypeId::INTERVAL &&
         duckdb::StringType::GetCollation(type).empty();
}

// Whether the expression can be evaluated once for a row, before the lookup, to a value of this
// type.
bool CanBeKey(const duckdb::Expression& expression, const duckdb::LogicalType& type) {
  return expression.return_type == type && HasPlainEquality(type) && !expression.HasSubquery() &&
         !expression.IsVolatile();
}

// The comparison's position in the key, with the expression that it is compared with.
int MatchEquality(duckdb::Expression& condition, const duckdb::LogicalGet& get,
                  const TableEntry& table, ExpressionPtr** value) {
  if (condition.GetExpressionType() != duckdb::ExpressionType::COMPARE_EQUAL ||
      condition.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COMPARISON) {
    return -1;
  }
  auto& comparison = condition.Cast<duckdb::BoundComparisonExpression>();
  const auto match = [&](const duckdb::Expression& column, ExpressionPtr& other) {
    const int position = KeyPosition(column, get, table);
    if (position < 0 || !CanBeKey(*other, column.return_type) || RefersToColumns(*other)) return -1;
    *value = &other;
    return position;
  };
  const int position = match(*comparison.left, comparison.right);
  return position >= 0 ? position : match(*comparison.right, comparison.left);
}

// FILTER(GET) with an equality for each key column: FILTER(the other conditions, KEY_LOOKUP) or
// KEY_LOOKUP alone.
bool RewriteFilter(duckdb::Binder& binder, OperatorPtr& plan) {
  TableEntry* table = KeyedTable(*plan->children[0]);
  if (table == nullptr) return false;
  auto& get = plan->children[0]->Cast<duckdb::LogicalGet>();
  const auto columns = ColumnsOf(get);
  if (!columns) return false;
  const size_t width = table->definition().key.size();
  std::vector<ExpressionPtr*> values(width);
  std::vector<size_t> used;  // conditions that become the lookup
  for (size_t i = 0; i < plan->expressions.size(); ++i) {
    ExpressionPtr* value = nullptr;
    const int position = MatchEquality(*plan->expressions[i], get, *table, &value);
    if (position < 0 || values[position] != nullptr) continue;
    values[position] = value;
    used.push_back(i);
  }
  if (used.size() < width) return false;
  duckdb::vector<ExpressionPtr> keys;
  for (ExpressionPtr* value : values) keys.push_back(std::move(*value));
  for (size_t i = used.size(); i-- > 0;) plan->expressions.erase_at(used[i]);
  auto source = duckdb::make_uniq<duckdb::LogicalDummyScan>(binder.GenerateTableIndex());
  auto lookup = duckdb::make_uniq<LogicalKeyLookup>(LookupKind::kRows, *table, get.table_index,
                                                    *columns, std::move(keys), std::move(source));
  if (plan->expressions.empty()) {
    plan = std::move(lookup);
  } else {
    plan->children[0] = std::move(lookup);
  }
  return true;
}

// Whether the plan gives exactly one row: VALUES (...) or no FROM, under projections and DISTINCT.
bool GivesOneRow(const duckdb::LogicalOperator& plan) {
  switch (plan.type) {
    case LogicalOperatorType::LOGICAL_DUMMY_SCAN:
      return true;
    case LogicalOperatorType::LOGICAL_EXPRESSION_GET:
      return plan.Cast<duckdb::LogicalExpressionGet>().expressions.size() == 1 &&
             GivesOneRow(*plan.children[0]);
    case LogicalOperatorType::LOGICAL_PROJECTION:
    case LogicalOperatorType::LOGICAL_DISTINCT:
      return GivesOneRow(*plan.children[0]);
    default:
      return false;
  }
}

// REQUIRES: GivesOneRow(*plan).
void RemoveDistinct(OperatorPtr& plan) {
  while (plan->type == LogicalOperatorType::LOGICAL_DISTINCT) {
    OperatorPtr child = std::move(plan->children[0]);
    plan = std::move(child);
  }
  for (OperatorPtr& child : plan->children) RemoveDistinct(child);
}

// The join of a MERGE: (source LEFT or INNER JOIN GET) with an equality for each key column and no
// other condition.
bool RewriteJoin(OperatorPtr& plan) {
  if (plan->type != LogicalOperatorType::LOGICAL_COMPARISON_JOIN) return false;
  auto& join = plan->Cast<duckdb::LogicalComparisonJoin>();
  if (join.join_type != duckdb::JoinType::LEFT && join.join_type != duckdb::JoinType::INNER)
    return false;
  if (join.HasProjectionMap() || join.predicate || !join.duplicate_eliminated_columns.empty())
    return false;
  TableEntry* table = KeyedTable(*join.children[1]);
  if (table == nullptr || join.conditions.size() != table->definition().key.size()) return false;
  auto& get = join.children[1]->Cast<duckdb::LogicalGet>();
  const auto columns = ColumnsOf(get);
  if (!columns) return false;
  std::vector<ExpressionPtr*> values(join.conditions.size());
  for (duckdb::JoinCondition& condition : join.conditions) {
    if (condition.comparison != duckdb::ExpressionType::COMPARE_EQUAL) return false;
    const int position = KeyPosition(*condition.right, get, *table);
    if (position < 0 || values[position] != nullptr) return false;
    if (!CanBeKey(*condition.left, condition.right->return_type)) return false;
    values[position] = &condition.left;
  }
  duckdb::vector<ExpressionPtr> keys;
  for (ExpressionPtr* value : values) keys.push_back(std::move(*value));
  OperatorPtr source = std::move(join.children[0]);
  if (GivesOneRow(*source)) RemoveDistinct(source);
  const LookupKind kind =
      join.join_type == duckdb::JoinType::LEFT ? LookupKind::kLeftJoin : LookupKind::kInnerJoin;
  plan = duckdb::make_uniq<LogicalKeyLookup>(kind, *table, get.table_index, *columns,
                                             std::move(keys), std::move(source));
  return true;
}

}  // namespace

bool UseKeyLookups(duckdb::Binder& binder, OperatorPtr& plan) {
  // Only the one path from the root: below a join or a set operation a scan may be the better
  // choice, and the optimizer is left to make it.
  OperatorPtr* at = &plan;
  bool rewritten = false;
  while ((*at)->children.size() == 1) {
    if ((*at)->type == LogicalOperatorType::LOGICAL_FILTER) {
      rewritten = RewriteFilter(binder, *at) || rewritten;
    }
    const bool is_merge = (*at)->type == LogicalOperatorType::LOGICAL_MERGE_INTO;
    at = &(*at)->children[0];
    if (is_merge && (*at)->type == LogicalOperatorType::LOGICAL_PROJECTION) {
      return RewriteJoin((*at)->children[0]);
    }
  }
  return rewritten;
}

}  // namespace pyralog::sql
