// The bytes of a record log (drawn in record_log.h) as pure functions: no files here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/status.h"
#include "base/endian.h"
#include "base/hash.h"
#include "lsm/record_log.h"

namespace pyralog::lsm {

constexpr char kRecordLogMagic[] = "PYRALOG1";  // 8 bytes on disk, without the zero
constexpr uint64_t kRecordHeaderSize = 8;       // in front of a body
constexpr uint64_t kRecordCheckSize = 8;        // behind it
constexpr uint16_t kSectorEndsGroup = 1;        // flag
constexpr uint8_t kSectorWritten = 0xA5;        // the last byte of a sector

// What the header of a file must say for the log to be the one that is meant.
struct LogIdentity {
  LogKind kind;
  DatabaseId database;
  uint32_t log_number;
};

struct SectorHeader {
  uint32_t log_number;
  uint32_t index;
  uint32_t durable_below;
  uint16_t used;
  uint16_t flags;
};
static_assert(sizeof(SectorHeader) == kSectorHeaderSize);

inline uint64_t SectorSeed(const DatabaseId& database) {
  return LoadLittle<uint64_t>(database.data());
}

// Bytes of records -> sectors of a group.
constexpr uint64_t SectorsFor(uint64_t stream_bytes) {
  return (stream_bytes + kSectorPayload - 1) / kSectorPayload;
}

// Where byte `position` of a group's stream stands in the file.
constexpr uint64_t FileOffsetOf(uint64_t first_sector, uint64_t position) {
  return (first_sector + position / kSectorPayload) * kSectorSize + kSectorHeaderSize +
         position % kSectorPayload;
}

inline SectorHeader LoadSectorHeader(const char* sector) {
  return LoadLittle<SectorHeader>(sector);
}

inline bool IsWrittenToItsEnd(const char* sector) { return sector[kSectorSize - 1] != 0; }

inline bool IsAllZero(const char* bytes, size_t size) {
  // The first byte is zero and each equals the one before it.
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

// The trailer that a sector with this header has: check and mark.
inline uint64_t SectorTrailer(const char* sector, uint64_t seed) {
  constexpr uint64_t kCheckBits = (uint64_t{1} << 56) - 1;
  return (Hash64(sector, kSectorHeaderSize, seed) & kCheckBits) | (uint64_t{kSectorWritten} << 56);
}

inline bool HasRightTrailer(const char* sector, uint64_t seed) {
  return LoadLittle<uint64_t>(sector + kSectorSize - kSectorTrailerSize) ==
         SectorTrailer(sector, seed);
}

// The checksum of the `index`-th record of a log; `header` are the kRecordHeaderSize bytes in
// front.
inline uint64_t RecordCheck(const char* header, std::string_view body, uint64_t index) {
  return Hash64(body, Hash64(header, kRecordHeaderSize, index));
}

// Sector 0. `out` has kSectorSize bytes.
void EncodeFileHeader(const LogIdentity& identity, char* out);

// OK when `sector` is sector 0 of this log; else what ReadRecordLog says of it, naming `path`.
arrow::Status CheckFileHeader(const char* sector, const LogIdentity& identity,
                              const std::string& path, bool verify_checksums);

// Where a group stands.
struct GroupPlace {
  uint32_t log_number = 0;
  uint64_t seed = 0;  // SectorSeed of the database
  uint64_t first_sector = 1;
  uint64_t durable_below = 1;
  uint64_t first_record = 0;  // index in the log of the group's first record
};

// Makes the first `result` bytes of `buffer` the sectors of a group; grows the buffer when needed.
// REQUIRES: records is not empty; bodies below 4 GiB; sector indices below 2^32.
size_t EncodeGroup(std::span<const LogRecord> records, const GroupPlace& place,
                   std::vector<char>* buffer);

}  // namespace pyralog::lsm
