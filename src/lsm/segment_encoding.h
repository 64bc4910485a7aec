// The one place that says how a column of a logical type is stored in a segment file, and back.
//
// Every type is stored as it is, but for four. Dictionary-encoded columns, at any depth, are stored
// as their values, because the batches of an IPC file share one dictionary and a segment's batches
// arrive one by one. Run ends of 16 bits, at any depth, are stored as 32 bits, because a segment's
// unit has more rows than they reach. Columns of texts that repeat are stored as 16-bit codes of one dictionary of
// the segment (string_dictionary.h): the writer decides by the first unit, and takes it back when
// there are too many texts after all. Integers of merged segments are stored in as few bytes as their
// column's bounds allow (batch/narrow_integers.h), but for those of the key. A reader takes the stored
// type from the file's own schema: what is stored under a type that casts losslessly to the logical
// one is read.
#pragma once

#include <memory>

#include "arrow/array.h"
#include "arrow/result.h"
#include "arrow/type.h"

namespace pyralog::lsm {

// The type under which a column of `logical` type is written.
std::shared_ptr<arrow::DataType> StorageType(const std::shared_ptr<arrow::DataType>& logical);

// `array` (of a logical type) as it is written: in its StorageType, and with the data of string and
// binary views gathered into one buffer, of which a slice would otherwise write all. Zero-copy
// where neither applies.
arrow::Result<std::shared_ptr<arrow::Array>> ToStorage(const std::shared_ptr<arrow::Array>& array);

// Whether arrays of the stored type can be read as the logical one.
bool FitsLogicalType(const std::shared_ptr<arrow::DataType>& stored,
                     const std::shared_ptr<arrow::DataType>& logical);

// A stored array as the logical type: itself when the types are equal, else a lossless cast. A
// dictionary whose indices cannot count the distinct values of the array, at any depth, gets indices
// of 32 bits, and so do run ends that do not reach its last row: the rows have the logical type when
// they are taken in smaller parts.
arrow::Result<std::shared_ptr<arrow::Array>> FromStorage(
    const std::shared_ptr<arrow::Array>& stored, const std::shared_ptr<arrow::DataType>& logical);

// The parts, which have one logical type, one behind the other; dictionaries and run ends
// as in FromStorage.
arrow::Result<std::shared_ptr<arrow::Array>> Concatenated(const arrow::ArrayVector& parts);

}  // namespace pyralog::lsm
