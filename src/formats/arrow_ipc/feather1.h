// Feather version 1, what R and pandas wrote before 2020, read slice by slice of its rows.
//
//   "FEA1"  columns, each at a multiple of 8 ...  metadata (FlatBuffers)  its length (4 bytes,
//   little-endian)  "FEA1"
//
// A column is: null bitmap (only when it has nulls), offsets (of texts), values; each filled up to
// a multiple of 8. Format: the file feather.fbs of Apache Arrow.
#pragma once

#include <memory>

#include "arrow/result.h"
#include "formats/format.h"

namespace pyralog::formats {

// kDamaged for what does not hold, kNotSupported for a column's type or encoding.
arrow::Result<std::shared_ptr<Relation>> OpenFeather1Relation(const SourcePtr& source);

}  // namespace pyralog::formats
