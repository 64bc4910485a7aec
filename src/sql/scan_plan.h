// What the optimizer asks of a scan while it plans. Inside scan*.cc.
#pragma once

#include "duckdb.hpp"
#include "duckdb/function/table_function.hpp"

namespace pyralog::sql {

// Bounds and nulls of a column over all stored rows, so for every row of this transaction's view
// too.
duckdb::unique_ptr<duckdb::BaseStatistics> PlanStatistics(
    duckdb::ClientContext& context, duckdb::TableFunctionGetStatisticsInput& input);
duckdb::unique_ptr<duckdb::NodeStatistics> PlanCardinality(duckdb::ClientContext& context,
                                                           const duckdb::FunctionData* bind_data);
// Exact counts, from which COUNT(*) is answered, and bounds, which answer MIN and MAX where their
// owners are there.
duckdb::vector<duckdb::PartitionStatistics> PlanPartitions(duckdb::ClientContext& context,
                                                           duckdb::GetPartitionStatsInput& input);

// Makes the scan known by its name, for plans that DuckDB writes and reads again. Nobody can call it.
void RegisterHotScan(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
