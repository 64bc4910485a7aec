#include "lsm/commit_log.h"

#include <algorithm>
#include <utility>

#include "lsm/commit_record.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint64_t kRecordFrame = 16;   // length, type, checksum
constexpr uint64_t kGroupSlack = 1024;  // sector headers and padding of a small group

}  // namespace

void CommitLog::SetWriter(std::unique_ptr<RecordLogWriter> writer) {
  MutexLock lock(mutex_);
  writer_ = std::move(writer);
  UpdateAvailable();
}

void CommitLog::WaitIdle() {
  while (writing_) idle_.Wait(mutex_);
}

arrow::Status CommitLog::Reserve(uint64_t bytes) {
  MutexLock lock(mutex_);
  ARROW_RETURN_NOT_OK(dead_);
  if (!writer_) return arrow::Status::OK();  // durability is off
  const uint64_t wanted = bytes + kRecordFrame + kGroupSlack;
  if (available_ >= wanted) return arrow::Status::OK();
  WaitIdle();
  ARROW_RETURN_NOT_OK(dead_);
  UpdateAvailable();
  if (available_ >= wanted) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(writer_->Reserve(queued_bytes_ + wanted));
  UpdateAvailable();
  return arrow::Status::OK();
}

void CommitLog::UpdateAvailable() {
  const uint64_t reserved = writer_ ? writer_->reserved() : 0;
  available_ = reserved > queued_bytes_ ? reserved - queued_bytes_ : 0;
}

void CommitLog::Queue(EncodedCommit record, CommitNumber commit) {
  MutexLock lock(mutex_);
  last_queued_ = commit;
  if (!writer_) {
    durable_.store(commit, std::memory_order_release);
    return;
  }
  const uint64_t bytes = record.body.size() + kRecordFrame + kGroupSlack;
  queued_bytes_ += bytes;
  available_ -= std::min(available_, bytes);
  queue_.push_back(std::move(record));
}

arrow::Status CommitLog::WriteQueued(bool sync) {
  std::vector<EncodedCommit> records = std::exchange(queue_, {});
  queued_bytes_ = 0;
  const CommitNumber last = last_queued_;
  sync = sync && (!records.empty() || unsynced_);
  writing_ = true;
  RecordLogWriter* writer = writer_.get();
  mutex_.unlock();
  arrow::Status status;
  if (!records.empty()) {
    std::vector<LogRecord> group;
    group.reserve(records.size());
    for (const EncodedCommit& record : records) group.push_back({record.type, record.body});
    status = writer->AppendGroup(group);
  }
  if (status.ok() && sync) status = writer->Sync();
  mutex_.lock();
  writing_ = false;
  UpdateAvailable();
  if (status.ok()) {
    unsynced_ = !sync && (unsynced_ || !records.empty());
    if (dead_.ok()) durable_.store(last, std::memory_order_release);
  } else if (dead_.ok()) {
    dead_ = MakeError(ErrorCode::kReadOnly,
                      "the write-ahead log could not be written (" + status.message() +
                          "); nothing after the last acknowledged commit is kept and the database "
                          "is read-only until it is opened again");
  }
  idle_.NotifyAll();
  return dead_;
}

arrow::Status CommitLog::WaitDurable(CommitNumber commit) {
  if (durable() >= commit) return arrow::Status::OK();
  MutexLock lock(mutex_);
  while (durable() < commit) {
    ARROW_RETURN_NOT_OK(dead_);
    if (writing_) {
      idle_.Wait(mutex_);
    } else {
      ARROW_RETURN_NOT_OK(WriteQueued(durability_ == Durability::kFull));
    }
  }
  return arrow::Status::OK();
}

arrow::Status CommitLog::Drain() {
  MutexLock lock(mutex_);
  WaitIdle();
  ARROW_RETURN_NOT_OK(dead_);
  if (!writer_ || (queue_.empty() && !unsynced_)) return arrow::Status::OK();
  return WriteQueued(true);
}

arrow::Status CommitLog::CloseWriter(bool goes_on) {
  ARROW_RETURN_NOT_OK(Drain());
  MutexLock lock(mutex_);
  if (!writer_) return arrow::Status::OK();
  auto writer = std::move(writer_);
  arrow::Status status = writer->CloseCleanly(goes_on);
  if (!status.ok() && dead_.ok()) {
    dead_ = MakeError(ErrorCode::kReadOnly,
                      "the write-ahead log could not be closed (" + status.message() +
                          "); the database is read-only until it is opened again");
  }
  return dead_;
}

arrow::Status CommitLog::state() const {
  MutexLock lock(mutex_);
  return dead_;
}

void CommitLog::Kill(const arrow::Status& reason) {
  MutexLock lock(mutex_);
  if (dead_.ok()) dead_ = reason;
}

uint64_t CommitLog::bytes() const {
  MutexLock lock(mutex_);
  return writer_ ? writer_->size() : 0;
}

}  // namespace pyralog::lsm
