// The rows of one statement: streamed from its session while nothing else runs there, and from
// memory afterwards.
#pragma once

#include <unistd.h>

#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "pyralog/database.h"

namespace pyralog::python {

// What a session and its open rows share. One thread uses the session at a time; a second is
// refused.
struct SessionLink {
  std::shared_ptr<Session> session;  // constant
  const pid_t process = getpid();
  std::mutex mutex;
  bool busy = false;    // guarded by mutex
  bool closed = false;  // guarded by mutex
};

// The right to use the session, or the error that says who has it.
class SessionUse {
 public:
  static arrow::Result<SessionUse> Begin(std::shared_ptr<SessionLink> link);
  SessionUse(SessionUse&&) noexcept = default;
  SessionUse& operator=(SessionUse&&) = delete;
  ~SessionUse();
  Session& session() { return *link_->session; }

 private:
  explicit SessionUse(std::shared_ptr<SessionLink> link) : link_(std::move(link)) {}
  std::shared_ptr<SessionLink> link_;
};

// Keeps what must not be destroyed: in a forked child the engine's threads are not there, and
// nothing of it can be ended.
template <class T>
void KeepForever(T value) noexcept {
  static_cast<void>(new (std::nothrow) T(std::move(value)));
}

// kTransaction in a child of the process that made `link`.
arrow::Status CheckProcess(const SessionLink& link);

// Thread-safe. No call needs the GIL, and all that block must be made without it.
class Rows {
 public:
  Rows(std::shared_ptr<SessionLink> link, std::shared_ptr<arrow::RecordBatchReader> reader);
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows();

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  // The next rows, at most `limit`; nullptr at the end. With `empty`, batches without rows are given, too.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next(int64_t limit, bool empty = false);
  // Reads what is left into memory.
  arrow::Status ReadAll();
  // The same for a session that is about to run another statement. An error comes with the rows.
  void Detach();
  // Gives up what is not read; reading on is an error with this text.
  void Drop(const std::string& why);

 private:
  arrow::Status Fill();  // REQUIRES: mutex_; the next batch is in current_, or null at the end
  void Release();        // REQUIRES: mutex_

  const std::shared_ptr<SessionLink> link_;
  const std::shared_ptr<arrow::Schema> schema_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<arrow::RecordBatchReader> reader_;  // null: all is in memory
  std::deque<std::shared_ptr<arrow::RecordBatch>> kept_;
  std::shared_ptr<arrow::RecordBatch> current_;
  int64_t offset_ = 0;  // rows of current_ that were given
  arrow::Status end_;   // how the rows end
};

// A reader of the rows that are left.
std::shared_ptr<arrow::RecordBatchReader> ReaderOf(std::shared_ptr<Rows> rows);

}  // namespace pyralog::python
