// What all handles of one open database share: engine, catalog, and the DuckDB instance over them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "arrow/result.h"
#include "catalog/catalog.h"
#include "io/env.h"
#include "pyralog/database.h"
#include "sql/alarm_clock.h"
#include "sql/instance.h"
#include "sql/open_count.h"
#include "sql/session_list.h"

namespace pyralog::sql {

// Thread-safe.
class SharedDatabase {
 public:
  // An empty path is a database in memory.
  static arrow::Result<std::unique_ptr<SharedDatabase>> Open(const std::string& path,
                                                             const DatabaseOptions& options);

  const std::string& path() const { return path_; }
  const DatabaseOptions& options() const { return options_; }
  catalog::Catalog& catalog() { return *catalog_; }

  // A usable instance: a new one when an internal error of DuckDB has ended the last.
  arrow::Result<std::shared_ptr<Instance>> instance();

  // A transaction, counted as open until the lease is gone.
  struct Begun {
    std::unique_ptr<catalog::Transaction> transaction;
    OpenLease lease;
  };
  arrow::Result<Begun> Begin();

  OpenCount& open_transactions() { return open_transactions_; }
  SessionList& sessions() { return sessions_; }
  AlarmClock& alarms() { return alarms_; }
  // The Database objects that stand for this one.
  OpenCount& handles() { return handles_; }

  // Closes the log cleanly. kTransaction when a transaction is open; nothing happens then.
  arrow::Status Close();

 private:
  SharedDatabase(std::string path, const DatabaseOptions& options);

  const std::string path_;
  const DatabaseOptions options_;
  // Constant after Open. Each must outlive those below it.
  std::unique_ptr<io::Env> memory_;  // of a database in memory
  std::unique_ptr<catalog::Catalog> catalog_;
  OpenCount open_transactions_;
  OpenCount handles_;

  SessionList sessions_;
  AlarmClock alarms_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<Instance> instance_;
  int instances_ = 0;  // made so far
};

}  // namespace pyralog::sql
