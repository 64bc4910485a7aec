#include "lsm/segment_source.h"

#include "lsm/segment_encoding.h"

namespace pyralog::lsm {
namespace {

class SegmentUnit final : public SourceUnit {
 public:
  SegmentUnit(std::shared_ptr<Segment> segment, int64_t unit)
      : SourceUnit(unit * kUnitRows, segment->UnitRows(unit)),
        segment_(std::move(segment)),
        unit_(unit) {}
  arrow::Result<std::shared_ptr<arrow::Array>> Column(int column) const override {
    return segment_->Column(unit_, column);
  }
  arrow::Result<std::shared_ptr<arrow::Array>> Encoded(int column) const override {
    return segment_->Encoded(unit_, column);
  }
  arrow::Result<batch::ZoneMap> Zone(int column) const override {
    ARROW_ASSIGN_OR_RAISE(const batch::ZoneMap* zone, segment_->Zone(unit_, column));
    return *zone;
  }
  void WillNeed(std::span<const int> columns) const override { segment_->WillNeed(unit_, columns); }

 private:
  const std::shared_ptr<Segment> segment_;
  const int64_t unit_;
};

}  // namespace

SegmentSource::SegmentSource(io::Env* env, std::string folder, std::shared_ptr<Segment> segment)
    : env_(env),
      folder_(std::move(folder)),
      segment_(std::move(segment)),
      birth_(segment_->meta().min_birth) {}

SegmentSource::~SegmentSource() {
  if (!obsolete_) return;
  // Left-overs of a failed removal are found and removed when the database is opened next.
  (void)env_->RemoveFile(Segment::ArrowPath(folder_, meta().id));
  (void)env_->RemoveFile(Segment::IndexPath(folder_, meta().id));
}

SourceUnits SegmentSource::Units(int64_t rows) const {
  if (rows == 0) return {};
  MutexLock lock(mutex_);
  if (units_.empty()) {
    for (int64_t u = 0; u < segment_->num_units(); ++u)
      units_.push_back(std::make_shared<SegmentUnit>(segment_, u));
  }
  return units_;
}

arrow::Result<std::shared_ptr<arrow::Array>> SegmentSource::ColumnAt(int64_t row, int column,
                                                                     int64_t* offset) const {
  ARROW_ASSIGN_OR_RAISE(auto array, EncodedAt(row, column, offset));
  const auto& type = schema()->arrow->field(column)->type();
  if (array->type()->Equals(type)) return array;
  array = array->Slice(*offset, 1);
  *offset = 0;
  return FromStorage(array, type);
}

arrow::Result<std::shared_ptr<arrow::Array>> SegmentSource::EncodedAt(int64_t row, int column,
                                                                      int64_t* offset) const {
  *offset = row % kUnitRows;
  return segment_->Encoded(row / kUnitRows, column);
}

arrow::Result<std::shared_ptr<const SortedUnit>> SegmentSource::Sorted(
    int64_t first, const std::vector<FieldId>& fields) const {
  const SortedKey key(first, fields);
  {
    MutexLock lock(mutex_);
    if (const auto made = sorted_.find(key); made != sorted_.end()) return made->second;
  }
  arrow::ArrayVector columns;
  for (const int column : schema()->PositionsOf(fields)) {
    ARROW_ASSIGN_OR_RAISE(auto array, segment_->Column(first / kUnitRows, column));
    columns.push_back(std::move(array));
  }
  ARROW_ASSIGN_OR_RAISE(auto made, SortedUnit::Make(columns));
  MutexLock lock(mutex_);
  return sorted_.emplace(key, std::move(made)).first->second;
}

arrow::Status SegmentSource::Find(const KeyBatch& keys, std::span<const int64_t> which,
                                  CommitNumber snapshot, std::span<int64_t> rows) const {
  if (birth_ > snapshot) {
    for (int64_t i : which) rows[i] = -1;
    return arrow::Status::OK();
  }
  ARROW_RETURN_NOT_OK(segment_->Find(keys, which, rows));
  for (int64_t i : which) {
    if (rows[i] >= 0 && deaths().IsDeadAt(rows[i], snapshot)) rows[i] = -1;
  }
  return arrow::Status::OK();
}

arrow::Status SegmentSource::FindNewer(const KeyBatch& keys, std::span<const int64_t> which,
                                       CommitNumber snapshot, std::span<int64_t> newer) const {
  if (birth_ <= snapshot) return arrow::Status::OK();
  std::vector<int64_t> rows(keys.size(), -1);
  ARROW_RETURN_NOT_OK(segment_->Find(keys, which, rows));
  for (int64_t i : which) {
    if (rows[i] >= 0 && !deaths().IsDead(rows[i])) newer[i] = rows[i];
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm
