#include "lsm/segment_arrow_file.h"

#include <algorithm>
#include <utility>

#include "base/endian.h"
#include "lsm/segment_file_stream.h"
#include "pyralog/error.h"

namespace pyralog::lsm {

namespace {

uint64_t RoundUpToAlignment(uint64_t bytes) {
  return (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

std::shared_ptr<arrow::Buffer> ZeroBuffer(uint64_t bytes) {
  static const uint8_t zeros[kBufferAlignment] = {};
  return std::make_shared<arrow::Buffer>(zeros, static_cast<int64_t>(bytes));
}

// Just enough of the flatbuffers encoding (flatbuffers.dev, "internals") to find a field of a
// table: the table begins with the distance back to its vtable: u16 sizes of vtable and table, then
// a u16 place in the table per field, 0 when absent.
class FlatTable {
 public:
  FlatTable(uint8_t* bytes, size_t size, size_t table)
      : bytes_(bytes), size_(size), table_(table) {}
  static FlatTable Root(uint8_t* bytes, size_t size) {
    return FlatTable(bytes, size, size < sizeof(uint32_t) ? size : LoadLittle<uint32_t>(bytes));
  }
  // Address of a field, or nullptr.
  uint8_t* Field(size_t index) const {
    if (table_ + sizeof(int32_t) > size_) return nullptr;
    const size_t vtable = table_ - static_cast<size_t>(LoadLittle<int32_t>(bytes_ + table_));
    const size_t slot = 2 * sizeof(uint16_t) + index * sizeof(uint16_t);
    if (vtable + sizeof(uint16_t) > size_ ||
        slot + sizeof(uint16_t) > LoadLittle<uint16_t>(bytes_ + vtable)) {
      return nullptr;
    }
    if (vtable + slot + sizeof(uint16_t) > size_) return nullptr;
    const uint16_t place = LoadLittle<uint16_t>(bytes_ + vtable + slot);
    return place == 0 || table_ + place + sizeof(uint64_t) > size_ ? nullptr
                                                                   : bytes_ + table_ + place;
  }
  // The table or vector that a field refers to; past the end when there is none.
  size_t Target(size_t index) const {
    const uint8_t* field = Field(index);
    return field == nullptr ? size_
                            : static_cast<size_t>(field - bytes_) + LoadLittle<uint32_t>(field);
  }

 private:
  uint8_t* const bytes_;
  const size_t size_;
  const size_t table_;
};

// Field numbers in Arrow's format/Message.fbs.
constexpr size_t kMessageHeader = 2;
constexpr size_t kMessageBodyLength = 3;
constexpr size_t kRecordBatchBuffers = 2;
constexpr size_t kDictionaryBatchData = 1;  // its record batch
constexpr size_t kBufferStruct = 16;        // i64 offset, i64 length

// Overwrites the offsets of the buffers in a record batch's or a dictionary's header and its body
// length.
arrow::Status PatchHeader(uint8_t* bytes, size_t size, bool is_dictionary,
                          const std::vector<uint64_t>& offsets, uint64_t body_length) {
  const FlatTable message = FlatTable::Root(bytes, size);
  const FlatTable header(bytes, size, message.Target(kMessageHeader));
  const FlatTable batch =
      is_dictionary ? FlatTable(bytes, size, header.Target(kDictionaryBatchData)) : header;
  const size_t vector = batch.Target(kRecordBatchBuffers);
  const bool sound = vector + sizeof(uint32_t) + offsets.size() * kBufferStruct <= size &&
                     LoadLittle<uint32_t>(bytes + vector) == offsets.size();
  if (!sound)
    return MakeError(ErrorCode::kUnknown,
                     "segment: an Arrow record batch header has an unknown layout");
  for (size_t i = 0; i < offsets.size(); ++i) {
    StoreLittle<uint64_t>(bytes + vector + sizeof(uint32_t) + i * kBufferStruct, offsets[i]);
  }
  uint8_t* length = message.Field(kMessageBodyLength);
  if (length != nullptr) StoreLittle<uint64_t>(length, body_length);
  return arrow::Status::OK();
}

arrow::ipc::IpcWriteOptions SegmentWriteOptions() {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.metadata_version = arrow::ipc::MetadataVersion::V5;
  options.allow_64bit = true;
  options.use_threads = false;
  options.alignment = 8;  // AlignPayload does the rest
  return options;
}

}  // namespace

arrow::Status AlignPayload(uint64_t position, arrow::ipc::IpcPayload* payload) {
  constexpr uint64_t kPrefix = 8;          // continuation mark and header size, written by Arrow
  constexpr uint64_t kArrowAlignment = 8;  // Arrow fills each buffer up to this
  const uint64_t size = static_cast<uint64_t>(payload->metadata->size());
  const uint64_t padded = RoundUpToAlignment(position + kPrefix + size) - position - kPrefix;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> header,
                        arrow::AllocateBuffer(static_cast<int64_t>(padded)));
  uint8_t* bytes = header->mutable_data();
  std::copy_n(payload->metadata->data(), size, bytes);
  std::fill(bytes + size, bytes + padded, uint8_t{0});

  std::vector<std::shared_ptr<arrow::Buffer>> body;
  std::vector<uint64_t> offsets;
  uint64_t offset = 0;
  for (auto& buffer : payload->body_buffers) {
    const uint64_t length = buffer == nullptr ? 0 : static_cast<uint64_t>(buffer->size());
    offsets.push_back(offset);
    const uint64_t gap = RoundUpToAlignment(length) -
                         (length + kArrowAlignment - 1) / kArrowAlignment * kArrowAlignment;
    body.push_back(std::move(buffer));
    if (gap > 0) body.push_back(ZeroBuffer(gap));
    offset += RoundUpToAlignment(length);
  }
  const bool is_dictionary = payload->type == arrow::ipc::MessageType::DICTIONARY_BATCH;
  if (is_dictionary || payload->type == arrow::ipc::MessageType::RECORD_BATCH) {
    ARROW_RETURN_NOT_OK(PatchHeader(bytes, size, is_dictionary, offsets, offset));
  }
  payload->metadata = std::move(header);
  payload->body_buffers = std::move(body);
  payload->body_length = static_cast<int64_t>(offset);
  return arrow::Status::OK();
}

arrow::Result<std::unique_ptr<ArrowFileWriter>> ArrowFileWriter::Create(
    io::Env* env, const std::string& path, const std::shared_ptr<arrow::Schema>& schema) {
  ARROW_ASSIGN_OR_RAISE(auto stream, CheckedFileStream::Create(env, path));
  std::unique_ptr<ArrowFileWriter> writer(
      new ArrowFileWriter(std::move(stream), SegmentWriteOptions(), schema));
  ARROW_RETURN_NOT_OK(writer->Start());
  return writer;
}

ArrowFileWriter::ArrowFileWriter(std::unique_ptr<CheckedFileStream> stream,
                                 arrow::ipc::IpcWriteOptions options,
                                 std::shared_ptr<arrow::Schema> schema)
    : stream_(std::move(stream)),
      options_(std::move(options)),
      schema_(std::move(schema)),
      dictionaries_(*schema_) {}

ArrowFileWriter::~ArrowFileWriter() = default;

arrow::Status ArrowFileWriter::Start() {
  ARROW_ASSIGN_OR_RAISE(
      writer_, arrow::ipc::internal::MakePayloadFileWriter(stream_.get(), schema_, options_));
  ARROW_RETURN_NOT_OK(writer_->Start());
  arrow::ipc::IpcPayload payload;
  ARROW_RETURN_NOT_OK(arrow::ipc::GetSchemaPayload(*schema_, options_, dictionaries_, &payload));
  return WritePayload(&payload);
}

arrow::Status ArrowFileWriter::WritePayload(arrow::ipc::IpcPayload* payload) {
  ARROW_RETURN_NOT_OK(AlignPayload(stream_->position(), payload));
  return writer_->WritePayload(*payload);
}

arrow::Status ArrowFileWriter::WriteBatch(const arrow::RecordBatch& batch) {
  arrow::ipc::IpcPayload payload;
  ARROW_RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(batch, options_, &payload));
  MessagePlace place{.offset = stream_->position()};
  ARROW_RETURN_NOT_OK(WritePayload(&payload));
  place.body_bytes = static_cast<uint64_t>(payload.body_length);
  place.metadata_bytes = stream_->position() - place.offset - place.body_bytes;
  batches_.push_back(place);
  return arrow::Status::OK();
}

arrow::Status ArrowFileWriter::WriteDictionary(int column,
                                               const std::shared_ptr<arrow::Array>& values) {
  ARROW_ASSIGN_OR_RAISE(const int64_t id, dictionaries_.GetFieldId({column}));
  arrow::ipc::IpcPayload payload;
  ARROW_RETURN_NOT_OK(arrow::ipc::GetDictionaryPayload(id, values, options_, &payload));
  return WritePayload(&payload);
}

arrow::Status ArrowFileWriter::Finish() {
  ARROW_RETURN_NOT_OK(writer_->Close());
  return stream_->SyncAndClose();
}

uint64_t ArrowFileWriter::bytes() const { return stream_->position(); }
std::vector<uint64_t> ArrowFileWriter::checks() const { return stream_->Checks(); }

}  // namespace pyralog::lsm
