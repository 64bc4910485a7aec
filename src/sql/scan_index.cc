#include "sql/scan_index.h"

#include <algorithm>
#include <utility>

#include "duckdb/planner/expression/bound_between_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression/bound_operator_expression.hpp"
#include "duckdb/planner/filter/conjunction_filter.hpp"
#include "duckdb/planner/filter/constant_filter.hpp"
#include "duckdb/planner/filter/in_filter.hpp"
#include "duckdb/planner/filter/optional_filter.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "lsm/key.h"
#include "sql/arrow_vectors.h"
#include "sql/errors.h"
#include "sql/stored_values.h"

namespace pyralog::sql {
namespace {

using duckdb::ExpressionType;
using lsm::PrefixRange;
// Any of them; none at all: nothing passes.
using Ranges = std::vector<PrefixRange>;

// Rows found by an index are read here and there: above this share everything is read in order.
constexpr int64_t kWorthAnIndex = 20;  // 1 / 20
constexpr size_t kMostRanges = 1000;

// Turns a column's filter into ranges of key prefixes that hold all values which pass.
class RangeMaker {
 public:
  RangeMaker(duckdb::ClientContext& context, const catalog::ColumnDef& column,
             const TypeLayout& layout)
      : context_(context), column_(column), layout_(layout) {}

  std::optional<Ranges> Make(const duckdb::TableFilter& filter) const {
    switch (filter.filter_type) {
      case duckdb::TableFilterType::CONSTANT_COMPARISON: {
        const auto& constant = filter.Cast<duckdb::ConstantFilter>();
        return OfComparison(constant.comparison_type, constant.constant);
      }
      case duckdb::TableFilterType::CONJUNCTION_AND:
        return OfAll(filter.Cast<duckdb::ConjunctionAndFilter>());
      case duckdb::TableFilterType::OPTIONAL_FILTER: {
        const auto& child = filter.Cast<duckdb::OptionalFilter>().child_filter;
        return child ? Make(*child) : std::nullopt;
      }
      case duckdb::TableFilterType::IN_FILTER:
        return OfValues(filter.Cast<duckdb::InFilter>());
      default:
        return std::nullopt;
    }
  }

 private:
  std::optional<uint64_t> PrefixOf(const duckdb::Value& value) const {
    if (value.IsNull() || value.type() != layout_.sql || value.type().IsNested() ||
        value.type().id() == duckdb::LogicalTypeId::INTERVAL || !TakesAnyKey(column_)) {
      return std::nullopt;
    }
    duckdb::DataChunk chunk;
    chunk.Initialize(context_, {layout_.sql});
    chunk.SetValue(0, 0, value);
    chunk.SetCardinality(1);
    const auto collector = ValueOrThrow(MakeBatchCollector({column_}, context_));
    ThrowIfError(collector->Append(chunk));
    const auto batch = ValueOrThrow(collector->Finish());
    lsm::KeyBatch keys;
    ThrowIfError(keys.Append(batch->columns()));
    return lsm::KeyPrefix(keys.key(0));
  }

  std::optional<Ranges> OfComparison(ExpressionType comparison, const duckdb::Value& value) const {
    const bool is_equality = comparison == ExpressionType::COMPARE_EQUAL;
    if (!is_equality && !layout_.ordered) return std::nullopt;
    const auto prefix = PrefixOf(value);
    if (!prefix) return std::nullopt;
    switch (comparison) {
      case ExpressionType::COMPARE_EQUAL:
        return Ranges{PrefixRange{*prefix, *prefix}};
      case ExpressionType::COMPARE_GREATERTHAN:
      case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
        return Ranges{PrefixRange{.low = *prefix}};
      case ExpressionType::COMPARE_LESSTHAN:
      case ExpressionType::COMPARE_LESSTHANOREQUALTO:
        return Ranges{PrefixRange{.high = *prefix}};
      default:
        return std::nullopt;
    }
  }

  std::optional<Ranges> OfAll(const duckdb::ConjunctionAndFilter& filter) const {
    std::optional<Ranges> all;
    for (const auto& child : filter.child_filters) {
      const auto ranges = Make(*child);
      if (!ranges) continue;
      if (!all) {
        all = ranges;
        continue;
      }
      Ranges both;
      for (const PrefixRange& a : *all) {
        for (const PrefixRange& b : *ranges) {
          const PrefixRange cut{std::max(a.low, b.low), std::min(a.high, b.high)};
          if (cut.low <= cut.high) both.push_back(cut);
        }
      }
      if (both.size() <= kMostRanges) all = std::move(both);
    }
    return all;
  }

  std::optional<Ranges> OfValues(const duckdb::InFilter& filter) const {
    if (filter.values.size() > kMostRanges) return std::nullopt;
    Ranges ranges;
    for (const duckdb::Value& value : filter.values) {
      const auto prefix = PrefixOf(value);
      if (!prefix) return std::nullopt;
      ranges.push_back({*prefix, *prefix});
    }
    return ranges;
  }

  duckdb::ClientContext& context_;
  const catalog::ColumnDef& column_;
  const TypeLayout& layout_;
};

std::optional<Ranges> RangesOf(duckdb::ClientContext& context, const catalog::TableDef& table,
                               const std::vector<ScanColumn>& columns, int position) {
  for (const ScanColumn& column : columns) {
    if (column.kind != ScanColumn::Kind::kStored || column.position != position) continue;
    if (column.filter == nullptr) continue;
    const RangeMaker maker(context, table.columns[position], column.layout);
    if (auto ranges = maker.Make(*column.filter)) return ranges;
  }
  return std::nullopt;
}

// What to look up in the index, a range for each of its first columns; nothing when its first
// column has no filter.
std::optional<std::vector<std::vector<PrefixRange>>> LookupsOf(
    duckdb::ClientContext& context, const catalog::TableDef& table,
    const std::vector<ScanColumn>& columns, const catalog::IndexDef& index) {
  const auto first = RangesOf(context, table, columns, index.columns[0]);
  if (!first) return std::nullopt;
  std::vector<PrefixRange> rest;
  for (size_t i = 1; i < index.columns.size(); ++i) {
    const auto ranges = RangesOf(context, table, columns, index.columns[i]);
    if (!ranges || ranges->size() != 1) break;
    rest.push_back(ranges->front());
    if (!rest.back().is_point()) break;
  }
  std::vector<std::vector<PrefixRange>> lookups;
  for (const PrefixRange& range : *first) {
    auto& lookup = lookups.emplace_back(1, range);
    if (range.is_point()) lookup.insert(lookup.end(), rest.begin(), rest.end());
  }
  return lookups;
}

// The column of the scanned table that the expression plainly is, or -1.
int ScannedColumn(const duckdb::LogicalGet& get, const duckdb::Expression& expression) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF) return -1;
  const auto& reference = expression.Cast<duckdb::BoundColumnRefExpression>();
  if (reference.binding.table_index != get.table_index) return -1;
  const duckdb::ColumnIndex& id = get.GetColumnIds()[reference.binding.column_index];
  return id.IsVirtualColumn() || id.HasChildren() ? -1 : static_cast<int>(id.GetPrimaryIndex());
}

// The column that the condition compares with a constant, or -1.
int ComparedColumn(const duckdb::LogicalGet& get, const duckdb::Expression& condition) {
  switch (condition.GetExpressionType()) {
    case ExpressionType::COMPARE_EQUAL:
    case ExpressionType::COMPARE_GREATERTHAN:
    case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
    case ExpressionType::COMPARE_LESSTHAN:
    case ExpressionType::COMPARE_LESSTHANOREQUALTO: {
      const auto& comparison = condition.Cast<duckdb::BoundComparisonExpression>();
      if (comparison.right->IsFoldable()) return ScannedColumn(get, *comparison.left);
      return comparison.left->IsFoldable() ? ScannedColumn(get, *comparison.right) : -1;
    }
    case ExpressionType::COMPARE_BETWEEN: {
      const auto& between = condition.Cast<duckdb::BoundBetweenExpression>();
      const bool constant = between.lower->IsFoldable() && between.upper->IsFoldable();
      return constant ? ScannedColumn(get, *between.input) : -1;
    }
    case ExpressionType::COMPARE_IN: {
      const auto& in = condition.Cast<duckdb::BoundOperatorExpression>();
      const bool constant = std::all_of(in.children.begin() + 1, in.children.end(),
                                        [](const auto& value) { return value->IsFoldable(); });
      return constant ? ScannedColumn(get, *in.children[0]) : -1;
    }
    default:
      return -1;
  }
}

}  // namespace

std::optional<IndexHits> AskIndexes(duckdb::ClientContext& context, const lsm::TableView& view,
                                    const catalog::TableDef& table,
                                    const std::vector<ScanColumn>& columns,
                                    const std::vector<size_t>& units) {
  int64_t most = 0;
  for (const size_t unit : units) most += view.units()[unit].rows;
  most /= kWorthAnIndex;
  std::optional<IndexHits> best;
  for (const catalog::IndexDef& index : table.indexes) {
    const auto lookups = LookupsOf(context, table, columns, index);
    if (!lookups) continue;
    IndexHits hits;
    hits.index = index.name;
    for (size_t i = 0; i < units.size() && hits.count <= most; ++i) {
      auto sorted = ValueOrThrow(view.Sorted(units[i], index.columns));
      if (sorted == nullptr) {
        hits.unsorted.insert(units[i]);
        continue;
      }
      for (const auto& lookup : *lookups) {
        const auto rows = sorted->Find(lookup);
        if (rows.empty()) continue;
        hits.rows[units[i]].push_back(rows);
        hits.count += static_cast<int64_t>(rows.size());
      }
      hits.owners.push_back(std::move(sorted));
    }
    if (hits.count > most || (best && best->count <= hits.count)) continue;
    best = std::move(hits);
  }
  return best;
}

std::string PlannedIndex(const catalog::TableDef& table, const duckdb::LogicalGet& get,
                         const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& conditions) {
  for (const catalog::IndexDef& index : table.indexes) {
    const bool compared = std::any_of(
        conditions.begin(), conditions.end(),
        [&](const auto& condition) { return ComparedColumn(get, *condition) == index.columns[0]; });
    if (!compared) continue;
    std::string text = index.name + " (";
    for (size_t i = 0; i < index.columns.size(); ++i)
      text += (i > 0 ? ", " : "") + table.columns[index.columns[i]].name;
    return text + ")";
  }
  return "";
}

}  // namespace pyralog::sql
