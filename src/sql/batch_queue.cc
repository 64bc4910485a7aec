#include "sql/batch_queue.h"

#include <limits>

#include "arrow/util/byte_size.h"

namespace pyralog::sql {
namespace {

void CallBack(const std::vector<duckdb::InterruptState>& sleepers) {
  for (const auto& sleeper : sleepers) sleeper.Callback();
}

}  // namespace

bool BatchQueue::HasRoom(uint64_t place) const {
  return (place <= first_open_ ? ready_bytes_ : waiting_bytes_) < bound_;
}

bool BatchQueue::MayBegin(uint64_t place, const duckdb::InterruptState& sleeper) {
  const std::lock_guard lock(mutex_);
  if (HasRoom(place)) return true;
  sleepers_.emplace_back(place, sleeper);
  return false;
}

void BatchQueue::Push(uint64_t place, BatchPtr batch) {
  const int64_t bytes = arrow::util::TotalBufferSize(*batch);
  {
    const std::lock_guard lock(mutex_);
    waiting_[place].push_back({std::move(batch), bytes});
    waiting_bytes_ += bytes;
    MoveReady();
  }
  some_.notify_one();
}

void BatchQueue::CompleteBefore(uint64_t place) {
  std::vector<duckdb::InterruptState> awake;
  {
    const std::lock_guard lock(mutex_);
    if (place <= first_open_) return;
    first_open_ = place;
    MoveReady();
    awake = Awaken();
  }
  some_.notify_one();
  CallBack(awake);
}

void BatchQueue::MoveReady() {
  while (!waiting_.empty() && waiting_.begin()->first <= first_open_) {
    for (auto& [batch, bytes] : waiting_.begin()->second) {
      waiting_bytes_ -= bytes;
      ready_bytes_ += bytes;
      ready_.push_back(std::move(batch));
    }
    waiting_.erase(waiting_.begin());
  }
}

std::vector<duckdb::InterruptState> BatchQueue::Awaken() {
  std::vector<duckdb::InterruptState> awake;
  std::erase_if(sleepers_, [&](const Sleeper& sleeper) {
    if (!HasRoom(sleeper.first)) return false;
    awake.push_back(sleeper.second);
    return true;
  });
  return awake;
}

std::vector<BatchQueue::BatchPtr> BatchQueue::Take() {
  std::vector<BatchPtr> taken;
  std::vector<duckdb::InterruptState> awake;
  {
    const std::lock_guard lock(mutex_);
    taken.assign(std::make_move_iterator(ready_.begin()), std::make_move_iterator(ready_.end()));
    ready_.clear();
    ready_bytes_ = 0;
    awake = Awaken();
  }
  CallBack(awake);
  return taken;
}

bool BatchQueue::HasBatches() const {
  const std::lock_guard lock(mutex_);
  return !ready_.empty();
}

void BatchQueue::Wait(std::chrono::microseconds moment) const {
  std::unique_lock lock(mutex_);
  if (ready_.empty()) some_.wait_for(lock, moment);
}

void BatchQueue::TakeBoundAway() {
  std::vector<duckdb::InterruptState> awake;
  {
    const std::lock_guard lock(mutex_);
    bound_ = std::numeric_limits<int64_t>::max();
    awake = Awaken();
  }
  CallBack(awake);
}

}  // namespace pyralog::sql
