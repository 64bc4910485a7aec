// A segment as a source of rows.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"
#include "lsm/row_source.h"
#include "lsm/segment.h"

namespace pyralog::lsm {

class SegmentSource final : public RowSource {
 public:
  // `birth`: of all rows; Max() for a segment whose transaction has not committed.
  SegmentSource(io::Env* env, std::string folder, std::shared_ptr<Segment> segment);
  // Removes the files when the segment was marked obsolete.
  ~SegmentSource() override;

  const std::shared_ptr<Segment>& segment() const { return segment_; }
  const SegmentMeta& meta() const { return segment_->meta(); }
  int64_t rows() const { return static_cast<int64_t>(meta().rows); }
  // When the segment's files leave the database: they are removed with the last reference.
  void MarkObsolete(bool obsolete = true) { obsolete_ = obsolete; }

  // The commit that all rows count as born at. Set once, before the source is published.
  CommitNumber birth() const { return birth_; }
  void SetBirth(CommitNumber birth) { birth_ = birth; }

  // The newest death that is in a deletion pack. Guarded by the engine's commit mutex.
  CommitNumber packed() const { return packed_; }
  void SetPacked(CommitNumber commit) { packed_ = commit; }

  const TableSchemaPtr& schema() const override { return segment_->schema(); }
  int64_t BornAt(CommitNumber snapshot) const override { return birth_ <= snapshot ? rows() : 0; }
  SourceUnits Units(int64_t rows) const override;
  arrow::Result<const batch::ZoneMap*> Range(int column) const override {
    return segment_->Range(column);
  }
  arrow::Result<std::shared_ptr<arrow::Array>> ColumnAt(int64_t row, int column,
                                                        int64_t* offset) const override;
  arrow::Result<std::shared_ptr<arrow::Array>> EncodedAt(int64_t row, int column,
                                                         int64_t* offset) const override;
  bool MayHold(std::string_view low, std::string_view high) const override {
    return segment_->MayHold(low, high);
  }
  arrow::Status Find(const KeyBatch& keys, std::span<const int64_t> which, CommitNumber snapshot,
                     std::span<int64_t> rows) const override;
  arrow::Status FindNewer(const KeyBatch& keys, std::span<const int64_t> which,
                          CommitNumber snapshot, std::span<int64_t> newer) const override;
  arrow::Result<std::shared_ptr<const SortedUnit>> Sorted(
      int64_t first, const std::vector<FieldId>& fields) const override;

 private:
  io::Env* const env_;
  const std::string folder_;
  const std::shared_ptr<Segment> segment_;
  CommitNumber birth_;
  CommitNumber packed_;
  std::atomic<bool> obsolete_{false};
  mutable Mutex mutex_;
  mutable SourceUnits units_ GUARDED_BY(mutex_);  // made when first asked for
  using SortedKey = std::pair<int64_t, std::vector<FieldId>>;
  mutable std::map<SortedKey, std::shared_ptr<const SortedUnit>> sorted_ GUARDED_BY(mutex_);
};

}  // namespace pyralog::lsm
