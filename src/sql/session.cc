#include "sql/session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "duckdb/main/database_manager.hpp"
#include "duckdb/main/valid_checker.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/statement/vacuum_statement.hpp"
#include "lsm/engine.h"
#include "pyralog/error.h"
#include "sql/alter_actions.h"
#include "sql/collector.h"
#include "sql/constraint_names.h"
#include "sql/errors.h"
#include "sql/front_parser.h"
#include "sql/identity.h"
#include "sql/parameter_value.h"
#include "sql/postgres_statements.h"
#include "sql/prepared_statement.h"
#include "sql/reconnect.h"
#include "sql/result_batch.h"
#include "sql/result_reader.h"
#include "sql/settings.h"
#include "sql/statement_splitter.h"
#include "sql/statement_type.h"
#include "sql/text_result.h"

namespace pyralog::sql {
namespace {

// How DuckDB begins its report of a failed commit, behind which the code is lost.
constexpr std::string_view kFailedCommit = "Failed to commit: ";
// What follows the text of an internal error.
constexpr std::string_view kStackTrace = "\n\nStack Trace:";
// How it refuses statements on an instance that has ended.
constexpr std::string_view kInvalidated = "database has been invalidated";

// What DuckDB's parser refuses, with what to do instead.
arrow::Status Explained(const arrow::Status& status) {
  const auto says = [&](std::string_view text) {
    return status.message().find(text) != std::string::npos;
  };
  if (says("A CTE needs a SELECT")) {
    return MakeError(ErrorCode::kNotSupported,
                     "INSERT, UPDATE, DELETE or MERGE inside WITH is not supported; run the "
                     "statement on its own with RETURNING, and use its rows in the next one");
  }
  if (says("STORED generated column")) {
    return MakeError(ErrorCode::kNotSupported,
                     "generated columns that are STORED are not supported; leave STORED out, and "
                     "the column is computed when it is read");
  }
  return status;
}

// What the reader of a streamed result holds while it reads. A result that is left before its end
// is cancelled, so that its snapshot does not stay.
class OpenResult {
 public:
  OpenResult(std::shared_ptr<duckdb::Connection> connection, std::shared_ptr<void> owner,
             std::shared_ptr<void> running)
      : owner_(std::move(owner)),
        connection_(std::move(connection)),
        running_(std::move(running)) {}
  OpenResult(const OpenResult&) = delete;
  OpenResult& operator=(const OpenResult&) = delete;
  ~OpenResult() {
    const arrow::Status ignored = Guard([&] {
      connection_->context->CancelTransaction();
      return arrow::Status::OK();
    });
  }

 private:
  const std::shared_ptr<void> owner_;
  const std::shared_ptr<duckdb::Connection> connection_;
  const std::shared_ptr<void> running_;
};

std::string TextOf(const duckdb::SQLStatement& statement) {
  if (statement.stmt_location >= statement.query.size()) return statement.query;
  return statement.query.substr(statement.stmt_location, statement.stmt_length);
}

arrow::Status At(const std::string& where, const arrow::Status& status) {
  return where.empty() ? status : status.WithMessage(where, status.message());
}

// Whether DuckDB would stream the rows of such statements.
bool IsQuery(duckdb::StatementType type) { return type == duckdb::StatementType::SELECT_STATEMENT; }

// What is lost of a session when its instance ends; empty: nothing.
std::string GoneText(const std::vector<std::string>& temporary) {
  if (temporary.empty()) return "";
  std::string names;
  for (const std::string& name : temporary) names += (names.empty() ? "" : ", ") + name;
  return "what was temporary in this session is gone (" + names + "); create it again";
}
// What DuckDB does around a statement that its executor runs: the transaction learns which
// statement's writes and views are its current ones.
class ActiveQuery {
 public:
  ActiveQuery(duckdb::ClientContext& context, ConnectionState& state) : context_(context) {
    context.transaction.SetActiveQuery(duckdb::DatabaseManager::Get(context).GetNewQueryNumber());
    state.QueryBegin(context);
  }
  ActiveQuery(const ActiveQuery&) = delete;
  ActiveQuery& operator=(const ActiveQuery&) = delete;
  ~ActiveQuery() { context_.transaction.ResetActiveQuery(); }

 private:
  duckdb::ClientContext& context_;
};

}  // namespace

// Begins with the statement and ends with it, or with its result if that is streamed.
class SessionConnection::Running {
 public:
  Running(SessionConnection& session, std::string_view sql, bool is_commit) : session_(session) {
    session.record_->BeginStatement(sql);
    session.was_in_transaction_ = session.InTransaction();
    session.timed_out_ = false;
    session.state_->StartStatement();
    const auto timeout = session.state_->statement_timeout();
    if (timeout.count() == 0 || is_commit) return;  // a commit is not stopped half way
    alarm_ = session.database_->alarms().Set(AlarmClock::Clock::now() + timeout, [&session] {
      session.timed_out_ = true;
      session.Interrupt();
    });
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    alarm_.reset();
    session_.record_->EndStatement(session_.InTransaction());
  }

 private:
  SessionConnection& session_;
  AlarmClock::Alarm alarm_;
};

SessionConnection::SessionConnection(std::shared_ptr<SharedDatabase> database)
    : database_(std::move(database)), record_(database_->sessions().Add()) {}

SessionConnection::~SessionConnection() = default;

arrow::Result<std::shared_ptr<SessionConnection>> SessionConnection::Open(
    std::shared_ptr<SharedDatabase> database) {
  std::shared_ptr<SessionConnection> opened(new SessionConnection(std::move(database)));
  ARROW_RETURN_NOT_OK(opened->Connect());
  return opened;
}

arrow::Status SessionConnection::Connect() {
  ARROW_ASSIGN_OR_RAISE(auto instance, database_->instance());
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<duckdb::Connection> made, instance->Connect(record_));
  if (connection_ != nullptr) CarryOver(*connection_, *made);
  state_ = ConnectionState::Of(*made->context);
  state_->set_statement_timeout(StatementTimeout(*made->context));
  instance_ = std::move(instance);
  const std::lock_guard lock(interrupt_mutex_);
  state_->tables().SetResolver(resolver_);
  connection_.swap(made);
  ++generation_;
  return arrow::Status::OK();
}

arrow::Status SessionConnection::Prepare() {
  if (!open_result_.expired()) {
    return MakeError(ErrorCode::kTransaction,
                     "the session is still streaming a result: read it to its end or release it "
                     "before the next statement");
  }
  if (!instance_->is_dead()) [[likely]]
    return arrow::Status::OK();
  const bool in_transaction = InTransaction();
  const std::vector<std::string> temporary = TemporaryNames(*connection_);
  ARROW_RETURN_NOT_OK(Connect());
  if (std::exchange(knows_of_death_, false)) return arrow::Status::OK();
  const std::string gone = GoneText(temporary);
  if (in_transaction) {
    return MakeError(ErrorCode::kConflict,
                     "the transaction was rolled back: an internal error in another session made "
                     "the SQL engine start anew; run the transaction again" +
                         (gone.empty() ? "" : "; " + gone));
  }
  if (gone.empty()) return arrow::Status::OK();
  return MakeError(ErrorCode::kTransaction,
                   "an internal error in another session made the SQL engine start anew: " + gone);
}

arrow::Result<SessionConnection::Statements> SessionConnection::Parse(std::string_view sql) {
  auto statements = Guard([&]() -> arrow::Result<Statements> {
    const auto rewritten = RewriteStatement(*connection_->context, sql);
    if (rewritten) return connection_->ExtractStatements(*rewritten);
    if (const auto alter = RewriteAlter(sql)) return connection_->ExtractStatements(*alter);
    const auto other = RewritePostgres(sql);
    ARROW_ASSIGN_OR_RAISE(const std::string text, RewriteIdentity(other ? *other : sql));
    try {
      auto parsed = connection_->ExtractStatements(text);
      for (auto& statement : parsed) NameConstraints(statement.get());
      return parsed;
    } catch (const std::exception&) {
      const auto copy = RewriteCopy(sql);
      if (!copy) throw;
      return connection_->ExtractStatements(*copy);
    }
  });
  if (!statements.ok()) return WithStatementHint(Explained(statements.status()), sql);
  return statements;
}

arrow::Status SessionConnection::Vacuum(duckdb::VacuumStatement& statement) {
  const duckdb::VacuumInfo& info = *statement.info;
  return Guard([&]() -> arrow::Status {
    if (info.has_table) {
      // Whether it is there is what any other statement would say.
      std::string columns;
      for (const std::string& column : info.columns) {
        columns += duckdb::KeywordHelper::WriteOptionallyQuoted(column) + ", ";
      }
      const auto check =
          connection_->Prepare("SELECT " + columns + "NULL FROM " + info.ref->ToString());
      if (check->HasError()) return StatusOf(check->GetErrorObject());
    }
    if (!info.options.vacuum) return arrow::Status::OK();
    lsm::Engine& engine = database_->catalog().engine();
    ARROW_RETURN_NOT_OK(engine.WriteState());
    return engine.DrainBackgroundWork();
  });
}

bool SessionConnection::IsDeathOfAnother(const duckdb::ErrorData& error) {
  if (!instance_->is_dead()) return false;
  const std::string& text = error.RawMessage();
  if (text.find(kInvalidated) != std::string::npos) return true;
  return !EndsInstance(error) && text.find(instance_->cause_of_death()) != std::string::npos;
}

arrow::Status SessionConnection::StatusOfOwnDeath(const duckdb::ErrorData& error) {
  std::string text = "an internal error of the SQL engine ended the statement: " +
                     error.RawMessage().substr(0, error.RawMessage().find(kStackTrace)) + "; ";
  if (state_->committed()) {
    text += "it came after the commit, which holds";
  } else if (was_in_transaction_) {
    text += "the transaction was rolled back";
  } else {
    text += "nothing was changed";
  }
  if (instance_->is_dead()) {
    knows_of_death_ = true;
    const std::string gone = GoneText(TemporaryNames(*connection_));
    if (!gone.empty()) text += "; " + gone;
  }
  return MakeError(ErrorCode::kUnknown, text + "; please report it with the statement");
}

arrow::Status SessionConnection::StatusOfFailure(const duckdb::ErrorData& error) {
  if (IsDeathOfAnother(error)) {
    knows_of_death_ = true;
    const std::string gone = GoneText(TemporaryNames(*connection_));
    return MakeError(ErrorCode::kConflict,
                     std::string(was_in_transaction_ ? "the transaction" : "the statement") +
                         " was rolled back: an internal error in another session made the SQL "
                         "engine start anew; run it again" +
                         (gone.empty() ? "" : "; " + gone));
  }
  if (EndsInstance(error)) return StatusOfOwnDeath(error);
  if (error.Type() == duckdb::ExceptionType::INTERRUPT && timed_out_) {
    return MakeError(ErrorCode::kInterrupted,
                     "the statement ran longer than statement_timeout (" +
                         TimeoutText(state_->statement_timeout()) +
                         ") and was cancelled; SET statement_timeout = 0 takes the limit off");
  }
  const bool commit_failed = error.Type() == duckdb::ExceptionType::TRANSACTION &&
                             error.RawMessage().starts_with(kFailedCommit);
  if (commit_failed && state_->commit_error()) return StatusOf(*state_->commit_error());
  return StatusOf(error);
}

arrow::Result<SessionConnection::Result> SessionConnection::Finish(
    duckdb::unique_ptr<duckdb::PendingQueryResult> pending, bool is_commit) {
  if (pending->HasError()) return StatusOfFailure(pending->GetErrorObject());
  Result result = pending->Execute();
  if (result->HasError()) return StatusOfFailure(result->GetErrorObject());
  if (is_commit && state_->rolled_back()) {
    return MakeError(ErrorCode::kTransaction,
                     "nothing was committed: an earlier error had aborted the transaction, and it "
                     "was rolled back now");
  }
  return result;
}

template <class Body>
arrow::Result<SessionConnection::Result> SessionConnection::Guarded(Body&& body) {
  running_.reset();  // of a result that nobody read
  auto result = Guard(std::forward<Body>(body));
  if (!result.ok()) running_.reset();
  return result;
}

arrow::Result<SessionConnection::Result> SessionConnection::Run(
    duckdb::unique_ptr<duckdb::SQLStatement> statement, ParameterMap* parameters, Rows rows) {
  return Guarded([&]() -> arrow::Result<Result> {
    const bool is_commit = IsCommit(*statement);
    running_ = std::make_shared<Running>(*this, TextOf(*statement), is_commit);
    const bool as_arrow = rows == Rows::kArrow && IsQuery(statement->type);
    return RunPlanned(rows, as_arrow, is_commit, [&](bool stream) {
      const duckdb::QueryParameters how(stream);
      return parameters == nullptr
                 ? connection_->PendingQuery(std::move(statement), how)
                 : connection_->PendingQuery(std::move(statement), *parameters, how);
    });
  });
}

template <class Plan>
arrow::Result<SessionConnection::Result> SessionConnection::RunPlanned(Rows rows, bool as_arrow,
                                                                       bool is_commit, Plan plan) {
  if (!as_arrow) return Finish(plan(rows != Rows::kChunks), is_commit);
  ArrowCollection collection(*connection_->context);
  Result result = collection.Start(plan(/*stream=*/false));
  if (result->HasError()) return StatusOfFailure(result->GetErrorObject());
  return result;
}

arrow::Result<SessionConnection::Result> SessionConnection::Run(
    duckdb::PreparedStatement& statement, std::string_view sql, ParameterMap& parameters,
    bool is_commit, Rows rows) {
  return Guarded([&]() -> arrow::Result<Result> {
    running_ = std::make_shared<Running>(*this, sql, is_commit);
    const bool as_arrow = rows == Rows::kArrow && IsQuery(statement.GetStatementType());
    return RunPlanned(rows, as_arrow, is_commit,
                      [&](bool stream) { return statement.PendingQuery(parameters, stream); });
  });
}

arrow::Result<bool> SessionConnection::Run(ShortPlan& plan, std::string_view sql,
                                           ParameterMap& parameters,
                                           const ShortPlan::Visitor& visit) {
  duckdb::ClientContext& context = *connection_->context;
  bool fits = false;
  return Guard([&]() -> arrow::Result<bool> {
    const Running running(*this, sql, /*is_commit=*/false);
    context.ClearInterrupt();
    try {
      context.RunFunctionInTransaction([&] {
        const ActiveQuery active(context, *state_);
        fits = plan.Execute(parameters, visit);
      });
    } catch (const std::exception& thrown) {
      duckdb::ErrorData error(thrown);
      state_->QueryEnd(context, &error);
      return StatusOfFailure(error);
    }
    return fits;
  });
}

std::shared_ptr<void> SessionConnection::OwnerOf(duckdb::QueryResult& result) {
  std::shared_ptr<void> owner = shared_from_this();
  const ArrowRows* const rows = ArrowRowsOf(result);
  if (rows != nullptr ? !rows->ended() : result.type == duckdb::QueryResultType::STREAM_RESULT) {
    owner = std::make_shared<OpenResult>(connection_, std::move(owner), std::move(running_));
    open_result_ = owner;
  } else {
    running_.reset();
  }
  return owner;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> SessionConnection::Read(
    Result result, std::shared_ptr<arrow::Schema>* schema) {
  if (*schema == nullptr) {
    *schema = ResultSchema(result->types, result->names, result->client_properties.time_zone);
  }
  ResultForm form{.schema = *schema};
  if (result->type == duckdb::QueryResultType::STREAM_RESULT) {
    form.batch_rows = BatchRows(*connection_->context);
  }
  std::shared_ptr<void> owner = OwnerOf(*result);
  return MakeResultReader(
      std::move(result), std::move(form),
      [this](const duckdb::ErrorData& error) { return StatusOfFailure(error); }, std::move(owner));
}

arrow::Result<std::unique_ptr<TextResult>> SessionConnection::ReadText(Result result) {
  std::shared_ptr<void> owner = OwnerOf(*result);
  return MakeTextResult(
      std::move(result), connection_->context,
      [this](const duckdb::ErrorData& error) { return StatusOfFailure(error); }, std::move(owner));
}

arrow::Result<int64_t> SessionConnection::CountChanges(Result result) {
  const std::shared_ptr<Running> running = std::move(running_);
  return Guard([&]() -> arrow::Result<int64_t> {
    ChangeCounter counter(result->statement_type, result->properties);
    while (true) {
      duckdb::unique_ptr<duckdb::DataChunk> chunk;
      duckdb::ErrorData error;
      if (!result->TryFetch(chunk, error)) {
        return StatusOfFailure(result->HasError() ? result->GetErrorObject() : error);
      }
      if (chunk == nullptr || chunk->size() == 0) return counter.changes();
      counter.Add(*chunk);
    }
  });
}

arrow::Result<StatementResult> SessionConnection::Take(Result result) {
  StatementResult taken;
  const bool has_rows = result->properties.return_type == duckdb::StatementReturnType::QUERY_RESULT;
  if (has_rows) {
    std::shared_ptr<arrow::Schema> schema;
    ARROW_ASSIGN_OR_RAISE(taken.rows, Read(std::move(result), &schema));
    return taken;
  }
  const bool counts = result->properties.return_type == duckdb::StatementReturnType::CHANGED_ROWS;
  ARROW_ASSIGN_OR_RAISE(const int64_t changes, CountChanges(std::move(result)));
  if (counts) taken.changes = changes;
  return taken;
}

void SessionConnection::SetTableResolver(TableResolver resolver) {
  resolver_ = std::move(resolver);
  state_->tables().SetResolver(resolver_);
}

bool SessionConnection::InTransaction() const {
  const duckdb::TransactionContext& transaction = connection_->context->transaction;
  return transaction.HasActiveTransaction() && !transaction.IsAutoCommit();
}

void SessionConnection::Interrupt() {
  const std::lock_guard lock(interrupt_mutex_);
  connection_->Interrupt();
}

std::optional<double> SessionConnection::Progress() {
  const std::lock_guard lock(interrupt_mutex_);
  const double percentage = connection_->context->GetQueryProgress().GetPercentage();
  if (percentage < 0) return std::nullopt;
  return std::min(percentage / 100, 1.0);
}

TransactionState SessionConnection::transaction_state() {
  auto& transaction = connection_->context->transaction;
  if (transaction.IsAutoCommit() || !transaction.HasActiveTransaction()) {
    return TransactionState::kNone;
  }
  return duckdb::ValidChecker::IsInvalidated(transaction.ActiveTransaction())
             ? TransactionState::kAborted
             : TransactionState::kOpen;
}

arrow::Result<ParameterMap> NameParameters(const ParameterNames& names, const Params& params) {
  if (names.size() != params.size()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "the statement takes " + std::to_string(names.size()) + " parameters, " +
                         std::to_string(params.size()) + " were given");
  }
  ParameterMap values;
  for (const auto& [name, index] : names) {
    if (index == 0 || index > params.size() || params[index - 1] == nullptr) {
      return MakeError(ErrorCode::kInvalidArgument, "there is no value for parameter $" + name);
    }
    ARROW_ASSIGN_OR_RAISE(duckdb::Value value, ParameterValue(*params[index - 1]));
    values[name] = duckdb::BoundParameterData(std::move(value));
  }
  return values;
}

SqlSession::SqlSession(std::shared_ptr<SessionConnection> connection)
    : connection_(std::move(connection)) {}

arrow::Result<std::vector<SqlSession::Piece>> SqlSession::Split(std::string_view sql) {
  StatementSplitter splitter;
  splitter.Feed(sql);
  std::vector<std::string> texts;
  std::vector<std::string> places;
  const auto add = [&](std::optional<std::string> text) {
    if (!text) return false;
    texts.push_back(std::move(*text));
    places.push_back("statement " + std::to_string(texts.size()) + " (line " +
                     std::to_string(splitter.line()) + ", column " +
                     std::to_string(splitter.column()) + "): ");
    return true;
  };
  while (add(splitter.Next())) {
  }
  add(splitter.Finish());
  std::vector<Piece> pieces(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts.size() > 1) pieces[i].where = places[i];
    auto parsed = connection_->Parse(texts.size() == 1 ? sql : texts[i]);
    if (!parsed.ok()) return At(pieces[i].where, parsed.status());
    pieces[i].statements = parsed.MoveValueUnsafe();
  }
  return pieces;
}

arrow::Result<SessionConnection::Result> SqlSession::RunAll(std::string_view sql,
                                                            const Params& params,
                                                            SessionConnection::Rows rows) {
  ARROW_RETURN_NOT_OK(connection_->Prepare());
  ARROW_ASSIGN_OR_RAISE(auto pieces, Split(sql));
  size_t left = 0;
  for (const Piece& piece : pieces) left += piece.statements.size();
  if (!params.empty() && left != 1) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "parameters are for one statement only, not for " + std::to_string(left));
  }
  SessionConnection::Result result;
  for (Piece& piece : pieces) {
    for (auto& statement : piece.statements) {
      --left;
      ParameterNames names = statement->named_param_map;
      ARROW_ASSIGN_OR_RAISE(ParameterMap values, NameParameters(names, params));
      if (statement->type == duckdb::StatementType::VACUUM_STATEMENT) {
        auto& vacuum = statement->Cast<duckdb::VacuumStatement>();
        if (const auto status = connection_->Vacuum(vacuum); !status.ok()) {
          return At(piece.where, status);
        }
        const std::string text = vacuum.query;
        statement = duckdb::make_uniq<duckdb::VacuumStatement>(duckdb::VacuumOptions());
        statement->query = text;
      }
      auto ran = connection_->Run(std::move(statement), values.empty() ? nullptr : &values,
                                  left == 0 ? rows : SessionConnection::Rows::kChunks);
      if (!ran.ok()) return At(piece.where, ran.status());
      result = ran.MoveValueUnsafe();
    }
  }
  return result;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> SqlSession::Query(std::string_view sql,
                                                                           const Params& params) {
  ARROW_ASSIGN_OR_RAISE(auto result, RunAll(sql, params, SessionConnection::Rows::kArrow));
  if (result == nullptr) return arrow::RecordBatchReader::Make({}, arrow::schema({}));
  std::shared_ptr<arrow::Schema> schema;
  return connection_->Read(std::move(result), &schema);
}

arrow::Result<int64_t> SqlSession::Execute(std::string_view sql, const Params& params) {
  ARROW_ASSIGN_OR_RAISE(auto result, RunAll(sql, params, SessionConnection::Rows::kStream));
  if (result == nullptr) return 0;
  return connection_->CountChanges(std::move(result));
}

arrow::Result<StatementResult> SqlSession::Run(std::string_view sql, const Params& params) {
  ARROW_ASSIGN_OR_RAISE(auto result, RunAll(sql, params, SessionConnection::Rows::kArrow));
  if (result == nullptr) return StatementResult();
  return connection_->Take(std::move(result));
}

arrow::Result<std::unique_ptr<PreparedStatement>> SqlSession::Prepare(std::string_view sql) {
  ARROW_RETURN_NOT_OK(connection_->Prepare());
  return SqlPreparedStatement::Make(connection_, sql);
}

void SqlSession::SetTableResolver(TableResolver resolver) {
  connection_->SetTableResolver(std::move(resolver));
}

bool SqlSession::InTransaction() const { return connection_->InTransaction(); }
arrow::Result<std::unique_ptr<TextResult>> SqlSession::QueryText(std::string_view sql,
                                                                 const Params& params) {
  ARROW_ASSIGN_OR_RAISE(auto result, RunAll(sql, params, SessionConnection::Rows::kStream));
  if (result == nullptr) return EmptyTextResult();
  return connection_->ReadText(std::move(result));
}

TransactionState SqlSession::transaction_state() { return connection_->transaction_state(); }

std::optional<double> SqlSession::Progress() { return connection_->Progress(); }

void SqlSession::Interrupt() { connection_->Interrupt(); }

}  // namespace pyralog::sql
