#include <utility>

#include "lsm/record_log.h"
#include "lsm/record_log_format.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// A multiple of kSectorSize. Large enough that the calls cost nothing, small enough for the caches.
constexpr uint64_t kLogReadChunk = 1 << 20;

using LogRecordVisitor = std::function<arrow::Status(const LogRecord&)>;

// Walks over the sectors of a log, a chunk at a time. Three states follow one another: in the log;
// in its tail, from the first sector that is missing; behind the closing record.
class RecordLogReader {
 public:
  RecordLogReader(std::string path, const LogIdentity& identity, const LogRecordVisitor& visit,
                  bool verify_checksums)
      : path_(std::move(path)),
        identity_(identity),
        seed_(SectorSeed(identity.database)),
        visit_(visit),
        verify_(verify_checksums) {}

  arrow::Result<LogEnd> Read(const io::File& file);

 private:
  enum class State { kLog, kTail, kClosed };

  arrow::Status ReadHeader(const io::File& file);
  // `size` bytes of the file are at `sector`, kSectorSize except at the end of the file.
  arrow::Status Sector(const char* sector, uint64_t index, uint64_t size);
  arrow::Status MissingSector(const char* sector, uint64_t index, uint64_t size);
  arrow::Status LogSector(const char* sector, const SectorHeader& header);
  arrow::Status TailSector(const SectorHeader& header);
  // Drops the sectors of the unfinished group; the tail begins.
  void BeginTail(uint64_t first_missing);
  arrow::Status Group();
  // False when it cannot be this log's.
  bool ReadClosing(std::string_view body);
  arrow::Status Damaged(uint64_t offset, const std::string& what) const {
    return MakeError(ErrorCode::kDamaged, path_ + ": the log is damaged at offset " +
                                              std::to_string(offset) + ": " + what);
  }

  const std::string path_;
  const LogIdentity identity_;
  const uint64_t seed_;
  const LogRecordVisitor& visit_;
  const bool verify_;

  State state_ = State::kLog;
  uint64_t group_begin_ = 1;          // sector where the group begins that is being read
  uint64_t group_sectors_ = 0;        // of it, so far
  uint64_t group_durable_below_ = 1;  // what its sectors say
  uint64_t durable_below_ = 1;        // what the last whole group's say
  std::string group_;                 // their payloads
  uint64_t next_record_ = 0;
  bool goes_on_ = false;        // says the closing record
  uint64_t first_missing_ = 0;  // sector; of the tail
  uint64_t torn_bytes_ = 0;
};

arrow::Status RecordLogReader::ReadHeader(const io::File& file) {
  char header[kSectorSize];
  ARROW_ASSIGN_OR_RAISE(size_t size, file.ReadAt(0, sizeof(header), header));
  if (size < sizeof(header)) {
    return MakeError(ErrorCode::kDamaged, path_ + ": the file has " + std::to_string(size) +
                                              " bytes, fewer than the header of a log");
  }
  return CheckFileHeader(header, identity_, path_, verify_);
}

void RecordLogReader::BeginTail(uint64_t first_missing) {
  state_ = State::kTail;
  first_missing_ = first_missing;
  torn_bytes_ += group_sectors_ * kSectorSize;
  group_.clear();
}

arrow::Status RecordLogReader::MissingSector(const char* sector, uint64_t index, uint64_t size) {
  if (state_ == State::kLog) BeginTail(index);
  if (!IsAllZero(sector, size)) torn_bytes_ += size;
  return arrow::Status::OK();
}

arrow::Status RecordLogReader::LogSector(const char* sector, const SectorHeader& header) {
  const uint64_t offset = uint64_t{header.index} * kSectorSize;
  const bool ends_group = header.flags == kSectorEndsGroup;
  const bool used_fits =
      ends_group ? header.used > 0 && header.used <= kSectorPayload : header.used == kSectorPayload;
  if (!used_fits || (header.flags != 0 && !ends_group)) {
    return Damaged(offset, "a sector's length and flags do not fit");
  }
  const char* payload = sector + kSectorHeaderSize;
  if (!IsAllZero(payload + header.used, kSectorPayload - header.used)) {
    return Damaged(offset + kSectorHeaderSize + header.used, "the padding is not zero");
  }
  group_.append(payload, header.used);
  group_durable_below_ = header.durable_below;
  ++group_sectors_;
  return ends_group ? Group() : arrow::Status::OK();
}

arrow::Status RecordLogReader::TailSector(const SectorHeader& header) {
  if (header.durable_below > first_missing_) {
    return Damaged(first_missing_ * kSectorSize,
                   "a sector is missing that was durable when sector " +
                       std::to_string(header.index) + " was written");
  }
  torn_bytes_ += kSectorSize;
  return arrow::Status::OK();
}

arrow::Status RecordLogReader::Sector(const char* sector, uint64_t index, uint64_t size) {
  if (!IsWrittenToItsEnd(sector)) return MissingSector(sector, index, size);
  const uint64_t offset = index * kSectorSize;
  const SectorHeader header = LoadSectorHeader(sector);
  if (verify_ && !HasRightTrailer(sector, seed_)) {
    return Damaged(offset, "the check of a sector is wrong");
  }
  if (header.log_number < identity_.log_number) return MissingSector(sector, index, size);
  if (header.log_number != identity_.log_number || header.index != index) {
    return Damaged(offset, "this sector belongs elsewhere");
  }
  switch (state_) {
    case State::kLog:
      return LogSector(sector, header);
    case State::kTail:
      return TailSector(header);
    default:
      return Damaged(offset, "the log goes on behind its closing record");
  }
}

bool RecordLogReader::ReadClosing(std::string_view body) {
  state_ = State::kClosed;
  goes_on_ = !body.empty();
  return body.empty() || (body.size() == sizeof(uint32_t) &&
                          LoadLittle<uint32_t>(body.data()) == identity_.log_number + 1);
}

// All of a group is there: visits its records.
arrow::Status RecordLogReader::Group() {
  const std::string_view stream = group_;
  for (size_t at = 0; at < stream.size();) {
    const uint64_t offset = FileOffsetOf(group_begin_, at);
    const size_t left = stream.size() - at;
    if (left < kRecordHeaderSize + kRecordCheckSize) return Damaged(offset, "a record is cut off");
    const char* header = stream.data() + at;
    const auto length = LoadLittle<uint32_t>(header);
    if (length > left - kRecordHeaderSize - kRecordCheckSize) {
      return Damaged(offset, "a record is longer than its group");
    }
    const LogRecord record{LoadLittle<uint32_t>(header + 4),
                           stream.substr(at + kRecordHeaderSize, length)};
    at += kRecordHeaderSize + length + kRecordCheckSize;
    const auto check = LoadLittle<uint64_t>(stream.data() + at - kRecordCheckSize);
    if (verify_ && check != RecordCheck(header, record.body, next_record_)) {
      return Damaged(offset, "the checksum of a record is wrong");
    }
    ++next_record_;
    if (record.type != kClosingRecord) {
      RETURN_NOT_OK(visit_(record));
    } else if (at != stream.size() || !ReadClosing(record.body)) {
      return Damaged(offset, "the closing record is not the end of its group, or not of this log");
    }
  }
  durable_below_ = group_durable_below_;
  group_begin_ += group_sectors_;
  group_sectors_ = 0;
  group_.clear();
  return arrow::Status::OK();
}

arrow::Result<LogEnd> RecordLogReader::Read(const io::File& file) {
  RETURN_NOT_OK(ReadHeader(file));
  ARROW_ASSIGN_OR_RAISE(const uint64_t file_size, file.Size());
  std::vector<char> chunk(std::min(kLogReadChunk, file_size));
  for (uint64_t at = kSectorSize; at < file_size;) {
    const size_t wanted = std::min<uint64_t>(chunk.size(), file_size - at);
    ARROW_ASSIGN_OR_RAISE(size_t got, file.ReadAt(at, wanted, chunk.data()));
    if (got == 0) break;
    // Half a sector at the end of the file was not written to its end.
    const size_t sectors_size = (got + kSectorSize - 1) / kSectorSize * kSectorSize;
    chunk.resize(std::max(chunk.size(), sectors_size));
    std::fill(chunk.begin() + got, chunk.begin() + sectors_size, '\0');
    for (size_t i = 0; i < got; i += kSectorSize) {
      RETURN_NOT_OK(Sector(chunk.data() + i, (at + i) / kSectorSize,
                           std::min<uint64_t>(kSectorSize, got - i)));
    }
    at += sectors_size;
  }
  if (state_ == State::kLog && group_sectors_ > 0) BeginTail(group_begin_ + group_sectors_);
  LogEnd end;
  end.offset = group_begin_ * kSectorSize;
  end.durable_offset = durable_below_ * kSectorSize;
  end.goes_on = goes_on_;
  if (state_ == State::kClosed) {
    end.kind = LogEnd::Kind::kClosed;
  } else if (torn_bytes_ > 0) {
    end.kind = LogEnd::Kind::kTorn;
    end.torn_bytes = torn_bytes_;
  }
  return end;
}

}  // namespace

arrow::Result<LogEnd> ReadRecordLog(io::Env* env, const std::string& path, LogKind kind,
                                    DatabaseId database, uint32_t log_number,
                                    const LogRecordVisitor& visit, bool verify_checksums) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kRead));
  return RecordLogReader(path, {kind, database, log_number}, visit, verify_checksums).Read(*file);
}

}  // namespace pyralog::lsm
