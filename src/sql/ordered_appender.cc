#include "sql/ordered_appender.h"

#include <utility>

#include "lsm/segment_encoding.h"
#include "sql/errors.h"
#include "sql/write_operator.h"

namespace pyralog::sql {
namespace {

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Joined(const arrow::RecordBatchVector& batches) {
  int64_t rows = 0;
  for (const auto& batch : batches) rows += batch->num_rows();
  arrow::ArrayVector columns;
  for (int i = 0; i < batches[0]->num_columns(); ++i) {
    arrow::ArrayVector parts;
    for (const auto& batch : batches) parts.push_back(batch->column(i));
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), lsm::Concatenated(parts));
  }
  return arrow::RecordBatch::Make(batches[0]->schema(), rows, std::move(columns));
}

}  // namespace

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
  append_(pending_.size() == 1 ? pending_[0] : ValueOrThrow(Joined(pending_)));
  pending_.clear();
  pending_rows_ = 0;
}

}  // namespace pyralog::sql
