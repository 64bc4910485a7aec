// Arrays whose buffers lie in a foreign file, read into private memory: whole, or only some rows.
//
// Nothing of the file is looked at where it lies, so what is read stays as it is whatever becomes of
// the file. What is read is in bounds of the file and nothing more: it goes through ValidateForeign.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "arrow/array/data.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "arrow/util/compression.h"
#include "formats/source.h"

namespace pyralog::formats {

// Bytes of a file.
struct FileRange {
  uint64_t offset = 0;
  int64_t size = 0;  // not negative
};

// What a file says of an array: claims, none of them checked.
struct FileArray {
  std::shared_ptr<arrow::DataType> type;
  int64_t length = 0;
  bool has_nulls = false;
  std::vector<FileRange> buffers;  // as arrow::ArrayData has them, the validity first
  std::vector<FileArray> children;
  std::shared_ptr<arrow::ArrayData> dictionary;  // of dictionary types; validated
};

// The type itself, or what an extension type is stored as. Lives as long as the argument.
const arrow::DataType& StorageOf(const arrow::DataType& type);

// Whether rows of the type lie together. Those of list views, dense unions and runs may lie
// anywhere in their children, so that such columns are read whole.
bool CanReadRows(const arrow::DataType& type);

// Whether each row takes bytes of the file; if not, an array may claim any length.
bool RowsTakeBytes(const FileArray& array);

// Bytes of all buffers; INT64_MAX when they are more.
int64_t BytesOf(const FileArray& array);

// Rows that are read at once, of `rows` that take `bytes`: a multiple of 8, about 16 MiB.
int64_t RowsPerSlice(int64_t rows, int64_t bytes);

// Rows [first, first + count). REQUIRES: CanReadRows(*array.type). kDamaged for rows that the
// buffers do not have.
arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadRows(const Source& source,
                                                          const FileArray& array, int64_t first,
                                                          int64_t count);

// The buffers as they are, or decompressed where `codec` is not null: each then starts with its
// decompressed size (8 bytes, -1 where it is not compressed).
arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadWhole(const Source& source,
                                                           const FileArray& array,
                                                           arrow::util::Codec* codec);

}  // namespace pyralog::formats
