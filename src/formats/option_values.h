// Values of options, given as text.
#pragma once

#include <cstdint>
#include <string>

#include "arrow/result.h"
#include "formats/format.h"

namespace pyralog::formats {

// Each gives `otherwise` when the option is absent and kInvalidArgument, naming option and value,
// when it is malformed. Text comes in lower case.
arrow::Result<std::string> TextOption(const Options& options, const std::string& name,
                                      const std::string& otherwise);
// From `min` to `max`, both included.
arrow::Result<int64_t> IntegerOption(const Options& options, const std::string& name,
                                     int64_t otherwise, int64_t min, int64_t max);
// true, false, 1, 0, on, off, in any case; empty text is true.
arrow::Result<bool> BoolOption(const Options& options, const std::string& name, bool otherwise);

}  // namespace pyralog::formats
