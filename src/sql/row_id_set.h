// Row ids that one statement has changed already. 8 KiB for each 65,536 neighbouring rows that
// occur, so that a statement over tens of millions of rows stays within a few megabytes.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace pyralog::sql {

// Thread-safe.
class RowIdSet {
 public:
  // False when the id was there already.
  bool Insert(int64_t row_id) {
    const std::lock_guard lock(mutex_);
    auto& page = pages_[row_id >> kPageBits];
    if (page == nullptr) page = std::make_unique<Page>();
    auto bit = (*page)[row_id & (kPageRows - 1)];
    if (bit) return false;
    bit = true;
    return true;
  }

 private:
  static constexpr int kPageBits = 16;
  static constexpr int64_t kPageRows = int64_t{1} << kPageBits;
  using Page = std::bitset<kPageRows>;

  std::mutex mutex_;
  std::unordered_map<int64_t, std::unique_ptr<Page>> pages_;  // guarded by mutex_
};

}  // namespace pyralog::sql
