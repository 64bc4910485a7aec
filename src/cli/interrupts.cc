#include "cli/interrupts.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "cli/exit_code.h"

namespace pyralog::cli {
namespace {

// An interrupt that arrives just before a statement starts is forgotten by the SQL engine, so it is
// repeated this often.
constexpr timespec kRepeat = {0, 50'000'000};

sigset_t InterruptSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

Interrupts& Interrupts::Get() {
  static Interrupts& interrupts = *new Interrupts();  // its thread ends with the process
  return interrupts;
}

void Interrupts::Start(Insistence insistence) {
  struct sigaction inherited{};
  if (sigaction(SIGINT, nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN) return;
  // Without the pipe Ctrl-C ends the process, as without this class.
  if (::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) return;
  const sigset_t signals = InterruptSignal();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([this, insistence] { Watch(insistence); }).detach();
}

void Interrupts::Watch(Insistence insistence) {
  using Clock = std::chrono::steady_clock;
  const sigset_t signals = InterruptSignal();
  const bool ends = insistence != Insistence::kKeepRunning;
  Clock::time_point first;
  while (true) {
    const int signal =
        requested() ? sigtimedwait(&signals, nullptr, &kRepeat) : sigwaitinfo(&signals, nullptr);
    if (signal == SIGINT) {
      // What is not acknowledged need not survive, and the log is made for sudden ends.
      const bool at_once = requested() || insistence == Insistence::kEndAtOnce;
      if (ends && at_once) ::_exit(static_cast<int>(ExitCode::kInterrupted));
      first = Clock::now();
      Request();
    }
    if (!requested()) continue;
    InterruptSession();
    if (ends && Clock::now() - first > kGrace) ::_exit(static_cast<int>(ExitCode::kInterrupted));
  }
}

void Interrupts::Request() {
  if (!requested_.exchange(true)) {
    [[maybe_unused]] const ssize_t ignored = ::write(wake_[1], "", 1);
  }
  InterruptSession();
}

void Interrupts::InterruptSession() {
  const MutexLock lock(mutex_);
  if (session_ != nullptr) session_->Interrupt();
}

void Interrupts::Clear() {
  requested_ = false;
  char ignored[16];
  while (::read(wake_[0], ignored, sizeof ignored) > 0) {
  }
}

Interrupts::Statement::Statement(Session* session) {
  Interrupts& interrupts = Get();
  const MutexLock lock(interrupts.mutex_);
  interrupts.session_ = session;
}

Interrupts::Statement::~Statement() {
  Interrupts& interrupts = Get();
  const MutexLock lock(interrupts.mutex_);
  interrupts.session_ = nullptr;
}

bool WaitReadable(int descriptor) {
  pollfd waited[] = {{descriptor, POLLIN, 0}, {Interrupts::Get().wake_descriptor(), POLLIN, 0}};
  while (::poll(waited, 2, -1) < 0 && errno == EINTR) {
  }
  return waited[1].revents == 0;
}

}  // namespace pyralog::cli
