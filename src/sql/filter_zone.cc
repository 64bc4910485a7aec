#include "sql/filter_zone.h"

#include <cstring>
#include <utility>

#include "duckdb/storage/statistics/numeric_stats.hpp"
#include "duckdb/storage/statistics/string_stats.hpp"

namespace pyralog::sql {
namespace {

using duckdb::BaseStatistics;
using duckdb::LogicalTypeId;
using duckdb::Value;

template <typename T>
T RawAs(const std::string& raw) {
  T value;
  std::memcpy(&value, raw.data(), sizeof(T));
  return value;
}

Value SmallValue(const std::string& raw, duckdb::PhysicalType type) {
  switch (type) {
    case duckdb::PhysicalType::BOOL:
      return Value::BOOLEAN(raw[0] != 0);
    case duckdb::PhysicalType::INT8:
      return Value::TINYINT(RawAs<int8_t>(raw));
    case duckdb::PhysicalType::INT16:
      return Value::SMALLINT(RawAs<int16_t>(raw));
    case duckdb::PhysicalType::INT32:
      return Value::INTEGER(RawAs<int32_t>(raw));
    case duckdb::PhysicalType::INT64:
      return Value::BIGINT(RawAs<int64_t>(raw));
    case duckdb::PhysicalType::UINT8:
      return Value::UTINYINT(RawAs<uint8_t>(raw));
    case duckdb::PhysicalType::UINT16:
      return Value::USMALLINT(RawAs<uint16_t>(raw));
    case duckdb::PhysicalType::UINT32:
      return Value::UINTEGER(RawAs<uint32_t>(raw));
    case duckdb::PhysicalType::UINT64:
      return Value::UBIGINT(RawAs<uint64_t>(raw));
    case duckdb::PhysicalType::FLOAT:
      return Value::FLOAT(RawAs<float>(raw));
    case duckdb::PhysicalType::DOUBLE:
      return Value::DOUBLE(RawAs<double>(raw));
    case duckdb::PhysicalType::INT128:
      return Value::HUGEINT(RawAs<duckdb::hugeint_t>(raw));
    default:
      return Value();
  }
}

// HUGEINT, UHUGEINT and UUID are stored big-endian: see arrow_types.h.
Value BigEndianValue(const std::string& raw, LogicalTypeId type) {
  const uint64_t upper = __builtin_bswap64(RawAs<uint64_t>(raw));
  const uint64_t lower = __builtin_bswap64(RawAs<uint64_t>(raw.substr(8)));
  if (type == LogicalTypeId::UHUGEINT) return Value::UHUGEINT(duckdb::uhugeint_t(upper, lower));
  return Value::HUGEINT(
      duckdb::hugeint_t(static_cast<int64_t>(upper ^ (uint64_t{1} << 63)), lower));
}

// The bounds of an integer column say how many distinct values there are at most.
void SetDistinctCount(int64_t rows, BaseStatistics* statistics) {
  if (!statistics->GetType().IsIntegral() || !duckdb::NumericStats::HasMinMax(*statistics)) return;
  const auto min = duckdb::NumericStats::Min(*statistics).GetValue<double>();
  const auto max = duckdb::NumericStats::Max(*statistics).GetValue<double>();
  const double range = max - min + 1;
  if (range < static_cast<double>(rows))
    statistics->SetDistinctCount(static_cast<duckdb::idx_t>(range));
}

void SetBounds(const batch::ZoneMap& zone, const TypeLayout& layout, BaseStatistics* statistics) {
  if (!zone.has_range || !layout.ordered) return;
  if (layout.layout == Layout::kView) {
    const auto length = [](const std::string& raw) { return static_cast<uint32_t>(raw.size()); };
    duckdb::StringStats::SetMin(*statistics, duckdb::string_t(zone.min.data(), length(zone.min)));
    duckdb::StringStats::SetMax(*statistics, duckdb::string_t(zone.max.data(), length(zone.max)));
    return;
  }
  const Value min = ZoneBound(zone.min, layout);
  const Value max = ZoneBound(zone.max, layout);
  if (min.IsNull() || max.IsNull()) return;
  duckdb::NumericStats::SetMin(*statistics, min);
  duckdb::NumericStats::SetMax(*statistics, max);
}

}  // namespace

Value ZoneBound(const std::string& raw, const TypeLayout& layout) {
  Value value;
  if (layout.layout == Layout::kView) {
    value = Value::BLOB_RAW(raw);
  } else if (raw.size() <
             (layout.layout == Layout::kBool ? size_t{1} : static_cast<size_t>(layout.width))) {
    return Value();
  } else if (layout.layout == Layout::kBytes16) {
    value = BigEndianValue(raw, layout.sql.id());
  } else if (layout.layout == Layout::kNarrow) {
    value = Value::SMALLINT(static_cast<int16_t>(RawAs<int32_t>(raw)));
  } else {
    value = SmallValue(raw, layout.sql.InternalType());
  }
  if (!value.IsNull()) value.Reinterpret(layout.sql);
  return value;
}

duckdb::unique_ptr<BaseStatistics> StatisticsOf(const batch::ZoneMap& zone, int64_t rows,
                                                const TypeLayout& layout) {
  if (zone.rows != rows || rows == 0) return nullptr;
  switch (BaseStatistics::GetStatsType(layout.sql)) {
    case duckdb::StatisticsType::NUMERIC_STATS:
    case duckdb::StatisticsType::STRING_STATS:
    case duckdb::StatisticsType::BASE_STATS:
      break;
    default:
      return nullptr;
  }
  auto statistics = BaseStatistics::CreateUnknown(layout.sql).ToUnique();
  if (zone.nulls == 0) statistics->Set(duckdb::StatsInfo::CANNOT_HAVE_NULL_VALUES);
  if (zone.nulls == rows) statistics->Set(duckdb::StatsInfo::CANNOT_HAVE_VALID_VALUES);
  SetBounds(zone, layout, statistics.get());
  SetDistinctCount(rows, statistics.get());
  return statistics;
}

duckdb::unique_ptr<BaseStatistics> RowIdStatistics(int64_t first, int64_t rows) {
  auto statistics = BaseStatistics::CreateUnknown(duckdb::LogicalType::ROW_TYPE).ToUnique();
  statistics->Set(duckdb::StatsInfo::CANNOT_HAVE_NULL_VALUES);
  duckdb::NumericStats::SetMin(*statistics, Value::BIGINT(first));
  duckdb::NumericStats::SetMax(*statistics, Value::BIGINT(first + rows - 1));
  return statistics;
}

ZoneVerdict CheckZone(const duckdb::TableFilter& filter, BaseStatistics& statistics) {
  switch (filter.CheckStatistics(statistics)) {
    case duckdb::FilterPropagateResult::FILTER_ALWAYS_FALSE:
    case duckdb::FilterPropagateResult::FILTER_FALSE_OR_NULL:
      return ZoneVerdict::kNone;
    case duckdb::FilterPropagateResult::FILTER_ALWAYS_TRUE:
      // Not every filter of DuckDB's looks at nulls before it says so.
      return statistics.CanHaveNull() ? ZoneVerdict::kSome : ZoneVerdict::kAll;
    default:
      return ZoneVerdict::kSome;
  }
}

}  // namespace pyralog::sql
