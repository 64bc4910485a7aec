// Arrow arrays to DuckDB vectors and back, and the mapping of their types.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "catalog/entries.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// How a column of this SQL type is stored. A type that cannot be kept exactly is kNotSupported, by
// name.
arrow::Result<catalog::ColumnDef> ColumnFromSqlType(std::string name,
                                                    const duckdb::LogicalType& type);
// The SQL type of a stored column.
arrow::Result<duckdb::LogicalType> SqlTypeOfColumn(const catalog::ColumnDef& column);

// Fills vectors from slices of arrays of one column. A vector is valid as long as it lives: what it
// points at, it also holds (as auxiliary data). A filler remembers its last array and so keeps it
// alive. Not thread-safe; one a thread.
//
// REQUIRES, of every `out`: as DataChunk::Reset or a constructor leaves it; with `at` > 0, as the
// last call left it.
class VectorFiller {
 public:
  virtual ~VectorFiller() = default;
  // Rows [offset, offset + count) of `array`; count <= STANDARD_VECTOR_SIZE. Points at the array
  // where it can.
  virtual void Fill(const std::shared_ptr<arrow::Array>& array, int64_t offset, duckdb::idx_t count,
                    duckdb::Vector& out) = 0;
  // The selected rows offset + sel[i], compacted.
  virtual void FillSelected(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                            const uint16_t* sel, duckdb::idx_t count, duckdb::Vector& out) = 0;
  // The rows offset + i whose bit i of `mask` is set (see mask.h), compacted, behind the `at` rows
  // that `out` has.
  virtual void AppendMasked(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                            std::span<const uint64_t> mask, duckdb::idx_t at,
                            duckdb::Vector& out) = 0;
};
arrow::Result<std::unique_ptr<VectorFiller>> MakeVectorFiller(const catalog::ColumnDef& column,
                                                              duckdb::ClientContext& context);

// Collects chunks into Arrow batches with the given columns' stored types, or as lsm::FromStorage
// gives them. Not thread-safe; one a thread. Of no use any more after an error.
class BatchCollector {
 public:
  virtual ~BatchCollector() = default;
  // The first `columns.size()` vectors of `chunk` starting at `first_vector`.
  virtual arrow::Status Append(duckdb::DataChunk& chunk, duckdb::idx_t first_vector = 0) = 0;
  virtual int64_t rows() const = 0;
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> Finish() = 0;  // and starts anew
};
arrow::Result<std::unique_ptr<BatchCollector>> MakeBatchCollector(
    const std::vector<catalog::ColumnDef>& columns, duckdb::ClientContext& context);

}  // namespace pyralog::sql
