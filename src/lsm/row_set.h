// Rows of one source: few as a list, many as a bitmap, whichever takes fewer bytes. Thirty million
// neighbouring rows are four megabytes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pyralog::lsm {

class RowSet {
 public:
  // REQUIRES: the row is not in the set. Rows may come in any order; after one out of order the set
  // is read only after Sort.
  void Add(uint32_t row);
  // The rows first + i of the bits i of `bits`. REQUIRES: as Add.
  void AddWord(uint32_t first, uint64_t bits) {
    for (; bits != 0; bits &= bits - 1) Add(first + static_cast<uint32_t>(std::countr_zero(bits)));
  }
  void Sort();

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool Contains(uint32_t row) const;
  // Calls visit(row) in ascending order.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    for (const uint32_t row : list_) visit(row);
    for (size_t w = 0; w < words_.size(); ++w) {
      for (uint64_t bits = words_[w]; bits != 0; bits &= bits - 1) {
        visit(static_cast<uint32_t>(w * 64 + std::countr_zero(bits)));
      }
    }
  }
  uint32_t max() const { return max_; }  // REQUIRES: !empty()

  // One of the two is empty. Ascending rows; bit r % 64 of word r / 64, up to the last row's word.
  std::span<const uint32_t> list() const { return list_; }
  std::span<const uint64_t> words() const { return words_; }

  uint64_t memory_bytes() const {
    return list_.capacity() * sizeof(uint32_t) + words_.capacity() * sizeof(uint64_t);
  }
  // Whether the same rows are in both.
  bool operator==(const RowSet& other) const;

 private:
  void MakeBitmap();
  void SetBit(uint32_t row);

  std::vector<uint32_t> list_;
  std::vector<uint64_t> words_;
  size_t size_ = 0;
  uint32_t max_ = 0;
  bool sorted_ = true;
};

}  // namespace pyralog::lsm
