// The table function that reads hot tables: every callback of DuckDB's optimizer, filters inside,
// visibility masks.
#pragma once

#include <memory>

#include "arrow/result.h"
#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "lsm/table_view.h"

namespace pyralog::sql {

// The view of a hot table for the statement that `context` runs now: taken from the transaction of
// Pyralog's catalog at each call. Implemented beside the transaction (transaction.cc).
lsm::TableViewPtr CurrentView(duckdb::ClientContext& context, duckdb::TableCatalogEntry& table);
// The catalog entry behind a DuckDB table entry (table_entry.cc).
const catalog::TableDef& DefinitionOf(duckdb::TableCatalogEntry& table);

// The table function, and its bind data for a table of ours.
duckdb::TableFunction HotScanFunction();
duckdb::unique_ptr<duckdb::FunctionData> MakeHotScanBindData(duckdb::TableCatalogEntry& table);

// A plan with a scan holds what the statistics said when it was made (counts, filters that were
// always true or never), so binding a scan forbids keeping the plan for later executions. A rewrite
// of the bound plan that took the last scan out calls this to allow it again; it does so only if
// nothing else in the plan forbids it.
void AllowPlanCacheWithoutScans(duckdb::Binder& binder, duckdb::LogicalOperator& plan);

}  // namespace pyralog::sql
