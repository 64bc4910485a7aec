// A connection as Python has it: one session, and what it keeps between statements.
#pragma once

#include <nanobind/nanobind.h>

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pyralog/database.h"
#include "src/parameters.h"
#include "src/rows.h"

namespace pyralog::python {

namespace nb = nanobind;

class Connection {
 public:
  // (path, read_only, durability, memory_limit, threads, memtable_size, create)
  static std::unique_ptr<Connection> Open(const std::string& path, const DatabaseOptions& options);
  Connection(std::shared_ptr<Database> database, std::unique_ptr<Session> session);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Another session of the same database.
  std::unique_ptr<Connection> Duplicate();
  // Runs a statement; `parameters` is None, a sequence or a dict, `resolve` finds tables by name
  // (see tables.h). Gives (Rows or None, changes or None).
  nb::tuple Run(const std::string& sql, nb::handle parameters, nb::object resolve);
  // Runs a statement once for each of `rows`; gives the number of rows changed in all.
  int64_t RunMany(const std::string& sql, nb::iterable rows, nb::object resolve);
  // BEGIN, COMMIT, ROLLBACK: as Run, but what is prepared stays good.
  void RunPlain(const std::string& sql);
  // Adds the rows of an object with __arrow_c_stream__ to a table, past SQL, in a transaction of its
  // own, and gives their number. With `key`, the table is made first: of the stream's schema, with
  // these columns as primary key.
  int64_t AppendArrow(const std::string& table, nb::handle rows,
                      const std::optional<std::vector<std::string>>& key);
  // The rows of a table, past SQL; no columns: all.
  std::shared_ptr<Rows> Scan(const std::string& table, const std::vector<std::string>& columns);
  void Interrupt();
  bool InTransaction();
  bool closed() const;
  void Close();
  std::string recovery_notice();

 private:
  template <class Call>
  auto Use(Call call);
  // What is open says from now on that the connection is closed.
  void DropRows();
  // The statement, prepared now or before.
  arrow::Result<PreparedStatement*> Prepared(Session& session, const std::string& sql);
  arrow::Result<StatementResult> RunPrepared(Session& session, const std::string& sql,
                                             const Parameters& given);

  std::shared_ptr<Database> database_;
  const std::shared_ptr<SessionLink> link_;
  std::weak_ptr<Rows> open_rows_;
  std::vector<std::weak_ptr<Rows>> scans_;
  // The newest first.
  std::list<std::pair<std::string, std::unique_ptr<PreparedStatement>>> prepared_;
};

}  // namespace pyralog::python
