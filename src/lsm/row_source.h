// Rows of one table in one place: a memtable or a segment, with the deaths of its rows.
//
// Rows are numbered from 0 and never move within a source. Their births never go down along the
// numbers, so what a snapshot can see by birth is a prefix; deaths are in a DeletionVector. When a
// source is flushed or merged away, its Relocation says where each surviving row went.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "arrow/array.h"
#include "arrow/result.h"
#include "batch/zone_map.h"
#include "lsm/deletion_vector.h"
#include "lsm/key.h"
#include "lsm/sorted_unit.h"
#include "lsm/table_schema.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

// Consecutive rows of a source that are read together. Immutable.
class SourceUnit {
 public:
  SourceUnit(int64_t first_row, int64_t num_rows) : first(first_row), rows(num_rows) {}
  virtual ~SourceUnit() = default;
  // `column` is a position in the source's schema.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Column(int column) const = 0;
  // The same, but texts and integers as they are stored (Segment::Encoded).
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Encoded(int column) const {
    return Column(column);
  }
  virtual arrow::Result<batch::ZoneMap> Zone(int column) const = 0;
  virtual void WillNeed(std::span<const int> /*columns*/) const {}

  const int64_t first;
  const int64_t rows;
};
using SourceUnits = std::vector<std::shared_ptr<const SourceUnit>>;

class RowSource;

// Kept rows as bits with counts, so that an old row's rank among the kept is its new place. 1.5
// bits a row.
class KeptRows {
 public:
  KeptRows(std::vector<uint64_t> words, int64_t rows) : words_(std::move(words)), rows_(rows) {
    ranks_.reserve(words_.size() / 8 + 1);
    for (size_t i = 0; i < words_.size(); ++i) {
      if (i % 8 == 0) ranks_.push_back(static_cast<uint32_t>(kept_));
      kept_ += std::popcount(words_[i]);
    }
  }
  int64_t rows() const { return rows_; }
  int64_t kept() const { return kept_; }
  bool IsKept(int64_t row) const { return row < rows_ && ((words_[row >> 6] >> (row & 63)) & 1); }
  // Kept rows before `row`. REQUIRES: row < rows().
  int64_t Rank(int64_t row) const {
    const int64_t word = row >> 6;
    int64_t rank = ranks_[word / 8];
    for (int64_t i = word / 8 * 8; i < word; ++i) rank += std::popcount(words_[i]);
    return rank + std::popcount(words_[word] & ((uint64_t{1} << (row & 63)) - 1));
  }
  const std::vector<uint64_t>& words() const { return words_; }

 private:
  std::vector<uint64_t> words_;
  std::vector<uint32_t> ranks_;
  int64_t rows_;
  int64_t kept_ = 0;
};

// Where the rows of a source went. A row that was not kept had died.
struct Relocation {
  std::shared_ptr<RowSource> target;  // nullptr: no row was kept
  int64_t target_first = 0;           // the first kept row's number in the target
  KeptRows kept;
};

class RowSource {
 public:
  RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  virtual ~RowSource() = default;

  virtual const TableSchemaPtr& schema() const = 0;  // as stored
  // Rows born at or before the snapshot: a prefix.
  virtual int64_t BornAt(CommitNumber snapshot) const = 0;
  // Units covering exactly the first `rows` rows.
  virtual SourceUnits Units(int64_t rows) const = 0;
  // Bounds of a column over all rows; nullptr when they are not known cheaply. The pointer lives as
  // long as the source.
  virtual arrow::Result<const batch::ZoneMap*> Range(int /*column*/) const { return nullptr; }
  // The array of `column` that holds `row`, and its place.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> ColumnAt(int64_t row, int column,
                                                                int64_t* offset) const = 0;
  // The same, as it is stored (SourceUnit::Encoded).
  virtual arrow::Result<std::shared_ptr<arrow::Array>> EncodedAt(int64_t row, int column,
                                                                 int64_t* offset) const {
    return ColumnAt(row, column, offset);
  }
  // False only when no row has a key from `low` to `high` (both inclusive).
  virtual bool MayHold(std::string_view /*low*/, std::string_view /*high*/) const { return true; }
  // For keys[i] of each i in `which`: rows[i] = the newest row born at or before the snapshot and
  // alive there, or -1. REQUIRES: keyed schema.
  virtual arrow::Status Find(const KeyBatch& keys, std::span<const int64_t> which,
                             CommitNumber snapshot, std::span<int64_t> rows) const = 0;
  // For each key: newer[i] = the living row of that key that was born after the snapshot, or for a
  // sealed source any living row of that key; others are left.
  virtual arrow::Status FindNewer(const KeyBatch& keys, std::span<const int64_t> which,
                                  CommitNumber snapshot, std::span<int64_t> newer) const = 0;

  // The unit that begins at row `first`, in the order of these fields; nullptr when this source
  // keeps no such order, which it does not while its rows are in memory.
  virtual arrow::Result<std::shared_ptr<const SortedUnit>> Sorted(
      int64_t /*first*/, const std::vector<FieldId>& /*fields*/) const {
    return nullptr;
  }

  DeletionVector& deaths() { return deaths_; }
  const DeletionVector& deaths() const { return deaths_; }

  // Set once, when the source is replaced. Guarded by the engine's commit mutex.
  const std::shared_ptr<const Relocation>& relocation() const { return relocation_; }
  void SetRelocation(std::shared_ptr<const Relocation> relocation) {
    relocation_ = std::move(relocation);
  }

 private:
  DeletionVector deaths_;
  std::shared_ptr<const Relocation> relocation_;
};

using RowSourcePtr = std::shared_ptr<RowSource>;

// A row wherever it is.
struct RowPlace {
  RowSourcePtr source;
  int64_t row = 0;
};

// Follows relocations to where the row is now; source is nullptr when it had died before a move.
// REQUIRES: the engine's commit mutex.
inline RowPlace Relocated(RowPlace place) {
  while (place.source && place.source->relocation()) {
    const auto relocation = place.source->relocation();
    if (!relocation->target || !relocation->kept.IsKept(place.row)) return {};
    place = {relocation->target, relocation->target_first + relocation->kept.Rank(place.row)};
  }
  return place;
}

}  // namespace pyralog::lsm
