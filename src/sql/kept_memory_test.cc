#include "sql/kept_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "arrow/buffer.h"

namespace pyralog::sql {
namespace {

constexpr int64_t kMiB = 1 << 20;

class KeptMemoryTest : public testing::Test {
 protected:
  uint8_t* Allocate(int64_t size, int64_t alignment = arrow::kDefaultBufferAlignment) {
    uint8_t* out = nullptr;
    EXPECT_TRUE(memory_.Allocate(size, alignment, &out).ok());
    std::memset(out, 7, size);
    return out;
  }
  void Free(uint8_t* buffer, int64_t size) {
    memory_.Free(buffer, size, arrow::kDefaultBufferAlignment);
  }

  const std::unique_ptr<arrow::MemoryPool> below_ = arrow::MemoryPool::CreateDefault();
  KeptMemory memory_{below_.get(), std::chrono::hours(1)};
};

TEST_F(KeptMemoryTest, AFreedBufferIsTheNextOfNearlyItsSize) {
  memory_.Limit(8 * kMiB);
  uint8_t* const first = Allocate(kMiB);
  Free(first, kMiB);
  EXPECT_EQ(memory_.kept(), kMiB);
  uint8_t* const second = Allocate(kMiB - kMiB / 32);
  EXPECT_EQ(second, first);
  EXPECT_EQ(memory_.kept(), 0);
  Free(second, kMiB - kMiB / 32);
  uint8_t* const other = Allocate(2 * kMiB);
  EXPECT_EQ(memory_.kept(), kMiB);
  Free(other, 2 * kMiB);
  EXPECT_EQ(memory_.kept(), 3 * kMiB);
  memory_.ReleaseUnused();
  EXPECT_EQ(memory_.kept(), 0);
  EXPECT_EQ(below_->bytes_allocated(), 0);
}

TEST_F(KeptMemoryTest, SmallBuffersAndWideAlignmentsPass) {
  memory_.Limit(8 * kMiB);
  Free(Allocate(KeptMemory::kSmallest - 1), KeptMemory::kSmallest - 1);
  memory_.Free(Allocate(kMiB, 4096), kMiB, 4096);
  EXPECT_EQ(memory_.kept(), 0);
  EXPECT_EQ(below_->bytes_allocated(), 0);
}

TEST_F(KeptMemoryTest, NoMoreIsKeptThanTheLimit) {
  Free(Allocate(kMiB), kMiB);
  EXPECT_EQ(memory_.kept(), 0);
  memory_.Limit(2 * kMiB);
  std::vector<uint8_t*> buffers;
  for (int i = 0; i < 4; ++i) buffers.push_back(Allocate(kMiB));
  for (uint8_t* const buffer : buffers) Free(buffer, kMiB);
  EXPECT_EQ(memory_.kept(), 2 * kMiB);
  EXPECT_EQ(below_->bytes_allocated(), 2 * kMiB);
  memory_.Limit(kMiB);
  EXPECT_EQ(memory_.kept(), kMiB);
  EXPECT_EQ(below_->bytes_allocated(), kMiB);
}

TEST_F(KeptMemoryTest, ReallocationKeepsTheBytesAcrossAllSizes) {
  memory_.Limit(64 * kMiB);
  int64_t size = 100;
  uint8_t* buffer = Allocate(size);
  for (int64_t next : {int64_t{1000}, KeptMemory::kSmallest, KeptMemory::kSmallest + 1, kMiB,
                       3 * kMiB, kMiB, KeptMemory::kSmallest - 1, int64_t{100}}) {
    ASSERT_TRUE(memory_.Reallocate(size, next, arrow::kDefaultBufferAlignment, &buffer).ok());
    for (int64_t i = 0; i < std::min(size, next); ++i) ASSERT_EQ(buffer[i], 7) << size << " " << i;
    std::memset(buffer, 7, next);
    size = next;
  }
  Free(buffer, size);
  memory_.ReleaseUnused();
  EXPECT_EQ(below_->bytes_allocated(), 0);
}

TEST_F(KeptMemoryTest, ManyThreadsGetBuffersOfTheirOwn) {
  memory_.Limit(8 * kMiB);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this, thread] {
      for (int i = 0; i < 200; ++i) {
        const int64_t size = KeptMemory::kSmallest * (1 + i % 3);
        uint8_t* out = nullptr;
        ASSERT_TRUE(memory_.Allocate(size, arrow::kDefaultBufferAlignment, &out).ok());
        std::memset(out, thread, size);
        for (int64_t at = 0; at < size; at += 4096) ASSERT_EQ(out[at], thread);
        Free(out, size);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  memory_.ReleaseUnused();
  EXPECT_EQ(below_->bytes_allocated(), 0);
}

TEST(KeptMemory, WhatNobodyTakesGoesBackToTheSystem) {
  const auto below = arrow::MemoryPool::CreateDefault();
  KeptMemory memory(below.get(), std::chrono::milliseconds(20));
  memory.Limit(8 * kMiB);
  uint8_t* out = nullptr;
  ASSERT_TRUE(memory.Allocate(kMiB, arrow::kDefaultBufferAlignment, &out).ok());
  memory.Free(out, kMiB, arrow::kDefaultBufferAlignment);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (below->bytes_allocated() > 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(below->bytes_allocated(), 0);
  EXPECT_EQ(memory.kept(), 0);
}

}  // namespace
}  // namespace pyralog::sql
