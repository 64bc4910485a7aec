// The few Python literals that the header of an NPY file is made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow/result.h"

namespace pyralog::formats {

struct PythonLiteral {
  enum class Kind { kText, kNumber, kBool, kSequence, kDictionary };

  Kind kind = Kind::kNumber;
  std::string text = {};
  int64_t number = 0;  // 0 or 1 for a truth value
  std::vector<PythonLiteral> items = {};
  std::vector<std::string> keys = {};  // of the items of a dictionary
};

// Texts, whole numbers, True and False, tuples, lists and dictionaries with texts as keys; nothing
// is evaluated. kDamaged names the byte that does not fit. Nested at most 32 deep.
arrow::Result<PythonLiteral> ParsePythonLiteral(std::string_view text);

}  // namespace pyralog::formats
