// Puts batches that several threads finish in any order back into the order of the source, and
// appends them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "arrow/record_batch.h"

namespace pyralog::sql {

// Thread-safe.
class OrderedAppender {
 public:
  // Throws on error.
  using Append = std::function<void(const std::shared_ptr<arrow::RecordBatch>&)>;
  explicit OrderedAppender(Append append) : append_(std::move(append)) {}

  // `rows` follow those that were added at this index before.
  void Add(uint64_t batch_index, std::shared_ptr<arrow::RecordBatch> rows);
  // No thread will add at an index below `min_batch_index` any more.
  void AppendBelow(uint64_t min_batch_index);
  void AppendAll();

 private:
  void AppendPending();

  const Append append_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::multimap<uint64_t, std::shared_ptr<arrow::RecordBatch>> waiting_;
  arrow::RecordBatchVector pending_;  // in order; small ones wait here to become one append
  int64_t pending_rows_ = 0;
};

}  // namespace pyralog::sql
