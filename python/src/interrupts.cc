#include "src/interrupts.h"

#include <nanobind/nanobind.h>
#include <pthread.h>
#include <semaphore.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <thread>

#include "src/errors.h"

namespace pyralog::python {
namespace {

// An interrupt that comes while a statement is only being started is lost: it is repeated.
constexpr auto kRepeat = std::chrono::milliseconds(10);

struct Watch {
  std::mutex mutex;
  Session* target = nullptr;            // guarded by mutex; what a signal interrupts
  bool thread_runs = false;             // main thread only
  int depth = 0;                        // of scopes; main thread only
  std::atomic<uint64_t> call = 0;       // counts the outermost scopes
  std::atomic<uint64_t> signalled = 0;  // the call that the last signal came in
  struct sigaction previous = {};
  pthread_t main_thread = {};
  sem_t wake;
};

Watch& TheWatch() {
  static Watch* const watch = new Watch();  // lives as long as the process
  return *watch;
}

// Async-signal-safe but for what Python's own handler does.
void OnSignal(int signal, siginfo_t* info, void* context) {
  Watch& watch = TheWatch();
  watch.signalled.store(watch.call.load());
  sem_post(&watch.wake);
  if ((watch.previous.sa_flags & SA_SIGINFO) != 0) {
    watch.previous.sa_sigaction(signal, info, context);
  } else {
    watch.previous.sa_handler(signal);
  }
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == OnSignal;
}

// Default and ignored stay as they are: they are no business of Python's.
bool IsHandler(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 ||
         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

void WatchSignals() {
  Watch& watch = TheWatch();
  while (true) {
    while (sem_wait(&watch.wake) != 0) {
    }
    while (true) {
      {
        const std::lock_guard lock(watch.mutex);
        if (watch.target == nullptr || watch.signalled.load() != watch.call.load()) break;
        watch.target->Interrupt();
      }
      std::this_thread::sleep_for(kRepeat);
    }
  }
}

void StartThread(Watch* watch) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the threads of Python
  std::thread(WatchSignals).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  watch->thread_runs = true;
}

// The one thread that a child has is its main thread.
void AfterForkInChild() {
  Watch& watch = TheWatch();
  new (&watch.mutex) std::mutex();
  watch.target = nullptr;
  watch.thread_runs = false;
  watch.depth = 0;
  watch.main_thread = pthread_self();
  sem_init(&watch.wake, 0, 0);
}

}  // namespace

void StartWatchingSignals() {
  Watch& watch = TheWatch();
  sem_init(&watch.wake, 0, 0);
  const nb::object main = nb::module_::import_("threading").attr("main_thread")().attr("ident");
  watch.main_thread = static_cast<pthread_t>(nb::cast<unsigned long>(main));
  pthread_atfork(nullptr, nullptr, AfterForkInChild);
}

InterruptScope::InterruptScope(Session& session) {
  Watch& watch = TheWatch();
  if (pthread_equal(pthread_self(), watch.main_thread) == 0) return;
  installed_ = true;
  if (!watch.thread_runs) StartThread(&watch);
  {
    const std::lock_guard lock(watch.mutex);
    outer_ = watch.target;
    watch.target = &session;
    if (watch.depth == 0) ++watch.call;
  }
  if (watch.depth++ > 0) return;
  struct sigaction current = {};
  sigaction(SIGINT, nullptr, &current);
  if (!IsHandler(current)) return;
  if (!IsOurs(current)) watch.previous = current;
  struct sigaction ours = watch.previous;
  ours.sa_flags |= SA_SIGINFO;
  ours.sa_sigaction = OnSignal;
  sigaction(SIGINT, &ours, nullptr);
}

InterruptScope::~InterruptScope() {
  if (!installed_) return;
  Watch& watch = TheWatch();
  {
    const std::lock_guard lock(watch.mutex);
    watch.target = outer_;
  }
  if (--watch.depth > 0) return;
  struct sigaction current = {};
  sigaction(SIGINT, nullptr, &current);
  if (IsOurs(current)) sigaction(SIGINT, &watch.previous, nullptr);
}

void CheckSignals() {
  if (PyErr_CheckSignals() != 0) RaiseSet();
}

}  // namespace pyralog::python
