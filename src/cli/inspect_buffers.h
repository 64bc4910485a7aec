// The Arrow buffers of a file's columns, for `pyralog inspect FILE --buffers`.
#pragma once

#include <string>

#include "arrow/result.h"
#include "formats/format.h"

namespace pyralog::cli {

// A line for each column and each array within it: batches, values, nulls, and the bytes of its
// validity bitmaps, offsets and data, added up over all batches. kNotSupported unless the format's
// rows are Arrow's in the file.
arrow::Result<std::string> DescribeBuffers(formats::Dataset& dataset);

}  // namespace pyralog::cli
