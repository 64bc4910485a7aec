// A DuckDB transaction on Pyralog's catalog is one catalog::Transaction, begun at its first use.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/transaction/transaction.hpp"
#include "duckdb/transaction/transaction_manager.hpp"
#include "lsm/table_view.h"
#include "sql/entry_set.h"
#include "sql/open_count.h"
#include "sql/row_id_set.h"

namespace pyralog::sql {

class SqlCatalog;
class SqlTransactionManager;

class SqlTransaction final : public duckdb::Transaction {
 public:
  SqlTransaction(SqlTransactionManager& manager, duckdb::ClientContext& context,
                 SqlCatalog& catalog);
  ~SqlTransaction() override;

  static SqlTransaction& Get(duckdb::ClientContext& context, duckdb::Catalog& catalog);

  // Of DuckDB's transaction over all databases, which this is a part of.
  duckdb::transaction_t global_id() const { return global_id_; }

  // The names and rows as this transaction sees them. Begins it; throws what that says.
  catalog::Transaction& state();
  // DuckDB's entries for the names as they are now, own DDL included. The reference holds until the
  // transaction ends.
  EntrySet& entries();
  // A number for the names as they are now; no two catalogs that differ have the same one, of
  // whatever transaction.
  uint64_t CatalogVersion();

  // The table as it was when the running statement first asked, so that no statement reads its own
  // writes.
  lsm::TableViewPtr View(const catalog::TableDef& table);
  // The running statement asks anew: it goes on after a change of the table's definition.
  void ForgetViews();
  // Rows of the table that the running statement deleted or replaced.
  RowIdSet& ChangedRows(TableId table);

  // The sinks of the running statement; when the last one ends, foreign keys are checked. Throws
  // kConstraint.
  void BeginSink();
  void EndSink();

  // Notes that the running statement writes: should it fail, an open transaction cannot go on.
  void NoteWrite();
  // Whether the statement with this number did.
  bool Wrote(duckdb::transaction_t query) const;

  arrow::Status Commit();
  void Rollback();

  void SetReadWrite() override;

 private:
  // What is known of the statement that runs; replaced by that of the next one.
  struct Statement {
    explicit Statement(duckdb::transaction_t number = duckdb::MAXIMUM_QUERY_ID) : query(number) {}

    duckdb::transaction_t query;
    bool wrote = false;
    int open_sinks = 0;
    std::map<TableId, lsm::TableViewPtr> views;
    std::map<TableId, std::unique_ptr<RowIdSet>> changed;
  };

  catalog::Transaction& StateLocked();
  void NoteSnapshotLocked();
  void RefreshEntriesLocked();
  Statement& CurrentStatementLocked();

  SqlCatalog& catalog_;
  const duckdb::transaction_t global_id_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  OpenLease lease_;
  std::unique_ptr<catalog::Transaction> state_;
  // As state_ says; with own DDL another transaction may have the same.
  uint64_t entries_version_ = 0;
  uint64_t catalog_version_ = 0;  // see CatalogVersion
  std::shared_ptr<EntrySet> entries_;
  // Those of before own DDL; plans may point into them.
  std::vector<std::shared_ptr<EntrySet>> outdated_entries_;
  Statement statement_;
};

class SqlTransactionManager final : public duckdb::TransactionManager {
 public:
  SqlTransactionManager(duckdb::AttachedDatabase& database, SqlCatalog& catalog);

  duckdb::Transaction& StartTransaction(duckdb::ClientContext& context) override;
  duckdb::ErrorData CommitTransaction(duckdb::ClientContext& context,
                                      duckdb::Transaction& transaction) override;
  void RollbackTransaction(duckdb::Transaction& transaction) override;
  // Rolls back the transaction that is part of DuckDB's with this id, if it is still open.
  void RollBackOf(duckdb::transaction_t id);
  // CHECKPOINT writes recent rows to segments.
  void Checkpoint(duckdb::ClientContext& context, bool force) override;

 private:
  std::unique_ptr<SqlTransaction> Remove(duckdb::Transaction& transaction);

  SqlCatalog& catalog_;
  std::mutex mutex_;
  std::map<const duckdb::Transaction*, std::unique_ptr<SqlTransaction>> open_;  // guarded by mutex_
};

}  // namespace pyralog::sql
