// DuckDB's catalog entries for the names of one catalog version.
//
// DuckDB works with raw pointers to entries and keeps them in cached plans, so an entry must live
// as long as a plan made with it can run. A plan runs only while the catalog version it was bound
// at is the transaction's version; and all transactions of one version share one set. Entries are
// made at first use: nothing is paid for tables nobody names.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "catalog/catalog.h"
#include "duckdb.hpp"

namespace pyralog::sql {

class SqlCatalog;

// Thread-safe.
class EntrySet {
 public:
  explicit EntrySet(SqlCatalog& catalog);
  ~EntrySet();

  // nullptr when there is no such schema. Throws what the catalog says.
  duckdb::SchemaCatalogEntry* Schema(catalog::Transaction& transaction, const std::string& name);
  // The table, external table or view of this name, or nullptr.
  duckdb::CatalogEntry* Find(catalog::Transaction& transaction, const std::string& schema,
                             const std::string& name);
  // The index of this name, or nullptr.
  duckdb::CatalogEntry* FindIndex(catalog::Transaction& transaction, const std::string& schema,
                                  const std::string& name);
  // The same for a kind of entry that has names of its own.
  duckdb::CatalogEntry* FindObject(catalog::Transaction& transaction, catalog::EntryKind kind,
                                   const std::string& schema, const std::string& name);

 private:
  // Schema and entry, in lower case, and the kind whose names it is one of (kTable: all relations).
  using Name = std::tuple<std::string, std::string, catalog::EntryKind>;

  duckdb::SchemaCatalogEntry* SchemaLocked(catalog::Transaction& transaction,
                                           const std::string& name);
  std::unique_ptr<duckdb::CatalogEntry> Make(catalog::Transaction& transaction,
                                             duckdb::SchemaCatalogEntry& schema,
                                             const catalog::Entry& entry);

  SqlCatalog& catalog_;
  std::mutex mutex_;
  // Guarded by mutex_. Entries, once made, stay until the set goes.
  std::map<std::string, std::unique_ptr<duckdb::SchemaCatalogEntry>> schemas_;
  std::map<Name, std::unique_ptr<duckdb::CatalogEntry>> entries_;
  std::map<Name, std::unique_ptr<duckdb::CatalogEntry>> indexes_;
};

}  // namespace pyralog::sql
