// How a Parquet file lies on disk, as text.
#pragma once

#include <string>

#include "arrow/result.h"

namespace pyralog::cli {

// Its row groups, and of each column codec, encodings, sizes and statistics over all of them.
// REQUIRES: the file's footer was checked.
arrow::Result<std::string> DescribeParquetLayout(const std::string& path);

}  // namespace pyralog::cli
