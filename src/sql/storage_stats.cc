#include "sql/storage_stats.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/function/table_function.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using duckdb::Value;
using Row = duckdb::vector<Value>;

struct Column {
  const char* name;
  LogicalType type;
};

std::vector<Column> Columns() {
  return {
      {"path", LogicalType::VARCHAR},  // hot: within the database's folder; external: as registered
      {"kind", LogicalType::VARCHAR},  // segment, index, deletions, wal, manifest; external: file
      {"storage_type", LogicalType::VARCHAR},  // native_lsm, external
      {"schema_name", LogicalType::VARCHAR},   // NULL for files that serve all tables
      {"table_name", LogicalType::VARCHAR},   {"level", LogicalType::INTEGER},
      {"format", LogicalType::VARCHAR},       {"size_bytes", LogicalType::BIGINT},
      {"rows", LogicalType::BIGINT},  // stored rows, deleted ones too; segments only
      {"deleted_rows", LogicalType::BIGINT}};
}

Value BigInt(uint64_t value) { return Value::BIGINT(static_cast<int64_t>(value)); }

Row HotRow(const lsm::FileInfo& file, const catalog::TableDef* table) {
  const bool is_segment = file.kind == "segment";
  const bool of_table = is_segment || file.kind == "index";
  return {Value(file.path),
          Value(file.kind),
          Value("native_lsm"),
          table == nullptr ? Value(LogicalType::VARCHAR) : Value(table->schema),
          table == nullptr ? Value(LogicalType::VARCHAR) : Value(table->name),
          of_table ? Value::INTEGER(static_cast<int32_t>(file.level)) : Value(LogicalType::INTEGER),
          Value(is_segment ? "arrow_ipc" : "pyralog"),
          BigInt(file.bytes),
          is_segment ? BigInt(file.rows) : Value(LogicalType::BIGINT),
          is_segment ? BigInt(file.deleted_rows) : Value(LogicalType::BIGINT)};
}

Row ExternalRow(const catalog::ExternalTableDef& table,
                const catalog::ExternalTableDef::FileIdentity& file) {
  return {Value(file.path),          Value("file"),     Value("external"),
          Value(table.schema),       Value(table.name), Value(LogicalType::INTEGER),
          Value(table.format),       BigInt(file.size), Value(LogicalType::BIGINT),
          Value(LogicalType::BIGINT)};
}

// All rows, of the catalog as the transaction sees it and the files as they are now.
std::vector<Row> CollectRows(duckdb::ClientContext& context) {
  SqlCatalog& catalog = SqlCatalog::Of(duckdb::Catalog::GetCatalog(context, kCatalogName));
  catalog::Transaction& state = SqlTransaction::Get(context, catalog).state();
  std::map<TableId, std::shared_ptr<const catalog::TableDef>> tables;
  std::vector<Row> external;
  for (const std::string& schema : ValueOrThrow(state.ListSchemas())) {
    for (const catalog::EntryPtr& entry : ValueOrThrow(state.List(schema))) {
      if (entry->table != nullptr) tables[entry->table->id] = entry->table;
      if (entry->external == nullptr) continue;
      for (const auto& file : entry->external->files) {
        external.push_back(ExternalRow(*entry->external, file));
      }
    }
  }
  std::vector<Row> rows;
  for (const lsm::FileInfo& file : catalog.storage().engine().Files()) {
    const auto table = tables.find(file.table);
    rows.push_back(HotRow(file, table == tables.end() ? nullptr : table->second.get()));
  }
  rows.insert(rows.end(), std::make_move_iterator(external.begin()),
              std::make_move_iterator(external.end()));
  return rows;
}

struct ScanState final : public duckdb::GlobalTableFunctionState {
  explicit ScanState(std::vector<Row> all) : rows(std::move(all)) {}

  const std::vector<Row> rows;
  size_t next = 0;
};

duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext& context,
                                              duckdb::TableFunctionBindInput& input,
                                              duckdb::vector<LogicalType>& types,
                                              duckdb::vector<std::string>& names) {
  for (const Column& column : Columns()) {
    names.emplace_back(column.name);
    types.push_back(column.type);
  }
  return duckdb::make_uniq<duckdb::TableFunctionData>();
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> Init(duckdb::ClientContext& context,
                                                          duckdb::TableFunctionInitInput& input) {
  return duckdb::make_uniq<ScanState>(CollectRows(context));
}

void Scan(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
          duckdb::DataChunk& output) {
  auto& state = input.global_state->Cast<ScanState>();
  duckdb::idx_t count = 0;
  for (; state.next < state.rows.size() && count < STANDARD_VECTOR_SIZE; ++state.next, ++count) {
    const Row& row = state.rows[state.next];
    for (size_t i = 0; i < row.size(); ++i) output.SetValue(i, count, row[i]);
  }
  output.SetCardinality(count);
}

}  // namespace

void RegisterStorageStats(duckdb::DatabaseInstance& instance) {
  constexpr char kName[] = "storage_stats";
  duckdb::ExtensionLoader loader(instance, kCatalogName);
  loader.RegisterFunction(duckdb::TableFunction(kName, {}, Scan, Bind, Init));
  duckdb::CreateViewInfo view("system", DEFAULT_SCHEMA, kName);
  view.query = duckdb::CreateViewInfo::ParseSelect("SELECT * FROM storage_stats()");
  view.internal = true;
  duckdb::Catalog::GetSystemCatalog(instance).CreateView(
      duckdb::CatalogTransaction::GetSystemTransaction(instance), view);
}

}  // namespace pyralog::sql
