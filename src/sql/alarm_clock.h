// Calls something when a time has come, unless it is called off before.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace pyralog::sql {

// One thread, started by the first alarm. Thread-safe.
class AlarmClock {
 public:
  using Clock = std::chrono::steady_clock;

  AlarmClock() = default;
  AlarmClock(const AlarmClock&) = delete;
  AlarmClock& operator=(const AlarmClock&) = delete;
  ~AlarmClock();  // calls off what is left

  // An alarm; calls it off when it goes. It may then ring no more, and does not ring now.
  using Alarm = std::shared_ptr<void>;

  // `ring` is called by the clock's thread; it must be short and must not touch the clock.
  Alarm Set(Clock::time_point when, std::function<void()> ring);

 private:
  using Key = std::pair<Clock::time_point, uint64_t>;  // the time, and which of that time

  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<Key, std::function<void()>> alarms_;
  uint64_t next_ = 0;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace pyralog::sql
