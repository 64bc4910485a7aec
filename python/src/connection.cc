#include "src/connection.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "pyralog/error.h"
#include "src/errors.h"
#include "src/interrupts.h"
#include "src/parameters.h"
#include "src/tables.h"

namespace pyralog::python {
namespace {

constexpr size_t kPreparedStatements = 64;

// Whether the statement leaves settings, schemas and search path as they are, so that what was
// prepared still means the same. False also when that is not clear.
bool LeavesPreparedGood(std::string_view sql) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  sql.remove_prefix(std::find_if_not(sql.begin(), sql.end(), is_space) - sql.begin());
  while (!sql.empty() && (is_space(sql.back()) || sql.back() == ';')) sql.remove_suffix(1);
  if (sql.find(';') != std::string_view::npos) return false;
  std::string word;
  for (const unsigned char c : sql) {
    if (std::isalpha(c) == 0) break;
    word += static_cast<char>(std::toupper(c));
  }
  static constexpr std::array kWords = {"SELECT", "FROM",   "WITH",  "VALUES", "INSERT",
                                        "UPDATE", "DELETE", "MERGE", "EXPLAIN"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// Tables past SQL have snapshots of their own, which what a session has not committed is not in.
arrow::Status CheckOutsideTransaction(const Session& session) {
  if (!session.InTransaction()) return arrow::Status::OK();
  return MakeError(ErrorCode::kTransaction,
                   "reading or writing a table past SQL takes no part in the transaction that is "
                   "open; commit it or roll it back first, or use SQL");
}

}  // namespace

std::unique_ptr<Connection> Connection::Open(const std::string& path,
                                             const DatabaseOptions& options) {
  arrow::Result<std::shared_ptr<Database>> database;
  arrow::Result<std::unique_ptr<Session>> session;
  {
    const nb::gil_scoped_release released;
    database = Database::Open(path, options);
    if (database.ok()) session = (*database)->Connect();
  }
  RaiseIfError(database.status());
  return std::make_unique<Connection>(*database, ValueOrRaise(std::move(session)));
}

Connection::Connection(std::shared_ptr<Database> database, std::unique_ptr<Session> session)
    : database_(std::move(database)), link_(std::make_shared<SessionLink>()) {
  link_->session = std::move(session);
}

Connection::~Connection() {
  if (getpid() != link_->process) {
    KeepForever(std::move(database_));
    KeepForever(link_);
    KeepForever(std::move(prepared_));
    return;
  }
  const nb::gil_scoped_release released;
  DropRows();
  prepared_.clear();
  {
    const std::lock_guard lock(link_->mutex);
    link_->closed = true;
  }
  link_->session.reset();
  database_.reset();
}

void Connection::DropRows() {
  scans_.push_back(open_rows_);
  for (const auto& open : scans_) {
    if (const auto rows = open.lock()) rows->Drop("the connection is closed");
  }
  scans_.clear();
}

// Runs `call(session)` without the GIL, after the rows of the last statement were read.
template <class Call>
auto Connection::Use(Call call) {
  SessionUse use = ValueOrRaise(SessionUse::Begin(link_));
  const auto run = [&] {
    const InterruptScope scope(use.session());
    CheckSignals();
    const nb::gil_scoped_release released;
    if (const auto rows = open_rows_.lock()) rows->Detach();
    open_rows_.reset();
    return call(use.session());
  };
  auto result = run();
  CheckSignals();
  return ValueOrRaise(std::move(result));
}

arrow::Result<PreparedStatement*> Connection::Prepared(Session& session, const std::string& sql) {
  const auto found = std::find_if(prepared_.begin(), prepared_.end(),
                                  [&](const auto& one) { return one.first == sql; });
  if (found != prepared_.end()) {
    prepared_.splice(prepared_.begin(), prepared_, found);
    return found->second.get();
  }
  ARROW_ASSIGN_OR_RAISE(auto statement, session.Prepare(sql));
  if (prepared_.size() >= kPreparedStatements) prepared_.pop_back();
  prepared_.emplace_front(sql, std::move(statement));
  return prepared_.front().second.get();
}

arrow::Result<StatementResult> Connection::RunPrepared(Session& session, const std::string& sql,
                                                       const Parameters& given) {
  ARROW_ASSIGN_OR_RAISE(PreparedStatement * statement, Prepared(session, sql));
  ARROW_ASSIGN_OR_RAISE(const Params params, given.InOrder(statement->parameter_names()));
  return statement->Run(params);
}

nb::tuple Connection::Run(const std::string& sql, nb::handle parameters, nb::object resolve) {
  const Parameters given = Parameters::From(parameters);
  const TableResolver resolver = ResolverOf(std::move(resolve));
  std::shared_ptr<Rows> rows;
  const StatementResult result = Use([&](Session& session) -> arrow::Result<StatementResult> {
    session.SetTableResolver(resolver);
    arrow::Result<StatementResult> result;
    if (given.empty()) {
      if (!LeavesPreparedGood(sql)) prepared_.clear();
      result = session.Run(sql);
    } else {
      result = RunPrepared(session, sql, given);
    }
    session.SetTableResolver(nullptr);
    if (result.ok() && result->rows != nullptr) {
      rows = std::make_shared<Rows>(link_, result->rows);
      result->rows.reset();
      open_rows_ = rows;
    }
    return result;
  });
  const nb::object given_rows = rows == nullptr ? nb::none() : nb::cast(std::move(rows));
  const nb::object changes = result.changes ? nb::cast(*result.changes) : nb::none();
  return nb::make_tuple(given_rows, changes);
}

int64_t Connection::RunMany(const std::string& sql, nb::iterable rows, nb::object resolve) {
  int64_t changes = 0;
  const TableResolver resolver = ResolverOf(std::move(resolve));
  for (const nb::handle row : rows) {
    const Parameters given = Parameters::From(row);
    changes += Use([&](Session& session) -> arrow::Result<int64_t> {
      session.SetTableResolver(resolver);
      ARROW_ASSIGN_OR_RAISE(PreparedStatement * statement, Prepared(session, sql));
      ARROW_ASSIGN_OR_RAISE(const Params params, given.InOrder(statement->parameter_names()));
      return statement->Execute(params);
    });
  }
  return changes;
}

void Connection::RunPlain(const std::string& sql) {
  Use([&](Session& session) { return session.Execute(sql); });
}

int64_t Connection::AppendArrow(const std::string& table, nb::handle rows,
                                const std::optional<std::vector<std::string>>& key) {
  const auto reader = ReaderOfObject(rows);
  return Use([&](Session& session) -> arrow::Result<int64_t> {
    ARROW_RETURN_NOT_OK(CheckOutsideTransaction(session));
    ARROW_ASSIGN_OR_RAISE(const auto transaction, database_->Begin());
    if (key) ARROW_RETURN_NOT_OK(transaction->CreateTable(table, reader->schema(), *key));
    int64_t count = 0;
    std::shared_ptr<arrow::RecordBatch> batch;
    do {
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch != nullptr) {
        ARROW_RETURN_NOT_OK(transaction->Append(table, batch));
        count += batch->num_rows();
      }
      const nb::gil_scoped_acquire acquired;
      CheckSignals();
    } while (batch != nullptr);
    ARROW_RETURN_NOT_OK(transaction->Commit().status());
    return count;
  });
}

std::shared_ptr<Rows> Connection::Scan(const std::string& table,
                                       const std::vector<std::string>& columns) {
  auto rows = Use([&](Session& session) -> arrow::Result<std::shared_ptr<Rows>> {
    ARROW_RETURN_NOT_OK(CheckOutsideTransaction(session));
    ScanOptions options;
    options.columns = columns;
    ARROW_ASSIGN_OR_RAISE(auto reader, database_->Scan(table, options));
    return std::make_shared<Rows>(link_, std::move(reader));
  });
  std::erase_if(scans_, [](const auto& scan) { return scan.expired(); });
  scans_.push_back(rows);
  return rows;
}

void Connection::Interrupt() {
  RaiseIfError(CheckProcess(*link_));
  const std::lock_guard lock(link_->mutex);
  if (!link_->closed) link_->session->Interrupt();
}

bool Connection::InTransaction() {
  SessionUse use = ValueOrRaise(SessionUse::Begin(link_));
  return use.session().InTransaction();
}

bool Connection::closed() const {
  const std::lock_guard lock(link_->mutex);
  return link_->closed;
}

std::unique_ptr<Connection> Connection::Duplicate() {
  RaiseIfError(CheckProcess(*link_));
  if (closed()) RaiseIfError(SessionUse::Begin(link_).status());
  arrow::Result<std::unique_ptr<Session>> session;
  {
    const nb::gil_scoped_release released;
    session = database_->Connect();
  }
  return std::make_unique<Connection>(database_, ValueOrRaise(std::move(session)));
}

void Connection::Close() {
  if (getpid() != link_->process || closed()) return;
  {
    const SessionUse use = ValueOrRaise(SessionUse::Begin(link_));
    const std::lock_guard lock(link_->mutex);
    link_->closed = true;
  }
  arrow::Status status;
  {
    const nb::gil_scoped_release released;
    DropRows();
    prepared_.clear();
    link_->session.reset();  // rolls an open transaction back
    if (database_.use_count() == 1) status = database_->Close();
    database_.reset();
  }
  RaiseIfError(status);
}

std::string Connection::recovery_notice() {
  return database_ == nullptr ? "" : database_->recovery_notice();
}

}  // namespace pyralog::python
