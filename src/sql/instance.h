// The embedded DuckDB: one instance whose only database is Pyralog's catalog.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "arrow/result.h"
#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "sql/catalog.h"

namespace pyralog::sql {

struct InstanceOptions {
  int threads = 0;            // 0: as many as cores
  uint64_t memory_limit = 0;  // bytes; 0: three quarters of the machine's memory
  std::string temp_folder;    // where operators spill; made when first needed
  std::string path;           // of the database, for display; empty: in memory
};

// Thread-safe.
class Instance {
 public:
  // `storage` and `open_transactions` must outlive the instance and all connections.
  static arrow::Result<std::shared_ptr<Instance>> Create(catalog::Catalog& storage,
                                                         OpenCount& open_transactions,
                                                         const InstanceOptions& options);

  // Keeps DuckDB alive, but not this object.
  arrow::Result<std::unique_ptr<duckdb::Connection>> Connect();
  SqlCatalog& catalog() { return *catalog_; }
  // Whether an internal error of DuckDB has made the instance unusable.
  bool is_dead();

 private:
  explicit Instance(std::unique_ptr<duckdb::DuckDB> duckdb);

  const std::unique_ptr<duckdb::DuckDB> duckdb_;
  SqlCatalog* catalog_ = nullptr;  // owned by duckdb_
};

}  // namespace pyralog::sql
