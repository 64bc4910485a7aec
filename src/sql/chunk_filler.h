// Rows of arrays as DuckDB's chunks, a vector at a time.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "duckdb.hpp"
#include "sql/arrow_vectors.h"
#include "sql/errors.h"

namespace pyralog::sql {

// Not thread-safe.
class ChunkFiller {
 public:
  // Chunks of these columns, of which those at `filled` get values.
  ChunkFiller(duckdb::ClientContext& context, const std::vector<catalog::ColumnDef>& columns,
              std::vector<int> filled)
      : filled_(std::move(filled)) {
    duckdb::vector<duckdb::LogicalType> types;
    for (const catalog::ColumnDef& column : columns)
      types.push_back(ValueOrThrow(SqlTypeOfColumn(column)));
    for (const int column : filled_)
      fillers_.push_back(ValueOrThrow(MakeVectorFiller(columns[column], context)));
    // A chunk of no columns has no rows either.
    if (types.empty()) types.push_back(duckdb::LogicalType::BOOLEAN);
    chunk_.Initialize(context, types);
  }
  // All columns.
  ChunkFiller(duckdb::ClientContext& context, const std::vector<catalog::ColumnDef>& columns)
      : ChunkFiller(context, columns, Positions(columns.size())) {}

  // Hands all `rows` of the arrays, which are those of the filled columns, to `use`.
  template <typename Use>
  void ForEach(const arrow::ArrayVector& arrays, int64_t rows, const Use& use) {
    for (int64_t begin = 0; begin < rows; begin += STANDARD_VECTOR_SIZE) {
      const auto count = std::min<int64_t>(STANDARD_VECTOR_SIZE, rows - begin);
      chunk_.Reset();
      for (size_t i = 0; i < filled_.size(); ++i) {
        fillers_[i]->Fill(arrays[i], begin, count, chunk_.data[filled_[i]]);
      }
      chunk_.SetCardinality(count);
      use(chunk_);
    }
  }

 private:
  static std::vector<int> Positions(size_t count) {
    std::vector<int> all(count);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  const std::vector<int> filled_;
  std::vector<std::unique_ptr<VectorFiller>> fillers_;  // parallel to filled_
  duckdb::DataChunk chunk_;
};

}  // namespace pyralog::sql
