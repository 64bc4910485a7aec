// A growing hash index from key bytes to the rows of a memtable, newest version first. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lsm/key.h"

namespace pyralog::lsm {

class KeyIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // Adds row size() with this key; earlier rows of the key stay reachable through Previous.
  void Add(std::string_view key, uint64_t hash);
  // The newest row with this key, or kNone.
  uint32_t Newest(std::string_view key, uint64_t hash) const;
  // The next older row with the same key, or kNone.
  uint32_t Previous(uint32_t row) const { return previous_[row]; }

  uint32_t size() const { return static_cast<uint32_t>(previous_.size()); }
  std::string_view key(uint32_t row) const {
    return {bytes_.data() + starts_[row], static_cast<size_t>(starts_[row + 1] - starts_[row])};
  }
  uint64_t memory_bytes() const {
    return bytes_.capacity() + slots_.capacity() * sizeof(Slot) +
           (starts_.capacity() + previous_.capacity()) * 8;
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    uint32_t row = kNone;  // newest
  };
  size_t FindSlot(std::string_view key, uint64_t hash) const;
  void Grow();

  std::vector<Slot> slots_;  // a power of two, at most 5/8 full
  size_t used_ = 0;
  std::string bytes_;
  std::vector<uint64_t> starts_{0};
  std::vector<uint32_t> previous_;
};

}  // namespace pyralog::lsm
