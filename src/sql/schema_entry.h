// A schema of Pyralog's catalog: what can be created, found and dropped in it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"

namespace pyralog::sql {

class SqlCatalog;
class SqlTransaction;

// The kind of entry, other than tables and views, that a name of this type is looked up among.
// Macros are called as functions.
std::optional<catalog::EntryKind> ObjectKindOf(duckdb::CatalogType type);

// Takes away, in whatever schema, the defaults that use a sequence of this one.
void DropDefaultsFrom(SqlTransaction& transaction, const std::string& schema);

class SchemaEntry final : public duckdb::SchemaCatalogEntry {
 public:
  SchemaEntry(SqlCatalog& catalog, duckdb::CreateSchemaInfo& info);

  using EntryVisitor = std::function<void(duckdb::CatalogEntry&)>;
  void Scan(duckdb::ClientContext& context, duckdb::CatalogType type,
            const EntryVisitor& visit) override;
  void Scan(duckdb::CatalogType type, const EntryVisitor& visit) override;
  duckdb::optional_ptr<duckdb::CatalogEntry> LookupEntry(
      duckdb::CatalogTransaction transaction, const duckdb::EntryLookupInfo& lookup) override;

  using Created = duckdb::optional_ptr<duckdb::CatalogEntry>;
  Created CreateTable(duckdb::CatalogTransaction transaction,
                      duckdb::BoundCreateTableInfo& info) override;
  Created CreateView(duckdb::CatalogTransaction transaction, duckdb::CreateViewInfo& info) override;
  // Macros.
  Created CreateFunction(duckdb::CatalogTransaction transaction,
                         duckdb::CreateFunctionInfo& info) override;
  Created CreateSequence(duckdb::CatalogTransaction transaction,
                         duckdb::CreateSequenceInfo& info) override;
  Created CreateType(duckdb::CatalogTransaction transaction, duckdb::CreateTypeInfo& info) override;
  void DropEntry(duckdb::ClientContext& context, duckdb::DropInfo& info) override;
  void Alter(duckdb::CatalogTransaction transaction, duckdb::AlterInfo& info) override;

  // Refused by name. (CREATE INDEX is planned by SqlCatalog::BindCreateIndex.)
  using duckdb::SchemaCatalogEntry::CreateIndex;
  Created CreateIndex(duckdb::CatalogTransaction transaction, duckdb::CreateIndexInfo& info,
                      duckdb::TableCatalogEntry& table) override;
  Created CreateTableFunction(duckdb::CatalogTransaction transaction,
                              duckdb::CreateTableFunctionInfo& info) override;
  Created CreateCopyFunction(duckdb::CatalogTransaction transaction,
                             duckdb::CreateCopyFunctionInfo& info) override;
  Created CreatePragmaFunction(duckdb::CatalogTransaction transaction,
                               duckdb::CreatePragmaFunctionInfo& info) override;
  Created CreateCollation(duckdb::CatalogTransaction transaction,
                          duckdb::CreateCollationInfo& info) override;
  Created CreateCoordinateSystem(duckdb::CatalogTransaction transaction,
                                 duckdb::CreateCoordinateSystemInfo& info) override;

 private:
  void ScanIndexes(SqlTransaction& transaction, const EntryVisitor& visit);
  // Of sequences, types and macros: see schema_objects.cc.
  void ScanObjects(SqlTransaction& transaction, duckdb::CatalogType type,
                   const EntryVisitor& visit);
  duckdb::CatalogEntry* LookupObject(SqlTransaction& transaction,
                                     const duckdb::EntryLookupInfo& lookup);
  void DropObject(SqlTransaction& transaction, const duckdb::DropInfo& info);
};

}  // namespace pyralog::sql
