#include "sql/kept_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

namespace pyralog::sql {
namespace {

constexpr int64_t kAlignment = 64;  // Arrow's own; others pass

bool IsKept(int64_t size, int64_t alignment) {
  return size >= KeptMemory::kSmallest && alignment <= kAlignment;
}

// Sizes are rounded up to one of eight steps between two powers of two, so that buffers of nearly
// the same size can follow one another.
int64_t RoundedUp(int64_t size) {
  const auto step = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(size)) / 8);
  return (size + step - 1) / step * step;
}

}  // namespace

KeptMemory::KeptMemory(arrow::MemoryPool* below, std::chrono::milliseconds keep)
    : ProxyMemoryPool(below), below_(below), keep_(keep) {}

KeptMemory::~KeptMemory() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (dropper_.joinable()) dropper_.join();
  ReleaseUnused();
}

KeptMemory& KeptMemory::OfProcess() {
  static KeptMemory& memory = *new KeptMemory(arrow::default_memory_pool());  // results may be last
  return memory;
}

void KeptMemory::Limit(int64_t bytes) {
  std::vector<std::pair<int64_t, Block>> gone;
  {
    const std::lock_guard lock(mutex_);
    if (limit_ == bytes) return;
    limit_ = bytes;
    Drop(limit_, Clock::time_point::min(), &gone);
  }
  FreeAll(gone);
}

int64_t KeptMemory::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

arrow::Status KeptMemory::Allocate(int64_t size, int64_t alignment, uint8_t** out) {
  if (!IsKept(size, alignment)) return below_->Allocate(size, alignment, out);
  const int64_t rounded = RoundedUp(size);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = blocks_.find(rounded); found != blocks_.end()) {
      *out = found->second.back().data;
      found->second.pop_back();
      if (found->second.empty()) blocks_.erase(found);
      kept_ -= rounded;
      return arrow::Status::OK();
    }
  }
  return below_->Allocate(rounded, kAlignment, out);
}

arrow::Status KeptMemory::Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                                     uint8_t** ptr) {
  const bool was_kept = IsKept(old_size, alignment);
  const bool is_kept = IsKept(new_size, alignment);
  if (!was_kept && !is_kept) return below_->Reallocate(old_size, new_size, alignment, ptr);
  if (was_kept && is_kept && RoundedUp(old_size) == RoundedUp(new_size)) return arrow::Status::OK();
  uint8_t* moved = nullptr;
  ARROW_RETURN_NOT_OK(Allocate(new_size, alignment, &moved));
  std::memcpy(moved, *ptr, std::min(old_size, new_size));
  Free(std::exchange(*ptr, moved), old_size, alignment);
  return arrow::Status::OK();
}

void KeptMemory::Free(uint8_t* buffer, int64_t size, int64_t alignment) {
  if (!IsKept(size, alignment)) return below_->Free(buffer, size, alignment);
  const int64_t rounded = RoundedUp(size);
  {
    const std::lock_guard lock(mutex_);
    if (kept_ + rounded <= limit_) {
      if (!dropper_.joinable()) dropper_ = std::thread([this] { DropOld(); });
      if (kept_ == 0) changed_.notify_all();
      blocks_[rounded].push_back({buffer, Clock::now()});
      kept_ += rounded;
      return;
    }
  }
  below_->Free(buffer, rounded, kAlignment);
}

void KeptMemory::ReleaseUnused() {
  std::vector<std::pair<int64_t, Block>> gone;
  {
    const std::lock_guard lock(mutex_);
    Drop(0, Clock::time_point::min(), &gone);
  }
  FreeAll(gone);
  below_->ReleaseUnused();
}

void KeptMemory::Drop(int64_t bytes, Clock::time_point oldest,
                      std::vector<std::pair<int64_t, Block>>* gone) {
  for (auto size = blocks_.begin(); size != blocks_.end();) {
    auto& blocks = size->second;
    while (!blocks.empty() && (kept_ > bytes || blocks.front().freed < oldest)) {
      gone->emplace_back(size->first, blocks.front());
      blocks.pop_front();
      kept_ -= size->first;
    }
    size = blocks.empty() ? blocks_.erase(size) : std::next(size);
  }
}

void KeptMemory::FreeAll(const std::vector<std::pair<int64_t, Block>>& gone) {
  for (const auto& [size, block] : gone) below_->Free(block.data, size, kAlignment);
}

void KeptMemory::DropOld() {
  std::unique_lock lock(mutex_);
  while (!ends_) {
    if (kept_ == 0) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_for(lock, keep_);
    std::vector<std::pair<int64_t, Block>> gone;
    Drop(std::numeric_limits<int64_t>::max(), Clock::now() - keep_, &gone);
    lock.unlock();
    FreeAll(gone);
    lock.lock();
  }
}

}  // namespace pyralog::sql
