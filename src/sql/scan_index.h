// Secondary indexes in a scan: which rows the filters may leave, by the order of an index.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "lsm/table_view.h"
#include "sql/scan_state.h"

namespace pyralog::sql {

// What an index says of a scan's units. Every row that passes the filters is among these.
struct IndexHits {
  std::string index;                                              // its name
  std::map<size_t, std::vector<std::span<const uint32_t>>> rows;  // by unit, if there are any
  std::set<size_t> unsorted;  // units that the index does not know
  std::vector<std::shared_ptr<const lsm::SortedUnit>> owners;
  int64_t count = 0;
};

// Asks the index that leaves the fewest rows of `units`; nothing when no index has a filter on its
// first column, or all leave so many that reading everything is as fast.
std::optional<IndexHits> AskIndexes(duckdb::ClientContext& context, const lsm::TableView& view,
                                    const catalog::TableDef& table,
                                    const std::vector<ScanColumn>& columns,
                                    const std::vector<size_t>& units);

// For EXPLAIN: the index that a scan with these conditions asks, "name (column, ...)", or "".
std::string PlannedIndex(const catalog::TableDef& table, const duckdb::LogicalGet& get,
                         const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& conditions);

}  // namespace pyralog::sql
