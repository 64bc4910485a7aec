// Group commit: many commits, one write, one sync.
//
// Commits queue their records in order. Whoever waits first while nobody writes becomes the writer
// for all that is queued ("greedy": no timer; a group is what came while the last one was being
// synced), then publishes the new durable number.
//
// Invariants. The durable number never passes a record whose sync has not succeeded (in `normal`:
// whose write has not). After a failed write or sync the log is dead: what was queued fails,
// nothing more is accepted, and the durable number stays, until the database is opened again.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "arrow/result.h"
#include "base/thread_annotations.h"
#include "lsm/engine.h"
#include "lsm/record_log.h"

namespace pyralog::lsm {

struct EncodedCommit {
  uint32_t type;  // of the record
  std::string body;
};

class CommitLog {
 public:
  explicit CommitLog(Durability durability) : durability_(durability), durable_(CommitNumber{}) {}

  // The last commit that recovery found; before any other call.
  void StartAt(CommitNumber durable) { durable_ = durable; }

  // Sets the first log file, or changes to the next. REQUIRES: nothing queued or being written (see
  // Drain).
  void SetWriter(std::unique_ptr<RecordLogWriter> writer) EXCLUDES(mutex_);

  // Space for a record of this size, kept apart until it is queued. kNoSpace changes nothing.
  arrow::Status Reserve(uint64_t bytes) EXCLUDES(mutex_);
  // Queues one commit's record. Order of calls is order in the log. REQUIRES: Reserve.
  void Queue(EncodedCommit record, CommitNumber commit) EXCLUDES(mutex_);
  // Returns when the commit is durable as the setting says.
  arrow::Status WaitDurable(CommitNumber commit) EXCLUDES(mutex_);
  // Writes and syncs (whatever the setting) all that is queued.
  arrow::Status Drain() EXCLUDES(mutex_);
  // Drain, then the closing record; the writer is gone. `goes_on`: the next log file exists.
  arrow::Status CloseWriter(bool goes_on) EXCLUDES(mutex_);

  CommitNumber durable() const { return durable_.load(std::memory_order_acquire); }
  // OK, or why the log is dead.
  arrow::Status state() const EXCLUDES(mutex_);
  void Kill(const arrow::Status& reason) EXCLUDES(mutex_);
  uint64_t bytes() const EXCLUDES(mutex_);  // of the current file

 private:
  arrow::Status WriteQueued(bool sync) REQUIRES(mutex_);
  void WaitIdle() REQUIRES(mutex_);
  void UpdateAvailable() REQUIRES(mutex_);

  const Durability durability_;
  std::atomic<CommitNumber> durable_;
  mutable Mutex mutex_;
  CondVar idle_;
  std::unique_ptr<RecordLogWriter> writer_ GUARDED_BY(mutex_);
  std::vector<EncodedCommit> queue_ GUARDED_BY(mutex_);
  uint64_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  // Reserved bytes that no queued record needs, at the least.
  uint64_t available_ GUARDED_BY(mutex_) = 0;
  CommitNumber last_queued_ GUARDED_BY(mutex_);
  bool writing_ GUARDED_BY(mutex_) = false;
  bool unsynced_ GUARDED_BY(mutex_) = false;
  arrow::Status dead_ GUARDED_BY(mutex_);
};

}  // namespace pyralog::lsm
