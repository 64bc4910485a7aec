// Arrow data that came from outside, before the first kernel sees it.
#pragma once

#include <memory>

#include "arrow/record_batch.h"
#include "arrow/result.h"

namespace pyralog::formats {

enum class Dictionaries { kCheck, kChecked };

// The batch, when nothing in it can lead a reader out of its buffers: offsets, sizes, indices, type
// ids and run ends are in range and in order, text is UTF-8, at any depth. Null counts are counted
// anew. Values that only break a rule of their type are let through, because writers of good name
// make them: decimals beyond their precision, date64 that are no whole days, times of 24 hours.
// Costs one pass over everything but fixed-width values. The buffers have to be memory that nobody
// else writes to. Dictionaries that were checked before (kChecked) are not looked at again.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> ValidateForeign(
    const arrow::RecordBatch& batch, Dictionaries dictionaries = Dictionaries::kCheck);

}  // namespace pyralog::formats
