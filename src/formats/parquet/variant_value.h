// One variant value as JSON text.
//
// Encoding: https://github.com/apache/parquet-format/blob/master/VariantEncoding.md (version 1)
//
//   metadata  header: version (4 bits), sorted (1), unused (1), offset bytes - 1 (2)
//             dictionary size, size + 1 offsets, the names' bytes; all numbers little-endian with
//             the header's width
//   value     low 2 bits of the first byte: 0 primitive (type in the upper 6), 1 short string
//   (length in the upper 6),
//             2 object, 3 array (widths in the upper 6)
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "arrow/result.h"
#include "arrow/status.h"

namespace pyralog::formats {

// The names that objects refer to by number. Views into the bytes it was made from.
class VariantNames {
 public:
  // kDamaged for what is no metadata, kFormatVersion for a newer version.
  static arrow::Result<VariantNames> Parse(std::string_view metadata);
  arrow::Result<std::string_view> Name(uint32_t id) const;

 private:
  std::string_view offsets_;
  std::string_view bytes_;
  uint32_t size_ = 0;
  int width_ = 1;  // bytes of an offset
};

// Appends the value; types as in value_text.h. kDamaged for what does not hold, kNotSupported for
// an unknown type.
arrow::Status AppendVariant(const VariantNames& names, std::string_view value, std::string* out);

// Calls `field` with each name and value of an object, until it fails. kDamaged when the value is
// no object.
using VariantField = std::function<arrow::Status(std::string_view name, std::string_view value)>;
arrow::Status VisitVariantObject(const VariantNames& names, std::string_view value,
                                 const VariantField& field);

bool IsVariantObject(std::string_view value);

}  // namespace pyralog::formats
