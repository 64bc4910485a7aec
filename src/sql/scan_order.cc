// The order of units for ORDER BY ... LIMIT. It is DuckDB's own order of row groups
// (RowGroupReorderer), because when a plan has an OFFSET, DuckDB counts leading groups in that
// order at planning and expects the scan to leave out the same.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "sql/errors.h"
#include "sql/filter_zone.h"
#include "sql/scan_state.h"

namespace pyralog::sql {
namespace {

using duckdb::OrderByStatistics;
using duckdb::RowGroupReorderer;
using duckdb::Value;

// Looking for the living owner of a unit's best value reads a column of it, so it is done for so
// many units at most.
constexpr int kUnitsToSearch = 64;

struct OrderedUnit {
  size_t unit;
  duckdb::unique_ptr<duckdb::BaseStatistics> statistics;
};

// Units by whether the place of their values in the order is known.
struct Groups {
  std::vector<size_t> only_null;
  std::vector<size_t> unknown;
  std::vector<OrderedUnit> known;  // in order
};

class UnitOrder {
 public:
  UnitOrder(duckdb::ClientContext& context, const lsm::TableView& view,
            const duckdb::RowGroupOrderOptions& options, const catalog::TableDef& table)
      : context_(context),
        view_(view),
        options_(options),
        position_(static_cast<int>(options.column_idx.GetPrimaryIndex())),
        layout_(ValueOrThrow(LayoutOfColumn(table.columns[position_]))),
        descending_(options.order_type == duckdb::OrderType::DESCENDING) {}

  Groups Group() const {
    Groups groups;
    std::multimap<Value, OrderedUnit> by_value;
    const bool nulls_first = options_.null_order == duckdb::OrderByNullType::NULLS_FIRST;
    for (size_t unit = 0; unit < view_.units().size(); ++unit) {
      auto statistics = UnitStatistics(view_, unit, position_, layout_);
      if (statistics && !statistics->CanHaveNoNull()) {
        groups.only_null.push_back(unit);
        continue;
      }
      Value value = statistics ? RowGroupReorderer::RetrieveStat(*statistics, options_.order_by,
                                                                 options_.column_type)
                               : Value();
      if (value.IsNull() || (nulls_first && statistics->CanHaveNull())) {
        groups.unknown.push_back(unit);
        continue;
      }
      by_value.emplace(std::move(value), OrderedUnit{unit, std::move(statistics)});
    }
    for (auto& [value, unit] : by_value) groups.known.push_back(std::move(unit));
    if (descending_) std::reverse(groups.known.begin(), groups.known.end());
    return groups;
  }

  // Drops units that are certainly behind `limit` rows of others. Returns the worst value that a row
  // before these may have, when that is known exactly and no null is before it.
  std::optional<Value> CutToLimit(std::vector<OrderedUnit>* known) const {
    std::optional<Value> limit = LimitByWorst(*known);
    Cut(limit, known);
    if (const auto best = LimitByBest(*known)) {
      Cut(best, known);
      if (!limit || IsWorse(*limit, *best)) limit = best;
    }
    const bool nulls_last = options_.null_order == duckdb::OrderByNullType::NULLS_LAST;
    return nulls_last && layout_.layout == Layout::kSame ? limit : std::nullopt;
  }

 private:
  void Cut(const std::optional<Value>& limit, std::vector<OrderedUnit>* known) const {
    if (limit)
      std::erase_if(*known,
                    [&](const OrderedUnit& unit) { return IsWorse(Bound(unit, true), *limit); });
  }
  Value Bound(const OrderedUnit& unit, bool best) const {
    const auto which = best == descending_ ? OrderByStatistics::MAX : OrderByStatistics::MIN;
    return RowGroupReorderer::RetrieveStat(*unit.statistics, which, options_.column_type);
  }
  bool IsWorse(const Value& a, const Value& b) const { return descending_ ? a < b : a > b; }
  int64_t Limit() const { return static_cast<int64_t>(options_.row_limit.GetIndex()); }

  // A value that `limit` rows reach: units whose worst value reaches it have so many rows together.
  // (Deleted rows only make the bounds wider.)
  std::optional<Value> LimitByWorst(const std::vector<OrderedUnit>& known) const {
    std::vector<std::pair<Value, size_t>> by_worst;
    for (const OrderedUnit& unit : known) by_worst.emplace_back(Bound(unit, false), unit.unit);
    std::sort(by_worst.begin(), by_worst.end(),
              [&](const auto& a, const auto& b) { return IsWorse(b.first, a.first); });
    int64_t missing = Limit();
    for (const auto& [worst, unit] : by_worst) {
      missing -= RowsWithValue(unit);
      if (missing <= 0) return worst;
    }
    return std::nullopt;
  }

  // The same from the best values: each is one row's, if that row is there.
  std::optional<Value> LimitByBest(const std::vector<OrderedUnit>& known) const {
    if (Limit() > kUnitsToSearch || Limit() >= static_cast<int64_t>(known.size()))
      return std::nullopt;
    int64_t missing = Limit();
    int searched = 0;
    for (const OrderedUnit& unit : known) {
      if (searched++ == 2 * kUnitsToSearch) break;
      if (!HasBestValue(unit)) continue;
      if (--missing <= 0) return Bound(unit, true);
    }
    return std::nullopt;
  }

  // At least so many visible rows of the unit have a value.
  int64_t RowsWithValue(size_t unit) const {
    const lsm::Unit& info = view_.units()[unit];
    lsm::MaskWords mask;
    const int64_t visible = info.maybe_masked ? view_.Mask(unit, &mask) : info.rows;
    return std::max<int64_t>(0, visible - ValueOrThrow(view_.Zone(unit, position_)).nulls);
  }

  // Whether a visible row has the value that the zone map calls the best.
  bool HasBestValue(const OrderedUnit& ordered) const {
    const auto zone = ValueOrThrow(view_.Zone(ordered.unit, position_));
    if (!zone.has_range || !(descending_ ? zone.max_exact : zone.min_exact)) return false;
    if (!view_.units()[ordered.unit].maybe_masked) return true;
    const Value best = ZoneBound(descending_ ? zone.max : zone.min, layout_);
    return !best.IsNull() &&
           HasVisibleValue(context_, view_, ordered.unit, position_, layout_, best);
  }

  duckdb::ClientContext& context_;
  const lsm::TableView& view_;
  const duckdb::RowGroupOrderOptions& options_;
  const int position_;
  const TypeLayout layout_;
  const bool descending_;
};

}  // namespace

OrderedUnits OrderUnits(duckdb::ClientContext& context, const lsm::TableView& view,
                        const duckdb::RowGroupOrderOptions& options,
                        const catalog::TableDef& table) {
  const UnitOrder order(context, view, options, table);
  Groups groups = order.Group();
  const size_t skipped = std::min<size_t>(options.row_group_offset, groups.known.size());
  groups.known.erase(groups.known.begin(), groups.known.begin() + static_cast<ptrdiff_t>(skipped));
  OrderedUnits result;
  if (options.row_limit.IsValid()) result.limit = order.CutToLimit(&groups.known);
  std::vector<size_t>& units = result.units;
  const auto add = [&](const std::vector<size_t>& more) {
    units.insert(units.end(), more.begin(), more.end());
  };
  const auto add_known = [&] {
    for (const OrderedUnit& unit : groups.known) units.push_back(unit.unit);
  };
  if (options.null_order == duckdb::OrderByNullType::NULLS_FIRST) {
    const size_t nulls =
        std::min<size_t>(options.leading_null_group_offset, groups.only_null.size());
    groups.only_null.erase(groups.only_null.begin(),
                           groups.only_null.begin() + static_cast<ptrdiff_t>(nulls));
    add(groups.only_null);
    add(groups.unknown);
    add_known();
  } else {
    add_known();
    add(groups.unknown);
    add(groups.only_null);
  }
  return result;
}

}  // namespace pyralog::sql
