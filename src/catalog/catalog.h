// Every name of a database: schemas, tables, views, sequences, types, macros. Names compare
// case-insensitively (ASCII) and keep the spelling they were created with. The catalog is part of
// each transaction: DDL is visible to it at once, to others after commit, and rolls back with it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"
#include "arrow/scalar.h"
#include "catalog/entries.h"
#include "catalog/sequences.h"
#include "lsm/engine.h"

namespace pyralog::catalog {

constexpr std::string_view kDefaultSchema = "main";

// Where a column of an altered table comes from.
struct ColumnOrigin {
  int position = -1;                                 // in the table as it was; -1: it is new, and
  std::shared_ptr<arrow::Scalar> missing = nullptr;  // rows have this value (nullptr: null)
};

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
  // The same for the kinds that have names of their own: sequences, types, macros.
  virtual arrow::Result<EntryPtr> FindObject(EntryKind kind, std::string_view schema,
                                             std::string_view name) = 0;
  virtual arrow::Result<std::vector<EntryPtr>> ListObjects(EntryKind kind,
                                                           std::string_view schema) = 0;

  // kAlreadyExists / kNotFound name the entry and its kind.
  virtual arrow::Status CreateSchema(const std::string& name) = 0;
  virtual arrow::Status DropSchema(const std::string& name,
                                   bool cascade) = 0;  // kInvalidArgument when not empty
  // Gives the table its id (also set in the returned entry) and makes its storage.
  virtual arrow::Result<EntryPtr> CreateTable(TableDef def) = 0;
  virtual arrow::Result<EntryPtr> CreateExternalTable(ExternalTableDef def) = 0;
  virtual arrow::Result<EntryPtr> CreateView(ViewDef def) = 0;
  // Puts `next` in the place of `current`, which is of the same kind; under another name, if that
  // is free. Changes what the catalog keeps, not the storage of a table: see AlterTable.
  virtual arrow::Result<EntryPtr> Replace(const Entry& current, Entry next) = 0;
  // Puts `next`, which differs from `current` in the entries of its columns' dictionaries, in its
  // place. Commit fails with kConflict when another changed the table's entry since the snapshot; or,
  // not `needed`, leaves the change out.
  virtual arrow::Status KeepDictionaries(const Entry& current, TableDef next, bool needed) = 0;
  // Changes a hot table's columns. `origins` is parallel to next.columns. Rows stay where they are:
  // when read, they are given the new columns, and cast to the new types, which must hold all
  // values of the old ones. The key stays. Commit fails with kConflict when the table was written
  // by another since the snapshot.
  virtual arrow::Result<EntryPtr> AlterTable(const Entry& current, TableDef next,
                                             const std::vector<ColumnOrigin>& origins) = 0;
  // Gives a hot table new columns and key, and new storage without rows; a view of the old one,
  // taken before, still has them. Commit fails with kConflict as above. kInvalidArgument when
  // other tables refer to it.
  virtual arrow::Result<EntryPtr> RecreateTable(const Entry& current, TableDef next) = 0;
  // Gives a hot table other constraints: `next` has other UNIQUEs, FOREIGN KEYs and CHECKs than the
  // table, whose columns, key and indexes stay. kConstraint when two rows are equal; new foreign
  // keys are for CheckReferences, CHECKs for the caller. Commit fails with kConflict as above.
  virtual arrow::Result<EntryPtr> ChangeConstraints(const Entry& current, TableDef next) = 0;
  // Drops an entry of any kind but a schema. The files of an external table stay. A table that
  // others refer to is kInvalidArgument, or with `cascade` their foreign keys are dropped too.
  virtual arrow::Status Drop(std::string_view schema, std::string_view name, EntryKind kind,
                             bool cascade = false) = 0;
  // Makes an index of a hot table; a unique one is kConstraint when two rows are equal.
  virtual arrow::Status CreateIndex(std::string_view schema, std::string_view table,
                                    IndexDef index) = 0;
  virtual arrow::Status DropIndex(std::string_view schema, std::string_view name) = 0;
  // The hot table that has the index of this name, or nullptr.
  virtual arrow::Result<EntryPtr> FindIndex(std::string_view schema, std::string_view name) = 0;
  // The hot table with this id, or nullptr. Reads all entries.
  virtual arrow::Result<EntryPtr> FindTable(TableId id) = 0;
  // Gives the sequence its id.
  virtual arrow::Result<EntryPtr> CreateSequence(SequenceDef def) = 0;
  virtual arrow::Result<EntryPtr> CreateType(TypeDef def) = 0;
  // Gives the macro its ordinal. `kind` is kMacro or kTableMacro.
  virtual arrow::Result<EntryPtr> CreateMacro(EntryKind kind, MacroDef def) = 0;

  // Equal values mean an equal catalog. Own uncommitted DDL changes it at once: values >= 2^63 are
  // then used.
  virtual uint64_t version() const = 0;

  // ---- Rows of hot tables: see lsm/transaction.h. ----
  virtual lsm::Transaction& storage() = 0;
  // lsm::Transaction::CheckReferences, with the tables' names.
  virtual arrow::Status CheckReferences() = 0;

  virtual arrow::Result<CommitNumber> Commit() = 0;
  virtual void Rollback() = 0;
};

class Catalog {
 public:
  static std::unique_ptr<Catalog> Make(std::unique_ptr<lsm::Engine> engine);
  virtual ~Catalog() = default;

  virtual arrow::Result<std::unique_ptr<Transaction>> Begin() = 0;
  virtual lsm::Engine& engine() = 0;
  virtual Sequences& sequences() = 0;
};

}  // namespace pyralog::catalog
