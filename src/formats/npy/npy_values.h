// The elements of NPY arrays that lie one behind the other as Arrow arrays. For npy_columns.cc.
#pragma once

#include <cstdint>
#include <memory>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/memory_pool.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "formats/npy/npy_header.h"

namespace pyralog::formats {

// The type of an element; records and complex numbers are structs. kNotSupported for time spans of
// months and years, which have no length.
arrow::Result<std::shared_ptr<arrow::DataType>> NpyArrowType(const NpyType& type);
// The same for all but records and complex numbers.
arrow::Result<std::shared_ptr<arrow::DataType>> NpyScalarType(const NpyType& type);

// The numbers with their bytes in the other order.
arrow::Result<std::shared_ptr<arrow::Buffer>> SwapNpyBytes(const arrow::Buffer& items, int64_t size,
                                                           arrow::MemoryPool* pool);

// One byte each: not zero is true.
arrow::Result<std::shared_ptr<arrow::Array>> NpyBooleans(const arrow::Buffer& items, int64_t count,
                                                         arrow::MemoryPool* pool);

// S as binary, U as utf8; NULs that fill the element up are cut. kDamaged for what is no character.
arrow::Result<std::shared_ptr<arrow::Array>> NpyTexts(const NpyType& type,
                                                      const arrow::Buffer& items, int64_t count,
                                                      arrow::MemoryPool* pool);

// M: days and more as date32, hours and less as timestamps; m as durations. NaT is null. kDamaged
// when a value does not fit.
arrow::Result<std::shared_ptr<arrow::Array>> NpyTimes(const NpyType& type,
                                                      const arrow::Buffer& items, int64_t count,
                                                      arrow::MemoryPool* pool);

}  // namespace pyralog::formats
