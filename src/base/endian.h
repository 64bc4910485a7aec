// Little-endian integers at any address. All on-disk formats of Pyralog are little-endian.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace pyralog {

static_assert(std::endian::native == std::endian::little,
              "big-endian hosts need byte swaps in LoadLittle and StoreLittle");

template <class T>
  requires std::is_trivially_copyable_v<T>
T LoadLittle(const void* address) {
  T value;
  std::memcpy(&value, address, sizeof(T));
  return value;
}

template <class T>
  requires std::is_trivially_copyable_v<T>
void StoreLittle(void* address, T value) {
  std::memcpy(address, &value, sizeof(T));
}

template <class T>
void AppendLittle(std::string* out, T value) {
  const size_t at = out->size();
  out->resize(at + sizeof(T));
  StoreLittle(out->data() + at, value);
}

}  // namespace pyralog
