#include "sql/scan.h"

#include <algorithm>
#include <utility>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/common/serializer/deserializer.hpp"
#include "duckdb/common/serializer/serializer.hpp"
#include "duckdb/function/table_function.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "sql/scan_index.h"
#include "sql/scan_plan.h"
#include "sql/scan_state.h"

namespace pyralog::sql {
namespace {

using duckdb::ClientContext;
using duckdb::FunctionData;
using duckdb::TableFunctionInitInput;

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> StartScan(ClientContext& context,
                                                               TableFunctionInitInput& input) {
  return duckdb::make_uniq<ScanGlobalState>(context, input.bind_data->Cast<ScanBindData>(), input);
}

duckdb::unique_ptr<duckdb::LocalTableFunctionState> StartThread(
    duckdb::ExecutionContext& context, TableFunctionInitInput&,
    duckdb::GlobalTableFunctionState* global) {
  return duckdb::make_uniq<ScanLocalState>(context.client, global->Cast<ScanGlobalState>());
}

void Scan(ClientContext& context, duckdb::TableFunctionInput& input, duckdb::DataChunk& out) {
  input.local_state->Cast<ScanLocalState>().Scan(context, out);
}

duckdb::OperatorPartitionData BatchOf(ClientContext&,
                                      duckdb::TableFunctionGetPartitionInput& input) {
  return duckdb::OperatorPartitionData(input.local_state->Cast<ScanLocalState>().batch_index());
}

double Progress(ClientContext&, const FunctionData*,
                const duckdb::GlobalTableFunctionState* state) {
  const auto& global = state->Cast<ScanGlobalState>();
  if (global.units.empty()) return 100;
  return 100.0 * static_cast<double>(global.done.load()) / static_cast<double>(global.units.size());
}

duckdb::virtual_column_map_t VirtualColumns(ClientContext&, duckdb::optional_ptr<FunctionData>) {
  duckdb::virtual_column_map_t columns;
  columns.emplace(duckdb::COLUMN_IDENTIFIER_ROW_ID,
                  duckdb::TableColumn("rowid", duckdb::LogicalType::ROW_TYPE));
  columns.emplace(duckdb::COLUMN_IDENTIFIER_EMPTY,
                  duckdb::TableColumn("", duckdb::LogicalType::BOOLEAN));
  return columns;
}

duckdb::vector<duckdb::column_t> RowIdColumns(ClientContext&, duckdb::optional_ptr<FunctionData>) {
  return {duckdb::COLUMN_IDENTIFIER_ROW_ID};
}

void SetOrder(duckdb::unique_ptr<duckdb::RowGroupOrderOptions> options,
              duckdb::optional_ptr<FunctionData> bind_data) {
  bind_data->Cast<ScanBindData>().order = std::make_unique<duckdb::RowGroupOrderOptions>(*options);
}

// Takes no condition; only notes which index they will be asked of.
void NoteConditions(ClientContext&, duckdb::LogicalGet& get, FunctionData* bind_data,
                    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& conditions) {
  auto& bind = bind_data->Cast<ScanBindData>();
  if (bind.planned_index.empty())
    bind.planned_index = PlannedIndex(DefinitionOf(bind.table), get, conditions);
}

duckdb::BindInfo BindInfoOf(const duckdb::optional_ptr<FunctionData> bind_data) {
  return duckdb::BindInfo(bind_data->Cast<ScanBindData>().table);
}

// Everything is filtered exactly inside the scan, in DuckDB's executor if need be.
bool SupportsFilterOnColumn(const FunctionData&, duckdb::idx_t) { return true; }
bool SupportsFilterExpression(ClientContext&, const duckdb::LogicalGet&, duckdb::Expression&) {
  return true;
}

duckdb::InsertionOrderPreservingMap<std::string> Describe(
    duckdb::TableFunctionToStringInput& input) {
  const auto& bind = input.bind_data->Cast<ScanBindData>();
  duckdb::InsertionOrderPreservingMap<std::string> result;
  result["Table"] = bind.table.schema.name + "." + bind.table.name;
  if (!bind.planned_index.empty()) result["Index"] = bind.planned_index;
  if (bind.planned_units >= 0) result["Units"] = std::to_string(bind.planned_units);
  return result;
}

duckdb::InsertionOrderPreservingMap<std::string> DescribeRun(
    duckdb::TableFunctionDynamicToStringInput& input) {
  duckdb::InsertionOrderPreservingMap<std::string> result;
  if (!input.global_state) return result;
  const auto& global = input.global_state->Cast<ScanGlobalState>();
  const size_t pruned = global.pruned_before_start + global.pruned_later.load();
  const size_t all = global.view->units().size();
  // A LIMIT may end the scan within a unit.
  const size_t begun = std::min(global.next.load(), global.units.size());
  result["Units Read"] =
      std::to_string(begun - global.pruned_later.load()) + " of " + std::to_string(all);
  result["Units Pruned"] = std::to_string(pruned);
  result["Rows Masked"] = std::to_string(global.rows_masked.load());
  result["Bytes Read"] = std::to_string(global.bytes.load());
  if (global.index) {
    result["Index Used"] =
        global.index->index + ", " + std::to_string(global.index->count) + " rows";
  }
  return result;
}

// DuckDB copies a plan by writing it down and reading it again, as for a WITH that is used twice and
// NOT MATERIALIZED.
void Write(duckdb::Serializer& serializer, const duckdb::optional_ptr<FunctionData> bind_data,
           const duckdb::TableFunction&) {
  const auto& table = bind_data->Cast<ScanBindData>().table;
  serializer.WriteProperty(100, "catalog", table.schema.catalog.GetName());
  serializer.WriteProperty(101, "schema", table.schema.name);
  serializer.WriteProperty(102, "table", table.name);
}

duckdb::unique_ptr<FunctionData> ReadAgain(duckdb::Deserializer& deserializer,
                                           duckdb::TableFunction&) {
  const auto catalog = deserializer.ReadProperty<std::string>(100, "catalog");
  const auto schema = deserializer.ReadProperty<std::string>(101, "schema");
  const auto table = deserializer.ReadProperty<std::string>(102, "table");
  return MakeHotScanBindData(duckdb::Catalog::GetEntry<duckdb::TableCatalogEntry>(
      deserializer.Get<ClientContext&>(), catalog, schema, table));
}

void Metrics(ClientContext&, const FunctionData*, duckdb::GlobalTableFunctionState& global_state,
             duckdb::LocalTableFunctionState& local_state,
             const duckdb::profiler_settings_t& wanted, duckdb::profiler_metrics_t& metrics) {
  const auto& global = global_state.Cast<ScanGlobalState>();
  const auto& local = local_state.Cast<ScanLocalState>();
  const auto set = [&](duckdb::MetricType type, uint64_t value) {
    if (wanted.find(type) != wanted.end()) metrics[type] = duckdb::Value::UBIGINT(value);
  };
  set(duckdb::MetricType::OPERATOR_ROWS_SCANNED, local.rows_read());
  set(duckdb::MetricType::OPERATOR_ROW_GROUPS_SCANNED, local.units_read());
  set(duckdb::MetricType::OPERATOR_TOTAL_ROW_GROUPS_TO_SCAN, global.view->units().size());
}

}  // namespace

duckdb::unique_ptr<FunctionData> ScanBindData::Copy() const {
  auto copy = duckdb::make_uniq<ScanBindData>(table);
  copy->column_ids = column_ids;
  if (order) copy->order = std::make_unique<duckdb::RowGroupOrderOptions>(*order);
  copy->counted_view = counted_view;
  copy->planned_rows = planned_rows;
  copy->planned_units = planned_units;
  copy->planned_index = planned_index;
  return copy;
}

bool ScanBindData::Equals(const FunctionData& other) const {
  return &other.Cast<ScanBindData>().table == &table;
}

duckdb::unique_ptr<FunctionData> MakeHotScanBindData(duckdb::TableCatalogEntry& table) {
  return duckdb::make_uniq<ScanBindData>(table);
}

duckdb::TableFunction HotScanFunction() {
  duckdb::TableFunction function("hot_scan", {}, Scan);
  function.init_global = StartScan;
  function.init_local = StartThread;
  function.projection_pushdown = true;
  function.filter_pushdown = true;
  function.filter_prune = true;
  function.late_materialization = true;
  function.statistics_extended = PlanStatistics;
  function.cardinality = PlanCardinality;
  function.get_partition_stats = PlanPartitions;
  function.get_partition_data = BatchOf;
  function.get_virtual_columns = VirtualColumns;
  function.get_row_id_columns = RowIdColumns;
  function.set_scan_order = SetOrder;
  function.pushdown_complex_filter = NoteConditions;
  function.get_bind_info = BindInfoOf;
  function.supports_pushdown_type = SupportsFilterOnColumn;
  function.pushdown_expression = SupportsFilterExpression;
  function.table_scan_progress = Progress;
  function.to_string = Describe;
  function.dynamic_to_string = DescribeRun;
  function.get_metrics = Metrics;
  function.serialize = Write;
  function.deserialize = ReadAgain;
  return function;
}

void RegisterHotScan(duckdb::DatabaseInstance& instance) {
  duckdb::ExtensionLoader loader(instance, "pyralog");
  loader.RegisterFunction(HotScanFunction());
}

}  // namespace pyralog::sql
