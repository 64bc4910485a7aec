#include <limits>
#include <utility>

#include "lsm/record_log.h"
#include "lsm/record_log_format.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint64_t kCopyChunk = 1 << 20;
// A group's buffer above this is given back after the write.
constexpr size_t kKeptGroupBuffer = 16 << 20;

std::string ClosingBody(uint32_t log_number, bool goes_on) {
  std::string body;
  if (goes_on) AppendLittle<uint32_t>(&body, log_number + 1);
  return body;
}

uint64_t RoundUpToStep(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

class FileLogWriter : public RecordLogWriter {
 public:
  FileLogWriter(std::string path, const LogIdentity& identity, uint64_t preallocate,
                std::unique_ptr<io::File> file)
      : path_(std::move(path)),
        log_number_(identity.log_number),
        seed_(SectorSeed(identity.database)),
        file_(std::move(file)),
        step_(RoundUpToStep(preallocate, kSectorSize)),
        filled_(std::max(step_, kSectorSize)) {}

  arrow::Status AppendGroup(std::span<const LogRecord> records) override;
  arrow::Status Sync() override;
  arrow::Status Reserve(uint64_t bytes) override;
  uint64_t reserved() const override;
  arrow::Status CloseCleanly(bool goes_on) override;
  uint64_t size() const override { return next_sector_ * kSectorSize; }

 private:
  arrow::Status CheckRecords(std::span<const LogRecord> records) const;
  arrow::Status WriteGroup(std::span<const LogRecord> records);
  // Zero-fills from filled_ to `target`. kNoSpace changes nothing.
  arrow::Status FillTo(uint64_t target);
  // After a group: counts it into filled_, and zero-fills to the next step, so that the next groups
  // need no new blocks.
  arrow::Status FillAhead();
  arrow::Status Die(arrow::Status status) {
    dead_ = status;
    return status;
  }

  const std::string path_;
  const uint32_t log_number_;
  const uint64_t seed_;
  const std::unique_ptr<io::File> file_;
  uint64_t step_;    // 0: no more zero-filling
  uint64_t filled_;  // size of the file; behind size() it is zeros
  uint64_t next_sector_ = 1;
  uint64_t durable_sectors_ = 1;
  uint64_t next_record_ = 0;
  std::vector<char> buffer_;
  arrow::Status dead_;  // why later calls fail
};

arrow::Status FileLogWriter::CheckRecords(std::span<const LogRecord> records) const {
  uint64_t bytes = 0;
  for (const LogRecord& record : records) {
    if (record.type == kClosingRecord) {
      return MakeError(ErrorCode::kInvalidArgument, path_ + ": record type 0 closes a log");
    }
    if (record.body.size() > std::numeric_limits<uint32_t>::max()) {
      return MakeError(ErrorCode::kInvalidArgument,
                       path_ + ": a log record of 4 GiB or more; commit in smaller parts");
    }
    bytes += kRecordHeaderSize + record.body.size() + kRecordCheckSize;
  }
  // One sector is left for the closing record.
  if (next_sector_ + SectorsFor(bytes) >= std::numeric_limits<uint32_t>::max()) {
    return MakeError(ErrorCode::kInvalidArgument, path_ + ": the log has 2 TiB; begin another");
  }
  return arrow::Status::OK();
}

arrow::Status FileLogWriter::FillTo(uint64_t target) {
  arrow::Status status = io::FillWithZeros(file_.get(), filled_, target);
  if (status.ok()) {
    filled_ = target;
  } else if (GetErrorCode(status) == ErrorCode::kNoSpace) {
    // Give back what the attempt took; there is nothing behind filled_.
    RETURN_NOT_OK(file_->Truncate(filled_));
  }
  return status;
}

arrow::Status FileLogWriter::FillAhead() {
  if (size() <= filled_) return arrow::Status::OK();
  filled_ = size();
  if (step_ == 0) return arrow::Status::OK();
  arrow::Status status = FillTo(RoundUpToStep(filled_, step_));
  if (GetErrorCode(status) != ErrorCode::kNoSpace) return status;
  // There may be room for more groups all the same.
  step_ = 0;
  return arrow::Status::OK();
}

arrow::Status FileLogWriter::WriteGroup(std::span<const LogRecord> records) {
  const GroupPlace place{.log_number = log_number_,
                         .seed = seed_,
                         .first_sector = next_sector_,
                         .durable_below = durable_sectors_,
                         .first_record = next_record_};
  const size_t bytes = EncodeGroup(records, place, &buffer_);
  RETURN_NOT_OK(file_->WriteAt(size(), {buffer_.data(), bytes}));
  next_sector_ += bytes / kSectorSize;
  next_record_ += records.size();
  if (buffer_.size() > kKeptGroupBuffer) std::vector<char>().swap(buffer_);
  return arrow::Status::OK();
}

arrow::Status FileLogWriter::AppendGroup(std::span<const LogRecord> records) {
  RETURN_NOT_OK(dead_);
  if (records.empty()) return arrow::Status::OK();
  RETURN_NOT_OK(CheckRecords(records));
  arrow::Status status = WriteGroup(records);
  if (status.ok()) status = FillAhead();
  return status.ok() ? status : Die(std::move(status));
}

arrow::Status FileLogWriter::Sync() {
  RETURN_NOT_OK(dead_);
  const uint64_t sectors = next_sector_;
  arrow::Status status = file_->Sync();
  if (!status.ok()) return Die(std::move(status));
  durable_sectors_ = sectors;
  return status;
}

arrow::Status FileLogWriter::Reserve(uint64_t bytes) {
  RETURN_NOT_OK(dead_);
  // One sector more for the closing record.
  const uint64_t end = size() + (SectorsFor(bytes) + 1) * kSectorSize;
  if (end <= filled_) return arrow::Status::OK();
  const uint64_t target = step_ == 0 ? end : RoundUpToStep(end, step_);
  arrow::Status status = FillTo(target);
  if (GetErrorCode(status) == ErrorCode::kNoSpace && target > end) {
    step_ = 0;
    status = FillTo(end);
  }
  if (status.ok() || GetErrorCode(status) == ErrorCode::kNoSpace) return status;
  return Die(std::move(status));
}

uint64_t FileLogWriter::reserved() const {
  const uint64_t sectors = filled_ / kSectorSize;
  return sectors > next_sector_ + 1 ? (sectors - next_sector_ - 1) * kSectorPayload : 0;
}

arrow::Status FileLogWriter::CloseCleanly(bool goes_on) {
  RETURN_NOT_OK(dead_);
  const std::string body = ClosingBody(log_number_, goes_on);
  const LogRecord closing{.type = kClosingRecord, .body = body};
  arrow::Status status = WriteGroup({&closing, 1});
  // No sync between the two: whichever survives a crash, the log's records are whole.
  if (status.ok()) status = file_->Truncate(size());
  if (status.ok()) status = file_->Sync();
  if (status.ok()) status = file_->Close();
  if (!status.ok()) return Die(std::move(status));
  dead_ = MakeError(ErrorCode::kReadOnly, path_ + ": the log is closed");
  return status;
}

// The file of a new log under the name `path`, synced.
arrow::Status MakeLogFile(io::Env* env, const std::string& path, const LogIdentity& identity,
                          uint64_t preallocate) {
  char header[kSectorSize];
  EncodeFileHeader(identity, header);
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kCreate));
  RETURN_NOT_OK(file->Truncate(0));
  RETURN_NOT_OK(file->WriteAt(0, {header, sizeof(header)}));
  RETURN_NOT_OK(
      io::FillWithZeros(file.get(), kSectorSize, RoundUpToStep(preallocate, kSectorSize)));
  RETURN_NOT_OK(file->Sync());
  return file->Close();
}

// Writes the bytes of [begin, end) once more, so that the next sync covers them.
arrow::Status WriteAgain(io::File* file, uint64_t begin, uint64_t end) {
  std::string chunk;
  for (uint64_t at = begin; at < end; at += chunk.size()) {
    chunk.resize(std::min(kCopyChunk, end - at));
    ARROW_ASSIGN_OR_RAISE(const size_t got, file->ReadAt(at, chunk.size(), chunk.data()));
    chunk.resize(got);
    if (got == 0) break;
    RETURN_NOT_OK(file->WriteAt(at, chunk));
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<std::unique_ptr<RecordLogWriter>> RecordLogWriter::Create(
    io::Env* env, std::string path, LogKind kind, DatabaseId database, uint32_t log_number,
    uint64_t preallocate, bool replace) {
  ARROW_ASSIGN_OR_RAISE(bool exists, env->Exists(path));
  if (exists && !replace)
    return MakeError(ErrorCode::kAlreadyExists, path + ": there is a file of this name");
  const LogIdentity identity{kind, database, log_number};
  const std::string unfinished = path + ".tmp";
  arrow::Status status = MakeLogFile(env, unfinished, identity, preallocate);
  if (GetErrorCode(status) == ErrorCode::kNoSpace && preallocate > 0) {
    preallocate = 0;
    status = MakeLogFile(env, unfinished, identity, preallocate);
  }
  if (status.ok()) status = env->Rename(unfinished, path);
  if (!status.ok()) {
    (void)env->RemoveFile(unfinished);  // it may not be there; a later Create replaces it
    return status;
  }
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kReadWrite));
  return std::make_unique<FileLogWriter>(std::move(path), identity, preallocate, std::move(file));
}

arrow::Status SealRecordLog(io::Env* env, const std::string& path, LogKind kind,
                            DatabaseId database, uint32_t log_number, const LogEnd& end,
                            uint64_t records_kept, bool goes_on) {
  const LogIdentity identity{kind, database, log_number};
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kReadWrite));
  ARROW_ASSIGN_OR_RAISE(uint64_t size, file->Size());
  char header[kSectorSize] = {};
  RETURN_NOT_OK(file->ReadAt(0, sizeof(header), header).status());
  RETURN_NOT_OK(CheckFileHeader(header, identity, path, /*verify_checksums=*/true));
  if (end.offset < kSectorSize || end.offset % kSectorSize != 0 || end.offset > size) {
    return MakeError(ErrorCode::kInvalidArgument,
                     path + ": the log cannot be sealed at offset " + std::to_string(end.offset));
  }
  const bool closed = end.kind == LogEnd::Kind::kClosed;
  const uint64_t content = closed ? end.offset - kSectorSize : end.offset;
  RETURN_NOT_OK(WriteAgain(file.get(), end.durable_offset, content));
  // A closing record that is there goes, too: over it, a half-written one would read as damage.
  RETURN_NOT_OK(file->Truncate(content));
  // First the cut: a closing record must never be durable in front of what was cut off.
  RETURN_NOT_OK(file->Sync());
  const std::string body = ClosingBody(log_number, goes_on);
  const LogRecord closing{.type = kClosingRecord, .body = body};
  const GroupPlace place{.log_number = log_number,
                         .seed = SectorSeed(database),
                         .first_sector = content / kSectorSize,
                         .durable_below = content / kSectorSize,
                         .first_record = records_kept};
  std::vector<char> buffer;
  const size_t bytes = EncodeGroup({&closing, 1}, place, &buffer);
  RETURN_NOT_OK(file->WriteAt(content, {buffer.data(), bytes}));
  RETURN_NOT_OK(file->Sync());
  return file->Close();
}

}  // namespace pyralog::lsm
