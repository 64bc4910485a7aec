#include "sql/entry_set.h"

#include <utility>

#include "duckdb/catalog/catalog_entry/view_catalog_entry.hpp"
#include "duckdb/parser/parsed_data/create_schema_info.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/external.h"
#include "sql/foreign_keys.h"
#include "sql/index_entry.h"
#include "sql/macro.h"
#include "sql/schema_entry.h"
#include "sql/sequence.h"
#include "sql/table_entry.h"
#include "sql/user_type.h"

namespace pyralog::sql {
namespace {

std::unique_ptr<duckdb::CatalogEntry> MakeView(SqlCatalog& catalog,
                                               duckdb::SchemaCatalogEntry& schema,
                                               const catalog::ViewDef& definition) {
  duckdb::CreateViewInfo info(schema, definition.name);
  info.query = duckdb::CreateViewInfo::ParseSelect(definition.sql);
  info.aliases.assign(definition.aliases.begin(), definition.aliases.end());
  for (const auto& [column, comment] : definition.column_comments) {
    info.column_comments_map[column] = duckdb::Value(comment);
  }
  info.sql = info.ToString();
  return std::make_unique<duckdb::ViewCatalogEntry>(catalog, schema, info);
}

std::unique_ptr<duckdb::CatalogEntry> MakeTable(
    SqlCatalog& catalog, catalog::Transaction& transaction, duckdb::SchemaCatalogEntry& schema,
    const std::shared_ptr<const catalog::TableDef>& definition) {
  const auto info = ValueOrThrow(CreateInfoOf(*definition));
  ThrowIfError(ShowForeignKeys(transaction, *definition, info.get()));
  return std::make_unique<TableEntry>(catalog, schema, *info, definition);
}

}  // namespace

EntrySet::EntrySet(SqlCatalog& catalog) : catalog_(catalog) {}
EntrySet::~EntrySet() = default;

duckdb::SchemaCatalogEntry* EntrySet::Schema(catalog::Transaction& transaction,
                                             const std::string& name) {
  const std::lock_guard lock(mutex_);
  return SchemaLocked(transaction, name);
}

duckdb::SchemaCatalogEntry* EntrySet::SchemaLocked(catalog::Transaction& transaction,
                                                   const std::string& name) {
  const std::string key = duckdb::StringUtil::Lower(name);
  const auto found = schemas_.find(key);
  if (found != schemas_.end()) return found->second.get();
  for (const std::string& existing : ValueOrThrow(transaction.ListSchemas())) {
    if (duckdb::StringUtil::Lower(existing) != key) continue;
    duckdb::CreateSchemaInfo info;
    info.catalog = catalog_.GetName();
    info.schema = existing;
    info.internal = key == catalog::kDefaultSchema;  // always there: EXPORT does not create it
    auto& entry = schemas_[key];
    entry = std::make_unique<SchemaEntry>(catalog_, info);
    return entry.get();
  }
  return nullptr;
}

duckdb::CatalogEntry* EntrySet::Find(catalog::Transaction& transaction, const std::string& schema,
                                     const std::string& name) {
  return FindObject(transaction, catalog::EntryKind::kTable, schema, name);
}

duckdb::CatalogEntry* EntrySet::FindObject(catalog::Transaction& transaction,
                                           catalog::EntryKind kind, const std::string& schema,
                                           const std::string& name) {
  const std::lock_guard lock(mutex_);
  const Name key(duckdb::StringUtil::Lower(schema), duckdb::StringUtil::Lower(name), kind);
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second.get();
  const catalog::EntryPtr entry = ValueOrThrow(transaction.FindObject(kind, schema, name));
  if (entry == nullptr) return nullptr;
  duckdb::SchemaCatalogEntry* parent = SchemaLocked(transaction, schema);
  if (parent == nullptr) return nullptr;
  auto made = Make(transaction, *parent, *entry);
  if (entry->comment) made->comment = duckdb::Value(*entry->comment);
  return (entries_[key] = std::move(made)).get();
}

duckdb::CatalogEntry* EntrySet::FindIndex(catalog::Transaction& transaction,
                                          const std::string& schema, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const Name key(duckdb::StringUtil::Lower(schema), duckdb::StringUtil::Lower(name),
                 catalog::EntryKind::kTable);
  const auto found = indexes_.find(key);
  if (found != indexes_.end()) return found->second.get();
  const catalog::EntryPtr table = ValueOrThrow(transaction.FindIndex(schema, name));
  duckdb::SchemaCatalogEntry* parent = SchemaLocked(transaction, schema);
  if (table == nullptr || parent == nullptr) return nullptr;
  for (const catalog::IndexDef& index : table->table->indexes) {
    if (!duckdb::StringUtil::CIEquals(index.name, name)) continue;
    auto& made = indexes_[key];
    made = std::make_unique<IndexEntry>(catalog_, *parent, *table->table, index);
    return made.get();
  }
  return nullptr;
}

std::unique_ptr<duckdb::CatalogEntry> EntrySet::Make(catalog::Transaction& transaction,
                                                     duckdb::SchemaCatalogEntry& schema,
                                                     const catalog::Entry& entry) {
  switch (entry.kind) {
    case catalog::EntryKind::kTable:
      return MakeTable(catalog_, transaction, schema, entry.table);
    case catalog::EntryKind::kView:
      return MakeView(catalog_, schema, *entry.view);
    case catalog::EntryKind::kExternalTable:
      return MakeExternalEntry(catalog_, schema, entry.external);
    case catalog::EntryKind::kSequence:
      return MakeSequenceEntry(catalog_, schema, entry.sequence);
    case catalog::EntryKind::kType:
      return MakeTypeEntry(catalog_, schema, entry.type);
    case catalog::EntryKind::kMacro:
    case catalog::EntryKind::kTableMacro:
      return MakeMacroEntry(catalog_, schema, entry.kind, entry.macro);
    case catalog::EntryKind::kSchema:
      break;
  }
  ThrowStatus(MakeError(ErrorCode::kDamaged, "catalog entry \"" + entry.name + "\" has no kind"));
}

}  // namespace pyralog::sql
