// Chosen rows of an array and their nulls, for every Arrow type: Arrow's kernels where they know the type, and
// slices where not.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "arrow/array.h"
#include "arrow/result.h"
#include "lsm/table_view.h"

namespace pyralog::lsm {

// The rows at these places, in this order. String and binary views are copied as views: their data
// buffers are shared.
arrow::Result<std::shared_ptr<arrow::Array>> TakeRows(const std::shared_ptr<arrow::Array>& array,
                                                      std::span<const int64_t> rows);

// The same without Arrow's kernels, which are faster but do not know every type; and a place may be
// -1, where the result is null.
arrow::Result<std::shared_ptr<arrow::Array>> TakeRowsOrNull(
    const std::shared_ptr<arrow::Array>& array, std::span<const int64_t> rows);

// The set bits of `mask` as numbers that count from `first`.
std::vector<int64_t> RowsOfMask(const MaskWords& mask, int64_t first = 0);

// The validity bits of an array from its first row; nullptr when no row is null.
arrow::Result<std::shared_ptr<arrow::Buffer>> ValidityOf(const arrow::Array& array);

// The rows whose bit is set in `mask`, `kept` of them.
arrow::Result<std::shared_ptr<arrow::Array>> FilterRows(const std::shared_ptr<arrow::Array>& array,
                                                        const MaskWords& mask, int64_t kept);

}  // namespace pyralog::lsm
