// The elements of an NPY array as Arrow columns.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/memory_pool.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "formats/npy/npy_header.h"

namespace pyralog::formats {

// One column: where its elements are. All numbers in bytes, but for `shape`.
struct NpyColumn {
  std::shared_ptr<arrow::Field> field;
  NpyType type;
  std::vector<int64_t> shape;    // of each row's value; empty for a single element
  std::vector<int64_t> strides;  // one for each of `shape`
  int64_t row_stride = 0;
  int64_t offset = 0;  // of the first row's first element in the file
};

// One column "value"; of records one for each field. kNotSupported for shapes that Arrow has no
// type for.
arrow::Result<std::vector<NpyColumn>> NpyColumns(const NpyHeader& header);

// Rows [begin, begin + count) of the file's bytes: a view of them where Arrow lays out the elements
// as the file does, else a copy from the pool. kDamaged for texts and dates that are none.
arrow::Result<std::shared_ptr<arrow::Array>> ReadNpyColumn(
    const NpyColumn& column, const std::shared_ptr<arrow::Buffer>& file, int64_t begin,
    int64_t count, arrow::MemoryPool* pool);

// Bytes that the values of one row take.
int64_t NpyRowBytes(const NpyColumn& column);

}  // namespace pyralog::formats
