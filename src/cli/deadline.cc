#include "cli/deadline.h"

#include <unistd.h>

#include <utility>

#include "cli/exit_code.h"
#include "cli/interrupts.h"
#include "fmt/format.h"
#include "pyralog/error.h"

namespace pyralog::cli {

Deadline::Deadline(std::optional<std::chrono::milliseconds> limit, std::string path)
    : path_(std::move(path)), limit_(limit) {
  if (limit_) thread_ = std::thread([this] { Watch(*limit_); });
}

Deadline::~Deadline() {
  {
    const MutexLock lock(mutex_);
    done_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Deadline::Watch(std::chrono::milliseconds limit) {
  constexpr std::chrono::milliseconds kRepeat{50};
  constexpr int kRepetitions = 20;  // one second
  if (WaitDone(limit)) return;
  passed_ = true;
  for (int i = 0; i < kRepetitions; ++i) {
    Interrupts::Get().Request();
    if (WaitDone(kRepeat)) return;
  }
  PrintToStderr(RefusalText());
  ::_exit(static_cast<int>(ExitCode::kInputRefused));
}

bool Deadline::WaitDone(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  const MutexLock lock(mutex_);
  while (!done_) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    changed_.WaitFor(mutex_, left);
  }
  return true;
}

std::string Deadline::RefusalText() const {
  const double seconds = limit_ ? static_cast<double>(limit_->count()) / 1000 : 0;
  return cli::RefusalText(
      MakeError(ErrorCode::kInterrupted,
                fmt::format("reading took longer than the {:g} s that --timeout allows", seconds)),
      path_);
}

}  // namespace pyralog::cli
