#include "lsm/manifest.h"

#include <cinttypes>
#include <cstdio>

#include "base/hash.h"
#include "lsm/manifest_edit.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint32_t kEditRecord = 1;
constexpr uint64_t kPreallocate = 64 * 1024;
constexpr uint64_t kLongLog = 1 << 20;  // a log below this is never rewritten

std::string Hex(const DatabaseId& id) {
  std::string hex;
  char digits[3];
  for (uint8_t byte : id) {
    std::snprintf(digits, sizeof(digits), "%02x", byte);
    hex += digits;
  }
  return hex;
}

std::string CurrentText(uint32_t number, const DatabaseId& database) {
  std::string text = "pyralog 1\n" + ManifestFileName(number) + "\n" + Hex(database) + "\n";
  char check[20];
  std::snprintf(check, sizeof(check), "%016" PRIx64 "\n", Hash64(text));
  return text + check;
}

struct Current {
  uint32_t number = 0;
  DatabaseId database{};
};

arrow::Result<Current> ReadCurrent(io::Env* env, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const std::string text, io::ReadFileToString(env, path));
  Current current;
  char id[33] = {};
  int version = 0;
  const int fields = std::sscanf(text.c_str(), "pyralog %d\nMANIFEST-%8u\n%32[0-9a-f]\n", &version,
                                 &current.number, id);
  if (fields >= 1 && version > 1 && text.rfind("pyralog ", 0) == 0) {
    return MakeError(ErrorCode::kFormatVersion,
                     path + ": written by a newer build of Pyralog (format " +
                         std::to_string(version) + "; this build reads up to 1)");
  }
  for (size_t i = 0; i < current.database.size(); ++i) {
    unsigned byte = 0;
    std::sscanf(id + 2 * i, "%2x", &byte);
    current.database[i] = static_cast<uint8_t>(byte);
  }
  if (fields != 3 || text != CurrentText(current.number, current.database)) {
    return MakeError(ErrorCode::kDamaged,
                     path +
                         ": is damaged (its text does not match its checksum); restore it "
                         "from a backup, or write it anew by hand if the manifest is whole");
  }
  return current;
}

// An error after which the old and the new state are both possible: never kNoSpace, which says that
// nothing was changed.
arrow::Status NowUnknown(const arrow::Status& status) {
  return GetErrorCode(status) == ErrorCode::kNoSpace ? MakeError(ErrorCode::kIo, status.message())
                                                     : status;
}

arrow::Status PointCurrentTo(io::Env* env, const std::string& folder, const std::string& text) {
  const std::string draft = io::JoinPath(folder, "CURRENT.tmp");
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(draft, io::OpenMode::kCreate));
  ARROW_RETURN_NOT_OK(file->Truncate(0));
  ARROW_RETURN_NOT_OK(file->WriteAt(0, text));
  ARROW_RETURN_NOT_OK(file->Sync());
  ARROW_RETURN_NOT_OK(file->Close());
  ARROW_RETURN_NOT_OK(NowUnknown(env->Rename(draft, io::JoinPath(folder, "CURRENT"))));
  return NowUnknown(env->SyncDir(folder));
}

}  // namespace

std::string ManifestFileName(uint32_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "MANIFEST-%08u", number);
  return name;
}

std::set<uint64_t> ManifestState::LivePacks() const {
  std::set<uint64_t> live;
  for (const auto& [segment, pack] : packs) live.insert(pack);
  return live;
}

Manifest::Manifest(io::Env* env, std::string folder, DatabaseId database, uint32_t number)
    : env_(env), folder_(std::move(folder)), database_(database), number_(number) {}

Manifest::~Manifest() = default;

std::string Manifest::file_name() const { return ManifestFileName(number_); }

arrow::Result<std::unique_ptr<Manifest>> Manifest::Create(io::Env* env, std::string folder,
                                                          DatabaseId database) {
  std::unique_ptr<Manifest> manifest(new Manifest(env, std::move(folder), database, 0));
  ARROW_RETURN_NOT_OK(manifest->Rotate(ManifestState{}));
  return manifest;
}

arrow::Result<std::unique_ptr<Manifest>> Manifest::Open(io::Env* env, std::string folder,
                                                        bool verify_checksums) {
  ARROW_ASSIGN_OR_RAISE(const Current current, ReadCurrent(env, io::JoinPath(folder, "CURRENT")));
  std::unique_ptr<Manifest> manifest(
      new Manifest(env, std::move(folder), current.database, current.number));
  const std::string path = io::JoinPath(manifest->folder_, manifest->file_name());
  uint64_t edits = 0;
  auto apply = [&](const LogRecord& record) -> arrow::Status {
    if (record.type != kEditRecord)
      return MakeError(ErrorCode::kDamaged, path + ": holds a record of unknown type");
    if (edits++ == 0) manifest->full_size_ = record.body.size();
    return ApplyManifestEdit(record.body, &manifest->state_);
  };
  auto end = ReadRecordLog(env, path, LogKind::kManifest, current.database, current.number, apply,
                           verify_checksums);
  if (!end.ok()) {
    if (GetErrorCode(end.status()) != ErrorCode::kNotFound) return end.status();
    return MakeError(ErrorCode::kDamaged,
                     path + ": is missing, though CURRENT names it; restore it from a backup");
  }
  if (edits == 0)
    return MakeError(ErrorCode::kDamaged, path + ": holds no state; restore it from a backup");
  manifest->durable_ = end->kind == LogEnd::Kind::kClosed;
  return manifest;
}

arrow::Status Manifest::Rotate(ManifestState next) {
  const uint32_t number = number_ + 1;
  const std::string path = io::JoinPath(folder_, ManifestFileName(number));
  ARROW_ASSIGN_OR_RAISE(const std::string edit, EncodeManifestEdit(ManifestState{}, next));
  // An attempt that failed or was cut off may have left one.
  ARROW_ASSIGN_OR_RAISE(auto writer,
                        RecordLogWriter::Create(env_, path, LogKind::kManifest, database_, number,
                                                kPreallocate, /*replace=*/true));
  ARROW_RETURN_NOT_OK(writer->Reserve(edit.size()));
  const LogRecord record{kEditRecord, edit};
  ARROW_RETURN_NOT_OK(writer->AppendGroup({&record, 1}));
  ARROW_RETURN_NOT_OK(writer->Sync());
  ARROW_RETURN_NOT_OK(env_->SyncDir(folder_));
  ARROW_RETURN_NOT_OK(PointCurrentTo(env_, folder_, CurrentText(number, database_)));
  const std::string old = io::JoinPath(folder_, file_name());
  if (number_ > 0) (void)env_->RemoveFile(old);  // no longer named; opening removes what stays
  number_ = number;
  full_size_ = edit.size();
  durable_ = true;
  writer_ = std::move(writer);
  state_ = std::move(next);
  return arrow::Status::OK();
}

arrow::Status Manifest::Apply(ManifestState next) {
  // The first change after opening begins a file of its own, so a torn tail is never written
  // behind.
  if (!writer_ || (writer_->size() > kLongLog && writer_->size() > 4 * full_size_))
    return Rotate(std::move(next));
  ARROW_ASSIGN_OR_RAISE(const std::string edit, EncodeManifestEdit(state_, next));
  ARROW_RETURN_NOT_OK(writer_->Reserve(edit.size()));
  const LogRecord record{kEditRecord, edit};
  ARROW_RETURN_NOT_OK(NowUnknown(writer_->AppendGroup({&record, 1})));
  ARROW_RETURN_NOT_OK(NowUnknown(writer_->Sync()));
  state_ = std::move(next);
  return arrow::Status::OK();
}

arrow::Status Manifest::Close() {
  if (!writer_) return arrow::Status::OK();
  return std::exchange(writer_, nullptr)->CloseCleanly();
}

}  // namespace pyralog::lsm
