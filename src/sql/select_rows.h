// Rows of arrays by position or by mask, for every type. Arrow's own functions lack those of views.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"

namespace pyralog::sql {

// The rows at these positions, in that order; null where a position is -1.
arrow::Result<std::shared_ptr<arrow::Array>> TakeRows(const arrow::Array& array,
                                                      std::span<const int64_t> positions);

// The rows where `selected` is true (not false, not null), in order. REQUIRES: equal lengths.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> FilterRows(const arrow::RecordBatch& batch,
                                                              const arrow::BooleanArray& selected);

}  // namespace pyralog::sql
