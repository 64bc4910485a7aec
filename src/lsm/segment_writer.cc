#include <algorithm>
#include <deque>
#include <utility>

#include "arrow/array/concatenate.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/util/byte_size.h"
#include "lsm/segment.h"
#include "lsm/segment_encoding.h"
#include "lsm/segment_index.h"
#include "lsm/segment_key_index.h"
#include "lsm/segment_unit_file.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// Row numbers are 32 bits, and the last one means "none" in the key index.
constexpr uint64_t kMaxSegmentRows = UINT32_MAX - 1;

arrow::Status CannotAppend(const std::string& what) {
  return MakeError(ErrorCode::kInvalidArgument, "segment: " + what);
}

// The schema that the file carries: StoredArrowSchema with the types that the encoding chooses.
std::shared_ptr<arrow::Schema> FileSchema(const TableSchema& schema) {
  const auto logical = StoredArrowSchema(schema);
  arrow::FieldVector fields;
  for (const auto& field : logical->fields())
    fields.push_back(field->WithType(StorageType(field->type())));
  return arrow::schema(std::move(fields), logical->metadata());
}

// Rows taken in and not yet written, in order.
class PendingRows {
 public:
  void Push(std::shared_ptr<arrow::RecordBatch> batch) {
    rows_ += batch->num_rows();
    bytes_ += arrow::util::ReferencedBufferSize(*batch).ValueOr(0);
    batches_.push_back(std::move(batch));
  }
  int64_t rows() const { return rows_; }
  // About what they take.
  int64_t bytes() const { return bytes_; }

  // The first `count` rows as one batch of stored arrays: a slice where one batch has them all.
  // REQUIRES: as many rows.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Cut(
      int64_t count, const std::shared_ptr<arrow::Schema>& stored) {
    std::vector<std::shared_ptr<arrow::RecordBatch>> pieces;
    bytes_ -= static_cast<int64_t>(static_cast<double>(bytes_) * static_cast<double>(count) /
                                   static_cast<double>(rows_));
    rows_ -= count;
    for (int64_t wanted = count; wanted > 0;) {
      auto& front = batches_.front();
      const int64_t taken = std::min(wanted, front->num_rows());
      pieces.push_back(front->Slice(0, taken));
      if (taken == front->num_rows()) {
        batches_.pop_front();
      } else {
        front = front->Slice(taken);
      }
      wanted -= taken;
    }
    arrow::ArrayVector columns;
    for (int i = 0; i < stored->num_fields(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto column, StoredColumn(pieces, i));
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(stored, count, std::move(columns));
  }

 private:
  // Dictionaries are decoded before pieces are joined, because no dictionary of the joined type
  // need hold all values.
  static arrow::Result<std::shared_ptr<arrow::Array>> StoredColumn(
      const std::vector<std::shared_ptr<arrow::RecordBatch>>& pieces, int column) {
    arrow::ArrayVector parts;
    for (const auto& piece : pieces) {
      ARROW_ASSIGN_OR_RAISE(auto part, ToStorage(piece->column(column)));
      parts.push_back(std::move(part));
    }
    if (parts.size() == 1) return parts[0];
    ARROW_ASSIGN_OR_RAISE(auto joined, arrow::Concatenate(parts));
    return ToStorage(joined);
  }

  std::deque<std::shared_ptr<arrow::RecordBatch>> batches_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

// The births of the rows so far.
class BirthRuns {
 public:
  void Add(uint64_t first_row, uint64_t rows, std::span<const CommitNumber> births) {
    const uint64_t count = births.size() == 1 ? std::min<uint64_t>(rows, 1) : rows;
    for (uint64_t i = 0; i < count; ++i) {
      if (!runs_.empty() && runs_.back().birth == births[i]) continue;
      min_ = runs_.empty() ? births[i] : std::min(min_, births[i]);
      max_ = runs_.empty() ? births[i] : std::max(max_, births[i]);
      runs_.push_back({first_row + i, births[i]});
    }
  }
  CommitNumber min() const { return min_; }
  CommitNumber max() const { return max_; }
  // Empty when one run says no more than min and max.
  std::vector<BirthRun> Take() {
    return runs_.size() <= 1 ? std::vector<BirthRun>() : std::move(runs_);
  }

 private:
  std::vector<BirthRun> runs_;
  CommitNumber min_;
  CommitNumber max_;
};

class SegmentWriterImpl final : public SegmentWriter {
 public:
  SegmentWriterImpl(io::Env* env, std::string folder, const std::string& tmp, DatabaseId database,
                    SegmentId id, TableId table, TableSchemaPtr schema, NarrowColumns narrow)
      : env_(env),
        folder_(std::move(folder)),
        database_(database),
        schema_(std::move(schema)),
        stored_(FileSchema(*schema_)),
        file_(env_, Segment::ArrowPath(tmp, id), stored_, schema_->key, std::move(narrow)),
        tmp_index_(Segment::IndexPath(tmp, id)) {
    meta_.id = id;
    meta_.table = table;
    meta_.schema_version = schema_->version;
    to_remove_ = file_.paths();
    content_.zones.resize(static_cast<size_t>(schema_->num_fields()));
  }

  ~SegmentWriterImpl() override {
    // A file that cannot be removed is found in tmp, or unlisted, when the database is opened next.
    for (const std::string& path : to_remove_) static_cast<void>(env_->RemoveFile(path));
  }

  arrow::Status Append(const arrow::RecordBatch& batch,
                       std::span<const CommitNumber> births) override {
    ARROW_RETURN_NOT_OK(CheckUsable());
    ARROW_RETURN_NOT_OK(CheckBatch(batch, births));
    births_.Add(rows_, static_cast<uint64_t>(batch.num_rows()), births);
    rows_ += static_cast<uint64_t>(batch.num_rows());
    if (batch.num_rows() > 0)
      pending_.Push(arrow::RecordBatch::Make(schema_->arrow, batch.num_rows(), batch.columns()));
    while (pending_.rows() >= kUnitRows) ARROW_RETURN_NOT_OK(Remember(WriteUnit(kUnitRows)));
    return arrow::Status::OK();
  }

  arrow::Result<SegmentMeta> Finish() override {
    ARROW_RETURN_NOT_OK(CheckUsable());
    ARROW_RETURN_NOT_OK(Remember(FinishFiles()));
    ARROW_RETURN_NOT_OK(Remember(MoveIn()));
    failure_ = MakeError(ErrorCode::kInvalidArgument, "segment: it is finished");
    return meta_;
  }

  uint64_t rows() const override { return rows_; }
  uint64_t bytes() const override {
    return file_.bytes() + static_cast<uint64_t>(pending_.bytes());
  }

 private:
  arrow::Status CheckUsable() const { return failure_; }
  // After an error the files are worth nothing: every later call fails alike.
  arrow::Status Remember(arrow::Status status) {
    if (!status.ok()) failure_ = status;
    return status;
  }

  arrow::Status CheckBatch(const arrow::RecordBatch& batch,
                           std::span<const CommitNumber> births) const {
    const auto rows = static_cast<uint64_t>(batch.num_rows());
    if (batch.num_columns() != schema_->num_fields()) {
      return CannotAppend(std::to_string(batch.num_columns()) + " columns where the table has " +
                          std::to_string(schema_->num_fields()));
    }
    for (int i = 0; i < batch.num_columns(); ++i) {
      const auto& field = schema_->arrow->field(i);
      const auto& type = batch.column_data(i)->type;
      if (type->Equals(*field->type()) || StorageType(type)->Equals(StorageType(field->type())))
        continue;
      return CannotAppend("column '" + field->name() + "' has type " +
                          batch.column_data(i)->type->ToString() + " where the table has " +
                          field->type()->ToString());
    }
    if (births.size() != 1 && births.size() != rows) {
      return CannotAppend(std::to_string(births.size()) + " births for " + std::to_string(rows) +
                          " rows");
    }
    if (rows > kMaxSegmentRows - rows_) return CannotAppend("more than 2^32 - 2 rows");
    return arrow::Status::OK();
  }

  arrow::Status WriteUnit(int64_t rows) {
    ARROW_ASSIGN_OR_RAISE(auto unit, pending_.Cut(rows, stored_));
    for (int i = 0; i < unit->num_columns(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto zone, batch::ComputeZoneMap(*unit->column(i)));
      content_.zones[static_cast<size_t>(i)].push_back(std::move(zone));
    }
    if (schema_->keyed()) {
      keys_.Clear();
      ARROW_RETURN_NOT_OK(keys_.Append(KeyColumns(*unit, schema_->key)));
      for (int64_t i = 0; i < keys_.size(); ++i) hashes_.push_back(keys_.hash(i));
    }
    return file_.WriteUnit(*unit);
  }

  arrow::Status FinishFiles() {
    if (pending_.rows() > 0) ARROW_RETURN_NOT_OK(WriteUnit(pending_.rows()));
    ARROW_RETURN_NOT_OK(file_.Finish());
    meta_.rows = rows_;
    meta_.arrow_bytes = file_.bytes();
    meta_.min_birth = births_.min();
    meta_.max_birth = births_.max();
    content_.batches = file_.batches();
    content_.checks = file_.checks();
    content_.codes = file_.code_columns();
    content_.births = births_.Take();
    if (schema_->keyed()) {
      std::vector<std::pair<uint32_t, uint32_t>> twins;
      content_.keys = BuildKeyIndex(hashes_, &twins);
      for (const auto& [first, second] : twins) ARROW_RETURN_NOT_OK(CheckDistinct(first, second));
    }
    to_remove_.push_back(tmp_index_);
    return WriteSegmentIndex(env_, tmp_index_, database_, std::move(content_), &meta_);
  }

  // Two rows whose keys have the same 64-bit hash: fine only if the keys differ.
  arrow::Status CheckDistinct(uint32_t first, uint32_t second) const {
    ARROW_ASSIGN_OR_RAISE(auto mapping, env_->Map(file_.path()));
    ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchFileReader::Open(
                                           std::make_shared<arrow::io::BufferReader>(mapping)));
    KeyBatch keys;
    for (const int64_t row : {first, second}) {
      ARROW_ASSIGN_OR_RAISE(auto unit, reader->ReadRecordBatch(static_cast<int>(row / kUnitRows)));
      ARROW_RETURN_NOT_OK(keys.Append(KeyColumns(*unit->Slice(row % kUnitRows, 1), schema_->key)));
    }
    if (keys.key(0) != keys.key(1)) return arrow::Status::OK();
    return MakeError(ErrorCode::kUnknown,
                     file_.path() + ": rows " + std::to_string(first) + " and " +
                         std::to_string(second) +
                         " have the same key (internal error; please report it)");
  }

  // The .arrow file last: where it is, its .idx is too.
  arrow::Status MoveIn() {
    for (const auto& [from, to] :
         {std::pair(tmp_index_, Segment::IndexPath(folder_, meta_.id)),
          std::pair(file_.path(), Segment::ArrowPath(folder_, meta_.id))}) {
      to_remove_.push_back(to);
      ARROW_RETURN_NOT_OK(env_->Rename(from, to));
    }
    to_remove_.clear();
    return arrow::Status::OK();
  }

  io::Env* const env_;
  const std::string folder_;
  const DatabaseId database_;
  const TableSchemaPtr schema_;
  const std::shared_ptr<arrow::Schema> stored_;
  SegmentUnitFile file_;
  const std::string tmp_index_;
  SegmentMeta meta_;
  SegmentIndexContent content_;
  PendingRows pending_;
  BirthRuns births_;
  KeyBatch keys_;                 // scratch: those of one unit
  std::vector<uint64_t> hashes_;  // of all keys so far
  uint64_t rows_ = 0;
  arrow::Status failure_;
  std::vector<std::string> to_remove_;  // files that would be left behind
};

}  // namespace

arrow::Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(
    io::Env* env, std::string folder, std::string tmp, DatabaseId database, SegmentId id,
    TableId table, TableSchemaPtr schema, NarrowColumns narrow) {
  return std::make_unique<SegmentWriterImpl>(env, std::move(folder), tmp, database, id, table,
                                             std::move(schema), std::move(narrow));
}

}  // namespace pyralog::lsm
