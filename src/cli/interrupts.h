// Ctrl-C: cancels the statement that runs, never the process in the middle of something.
#pragma once

#include <atomic>
#include <chrono>

#include "base/thread_annotations.h"
#include "pyralog/database.h"

namespace pyralog::cli {

// The process's SIGINT. Thread-safe.
class Interrupts {
 public:
  // Lives as long as the process.
  static Interrupts& Get();

  enum class Insistence {
    kKeepRunning,  // a shell: Ctrl-C never ends the process
    kEndAtOnce,    // nothing that runs needs to be told
    kEnd,  // a second Ctrl-C, or a statement that is not done kGrace after the first, ends it with
           // exit code 130
  };
  static constexpr std::chrono::seconds kGrace{5};

  // To be called once, before the first thread is started: threads started later leave SIGINT to
  // this class. Does nothing when SIGINT is ignored, as a shell does for what runs in its
  // background.
  void Start(Insistence insistence);

  // Whether Ctrl-C was pressed since the last Clear.
  bool requested() const { return requested_.load(); }
  void Clear();
  // As if Ctrl-C was pressed once; the process is not ended. To be repeated until what runs has
  // ended.
  void Request() EXCLUDES(mutex_);
  // Readable from Ctrl-C until Clear: for poll(2) beside what is waited for.
  int wake_descriptor() const { return wake_[0]; }

  // While it lives, Ctrl-C (and Cancel) interrupts the session's statement.
  class Statement {
   public:
    explicit Statement(Session* session);
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    ~Statement();
  };

 private:
  Interrupts() = default;
  void Watch(Insistence insistence);
  void InterruptSession() EXCLUDES(mutex_);

  std::atomic<bool> requested_ = false;
  int wake_[2] = {-1, -1};
  Mutex mutex_;
  Session* session_ GUARDED_BY(mutex_) = nullptr;
};

// Waits until the descriptor is readable (or at its end). False when Ctrl-C came first.
bool WaitReadable(int descriptor);

}  // namespace pyralog::cli
