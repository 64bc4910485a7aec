// What one connection has to remember between DuckDB's callbacks, because DuckDB forgets it: how
// its last transaction ended, and why.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "duckdb.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "sql/session_list.h"
#include "sql/session_tables.h"

namespace pyralog::sql {

// Used by the thread that runs the connection's statement.
class ConnectionState final : public duckdb::ClientContextState {
 public:
  static constexpr char kKey[] = "pyralog";
  // The state of a connection of ours.
  static duckdb::shared_ptr<ConnectionState> Of(duckdb::ClientContext& context) {
    return context.registered_state->Get<ConnectionState>(kKey);
  }

  explicit ConnectionState(std::shared_ptr<SessionRecord> record) : record_(std::move(record)) {}

  // Before each statement.
  void StartStatement();
  // Whether a transaction was rolled back during the statement, asked for or not.
  bool rolled_back() const { return rolled_back_; }
  // Whether Pyralog's part of a transaction was committed during the statement, whatever DuckDB
  // made of it then.
  bool committed() const { return committed_; }
  void NoteCommitted() { committed_ = true; }
  SessionRecord& record() { return *record_; }

  // How long a statement may run; 0: as long as it likes.
  std::chrono::milliseconds statement_timeout() const { return statement_timeout_; }
  void set_statement_timeout(std::chrono::milliseconds timeout) { statement_timeout_ = timeout; }
  // The error that made a commit fail, with the code that DuckDB drops when it reports one.
  const std::optional<duckdb::ErrorData>& commit_error() const { return commit_error_; }

  // While a statement is prepared: whether it has a function that wants DuckDB's executor around
  // it.
  void StartPreparing() {
    wants_executor_ = false;
    tables_.StartStatement();
  }
  void NoteWantsExecutor() { wants_executor_ = true; }
  bool wants_executor() const { return wants_executor_; }

  SessionTables& tables() { return tables_; }
  // The last value that the session got from the sequence with this id.
  void NoteSequenceValue(const std::string& id, int64_t value);
  std::optional<int64_t> LastSequenceValue(const std::string& id) const;

  void QueryBegin(duckdb::ClientContext& context) override;
  // A statement that failed after it wrote something leaves an open transaction with half of its
  // effects: only ROLLBACK is possible then. DuckDB does this for most errors itself, but not for
  // all.
  void QueryEnd(duckdb::ClientContext& context,
                duckdb::optional_ptr<duckdb::ErrorData> error) override;
  using duckdb::ClientContextState::QueryEnd;
  void TransactionRollback(duckdb::MetaTransaction& transaction, duckdb::ClientContext& context,
                           duckdb::optional_ptr<duckdb::ErrorData> error) override;
  using duckdb::ClientContextState::TransactionRollback;

 private:
  const std::shared_ptr<SessionRecord> record_;
  std::chrono::milliseconds statement_timeout_{0};
  duckdb::transaction_t query_ = duckdb::MAXIMUM_QUERY_ID;  // the statement that runs
  bool rolled_back_ = false;
  bool committed_ = false;
  bool wants_executor_ = false;
  SessionTables tables_;
  std::optional<duckdb::ErrorData> commit_error_;
  mutable std::mutex sequence_mutex_;               // expressions are evaluated by several threads
  std::map<std::string, int64_t> sequence_values_;  // guarded by sequence_mutex_
};

}  // namespace pyralog::sql
