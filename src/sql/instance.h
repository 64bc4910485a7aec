// The embedded DuckDB: one instance whose only database is Pyralog's catalog.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "arrow/result.h"
#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "sql/catalog.h"
#include "sql/reconnect.h"
#include "sql/session_list.h"

namespace pyralog::sql {

class SharedDatabase;

struct InstanceOptions {
  int threads = 0;            // 0: as many as cores
  uint64_t memory_limit = 0;  // bytes; 0: three quarters of the machine's memory
  std::string temp_folder;    // where operators spill; made when first needed
};

// Thread-safe.
class Instance {
 public:
  // `database` must outlive the instance and all connections. With `previous`, an instance that
  // has ended, its settings are this one's too.
  static arrow::Result<std::shared_ptr<Instance>> Create(SharedDatabase& database,
                                                         const InstanceOptions& options,
                                                         const Instance* previous);

  // Keeps DuckDB alive, but not this object. Without a record: for work that is no session's.
  arrow::Result<ConnectionPtr> Connect(
      std::shared_ptr<SessionRecord> record = std::make_shared<SessionRecord>(0));
  SqlCatalog& catalog() { return *catalog_; }
  // Whether an internal error of DuckDB has made the instance unusable.
  bool is_dead();
  // What DuckDB said of the error that ended it.
  std::string cause_of_death();

 private:
  explicit Instance(std::unique_ptr<duckdb::DuckDB> duckdb);

  const std::unique_ptr<duckdb::DuckDB> duckdb_;
  SqlCatalog* catalog_ = nullptr;  // owned by duckdb_
};

}  // namespace pyralog::sql
