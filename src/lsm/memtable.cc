#include "lsm/memtable.h"

#include <algorithm>

#include "arrow/util/byte_size.h"
#include "lsm/segment.h"
#include "lsm/segment_encoding.h"

namespace pyralog::lsm {
namespace {

constexpr int kFanIn = 16;   // pieces of one rank that are merged into one of the next
constexpr int kTopRank = 3;  // 16^3 = 4096 rows: such pieces stay as they are
constexpr int64_t kSmallPiece = 4096;

int RankOf(int64_t rows) {
  int rank = 0;
  for (int64_t n = kFanIn; n <= rows && rank < kTopRank; n *= kFanIn) ++rank;
  return rank;
}

// One big piece, or the part of it that a snapshot sees.
class PieceUnit final : public SourceUnit {
 public:
  PieceUnit(int64_t first, std::shared_ptr<arrow::RecordBatch> batch)
      : SourceUnit(first, batch->num_rows()), batch_(std::move(batch)) {}
  arrow::Result<std::shared_ptr<arrow::Array>> Column(int column) const override {
    return batch_->column(column);
  }
  arrow::Result<batch::ZoneMap> Zone(int column) const override {
    return batch::ComputeZoneMap(*batch_->column(column));
  }

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
};

// Neighbouring small pieces, concatenated when a column is first asked for.
class SmallPiecesUnit final : public SourceUnit {
 public:
  SmallPiecesUnit(int64_t first, int64_t rows, arrow::RecordBatchVector pieces)
      : SourceUnit(first, rows), pieces_(std::move(pieces)), columns_(pieces_[0]->num_columns()) {}
  arrow::Result<std::shared_ptr<arrow::Array>> Column(int column) const override {
    MutexLock lock(mutex_);
    if (!columns_[column]) {
      arrow::ArrayVector parts;
      for (const auto& piece : pieces_) parts.push_back(piece->column(column));
      ARROW_ASSIGN_OR_RAISE(columns_[column], Concatenated(parts));
    }
    return columns_[column];
  }
  arrow::Result<batch::ZoneMap> Zone(int column) const override {
    ARROW_ASSIGN_OR_RAISE(auto array, Column(column));
    return batch::ComputeZoneMap(*array);
  }

 private:
  const arrow::RecordBatchVector pieces_;
  mutable Mutex mutex_;
  mutable arrow::ArrayVector columns_ GUARDED_BY(mutex_);
};

bool HasTypesOf(const arrow::RecordBatch& batch, const arrow::Schema& schema) {
  for (int i = 0; i < batch.num_columns(); ++i) {
    if (!batch.column(i)->type()->Equals(schema.field(i)->type())) return false;
  }
  return true;
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ConcatenateBatches(
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  int64_t rows = 0;
  for (const auto& batch : batches) rows += batch->num_rows();
  arrow::ArrayVector columns(batches[0]->num_columns());
  for (int c = 0; c < batches[0]->num_columns(); ++c) {
    arrow::ArrayVector parts;
    parts.reserve(batches.size());
    for (const auto& batch : batches) parts.push_back(batch->column(c));
    ARROW_ASSIGN_OR_RAISE(columns[c], Concatenated(parts));
    // Concatenated views keep each part's data buffer; one buffer takes their place.
    if (columns[c]->data()->buffers.size() > 3) {
      ARROW_ASSIGN_OR_RAISE(columns[c], ToStorage(columns[c]));
    }
  }
  return arrow::RecordBatch::Make(batches[0]->schema(), rows, std::move(columns));
}

MemTable::MemTable(TableId table, TableSchemaPtr schema, uint64_t first_ordinal)
    : table_(table), schema_(std::move(schema)), first_ordinal_(first_ordinal) {}

arrow::Status MemTable::Append(std::shared_ptr<arrow::RecordBatch> batch, const KeyBatch* keys,
                               CommitNumber commit) {
  const int64_t count = batch->num_rows();
  if (count == 0) return arrow::Status::OK();
  // Small batches count for what the objects around them cost, too.
  ARROW_ASSIGN_OR_RAISE(int64_t bytes, arrow::util::ReferencedBufferSize(*batch));
  WriteLock lock(mutex_);
  if (births_.empty() || births_.back().commit < commit) births_.push_back({rows_, commit});
  if (schema_->keyed()) {
    for (int64_t i = 0; i < count; ++i) index_.Add(keys->key(i), keys->hash(i));
  }
  pieces_.push_back({rows_, RankOf(count), std::move(batch)});
  rows_ += count;
  bytes_.fetch_add(bytes + count * (schema_->keyed() ? 48 : 8), std::memory_order_relaxed);
  return MergePieces();
}

arrow::Status MemTable::MergePieces() {
  while (true) {
    if (pieces_.empty() || pieces_.back().rank >= kTopRank) return arrow::Status::OK();
    const int rank = pieces_.back().rank;
    size_t first = pieces_.size();
    while (first > 0 && pieces_[first - 1].rank <= rank) --first;
    if (pieces_.size() - first < static_cast<size_t>(kFanIn)) return arrow::Status::OK();
    arrow::RecordBatchVector batches;
    for (size_t i = first; i < pieces_.size(); ++i) batches.push_back(pieces_[i].batch);
    ARROW_ASSIGN_OR_RAISE(auto merged, ConcatenateBatches(batches));
    if (!HasTypesOf(*merged, *schema_->arrow)) {
      // No dictionary of the type has all values; the log and the rows that are read need the type.
      for (size_t i = first; i < pieces_.size(); ++i) pieces_[i].rank = kTopRank;
      return arrow::Status::OK();
    }
    const Piece piece{pieces_[first].first, std::max(rank + 1, RankOf(merged->num_rows())),
                      std::move(merged)};
    pieces_.resize(first);
    pieces_.push_back(piece);
  }
}

int64_t MemTable::rows() const {
  ReadLock lock(mutex_);
  return rows_;
}

CommitNumber MemTable::last_birth() const {
  ReadLock lock(mutex_);
  return births_.empty() ? CommitNumber{} : births_.back().commit;
}

std::vector<Piece> MemTable::Pieces() const {
  ReadLock lock(mutex_);
  return pieces_;
}

void MemTable::CopyKeys(int64_t first, int64_t count, const std::vector<uint64_t>* mask,
                        KeyBatch* keys) const {
  ReadLock lock(mutex_);
  for (int64_t i = 0; i < count; ++i) {
    if (mask != nullptr && !(((*mask)[i >> 6] >> (i & 63)) & 1)) continue;
    keys->AppendEncoded(index_.key(static_cast<uint32_t>(first + i)));
  }
}

int64_t MemTable::BornAtLocked(CommitNumber snapshot) const {
  if (births_.empty() || births_.back().commit <= snapshot) return rows_;
  const auto later = std::upper_bound(births_.begin(), births_.end(), snapshot,
                                      [](CommitNumber s, const Birth& b) { return s < b.commit; });
  return later->first;
}

int64_t MemTable::BornAt(CommitNumber snapshot) const {
  ReadLock lock(mutex_);
  return BornAtLocked(snapshot);
}

SourceUnits MemTable::Units(int64_t rows) const {
  SourceUnits units;
  arrow::RecordBatchVector small;
  int64_t small_first = 0;
  int64_t small_rows = 0;
  auto end_small = [&] {
    if (small.empty()) return;
    units.push_back(std::make_shared<SmallPiecesUnit>(small_first, small_rows, std::move(small)));
    small.clear();
    small_rows = 0;
  };
  for (const Piece& piece : Pieces()) {
    if (piece.first >= rows) break;
    auto batch = piece.end() > rows ? piece.batch->Slice(0, rows - piece.first) : piece.batch;
    if (batch->num_rows() < kSmallPiece) {
      if (small_rows + batch->num_rows() > kUnitRows) end_small();
      if (small.empty()) small_first = piece.first;
      small_rows += batch->num_rows();
      small.push_back(std::move(batch));
      continue;
    }
    end_small();
    for (int64_t at = 0; at < batch->num_rows(); at += kUnitRows) {
      units.push_back(std::make_shared<PieceUnit>(piece.first + at, batch->Slice(at, kUnitRows)));
    }
  }
  end_small();
  return units;
}

arrow::Result<std::shared_ptr<arrow::Array>> MemTable::ColumnAt(int64_t row, int column,
                                                                int64_t* offset) const {
  ReadLock lock(mutex_);
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), row,
                                [](int64_t r, const Piece& p) { return r < p.first; });
  --piece;
  *offset = row - piece->first;
  return piece->batch->column(column);
}

arrow::Status MemTable::Find(const KeyBatch& keys, std::span<const int64_t> which,
                             CommitNumber snapshot, std::span<int64_t> rows) const {
  ReadLock lock(mutex_);
  const int64_t born = BornAtLocked(snapshot);
  for (int64_t i : which) {
    uint32_t row = index_.Newest(keys.key(i), keys.hash(i));
    while (row != KeyIndex::kNone && (row >= born || deaths().IsDeadAt(row, snapshot)))
      row = index_.Previous(row);
    rows[i] = row == KeyIndex::kNone ? -1 : static_cast<int64_t>(row);
  }
  return arrow::Status::OK();
}

arrow::Status MemTable::FindNewer(const KeyBatch& keys, std::span<const int64_t> which,
                                  CommitNumber snapshot, std::span<int64_t> newer) const {
  ReadLock lock(mutex_);
  const int64_t born = BornAtLocked(snapshot);
  for (int64_t i : which) {
    const uint32_t row = index_.Newest(keys.key(i), keys.hash(i));
    if (row != KeyIndex::kNone && row >= born && !deaths().IsDead(row)) newer[i] = row;
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm
