#include "sql/alarm_clock.h"

namespace pyralog::sql {

AlarmClock::~AlarmClock() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    alarms_.clear();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

AlarmClock::Alarm AlarmClock::Set(Clock::time_point when, std::function<void()> ring) {
  const std::lock_guard lock(mutex_);
  const Key key(when, next_++);
  alarms_.emplace(key, std::move(ring));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_all();
  return {nullptr, [this, key](void*) {
            // The clock rings under this lock: what is called off does not ring any more.
            const std::lock_guard locked(mutex_);
            alarms_.erase(key);
          }};
}

void AlarmClock::Run() {
  std::unique_lock lock(mutex_);
  while (!ends_) {
    if (alarms_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = alarms_.begin();
    if (Clock::now() < first->first.first) {
      changed_.wait_until(lock, first->first.first);
      continue;
    }
    const auto ring = std::move(first->second);
    alarms_.erase(first);
    ring();
  }
}

}  // namespace pyralog::sql
