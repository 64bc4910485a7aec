// Unicode characters as UTF-8.
#pragma once

#include <cstdint>
#include <string>

namespace pyralog::formats {

// Neither a surrogate nor beyond the last character.
inline bool IsCharacter(uint32_t code) {
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

// REQUIRES: IsCharacter(code).
inline void AppendCharacter(uint32_t code, std::string* out) {
  if (code < 0x80) {
    *out += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const uint32_t lead = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
  *out += static_cast<char>(lead | (code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) {
    *out += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f));
  }
}

}  // namespace pyralog::formats
