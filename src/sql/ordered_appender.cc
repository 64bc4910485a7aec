#include "sql/ordered_appender.h"

#include <utility>

#include "lsm/memtable.h"
#include "sql/errors.h"
#include "sql/write_operator.h"

namespace pyralog::sql {

void OrderedAppender::Add(uint64_t batch_index, std::shared_ptr<arrow::RecordBatch> rows) {
  if (rows->num_rows() == 0) return;
  const std::lock_guard lock(mutex_);
  waiting_.emplace(batch_index, std::move(rows));
}

void OrderedAppender::AppendBelow(uint64_t min_batch_index) {
  const std::lock_guard lock(mutex_);
  while (!waiting_.empty() && waiting_.begin()->first < min_batch_index) {
    auto node = waiting_.extract(waiting_.begin());
    pending_rows_ += node.mapped()->num_rows();
    pending_.push_back(std::move(node.mapped()));
    if (pending_rows_ >= kRowsPerAppend) AppendPending();
  }
}

void OrderedAppender::AppendAll() {
  AppendBelow(UINT64_MAX);
  const std::lock_guard lock(mutex_);
  AppendPending();
}

void OrderedAppender::AppendPending() {
  if (pending_.empty()) return;
  append_(pending_.size() == 1 ? pending_[0] : ValueOrThrow(lsm::ConcatenateBatches(pending_)));
  pending_.clear();
  pending_rows_ = 0;
}

}  // namespace pyralog::sql
