// Arrow values as text: JSON, or what people and CSV read.
//
//   type                      JSON                                  plain
//   ------------------------  ------------------------------------  -----------------------------
//   integers, booleans        as they are                           the same
//   floats                    shortest text that reads back equal;  the same, without quotes
//                             "NaN", "Infinity", "-Infinity"
//   decimals                  "12.50"                               12.50
//   binary                    base64 in quotes                      base64
//   date, time, timestamp     ISO 8601 in quotes; with a zone:      a space in place of T; +00
//                             UTC with Z
//                             infinity, -infinity                   the same
//   duration, interval        ISO 8601 in quotes ("PT1.5S")         without quotes
//   struct, map, lists        object, object (keys as text), array  the JSON text
//   union, dictionary,        the value itself                      the same
//   run-end encoded
//   arrow.json                the document itself                   the document itself
//   arrow.uuid                "01234567-..."                        without quotes
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "arrow/array.h"
#include "arrow/result.h"
#include "arrow/type.h"

namespace pyralog::formats {

enum class TextStyle { kJson, kPlain };

// Writes values of one type. Thread-safe.
class ValueText {
 public:
  virtual ~ValueText() = default;
  // Appends the value of a row; a null is "null" in JSON and nothing in plain text. REQUIRES: the
  // array has the type, and was validated.
  void Append(const arrow::Array& array, int64_t row, std::string* out) const {
    if (array.IsNull(row)) {
      AppendNull(out);
    } else {
      AppendValue(array, row, out);
    }
  }
  virtual void AppendNull(std::string* out) const = 0;

 protected:
  virtual void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const = 0;
};

// kNotSupported names a type that has no text.
arrow::Result<std::unique_ptr<ValueText>> MakeValueText(const arrow::DataType& type,
                                                        TextStyle style);

// `text` as a JSON string, quotes included.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace pyralog::formats
