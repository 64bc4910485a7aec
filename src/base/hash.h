// The one hash of Pyralog: XXH3, 64 bits (xxHash specification 0.8). Checksums and key hashes on
// disk use it, so neither function nor seed may change without a new format version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pyralog {

uint64_t Hash64(const void* data, size_t size, uint64_t seed = 0);
inline uint64_t Hash64(std::string_view data, uint64_t seed = 0) {
  return Hash64(data.data(), data.size(), seed);
}

}  // namespace pyralog
