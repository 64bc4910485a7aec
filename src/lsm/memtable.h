// Recent rows of one table in memory, as Arrow batches ("pieces"), with a hash index on the key.
//
// A committed batch becomes a piece; many small ones are merged, sixteen of a rank into one of the
// next, so that a million one-row commits leave few pieces and each row is copied about log16(4096)
// = 3 times. Pieces are immutable: readers take a snapshot of their list and never wait. One writer
// at a time (the engine's commit mutex, or a transaction's own mutex for its private rows), any
// number of readers.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "arrow/record_batch.h"
#include "base/thread_annotations.h"
#include "lsm/key_index.h"
#include "lsm/row_source.h"

namespace pyralog::lsm {

// Immutable rows of a memtable, first_row onwards.
struct Piece {
  int64_t first = 0;
  int rank = 0;  // 16^rank rows, roughly; kTopRank and above are not merged further
  std::shared_ptr<arrow::RecordBatch> batch;
  int64_t end() const { return first + batch->num_rows(); }
};

class MemTable final : public RowSource {
 public:
  MemTable(TableId table, TableSchemaPtr schema, uint64_t first_ordinal);

  TableId table() const { return table_; }
  const TableSchemaPtr& schema() const override { return schema_; }
  // Number of row 0 in the table's order of all rows ever put into memtables: names rows in the
  // log.
  uint64_t first_ordinal() const { return first_ordinal_; }

  // Adds rows born at `commit` (never below an earlier one). `keys` are the batch's, for keyed
  // tables.
  arrow::Status Append(std::shared_ptr<arrow::RecordBatch> batch, const KeyBatch* keys,
                       CommitNumber commit) EXCLUDES(mutex_);

  int64_t rows() const EXCLUDES(mutex_);
  uint64_t memory_bytes() const { return bytes_.load(std::memory_order_relaxed); }
  CommitNumber last_birth() const EXCLUDES(mutex_);
  // All pieces so far.
  std::vector<Piece> Pieces() const EXCLUDES(mutex_);
  // Appends the keys of rows [first, first + count), of those set in `mask` (bit 0 is row first)
  // when given. REQUIRES: keyed.
  void CopyKeys(int64_t first, int64_t count, const std::vector<uint64_t>* mask,
                KeyBatch* keys) const EXCLUDES(mutex_);

  int64_t BornAt(CommitNumber snapshot) const override EXCLUDES(mutex_);
  SourceUnits Units(int64_t rows) const override EXCLUDES(mutex_);
  arrow::Result<std::shared_ptr<arrow::Array>> ColumnAt(int64_t row, int column,
                                                        int64_t* offset) const override
      EXCLUDES(mutex_);
  arrow::Status Find(const KeyBatch& keys, std::span<const int64_t> which, CommitNumber snapshot,
                     std::span<int64_t> rows) const override EXCLUDES(mutex_);
  arrow::Status FindNewer(const KeyBatch& keys, std::span<const int64_t> which,
                          CommitNumber snapshot, std::span<int64_t> newer) const override
      EXCLUDES(mutex_);

 private:
  struct Birth {
    int64_t first;        // rows from here on ...
    CommitNumber commit;  // ... were born here
  };
  int64_t BornAtLocked(CommitNumber snapshot) const REQUIRES_SHARED(mutex_);
  arrow::Status MergePieces() REQUIRES(mutex_);

  const TableId table_;
  const TableSchemaPtr schema_;
  const uint64_t first_ordinal_;
  std::atomic<uint64_t> bytes_{0};

  mutable SharedMutex mutex_;
  std::vector<Piece> pieces_ GUARDED_BY(mutex_);
  std::vector<Birth> births_ GUARDED_BY(mutex_);
  KeyIndex index_ GUARDED_BY(mutex_);
  int64_t rows_ GUARDED_BY(mutex_) = 0;
};

// One batch of `batches` (same schema), copied compactly.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> ConcatenateBatches(
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches);

}  // namespace pyralog::lsm
