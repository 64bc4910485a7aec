// A transaction over any number of tables and metadata entries: snapshot isolation, first committer
// wins.
//
// It reads the database as it was durable when it began, plus its own writes. Nothing of it is
// visible to others, or in the log, before Commit. Commit fails with kConflict when another
// transaction that committed since the snapshot deleted the same row, left a row of a key that this
// one inserts, or changed the same metadata entry or table schema; nothing of it happens then. A
// key that came and went meanwhile is as absent as the transaction saw it.
//
// Thread-safe: the sinks of one parallel statement may call Append and Delete from several threads.
// One statement at a time, though: a view is taken when a statement starts.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "lsm/table_schema.h"
#include "lsm/table_view.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

class Transaction {
 public:
  virtual ~Transaction() = default;  // rolls back when neither Commit nor Rollback was called

  virtual CommitNumber snapshot() const = 0;
  virtual bool has_writes() const = 0;

  // ---- Metadata: named byte strings, versioned with the data (the catalog keeps its entries
  // here). ----
  virtual std::optional<std::string> GetMeta(std::string_view key) const = 0;
  // All entries whose key begins with `prefix`, in key order, own changes included.
  virtual void ScanMeta(
      std::string_view prefix,
      const std::function<void(const std::string& key, const std::string& value)>& visit) const = 0;
  virtual arrow::Status PutMeta(std::string key, std::string value) = 0;
  virtual arrow::Status DeleteMeta(std::string_view key) = 0;
  // As PutMeta, but where Commit would fail with kConflict for this entry, the change is left out. A
  // change by PutMeta, before or behind, takes its place.
  virtual arrow::Status OfferMeta(std::string key, std::string value) = 0;
  // Commit fails with kConflict when this entry was changed by another since the snapshot, though
  // it is only read here (the schema of a new table, say).
  virtual void GuardMeta(std::string key) = 0;
  // Number of the last commit in the snapshot that changed any metadata (0: none): equal numbers,
  // equal metadata, own changes aside.
  virtual CommitNumber meta_version() const = 0;
  virtual bool has_meta_changes() const = 0;

  // ---- Tables. A table exists once created here or in the snapshot. ----
  // Unique sets without an index get one, which belongs to the table: it is written and dropped
  // with it.
  virtual arrow::Result<TableId> CreateTable(TableSchemaPtr schema) = 0;
  virtual arrow::Status DropTable(TableId table) = 0;
  // Replaces the schema: same ids for kept fields, version + 1. Columns of stored rows are adapted
  // when read. Unique sets that are new, or whose fields' types changed, get an index over the rows
  // there are (kConstraint when two are equal); the rows are checked for new references. Commit
  // fails with kConflict when the table was written since the snapshot.
  virtual arrow::Status AlterTable(TableId table, TableSchemaPtr schema) = 0;
  virtual arrow::Result<TableSchemaPtr> Schema(TableId table) const = 0;
  // Other tables with references to this one.
  virtual std::vector<TableId> ReferringTables(TableId table) = 0;

  // ---- Rows. ----
  virtual arrow::Result<TableViewPtr> View(TableId table) = 0;
  // Appends rows: the schema's types in the schema's order (metadata of fields ignored).
  // kConstraint, naming the key, when a keyed table already has a row with the same key in this
  // transaction's sight, or the batch repeats one; nothing of the batch is appended then. So with
  // unique sets. NOT NULL fields are checked.
  virtual arrow::Status Append(TableId table, const std::shared_ptr<arrow::RecordBatch>& batch) = 0;
  // Deletes rows by their ids (of any view of this table in this transaction). Ids that this
  // transaction deleted already are passed over; returns how many were not. An id that is no
  // visible row is kInvalidArgument.
  virtual arrow::Result<int64_t> Delete(TableId table, std::span<const int64_t> row_ids) = 0;

  // Whether the writes so far leave each reference with the row that it is to: kConstraint names
  // what does not, tables as `name_of` says. Called when a statement ends; Commit looks again, and
  // fails with kConflict when a transaction that committed since the snapshot took away a row that
  // a new reference is to, or made a reference to a row that is gone now.
  //
  // Whether rows of a large table refer to those that were deleted is looked up, in place of reading
  // all its rows, when `is_indexed` says that there is an index of that field.
  using TableNamer = std::function<std::string(TableId)>;
  using IndexFinder = std::function<bool(TableId table, FieldId field)>;
  virtual arrow::Status CheckReferences(const TableNamer& name_of,
                                        const IndexFinder& is_indexed) = 0;

  // Acknowledged as durable as the database's durability setting says. The number is 0 for a
  // transaction without writes. The transaction has ended, whatever the result.
  virtual arrow::Result<CommitNumber> Commit() = 0;
  virtual void Rollback() = 0;
};

}  // namespace pyralog::lsm
