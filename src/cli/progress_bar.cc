#include "cli/progress_bar.h"

#include <algorithm>
#include <cmath>

#include "cli/exit_code.h"
#include "fmt/format.h"

namespace pyralog::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenDrawings{100};
constexpr int kBarWidth = 40;
// Less says nothing about the rest.
constexpr double kLeastForEstimate = 0.02;
constexpr std::string_view kWipeLine = "\r\x1b[K";

std::string ClockText(std::chrono::seconds time) {
  const auto seconds = time.count();
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace

std::string ProgressText(std::optional<double> done, std::chrono::seconds elapsed, int width) {
  if (!done) return "running, " + ClockText(elapsed);
  const double part = std::clamp(*done, 0.0, 1.0);
  std::string text = fmt::format("{:3.0f} %  {}", part * 100, ClockText(elapsed));
  if (part >= kLeastForEstimate) {
    const double left = static_cast<double>(elapsed.count()) * (1 - part) / part;
    text += ", about " + ClockText(std::chrono::seconds(std::lround(left))) + " left";
  }
  // The last column of a terminal stays free: a cursor there may wrap.
  const int room = std::min(kBarWidth, width - static_cast<int>(text.size()) - 4);
  if (room < 4) return text;
  const auto full = static_cast<size_t>(part * room);
  return "[" + std::string(full, '#') + std::string(static_cast<size_t>(room) - full, ' ') + "] " +
         text;
}

ProgressBar::ProgressBar(Session* session, int width)
    : session_(session), width_(width), thread_([this] { Draw(); }) {}

void ProgressBar::Draw() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto next = start + kDelay;
  double most = 0;  // what is said is not taken back
  while (true) {
    {
      const MutexLock lock(mutex_);
      while (!stopped_ && Clock::now() < next) changed_.WaitFor(mutex_, next - Clock::now());
      if (stopped_) return;
    }
    std::optional<double> done = session_->Progress();
    if (done) most = std::max(most, *done);
    if (most > 0) done = most;
    const auto elapsed = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start);
    WriteToStderr(std::string(kWipeLine) + ProgressText(done, elapsed, width_));
    drawn_ = true;
    next = Clock::now() + kBetweenDrawings;
  }
}

void ProgressBar::Stop() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.NotifyAll();
  if (!thread_.joinable()) return;
  thread_.join();
  if (drawn_) WriteToStderr(kWipeLine);
}

}  // namespace pyralog::cli
