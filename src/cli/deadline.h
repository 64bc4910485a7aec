// A time limit for reading foreign bytes.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/thread_annotations.h"

namespace pyralog::cli {

// When the time is over the running statement is interrupted, as by Ctrl-C. What has not ended a
// second later ends with the process: exit code kInputRefused and the refusal's line on stderr.
class Deadline {
 public:
  // No limit: never passes.
  Deadline(std::optional<std::chrono::milliseconds> limit, std::string path);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  bool passed() const { return passed_.load(); }
  // "error: INTERRUPTED: <path>: ...".
  std::string RefusalText() const;

 private:
  void Watch(std::chrono::milliseconds limit);
  // Whether the work was done within the time.
  bool WaitDone(std::chrono::milliseconds time) EXCLUDES(mutex_);

  const std::string path_;
  const std::optional<std::chrono::milliseconds> limit_;
  std::atomic<bool> passed_ = false;
  Mutex mutex_;
  CondVar changed_;
  bool done_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace pyralog::cli
