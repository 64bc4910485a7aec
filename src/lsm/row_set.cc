#include "lsm/row_set.h"

namespace pyralog::lsm {
namespace {

constexpr size_t kLongList = 1024;  // shorter ones stay lists

}  // namespace

void RowSet::Add(uint32_t row) {
  sorted_ = sorted_ && (size_ == 0 || row > max_);
  max_ = size_ == 0 ? row : std::max(max_, row);
  ++size_;
  if (!words_.empty()) {
    SetBit(row);
    return;
  }
  list_.push_back(row);
  // 32 bits a row of a list, one bit a row up to the last of a bitmap.
  if (list_.size() >= kLongList && list_.size() >= max_ / 32) MakeBitmap();
}

void RowSet::MakeBitmap() {
  words_.reserve(max_ / 64 + 1);
  for (const uint32_t row : list_) SetBit(row);
  list_ = {};
}

void RowSet::SetBit(uint32_t row) {
  if (row / 64 >= words_.size()) words_.resize(row / 64 + 1);
  words_[row / 64] |= uint64_t{1} << (row % 64);
}

void RowSet::Sort() {
  if (!sorted_ && words_.empty()) std::sort(list_.begin(), list_.end());
  sorted_ = true;
}

bool RowSet::Contains(uint32_t row) const {
  if (words_.empty()) return std::binary_search(list_.begin(), list_.end(), row);
  return row / 64 < words_.size() && ((words_[row / 64] >> (row % 64)) & 1) != 0;
}

bool RowSet::operator==(const RowSet& other) const {
  if (size_ != other.size_ || (size_ > 0 && max_ != other.max_)) return false;
  bool same = true;
  ForEach([&](uint32_t row) { same = same && other.Contains(row); });
  return same;
}

}  // namespace pyralog::lsm
