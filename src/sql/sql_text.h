// Names and texts as they stand in statements and in messages.
#pragma once

#include <string>
#include <string_view>

namespace pyralog::sql {

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

// "name", for people.
inline std::string Quoted(std::string_view name) { return '"' + std::string(name) + '"'; }

}  // namespace pyralog::sql
