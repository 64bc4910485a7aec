// The bytes that string and binary views name in a foreign file.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/result.h"
#include "formats/file_arrays.h"

namespace pyralog::formats {

// Reads what the views (16 bytes each, in private memory) name of the file's `data` buffers, and
// turns the views to the buffers that are returned; views of nulls become empty. Views may name any
// bytes in any order. What lies between them is read too where it is little, else only what is near
// to them. `validity` may be null. kDamaged for views that lead outside of the data.
arrow::Result<arrow::BufferVector> ReadViewPieces(const Source& source,
                                                  const std::vector<FileRange>& data,
                                                  const uint8_t* validity, arrow::Buffer* views);

}  // namespace pyralog::formats
