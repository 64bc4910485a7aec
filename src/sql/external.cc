#include "sql/external.h"

#include <utility>

#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/view_catalog_entry.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "formats/registry.h"
#include "sql/arrow_vectors.h"
#include "sql/catalog.h"
#include "sql/copy_arrow.h"
#include "sql/errors.h"
#include "sql/external_ddl.h"
#include "sql/external_entry.h"
#include "sql/external_query.h"
#include "sql/external_readers.h"
#include "sql/external_scan.h"
#include "sql/external_write.h"
#include "sql/replacement_scan.h"

namespace pyralog::sql {
namespace {

// Formats that the SQL engine has no reader for: read_<format> and read_<alias>.
void RegisterRelationReaders(duckdb::ExtensionLoader& loader) {
  for (const formats::Format* format : formats::AllFormats()) {
    const formats::FormatInfo& info = format->info();
    if (!info.sql_reader.empty() || !info.can.read) continue;
    loader.RegisterFunction(RelationReader("read_" + info.name, info.name));
    for (const std::string& alias : info.aliases) {
      loader.RegisterFunction(RelationReader("read_" + alias, info.name));
    }
  }
}

}  // namespace

void RegisterExternal(duckdb::DatabaseInstance& instance) {
  duckdb::ExtensionLoader loader(instance, kCatalogName);
  GuardReaders(loader);
  GuardCopyFrom(instance, loader);
  RegisterRelationReaders(loader);
  RegisterCopyArrow(loader);
  KeepParquetExact(instance);
  RegisterExternalColumn(loader);
  RegisterExternalUnchanged(loader);
  RegisterExternalStatements(instance);
  RegisterReplacementScan(instance);
  RegisterExternalWriteRefusal(instance);
}

std::unique_ptr<duckdb::CatalogEntry> MakeExternalEntry(
    duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
    const std::shared_ptr<const catalog::ExternalTableDef>& definition) {
  duckdb::CreateViewInfo info(schema, definition->name);
  info.query = duckdb::CreateViewInfo::ParseSelect(ExternalQuery(*definition));
  for (const auto* columns : {&definition->columns, &definition->partitioned_by}) {
    for (const catalog::ColumnDef& column : *columns) {
      info.names.push_back(column.name);
      info.types.push_back(ValueOrThrow(SqlTypeOfColumn(column)));
    }
  }
  info.sql = ExternalTableSql(*definition);
  return std::make_unique<ExternalTableEntry>(catalog, schema, info, definition);
}

}  // namespace pyralog::sql
