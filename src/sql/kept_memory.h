// Memory of large buffers that is used again.
//
// A result of many megabytes is made of buffers that go back to the system when the reader is done,
// and the next result gets pages that the kernel has to clear first: more than a third of the time of
// a query that copies rows. So freed buffers are kept for the next ones, not for long, and not more
// of them than a part of the memory limit.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "arrow/memory_pool.h"

namespace pyralog::sql {

// Over Arrow's default pool. Thread-safe.
class KeptMemory final : public arrow::ProxyMemoryPool {
 public:
  static constexpr int64_t kSmallest = 64 << 10;  // smaller buffers pass
  static constexpr std::chrono::seconds kKeep{5};

  explicit KeptMemory(arrow::MemoryPool* below, std::chrono::milliseconds keep = kKeep);
  ~KeptMemory() override;

  // That of the process, which outlives all results.
  static KeptMemory& OfProcess();

  // From now on at most so many bytes are kept.
  void Limit(int64_t bytes);
  int64_t kept() const;

  arrow::Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override;
  arrow::Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                           uint8_t** ptr) override;
  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override;
  void ReleaseUnused() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Block {
    uint8_t* data;
    Clock::time_point freed;
  };

  // Moves blocks to `gone` until at most `bytes` are kept, and those freed before `oldest`.
  void Drop(int64_t bytes, Clock::time_point oldest, std::vector<std::pair<int64_t, Block>>* gone);
  void FreeAll(const std::vector<std::pair<int64_t, Block>>& gone);
  void DropOld();

  arrow::MemoryPool* const below_;
  const std::chrono::milliseconds keep_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<int64_t, std::deque<Block>> blocks_;  // by size, the last freed at the back
  int64_t kept_ = 0;
  int64_t limit_ = 0;
  bool ends_ = false;
  std::thread dropper_;
};

}  // namespace pyralog::sql
