// Clang's thread-safety annotations (clang.llvm.org/docs/ThreadSafetyAnalysis.html), and mutexes
// that carry them. With other compilers they vanish.
#pragma once

#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#if defined(__clang__)
#define PYRALOG_ANNOTATION(x) __attribute__((x))
#else
#define PYRALOG_ANNOTATION(x)
#endif

#define CAPABILITY(x) PYRALOG_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY PYRALOG_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) PYRALOG_ANNOTATION(guarded_by(x))
#define PT_GUARDED_BY(x) PYRALOG_ANNOTATION(pt_guarded_by(x))
#define REQUIRES(...) PYRALOG_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) PYRALOG_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) PYRALOG_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) PYRALOG_ANNOTATION(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) PYRALOG_ANNOTATION(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) PYRALOG_ANNOTATION(release_shared_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) PYRALOG_ANNOTATION(release_generic_capability(__VA_ARGS__))
#define EXCLUDES(...) PYRALOG_ANNOTATION(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS PYRALOG_ANNOTATION(no_thread_safety_analysis)

namespace pyralog {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class CAPABILITY("mutex") SharedMutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  void lock_shared() ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

// Holds a Mutex or SharedMutex exclusively for its scope.
template <class M>
class SCOPED_CAPABILITY BasicLock {
 public:
  explicit BasicLock(M& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~BasicLock() RELEASE() { mutex_.unlock(); }
  BasicLock(const BasicLock&) = delete;
  BasicLock& operator=(const BasicLock&) = delete;

 private:
  M& mutex_;
};

using MutexLock = BasicLock<Mutex>;
using WriteLock = BasicLock<SharedMutex>;

// Holds a SharedMutex shared for its scope.
class SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReadLock() RELEASE_GENERIC() { mutex_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& mutex_;
};

// Waits on a Mutex that the caller holds.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) { cv_.wait(mutex); }
  template <class Duration>
  std::cv_status WaitFor(Mutex& mutex, Duration duration) REQUIRES(mutex) {
    return cv_.wait_for(mutex, duration);
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable_any cv_;
};

}  // namespace pyralog
