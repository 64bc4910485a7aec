#include "lsm/segment_arrow_reader.h"

#include <algorithm>
#include <utility>

#include "arrow/io/memory.h"
#include "arrow/util/io_util.h"
#include "lsm/segment_encoding.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// Arrow's complaint about a file whose checksums are right: it is not the file that it should be.
arrow::Status NotTheExpectedFile(const std::string& path, const std::string& what) {
  return SegmentFileDamaged(path, "does not hold what its index says: " + what);
}

}  // namespace

arrow::Result<std::unique_ptr<SegmentArrowReader>> SegmentArrowReader::Open(
    io::Env* env, const std::string& path, const SegmentMeta& meta, TableSchemaPtr schema,
    SegmentIndex* index, bool verify_checksums) {
  ARROW_ASSIGN_OR_RAISE(auto places, index->Batches());
  ARROW_ASSIGN_OR_RAISE(auto checks, index->ArrowChecks());
  ARROW_ASSIGN_OR_RAISE(auto mapping, MapSegmentFile(env, path, meta.arrow_bytes));
  std::unique_ptr<SegmentArrowReader> reader(
      new SegmentArrowReader(std::move(mapping), path, meta.rows, std::move(schema),
                             std::move(places), checks, verify_checksums));
  ARROW_ASSIGN_OR_RAISE(const auto codes, index->Codes());
  ARROW_RETURN_NOT_OK(reader->Start(codes));
  return reader;
}

SegmentArrowReader::SegmentArrowReader(std::shared_ptr<arrow::Buffer> mapping,
                                       const std::string& path, uint64_t rows,
                                       TableSchemaPtr schema, std::vector<MessagePlace> places,
                                       std::span<const uint64_t> checks, bool verify_checksums)
    : mapping_(std::move(mapping)),
      rows_(static_cast<int64_t>(rows)),
      schema_(std::move(schema)),
      places_(std::move(places)),
      blocks_(path, {mapping_->data(), static_cast<size_t>(mapping_->size())}, checks,
              verify_checksums),
      units_(new Lazy<Unit>[places_.size()]),
      column_ready_(
          new std::atomic<uint8_t>[places_.size() * static_cast<size_t>(schema_->num_fields())]()) {
}

arrow::Status SegmentArrowReader::Start(const std::vector<uint32_t>& codes) {
  // Arrow reads the footer and, with the first batch, the dictionaries, which all stand behind the
  // last batch.
  uint64_t footer = 0;
  if (!places_.empty())
    footer = places_.back().offset + places_.back().metadata_bytes + places_.back().body_bytes;
  ARROW_RETURN_NOT_OK(blocks_.Ensure(footer, blocks_.data().size() - footer));
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  MutexLock lock(mutex_);
  auto reader = arrow::ipc::RecordBatchFileReader::Open(
      std::make_shared<arrow::io::BufferReader>(mapping_), options);
  if (!reader.ok()) return NotTheExpectedFile(blocks_.path(), reader.status().message());
  reader_ = *std::move(reader);
  if (static_cast<size_t>(reader_->num_record_batches()) != places_.size()) {
    return NotTheExpectedFile(blocks_.path(), std::to_string(reader_->num_record_batches()) +
                                                  " batches where " +
                                                  std::to_string(places_.size()) + " are expected");
  }
  const auto stored = reader_->schema();
  ARROW_RETURN_NOT_OK(CheckSchema(*stored, codes));
  matches_keys_ = schema_->keyed() && StoredKeys::Supports(*schema_, *stored);
  return arrow::Status::OK();
}

arrow::Status SegmentArrowReader::CheckSchema(const arrow::Schema& stored,
                                              const std::vector<uint32_t>& codes) const {
  if (stored.num_fields() != schema_->num_fields()) {
    return NotTheExpectedFile(blocks_.path(), std::to_string(stored.num_fields()) +
                                                  " columns where the table has " +
                                                  std::to_string(schema_->num_fields()));
  }
  for (int i = 0; i < stored.num_fields(); ++i) {
    const auto& have = stored.field(i)->type();
    const auto& want = schema_->arrow->field(i)->type();
    const bool listed = std::ranges::find(codes, static_cast<uint32_t>(i)) != codes.end();
    if (!FitsLogicalType(have, want) || listed != (have->id() == arrow::Type::DICTIONARY)) {
      return NotTheExpectedFile(blocks_.path(), "column " + std::to_string(i) + " has type " +
                                                    have->ToString() + " where the table has " +
                                                    want->ToString());
    }
  }
  return arrow::Status::OK();
}

arrow::Result<const SegmentArrowReader::Unit*> SegmentArrowReader::GetUnit(int64_t unit) {
  return units_[static_cast<size_t>(unit)].Get([&] { return ReadUnit(unit); });
}

// Arrow reads the batch's header and makes slices of the mapping; it looks at no byte of the body.
arrow::Result<std::unique_ptr<SegmentArrowReader::Unit>> SegmentArrowReader::ReadUnit(
    int64_t unit) {
  const MessagePlace& place = places_[static_cast<size_t>(unit)];
  ARROW_RETURN_NOT_OK(blocks_.Ensure(place.offset, place.metadata_bytes));
  auto result = std::make_unique<Unit>();
  {
    MutexLock lock(mutex_);
    auto batch = reader_->ReadRecordBatch(static_cast<int>(unit));
    if (!batch.ok()) return NotTheExpectedFile(blocks_.path(), batch.status().message());
    result->batch = *std::move(batch);
  }
  const int64_t first = unit * kUnitRows;
  const int64_t rows = result->batch->num_rows();
  if (rows != std::min(kUnitRows, rows_ - first)) {
    return NotTheExpectedFile(blocks_.path(), "the batch of row " + std::to_string(first) +
                                                  " has " + std::to_string(rows) + " rows");
  }
  if (matches_keys_) {
    ARROW_ASSIGN_OR_RAISE(result->keys, StoredKeys::Make(*schema_, *result->batch, &blocks_));
  }
  return result;
}

template <class Visit>
arrow::Status SegmentArrowReader::VisitBuffers(const arrow::ArrayData& data,
                                               const MessagePlace& place, Visit visit) const {
  const uint64_t body = place.offset + place.metadata_bytes;
  for (const auto& buffer : data.buffers) {
    if (buffer == nullptr || buffer->size() == 0) continue;
    const uint64_t offset = static_cast<uint64_t>(buffer->address() - mapping_->address());
    const auto size = static_cast<uint64_t>(buffer->size());
    const bool inside = buffer->address() >= mapping_->address() && offset >= body &&
                        offset - body <= place.body_bytes &&
                        size <= place.body_bytes - (offset - body);
    if (!inside) return NotTheExpectedFile(blocks_.path(), "a buffer lies outside its batch");
    ARROW_RETURN_NOT_OK(visit(offset, size));
  }
  // A dictionary was verified when the file was opened.
  for (const auto& child : data.child_data) ARROW_RETURN_NOT_OK(VisitBuffers(*child, place, visit));
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Array>> SegmentArrowReader::Column(int64_t unit, int column) {
  ARROW_ASSIGN_OR_RAISE(const Unit* ready, GetUnit(unit));
  auto& verified =
      column_ready_[static_cast<size_t>(unit) * static_cast<size_t>(schema_->num_fields()) +
                    static_cast<size_t>(column)];
  if (verified.load(std::memory_order_acquire) != 0) return ready->batch->column(column);
  ARROW_RETURN_NOT_OK(
      VisitBuffers(*ready->batch->column_data(column), places_[static_cast<size_t>(unit)],
                   [&](uint64_t offset, uint64_t size) { return blocks_.Ensure(offset, size); }));
  auto array = ready->batch->column(column);
  const arrow::Status valid = array->Validate();
  if (!valid.ok()) return NotTheExpectedFile(blocks_.path(), valid.message());
  verified.store(1, std::memory_order_release);
  return array;
}

arrow::Result<const StoredKeys*> SegmentArrowReader::Keys(int64_t unit) {
  ARROW_ASSIGN_OR_RAISE(const Unit* ready, GetUnit(unit));
  return &*ready->keys;
}

arrow::Status SegmentArrowReader::WillNeed(int64_t unit, std::span<const int> columns) {
  ARROW_ASSIGN_OR_RAISE(const Unit* ready, GetUnit(unit));
  std::vector<arrow::internal::MemoryRegion> regions;
  for (int column : columns) {
    ARROW_RETURN_NOT_OK(
        VisitBuffers(*ready->batch->column_data(column), places_[static_cast<size_t>(unit)],
                     [&](uint64_t offset, uint64_t size) {
                       auto* address = const_cast<uint8_t*>(mapping_->data()) + offset;
                       regions.push_back({address, size});
                       return arrow::Status::OK();
                     }));
  }
  return arrow::internal::MemoryAdviseWillNeed(regions);
}

}  // namespace pyralog::lsm
