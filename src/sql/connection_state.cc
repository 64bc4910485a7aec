#include "sql/connection_state.h"

#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/database_manager.hpp"
#include "duckdb/main/valid_checker.hpp"
#include "duckdb/transaction/meta_transaction.hpp"
#include "sql/catalog.h"
#include "sql/transaction.h"

namespace pyralog::sql {

void ConnectionState::StartStatement() {
  rolled_back_ = committed_ = false;
  tables_.StartStatement();
  commit_error_.reset();
}

void ConnectionState::NoteSequenceValue(const std::string& id, int64_t value) {
  const std::lock_guard lock(sequence_mutex_);
  sequence_values_[id] = value;
}

std::optional<int64_t> ConnectionState::LastSequenceValue(const std::string& id) const {
  const std::lock_guard lock(sequence_mutex_);
  const auto found = sequence_values_.find(id);
  return found == sequence_values_.end() ? std::nullopt : std::optional(found->second);
}

void ConnectionState::QueryBegin(duckdb::ClientContext& context) {
  query_ = context.transaction.GetActiveQuery();
}

void ConnectionState::QueryEnd(duckdb::ClientContext& context,
                               duckdb::optional_ptr<duckdb::ErrorData> error) {
  if (error == nullptr || !error->HasError()) return;
  if (!context.transaction.HasActiveTransaction() || context.transaction.IsAutoCommit()) return;
  duckdb::MetaTransaction& transaction = context.ActiveTransaction();
  auto database = transaction.GetReferencedDatabase(kCatalogName);
  if (database == nullptr) return;
  auto own = transaction.TryGetTransaction(*database);
  if (own == nullptr || !static_cast<SqlTransaction&>(*own).Wrote(query_)) return;
  duckdb::ValidChecker::Invalidate(transaction, error->RawMessage());
}

void ConnectionState::TransactionRollback(duckdb::MetaTransaction& transaction,
                                          duckdb::ClientContext& context,
                                          duckdb::optional_ptr<duckdb::ErrorData> error) {
  rolled_back_ = true;
  // DuckDB leaves the transactions of an ended instance as they are: with their snapshots.
  if (duckdb::ValidChecker::IsInvalidated(*context.db)) {
    if (auto database = transaction.GetReferencedDatabase(kCatalogName)) {
      static_cast<SqlTransactionManager&>(database->GetTransactionManager())
          .RollBackOf(transaction.global_transaction_id);
    }
  }
  if (error != nullptr && error->HasError()) commit_error_ = *error;
}

}  // namespace pyralog::sql
