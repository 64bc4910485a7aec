// What is known of a column's values, as DuckDB's statistics: to skip units, and for its optimizer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "batch/zone_map.h"
#include "duckdb.hpp"
#include "duckdb/planner/table_filter.hpp"
#include "duckdb/storage/statistics/base_statistics.hpp"
#include "sql/arrow_types.h"

namespace pyralog::sql {

// Statistics that hold for any subset of `rows` rows that `zone` covers. What the zone map does not
// know stays open; nullptr when that is everything.
duckdb::unique_ptr<duckdb::BaseStatistics> StatisticsOf(const batch::ZoneMap& zone, int64_t rows,
                                                        const TypeLayout& layout);

// A bound of a zone map as a value of the column's type; NULL when it is none.
duckdb::Value ZoneBound(const std::string& raw, const TypeLayout& layout);

// Statistics of row ids first ... first + rows - 1.
duckdb::unique_ptr<duckdb::BaseStatistics> RowIdStatistics(int64_t first, int64_t rows);

enum class ZoneVerdict { kNone, kSome, kAll };  // rows that pass
ZoneVerdict CheckZone(const duckdb::TableFilter& filter, duckdb::BaseStatistics& statistics);

}  // namespace pyralog::sql
