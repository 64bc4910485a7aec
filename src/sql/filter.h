// Filters that DuckDB pushes into a scan, as tests of stored values.
//
// What a filter of DuckDB's means is kept exactly: a row passes only if the condition is true (not
// null), NaN is equal to NaN and above every number, strings compare by bytes. Comparisons with
// constants, ranges, IN lists and null tests of plain columns run on the stored arrays; everything
// else runs in DuckDB's expression executor on filled vectors, only for rows that passed until then
// (so that an expression that can fail never sees a row that is filtered out or deleted).
#pragma once

#include <memory>
#include <span>

#include "arrow/array.h"
#include "arrow/result.h"
#include "duckdb.hpp"
#include "duckdb/planner/table_filter.hpp"
#include "sql/arrow_types.h"

namespace pyralog::sql {

// Rows of one column: [offset, offset + rows) of the array, at most STANDARD_VECTOR_SIZE.
struct FilterRows {
  const std::shared_ptr<arrow::Array>& array;
  int64_t offset;
  int64_t rows;
};

// Not thread-safe; one a thread.
class RowFilter {
 public:
  virtual ~RowFilter() = default;
  // Clears the bits of rows that do not pass; never sets one.
  virtual void Apply(const FilterRows& in, std::span<uint64_t> mask) = 0;
  // For ordering: 0 a few rows a cycle, 1 a row a few cycles, 2 the expression executor.
  virtual int cost() const { return 0; }
};

// The filter of a column with this layout; nullptr when every row may pass (an optional filter that
// is not worth its time). Dynamic filters are taken at their present value: see IsDynamic.
std::unique_ptr<RowFilter> CompileFilter(duckdb::ClientContext& context,
                                         const duckdb::TableFilter& filter,
                                         const TypeLayout& layout);

// Whether the filter may become narrower while the query runs, and should be compiled again from
// time to time.
bool IsDynamic(const duckdb::TableFilter& filter);

}  // namespace pyralog::sql
