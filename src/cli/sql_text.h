// Text that becomes part of a statement.
#pragma once

#include <string>
#include <string_view>

namespace pyralog::cli {

// 'it''s'
inline std::string QuoteText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + '\'';
}

// "a ""b"""
inline std::string QuoteName(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

}  // namespace pyralog::cli
