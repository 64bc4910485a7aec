#include "sql/schema_entry.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "duckdb/catalog/catalog_entry/view_catalog_entry.hpp"
#include "duckdb/parser/parsed_data/create_schema_info.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/parsed_data/drop_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/planner/parsed_data/bound_create_table_info.hpp"
#include "sql/alter_table.h"
#include "sql/catalog.h"
#include "sql/connection_state.h"
#include "sql/constraint_names.h"
#include "sql/dependents.h"
#include "sql/errors.h"
#include "sql/foreign_keys.h"
#include "sql/identity.h"
#include "sql/sql_text.h"
#include "sql/table_entry.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

// Tables, external tables and views share their names.
bool IsRelation(duckdb::CatalogType type) {
  return type == duckdb::CatalogType::TABLE_ENTRY || type == duckdb::CatalogType::VIEW_ENTRY;
}

duckdb::CatalogType TypeOf(catalog::EntryKind kind) {
  return kind == catalog::EntryKind::kView ? duckdb::CatalogType::VIEW_ENTRY
                                           : duckdb::CatalogType::TABLE_ENTRY;
}

// Makes room for a new entry: true when there is none of the name (any more), false when the
// statement is to do nothing because there is one.
bool MakeRoom(SqlTransaction& transaction, const std::string& schema, const std::string& name,
              duckdb::CatalogType type, duckdb::OnCreateConflict on_conflict) {
  const catalog::EntryPtr existing = ValueOrThrow(transaction.state().Find(schema, name));
  if (existing == nullptr) return true;
  const bool same_kind = TypeOf(existing->kind) == type;
  if (same_kind && on_conflict == duckdb::OnCreateConflict::IGNORE_ON_CONFLICT) return false;
  if (same_kind && on_conflict == duckdb::OnCreateConflict::REPLACE_ON_CONFLICT) {
    // The statement may read what it replaces: it goes on with the rows as they are now.
    if (existing->kind == catalog::EntryKind::kTable) {
      transaction.View(*existing->table);
      DropOwnedSequences(transaction, *existing->table);
    }
    ThrowIfError(transaction.state().Drop(schema, name, existing->kind));
    transaction.NoteWrite();
    return true;
  }
  ThrowStatus(MakeError(ErrorCode::kAlreadyExists,
                        std::string(catalog::EntryKindName(existing->kind)) + " " + Quoted(name) +
                            " already exists in schema " + Quoted(schema)));
}

// Whether a view's text may read from a relation of this name.
bool Mentions(const catalog::ViewDef& view, const std::string& name) {
  return duckdb::StringUtil::Contains(duckdb::StringUtil::Lower(view.sql),
                                      duckdb::StringUtil::Lower(name));
}

// Tables, then views, each behind those that it reads from: in this order EXPORT writes them.
std::vector<catalog::EntryPtr> ViewsLast(std::vector<catalog::EntryPtr> entries) {
  std::vector<catalog::EntryPtr> views;
  std::erase_if(entries, [&](const catalog::EntryPtr& entry) {
    if (entry->view != nullptr) views.push_back(entry);
    return entry->view != nullptr;
  });
  while (!views.empty()) {
    // One that mentions none of the others; names that are only mentioned may make a circle.
    auto next = std::ranges::find_if(views, [&](const catalog::EntryPtr& view) {
      return std::ranges::none_of(views, [&](const catalog::EntryPtr& other) {
        return other != view && Mentions(*view->view, other->name);
      });
    });
    if (next == views.end()) next = views.begin();
    entries.push_back(*next);
    views.erase(next);
  }
  return entries;
}

}  // namespace

SchemaEntry::SchemaEntry(SqlCatalog& catalog, duckdb::CreateSchemaInfo& info)
    : duckdb::SchemaCatalogEntry(catalog, info) {}

void SchemaEntry::Scan(duckdb::ClientContext& context, duckdb::CatalogType type,
                       const EntryVisitor& visit) {
  SqlTransaction& own = SqlTransaction::Get(context, catalog);
  if (type == duckdb::CatalogType::INDEX_ENTRY) return ScanIndexes(own, visit);
  if (!IsRelation(type)) return ScanObjects(own, type, visit);
  for (const catalog::EntryPtr& listed : ViewsLast(ValueOrThrow(own.state().List(name)))) {
    duckdb::CatalogEntry* entry = own.entries().Find(own.state(), name, listed->name);
    // DuckDB asks for tables and views in one go.
    if (entry != nullptr) visit(*entry);
  }
}

void SchemaEntry::ScanIndexes(SqlTransaction& transaction, const EntryVisitor& visit) {
  for (const catalog::EntryPtr& listed : ValueOrThrow(transaction.state().List(name))) {
    if (listed->table == nullptr) continue;
    for (const catalog::IndexDef& index : listed->table->indexes) {
      auto* entry = transaction.entries().FindIndex(transaction.state(), name, index.name);
      if (entry != nullptr) visit(*entry);
    }
  }
}

void SchemaEntry::Scan(duckdb::CatalogType type, const EntryVisitor& visit) {
  // Asked for by DuckDB's own storage only, which has no part in this catalog.
}

duckdb::optional_ptr<duckdb::CatalogEntry> SchemaEntry::LookupEntry(
    duckdb::CatalogTransaction transaction, const duckdb::EntryLookupInfo& lookup) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), catalog);
  if (lookup.GetCatalogType() == duckdb::CatalogType::INDEX_ENTRY)
    return own.entries().FindIndex(own.state(), name, lookup.GetEntryName());
  if (!IsRelation(lookup.GetCatalogType())) return LookupObject(own, lookup);
  return own.entries().Find(own.state(), name, lookup.GetEntryName());
}

SchemaEntry::Created SchemaEntry::CreateTable(duckdb::CatalogTransaction transaction,
                                              duckdb::BoundCreateTableInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), catalog);
  const auto& base = info.Base();
  catalog::TableDef definition = ValueOrThrow(DefinitionFromInfo(base, name));
  ThrowIfError(TakeForeignKeys(own.state(), base, &definition));
  ThrowIfError(CheckGivenNames(definition));
  if (!MakeRoom(own, name, base.table, duckdb::CatalogType::TABLE_ENTRY, base.on_conflict)) {
    return nullptr;
  }
  QualifySequences(own.state(), &definition);
  CreateOwnedSequences(own, &definition);
  ValueOrThrow(own.state().CreateTable(std::move(definition)));
  own.NoteWrite();
  return own.entries().Find(own.state(), name, base.table);
}

SchemaEntry::Created SchemaEntry::CreateView(duckdb::CatalogTransaction transaction,
                                             duckdb::CreateViewInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), catalog);
  if (!MakeRoom(own, name, info.view_name, duckdb::CatalogType::VIEW_ENTRY, info.on_conflict)) {
    return nullptr;
  }
  const auto state = ConnectionState::Of(transaction.GetContext());
  if (const std::string outside = state->tables().found_name(); !outside.empty()) {
    ThrowStatus(MakeError(ErrorCode::kNotSupported,
                          "a view cannot be made over " + Quoted(outside) +
                              ", which is not in the database: make a table of it, or a TEMP "
                              "VIEW"));
  }
  catalog::ViewDef definition;
  definition.schema = name;
  definition.name = info.view_name;
  definition.sql = info.query->ToString();
  definition.aliases.assign(info.aliases.begin(), info.aliases.end());
  ValueOrThrow(own.state().CreateView(std::move(definition)));
  own.NoteWrite();
  return own.entries().Find(own.state(), name, info.view_name);
}

void SchemaEntry::DropEntry(duckdb::ClientContext& context, duckdb::DropInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(context, catalog);
  if (info.type == duckdb::CatalogType::INDEX_ENTRY) {
    if (ValueOrThrow(own.state().FindIndex(name, info.name)) == nullptr) return;
    ThrowIfError(own.state().DropIndex(name, info.name));
    own.NoteWrite();
    return;
  }
  if (!IsRelation(info.type)) return DropObject(own, info);
  const catalog::EntryPtr existing = ValueOrThrow(own.state().Find(name, info.name));
  if (existing == nullptr) return;  // DuckDB has said so already, unless IF EXISTS
  if (TypeOf(existing->kind) != info.type) {
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          Quoted(info.name) + " is a " +
                              std::string(catalog::EntryKindName(existing->kind)) + "; use DROP " +
                              (existing->kind == catalog::EntryKind::kView ? "VIEW" : "TABLE")));
  }
  if (existing->table != nullptr) DropOwnedSequences(own, *existing->table);
  ThrowIfError(own.state().Drop(name, info.name, existing->kind, info.cascade));
  own.NoteWrite();
}

void SchemaEntry::Alter(duckdb::CatalogTransaction transaction, duckdb::AlterInfo& info) {
  ApplyAlter(transaction.GetContext(), *this, info);
}

SchemaEntry::Created SchemaEntry::CreateIndex(duckdb::CatalogTransaction transaction,
                                              duckdb::CreateIndexInfo& info,
                                              duckdb::TableCatalogEntry& table) {
  ThrowNotSupported("an index without CREATE INDEX");
}

SchemaEntry::Created SchemaEntry::CreateTableFunction(duckdb::CatalogTransaction transaction,
                                                      duckdb::CreateTableFunctionInfo& info) {
  ThrowNotSupported("CREATE TABLE FUNCTION");
}

SchemaEntry::Created SchemaEntry::CreateCopyFunction(duckdb::CatalogTransaction transaction,
                                                     duckdb::CreateCopyFunctionInfo& info) {
  ThrowNotSupported("a copy function in a schema");
}

SchemaEntry::Created SchemaEntry::CreatePragmaFunction(duckdb::CatalogTransaction transaction,
                                                       duckdb::CreatePragmaFunctionInfo& info) {
  ThrowNotSupported("a pragma function in a schema");
}

SchemaEntry::Created SchemaEntry::CreateCollation(duckdb::CatalogTransaction transaction,
                                                  duckdb::CreateCollationInfo& info) {
  ThrowNotSupported("CREATE COLLATION");
}

SchemaEntry::Created SchemaEntry::CreateCoordinateSystem(duckdb::CatalogTransaction transaction,
                                                         duckdb::CreateCoordinateSystemInfo& info) {
  ThrowNotSupported("CREATE COORDINATE SYSTEM");
}

}  // namespace pyralog::sql
