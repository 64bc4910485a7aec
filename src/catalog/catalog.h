// Every name of a database: schemas, hot tables, external tables, views. Names compare
// case-insensitively (ASCII) and keep the spelling they were created with. The catalog is part of
// each transaction: DDL is visible to it at once, to others after commit, and rolls back with it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"
#include "catalog/entries.h"
#include "lsm/engine.h"

namespace pyralog::catalog {

constexpr std::string_view kDefaultSchema = "main";

class Transaction {
 public:
  virtual ~Transaction() = default;

  // ---- Names. Schema "main" always exists. ----
  virtual arrow::Result<EntryPtr> Find(std::string_view schema,
                                       std::string_view name) = 0;  // nullptr: no such entry
  virtual arrow::Result<bool> HasSchema(std::string_view schema) = 0;
  virtual arrow::Result<std::vector<std::string>> ListSchemas() = 0;
  virtual arrow::Result<std::vector<EntryPtr>> List(
      std::string_view schema) = 0;  // tables and views, by name

  // kAlreadyExists / kNotFound name the entry and its kind.
  virtual arrow::Status CreateSchema(const std::string& name) = 0;
  virtual arrow::Status DropSchema(const std::string& name,
                                   bool cascade) = 0;  // kInvalidArgument when not empty
  // Gives the table its id (also set in the returned entry) and makes its storage.
  virtual arrow::Result<EntryPtr> CreateTable(TableDef def) = 0;
  virtual arrow::Result<EntryPtr> CreateExternalTable(ExternalTableDef def) = 0;
  virtual arrow::Result<EntryPtr> CreateView(ViewDef def) = 0;
  // Drops a table, external table (its files stay) or view.
  virtual arrow::Status Drop(std::string_view schema, std::string_view name, EntryKind kind) = 0;

  // Equal values mean an equal catalog. Own uncommitted DDL changes it at once: values >= 2^63 are
  // then used.
  virtual uint64_t version() const = 0;

  // ---- Rows of hot tables: see lsm/transaction.h. ----
  virtual lsm::Transaction& storage() = 0;

  virtual arrow::Result<CommitNumber> Commit() = 0;
  virtual void Rollback() = 0;
};

class Catalog {
 public:
  static std::unique_ptr<Catalog> Make(std::unique_ptr<lsm::Engine> engine);
  virtual ~Catalog() = default;

  virtual arrow::Result<std::unique_ptr<Transaction>> Begin() = 0;
  virtual lsm::Engine& engine() = 0;
};

}  // namespace pyralog::catalog
