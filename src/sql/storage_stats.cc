#include "sql/storage_stats.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/system_table.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using duckdb::Value;
using Row = SystemRow;

std::vector<SystemColumn> Columns() {
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

}  // namespace

void RegisterStorageStats(duckdb::DatabaseInstance& instance) {
  RegisterSystemTable(instance, {"storage_stats", Columns(), CollectRows});
}

}  // namespace pyralog::sql
