// Integers in fewer bytes than their type has.
//
// A column whose values all fit a smaller type may be stored in it: fewer bytes are read, and
// compared, per row. The smaller type has the sign of the type it stands for, so that each value
// keeps its meaning.
#pragma once

#include <cstdint>
#include <memory>

#include "arrow/array.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "batch/zone_map.h"

namespace pyralog::batch {

// Whether `narrow` is an integer type of fewer bytes than the integer type `wide`, and of its sign.
bool IsNarrowerInteger(const arrow::DataType& narrow, const arrow::DataType& wide);

// The smallest type that holds all values of a column of `type` within the bounds; `type` itself
// where that is no other, where `type` is no integer, and where there are values without bounds.
std::shared_ptr<arrow::DataType> NarrowestInteger(const std::shared_ptr<arrow::DataType>& type,
                                                  const ZoneMap& bounds);

// The array in a narrower type. kUnknown when a value does not fit: bounds were wrong.
arrow::Result<std::shared_ptr<arrow::Array>> NarrowIntegers(
    const arrow::Array& array, const std::shared_ptr<arrow::DataType>& narrow);

// And back: an array of values of its own.
arrow::Result<std::shared_ptr<arrow::Array>> WidenIntegers(
    const arrow::Array& array, const std::shared_ptr<arrow::DataType>& wide);

// `count` values of the type `narrow`, one behind the other, in `width` bytes each.
// REQUIRES: an integer type of fewer bytes.
void WidenValues(const void* values, arrow::Type::type narrow, int64_t count, int width, void* out);

}  // namespace pyralog::batch
