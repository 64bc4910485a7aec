#include "lsm/record_log_format.h"

#include <algorithm>
#include <cstring>

#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// Lays a stream of bytes into the payloads of consecutive sectors.
class PayloadCursor {
 public:
  explicit PayloadCursor(char* sectors) : next_(sectors + kSectorHeaderSize) {}

  void Put(const void* bytes, size_t size) {
    const char* from = static_cast<const char*>(bytes);
    while (size > 0) {
      if (left_ == 0) {
        next_ += kSectorTrailerSize + kSectorHeaderSize;
        left_ = kSectorPayload;
      }
      const size_t now = std::min<size_t>(size, left_);
      std::memcpy(next_, from, now);
      next_ += now;
      left_ -= now;
      from += now;
      size -= now;
    }
  }
  void PutRecord(const LogRecord& record, uint64_t index) {
    char header[kRecordHeaderSize];
    StoreLittle(header, static_cast<uint32_t>(record.body.size()));
    StoreLittle(header + 4, record.type);
    const uint64_t check = RecordCheck(header, record.body, index);
    Put(header, sizeof(header));
    Put(record.body.data(), record.body.size());
    Put(&check, sizeof(check));
  }
  // Zeros up to the end of the payload. Returns how many bytes of it are used.
  uint16_t Finish() {
    std::memset(next_, 0, left_);
    return static_cast<uint16_t>(kSectorPayload - left_);
  }

 private:
  char* next_;
  uint64_t left_ = kSectorPayload;
};

uint64_t GroupStreamBytes(std::span<const LogRecord> records) {
  uint64_t bytes = 0;
  for (const LogRecord& record : records) {
    bytes += kRecordHeaderSize + record.body.size() + kRecordCheckSize;
  }
  return bytes;
}

}  // namespace

void EncodeFileHeader(const LogIdentity& identity, char* out) {
  std::memset(out, 0, kSectorSize);
  std::copy_n(kRecordLogMagic, 8, out);
  StoreLittle(out + 8, kRecordLogVersion);
  StoreLittle(out + 12, static_cast<uint32_t>(identity.kind));
  std::memcpy(out + 16, identity.database.data(), identity.database.size());
  StoreLittle(out + 32, identity.log_number);
  StoreLittle(out + kSectorSize - 8, Hash64(out, kSectorSize - 8));
}

arrow::Status CheckFileHeader(const char* sector, const LogIdentity& identity,
                              const std::string& path, bool verify_checksums) {
  const auto refuse = [&](ErrorCode code, const std::string& why) {
    return MakeError(code, path + ": " + why);
  };
  if (std::memcmp(sector, kRecordLogMagic, 8) != 0) {
    return refuse(ErrorCode::kDamaged, "this is not a log of Pyralog; its header is wrong at 0");
  }
  if (verify_checksums &&
      LoadLittle<uint64_t>(sector + kSectorSize - 8) != Hash64(sector, kSectorSize - 8)) {
    return refuse(ErrorCode::kDamaged, "the log's header at 0 is damaged");
  }
  const auto version = LoadLittle<uint32_t>(sector + 8);
  if (version != kRecordLogVersion) {
    return refuse(
        ErrorCode::kFormatVersion,
        "the log has format version " + std::to_string(version) + "; open it with a newer build");
  }
  if (LoadLittle<uint32_t>(sector + 12) != static_cast<uint32_t>(identity.kind)) {
    return refuse(ErrorCode::kDamaged, "this log is of another kind; the file is in a wrong place");
  }
  if (std::memcmp(sector + 16, identity.database.data(), identity.database.size()) != 0) {
    return refuse(ErrorCode::kDamaged, "this log belongs to another database");
  }
  const auto number = LoadLittle<uint32_t>(sector + 32);
  if (number != identity.log_number) {
    return refuse(ErrorCode::kDamaged, "this is log " + std::to_string(number) + ", not log " +
                                           std::to_string(identity.log_number) +
                                           "; the file has a wrong name");
  }
  return arrow::Status::OK();
}

size_t EncodeGroup(std::span<const LogRecord> records, const GroupPlace& place,
                   std::vector<char>* buffer) {
  const uint64_t sectors = SectorsFor(GroupStreamBytes(records));
  const size_t size = sectors * kSectorSize;
  if (buffer->size() < size) buffer->resize(size);
  PayloadCursor cursor(buffer->data());
  uint64_t index = place.first_record;
  for (const LogRecord& record : records) cursor.PutRecord(record, index++);
  const uint16_t used_in_last = cursor.Finish();
  for (uint64_t i = 0; i < sectors; ++i) {
    const bool last = i + 1 == sectors;
    char* sector = buffer->data() + i * kSectorSize;
    StoreLittle(sector, SectorHeader{.log_number = place.log_number,
                                     .index = static_cast<uint32_t>(place.first_sector + i),
                                     .durable_below = static_cast<uint32_t>(place.durable_below),
                                     .used = last ? used_in_last : uint16_t{kSectorPayload},
                                     .flags = last ? kSectorEndsGroup : uint16_t{0}});
    StoreLittle(sector + kSectorSize - kSectorTrailerSize, SectorTrailer(sector, place.seed));
  }
  return size;
}

}  // namespace pyralog::lsm
