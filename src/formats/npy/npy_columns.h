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
#include "formats/source.h"

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

// Where the rows are. In C order they are one run of bytes; in Fortran order there is a run for each
// element of a row, in which all rows' elements stand.
struct NpyRows {
  int64_t count = 0;
  uint64_t offset = 0;  // of the first run in the file
  int64_t runs = 1;
  int64_t size_in_run = 0;    // bytes that a row takes in each run
  size_t run_dimensions = 0;  // dimensions of a row that runs are counted by

  int64_t row_size() const { return runs * size_in_run; }
};

// REQUIRES: NpyColumns(header) is no error.
NpyRows NpyRowsOf(const NpyHeader& header);

// The runs of rows [begin, begin + count), one behind the other, in private memory.
arrow::Result<std::shared_ptr<arrow::Buffer>> ReadNpyRows(const Source& source, const NpyRows& rows,
                                                          int64_t begin, int64_t count);
// The column in what ReadNpyRows gives of `count` rows.
NpyColumn ColumnOfRows(NpyColumn column, const NpyRows& rows, int64_t count);

// `count` rows: a view of `elements` where Arrow lays them out as NumPy does, else a copy from the
// pool. kDamaged for texts and dates that are none.
arrow::Result<std::shared_ptr<arrow::Array>> ReadNpyColumn(
    const NpyColumn& column, const std::shared_ptr<arrow::Buffer>& elements, int64_t count,
    arrow::MemoryPool* pool);

}  // namespace pyralog::formats
