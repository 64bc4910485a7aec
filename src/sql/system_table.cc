#include "sql/system_table.h"

#include <utility>

#include "duckdb/function/table_function.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "sql/catalog.h"

namespace pyralog::sql {
namespace {

struct SystemTableInfo final : public duckdb::TableFunctionInfo {
  explicit SystemTableInfo(SystemTable described) : table(std::move(described)) {}

  const SystemTable table;
};

struct SystemTableBindData final : public duckdb::TableFunctionData {
  explicit SystemTableBindData(const SystemTable& bound) : table(bound) {}

  const SystemTable& table;  // of the function, which outlives its plans
};

struct SystemTableScan final : public duckdb::GlobalTableFunctionState {
  explicit SystemTableScan(std::vector<SystemRow> all) : rows(std::move(all)) {}

  const std::vector<SystemRow> rows;
  size_t next = 0;
};

duckdb::unique_ptr<duckdb::FunctionData> BindSystemTable(duckdb::ClientContext& context,
                                                         duckdb::TableFunctionBindInput& input,
                                                         duckdb::vector<duckdb::LogicalType>& types,
                                                         duckdb::vector<std::string>& names) {
  const SystemTable& table = input.info->Cast<SystemTableInfo>().table;
  for (const SystemColumn& column : table.columns) {
    names.emplace_back(column.name);
    types.push_back(column.type);
  }
  return duckdb::make_uniq<SystemTableBindData>(table);
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitSystemTable(
    duckdb::ClientContext& context, duckdb::TableFunctionInitInput& input) {
  const SystemTable& table = input.bind_data->Cast<SystemTableBindData>().table;
  return duckdb::make_uniq<SystemTableScan>(table.rows(context));
}

void ScanSystemTable(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
                     duckdb::DataChunk& output) {
  auto& scan = input.global_state->Cast<SystemTableScan>();
  duckdb::idx_t count = 0;
  for (; scan.next < scan.rows.size() && count < STANDARD_VECTOR_SIZE; ++scan.next, ++count) {
    const SystemRow& row = scan.rows[scan.next];
    for (size_t i = 0; i < row.size(); ++i) output.SetValue(i, count, row[i]);
  }
  output.SetCardinality(count);
}

}  // namespace

void RegisterSystemTable(duckdb::DatabaseInstance& instance, SystemTable table) {
  const std::string name = table.name;
  duckdb::TableFunction function(name, {}, ScanSystemTable, BindSystemTable, InitSystemTable);
  function.function_info = duckdb::make_shared_ptr<SystemTableInfo>(std::move(table));
  duckdb::ExtensionLoader(instance, kCatalogName).RegisterFunction(function);
  RegisterSystemView(instance, name, "SELECT * FROM " + name + "()");
}

void RegisterSystemView(duckdb::DatabaseInstance& instance, const std::string& name,
                        const std::string& query) {
  duckdb::CreateViewInfo view("system", DEFAULT_SCHEMA, name);
  view.query = duckdb::CreateViewInfo::ParseSelect(query);
  view.internal = true;
  duckdb::Catalog::GetSystemCatalog(instance).CreateView(
      duckdb::CatalogTransaction::GetSystemTransaction(instance), view);
}

}  // namespace pyralog::sql
