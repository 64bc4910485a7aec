#include "formats/option_values.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

arrow::Status BadOption(const std::string& name, const std::string& value,
                        const std::string& wanted) {
  return MakeError(ErrorCode::kInvalidArgument,
                   "option " + name + " is '" + value + "'; it takes " + wanted);
}

}  // namespace

arrow::Result<std::string> TextOption(const Options& options, const std::string& name,
                                      const std::string& otherwise) {
  const auto found = options.find(name);
  if (found == options.end()) return otherwise;
  std::string value = found->second;
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return value;
}

arrow::Result<int64_t> IntegerOption(const Options& options, const std::string& name,
                                     int64_t otherwise, int64_t min, int64_t max) {
  const auto found = options.find(name);
  if (found == options.end()) return otherwise;
  const std::string& text = found->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    return BadOption(name, text,
                     "a number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

arrow::Result<bool> BoolOption(const Options& options, const std::string& name, bool otherwise) {
  if (!options.contains(name)) return otherwise;
  ARROW_ASSIGN_OR_RAISE(const std::string value, TextOption(options, name, ""));
  if (value.empty() || value == "true" || value == "1" || value == "on") return true;
  if (value == "false" || value == "0" || value == "off") return false;
  return BadOption(name, value, "true or false");
}

}  // namespace pyralog::formats
