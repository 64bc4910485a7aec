// Arrow values as the elements of an NPY array.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/result.h"
#include "arrow/status.h"
#include "arrow/type.h"

namespace pyralog::formats {

// How the values of one column (or of a part of its values) are written.
struct NpyElement {
  std::string name;
  std::shared_ptr<arrow::DataType> type;  // of a single element: no list
  std::vector<int64_t> shape;             // of a value that is a list of fixed size
  int64_t width = 0;                      // bytes of an element; of texts known only at the end
  std::vector<NpyElement> fields;         // of a struct

  bool has_texts() const;
  int64_t size() const;  // bytes of a value, all its elements
};

// kNotSupported names the column and why NPY has no such type.
arrow::Result<NpyElement> NpyElementOf(const arrow::Field& field);

// Makes texts as wide as the widest value.
arrow::Status WidenTexts(const arrow::Array& array, NpyElement* element);

// "'<f8'", "[('a', '<i4'), ('b', '<f4', (3,))]" for fields; what stands in the header.
std::string NpyDescr(const NpyElement& element);

// Writes rows' values to `out`, `stride` bytes apart. kInvalidArgument names the column when a
// value is null or would not come back.
arrow::Status WriteElements(const NpyElement& element, const arrow::Array& array, uint8_t* out,
                            int64_t stride);

}  // namespace pyralog::formats
