#include "sql/transaction.h"

#include <utility>

#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/transaction/meta_transaction.hpp"
#include "sql/catalog.h"
#include "sql/connection_state.h"
#include "sql/errors.h"
#include "sql/scan.h"

namespace pyralog::sql {

SqlTransaction::SqlTransaction(SqlTransactionManager& manager, duckdb::ClientContext& context,
                               SqlCatalog& catalog)
    : duckdb::Transaction(manager, context),
      catalog_(catalog),
      global_id_(context.transaction.ActiveTransaction().global_transaction_id) {}

SqlTransaction::~SqlTransaction() = default;

SqlTransaction& SqlTransaction::Get(duckdb::ClientContext& context, duckdb::Catalog& catalog) {
  return static_cast<SqlTransaction&>(duckdb::Transaction::Get(context, catalog));
}

catalog::Transaction& SqlTransaction::StateLocked() {
  if (state_ == nullptr) {
    SqlCatalog::Begun begun = ValueOrThrow(catalog_.Begin());
    state_ = std::move(begun.transaction);
    entries_ = std::move(begun.entries);
    lease_ = std::move(begun.lease);
    entries_version_ = state_->version();
    catalog_version_ = entries_version_;
    NoteSnapshotLocked();
  }
  return *state_;
}

void SqlTransaction::NoteSnapshotLocked() {
  const auto client = context.lock();
  if (client == nullptr) return;
  if (const auto known = client->registered_state->Get<ConnectionState>(ConnectionState::kKey)) {
    known->record().NoteSnapshot(state_->storage().snapshot().value());
  }
}

catalog::Transaction& SqlTransaction::state() {
  const std::lock_guard lock(mutex_);
  return StateLocked();
}

void SqlTransaction::RefreshEntriesLocked() {
  const uint64_t version = StateLocked().version();
  if (version == entries_version_) return;
  outdated_entries_.push_back(std::move(entries_));
  entries_ = std::make_shared<EntrySet>(catalog_);
  entries_version_ = version;
  catalog_version_ = catalog_.NextUncommittedVersion();
}

EntrySet& SqlTransaction::entries() {
  const std::lock_guard lock(mutex_);
  RefreshEntriesLocked();
  return *entries_;
}

uint64_t SqlTransaction::CatalogVersion() {
  const std::lock_guard lock(mutex_);
  RefreshEntriesLocked();
  return catalog_version_;
}

SqlTransaction::Statement& SqlTransaction::CurrentStatementLocked() {
  // Outside of statements (while one is prepared) nothing is pinned.
  const duckdb::transaction_t query = active_query.load();
  if (query != statement_.query || query == duckdb::MAXIMUM_QUERY_ID) {
    statement_ = Statement(query);
  }
  return statement_;
}

lsm::TableViewPtr SqlTransaction::View(const catalog::TableDef& table) {
  const std::lock_guard lock(mutex_);
  Statement& statement = CurrentStatementLocked();
  lsm::TableViewPtr& view = statement.views[table.id];
  if (view == nullptr) view = ValueOrThrow(StateLocked().storage().View(table.id));
  return view;
}

void SqlTransaction::ForgetViews() {
  const std::lock_guard lock(mutex_);
  CurrentStatementLocked().views.clear();
}

RowIdSet& SqlTransaction::ChangedRows(TableId table) {
  const std::lock_guard lock(mutex_);
  auto& rows = CurrentStatementLocked().changed[table];
  if (rows == nullptr) rows = std::make_unique<RowIdSet>();
  return *rows;
}

void SqlTransaction::BeginSink() {
  const std::lock_guard lock(mutex_);
  ++CurrentStatementLocked().open_sinks;
}

void SqlTransaction::EndSink() {
  const std::lock_guard lock(mutex_);
  if (--CurrentStatementLocked().open_sinks > 0) return;
  ThrowIfError(StateLocked().CheckReferences());
}

void SqlTransaction::NoteWrite() {
  const std::lock_guard lock(mutex_);
  CurrentStatementLocked().wrote = true;
}

bool SqlTransaction::Wrote(duckdb::transaction_t query) const {
  const std::lock_guard lock(mutex_);
  return statement_.query == query && statement_.wrote;
}

arrow::Status SqlTransaction::Commit() {
  const std::lock_guard lock(mutex_);
  statement_ = Statement();
  if (state_ == nullptr) return arrow::Status::OK();
  return state_->Commit().status();
}

void SqlTransaction::Rollback() {
  const std::lock_guard lock(mutex_);
  statement_ = Statement();
  if (state_ != nullptr) state_->Rollback();
}

void SqlTransaction::SetReadWrite() {
  ThrowIfError(catalog_.storage().engine().WriteState());
  duckdb::Transaction::SetReadWrite();
}

SqlTransactionManager::SqlTransactionManager(duckdb::AttachedDatabase& database,
                                             SqlCatalog& catalog)
    : duckdb::TransactionManager(database), catalog_(catalog) {}

duckdb::Transaction& SqlTransactionManager::StartTransaction(duckdb::ClientContext& context) {
  auto transaction = std::make_unique<SqlTransaction>(*this, context, catalog_);
  SqlTransaction& result = *transaction;
  const std::lock_guard lock(mutex_);
  open_.emplace(&result, std::move(transaction));
  return result;
}

std::unique_ptr<SqlTransaction> SqlTransactionManager::Remove(duckdb::Transaction& transaction) {
  const std::lock_guard lock(mutex_);
  auto node = open_.extract(&transaction);
  return std::move(node.mapped());
}

duckdb::ErrorData SqlTransactionManager::CommitTransaction(duckdb::ClientContext& context,
                                                           duckdb::Transaction& transaction) {
  const std::unique_ptr<SqlTransaction> own = Remove(transaction);
  const arrow::Status status = own->Commit();
  if (status.ok()) {
    const auto state = context.registered_state->Get<ConnectionState>(ConnectionState::kKey);
    if (state != nullptr) state->NoteCommitted();
    return {};
  }
  return ErrorDataOf(status);
}

void SqlTransactionManager::RollbackTransaction(duckdb::Transaction& transaction) {
  Remove(transaction)->Rollback();
}

void SqlTransactionManager::RollBackOf(duckdb::transaction_t id) {
  std::unique_ptr<SqlTransaction> found;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = open_.begin(); at != open_.end() && found == nullptr; ++at) {
      if (at->second->global_id() == id) found = std::move(open_.extract(at).mapped());
    }
  }
  if (found != nullptr) found->Rollback();
}

void SqlTransactionManager::Checkpoint(duckdb::ClientContext& context, bool force) {
  ThrowIfError(catalog_.storage().engine().Flush());
}

lsm::TableViewPtr CurrentView(duckdb::ClientContext& context, duckdb::TableCatalogEntry& table) {
  return SqlTransaction::Get(context, table.catalog).View(DefinitionOf(table));
}

}  // namespace pyralog::sql
