// Stored columns of rows, by row id, into DuckDB vectors.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "lsm/table_view.h"
#include "sql/arrow_vectors.h"

namespace pyralog::sql {

// Not thread-safe; one a thread.
class RowFetcher {
 public:
  // `columns` are positions in the table.
  RowFetcher(const catalog::TableDef& table, std::vector<int> columns,
             duckdb::ClientContext& context);

  const std::vector<int>& columns() const { return columns_; }
  // Fills out[i] with column i of columns() for these rows; at most STANDARD_VECTOR_SIZE. Throws on
  // error.
  void Fetch(const lsm::TableView& view, std::span<const int64_t> row_ids,
             std::span<duckdb::Vector* const> out);

 private:
  const std::vector<int> columns_;
  std::vector<std::unique_ptr<VectorFiller>> fillers_;  // parallel to columns_
};

}  // namespace pyralog::sql
