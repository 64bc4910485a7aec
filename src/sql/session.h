// One connection to the instance, and what is around each statement that it runs: errors, commits
// that fail, results that are still being read.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "duckdb.hpp"
#include "pyralog/database.h"
#include "sql/connection_state.h"
#include "sql/shared_database.h"
#include "sql/short_plan.h"

namespace duckdb {
class VacuumStatement;
}

namespace pyralog::sql {

using ParameterMap = duckdb::case_insensitive_map_t<duckdb::BoundParameterData>;
using ParameterNames = duckdb::case_insensitive_map_t<duckdb::idx_t>;

// One statement at a time; Interrupt from any thread. Shared by a session, its prepared statements
// and its open result.
class SessionConnection : public std::enable_shared_from_this<SessionConnection> {
 public:
  static arrow::Result<std::shared_ptr<SessionConnection>> Open(
      std::shared_ptr<SharedDatabase> database);

  ~SessionConnection();

  // To be called before a statement: fails while a streamed result is being read, and connects anew
  // when an internal error, here or in another session, has ended the instance. Settings and
  // prepared statements are kept; an open transaction and temporary tables are lost, which is said
  // once: kConflict or kTransaction.
  arrow::Status Prepare();

  duckdb::Connection& connection() { return *connection_; }
  // Which connection it is: another number, another one.
  uint64_t generation() const { return generation_; }
  Instance& instance() { return *instance_; }

  using Statements = duckdb::vector<duckdb::unique_ptr<duckdb::SQLStatement>>;
  arrow::Result<Statements> Parse(std::string_view sql);

  using Result = duckdb::unique_ptr<duckdb::QueryResult>;
  // VACUUM and ANALYZE of a table: checks its name, and runs the merges that are due for VACUUM.
  arrow::Status Vacuum(duckdb::VacuumStatement& statement);
  // How the rows of a statement come: while they are read where that is possible, as DuckDB's chunks
  // or as Arrow, or all at once as chunks.
  enum class Rows { kStream, kArrow, kChunks };
  arrow::Result<Result> Run(duckdb::unique_ptr<duckdb::SQLStatement> statement,
                            ParameterMap* parameters, Rows rows);
  arrow::Result<Result> Run(duckdb::PreparedStatement& statement, std::string_view sql,
                            ParameterMap& parameters, bool is_commit, Rows rows);

  // Runs a short plan to its end. False when it does not fit any more; nothing was done then.
  arrow::Result<bool> Run(ShortPlan& plan, std::string_view sql, ParameterMap& parameters,
                          const ShortPlan::Visitor& visit);

  // The result's rows. `schema` is theirs if it is known, or null.
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Read(
      Result result, std::shared_ptr<arrow::Schema>* schema);
  // Its rows, or its count of changes.
  arrow::Result<StatementResult> Take(Result result);
  // The same as text.
  arrow::Result<std::unique_ptr<TextResult>> ReadText(Result result);
  // Runs the result to its end and gives the number of rows changed.
  arrow::Result<int64_t> CountChanges(Result result);

  TransactionState transaction_state();
  void Interrupt();
  void SetTableResolver(TableResolver resolver);
  bool InTransaction() const;
  std::optional<double> Progress();

 private:
  // What the reader of the result keeps alive while it reads.
  std::shared_ptr<void> OwnerOf(duckdb::QueryResult& result);

  explicit SessionConnection(std::shared_ptr<SharedDatabase> database);

  arrow::Status Connect();
  // What a statement has around it while it runs: its entry in the list of sessions, its timeout.
  class Running;
  template <class Body>
  arrow::Result<Result> Guarded(Body&& body);
  // `plan(stream)` plans the statement.
  template <class Plan>
  arrow::Result<Result> RunPlanned(Rows rows, bool as_arrow, bool is_commit, Plan plan);
  arrow::Result<Result> Finish(duckdb::unique_ptr<duckdb::PendingQueryResult> pending,
                               bool is_commit);
  arrow::Status StatusOfFailure(const duckdb::ErrorData& error);
  // Of an error that has ended the instance: raised by the running statement, or by another
  // session's.
  arrow::Status StatusOfOwnDeath(const duckdb::ErrorData& error);
  bool IsDeathOfAnother(const duckdb::ErrorData& error);

  const std::shared_ptr<SharedDatabase> database_;
  std::shared_ptr<Instance> instance_;
  const std::shared_ptr<SessionRecord> record_;
  uint64_t generation_ = 0;
  bool was_in_transaction_ = false;      // before the running statement
  bool knows_of_death_ = false;          // the user was told that the instance has ended
  std::atomic<bool> timed_out_ = false;  // the running statement
  std::shared_ptr<Running> running_;     // until its result is read
  std::mutex interrupt_mutex_;
  std::shared_ptr<duckdb::Connection> connection_;  // replaced under interrupt_mutex_
  duckdb::shared_ptr<ConnectionState> state_;       // of connection_
  TableResolver resolver_;
  std::weak_ptr<void> open_result_;  // alive while a streamed result is read
};

// The parameters by the names that the statement gives them. kInvalidArgument when their number
// differs.
arrow::Result<ParameterMap> NameParameters(const ParameterNames& names, const Params& params);

class SqlSession final : public Session {
 public:
  explicit SqlSession(std::shared_ptr<SessionConnection> connection);

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Query(std::string_view sql,
                                                                 const Params& params) override;
  arrow::Result<int64_t> Execute(std::string_view sql, const Params& params) override;
  arrow::Result<StatementResult> Run(std::string_view sql, const Params& params) override;
  arrow::Result<std::unique_ptr<PreparedStatement>> Prepare(std::string_view sql) override;
  void SetTableResolver(TableResolver resolver) override;
  bool InTransaction() const override;
  arrow::Result<std::unique_ptr<TextResult>> QueryText(std::string_view sql,
                                                       const Params& params) override;
  TransactionState transaction_state() override;
  void Interrupt() override;
  std::optional<double> Progress() override;

 private:
  struct Piece {
    SessionConnection::Statements statements;
    std::string where;  // "statement 2 (line 3, column 1): ", or empty when it is the only one
  };
  arrow::Result<std::vector<Piece>> Split(std::string_view sql);
  // Runs all statements and gives the result of the last; nothing when there is none.
  arrow::Result<SessionConnection::Result> RunAll(std::string_view sql, const Params& params,
                                                  SessionConnection::Rows rows);

  const std::shared_ptr<SessionConnection> connection_;
};

}  // namespace pyralog::sql
