// The file formats of this build as a result.
#pragma once

#include <memory>

#include "arrow/record_batch.h"
#include "arrow/result.h"

namespace pyralog::cli {

// One row for each format: name, title, read, write, projection, filter, suffixes, readers.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> FormatsTable();

}  // namespace pyralog::cli
