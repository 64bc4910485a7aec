// Writes batches as an NPY array: one column as an array of its type, several as records.
#pragma once

#include <memory>

#include "arrow/io/interfaces.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "formats/format.h"

namespace pyralog::formats {

// The header comes first in a file and tells how many rows follow, so batches are kept until
// Finish(), unless the stream is a PatchableOutput and all values have a fixed width. kNotSupported
// names a column whose type NPY does not have.
arrow::Result<std::unique_ptr<BatchWriter>> MakeNpyWriter(
    std::shared_ptr<arrow::io::OutputStream> out, std::shared_ptr<arrow::Schema> schema);

}  // namespace pyralog::formats
