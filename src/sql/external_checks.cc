#include "sql/external_checks.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "base/blake3.h"
#include "formats/source.h"
#include "io/resolver.h"
#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

// The verdicts of this process. Full, it starts anew: a check is cheap, and who reads more files
// reads each once.
class VerdictCache {
 public:
  static VerdictCache& Get() {
    static VerdictCache& cache =
        *new VerdictCache();  // used until the very end, so never destroyed
    return cache;
  }

  std::optional<FileVerdict> Find(const std::string& key, const FileStamp& stamp) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found == known_.end() || found->second.first != stamp) return std::nullopt;
    return found->second.second;
  }

  void Insert(const std::string& key, const FileStamp& stamp, const FileVerdict& verdict) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMaxEntries) known_.clear();
    known_[key] = {stamp, verdict};
  }

 private:
  static constexpr size_t kMaxEntries = 16'384;
  std::mutex mutex_;
  std::unordered_map<std::string, std::pair<FileStamp, FileVerdict>> known_;  // guarded by mutex_
};

}  // namespace

FileStamp StampOf(const struct stat& state) {
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return FileStamp{.size = static_cast<uint64_t>(state.st_size),
                   .modified_ns = nanoseconds(state.st_mtim),
                   .changed_ns = nanoseconds(state.st_ctim),
                   .inode = state.st_ino,
                   .device = state.st_dev};
}

arrow::Result<FileStamp> StampOf(const std::string& path) {
  ARROW_RETURN_NOT_OK(io::CheckRegularFile(path));
  struct stat state = {};
  if (::stat(path.c_str(), &state) != 0)
    return MakeError(ErrorCode::kIo, path + ": " + std::generic_category().message(errno));
  return StampOf(state);
}

arrow::Result<FileVerdict> CheckFile(const std::string& path, const formats::Format& format,
                                     const formats::Options& options,
                                     const std::atomic<bool>& interrupted) {
  formats::Limits limits;
  limits.interrupted = &interrupted;
  // Opening refuses what is no regular file, so it comes first.
  ARROW_ASSIGN_OR_RAISE(auto source, formats::Source::Open(io::PosixEnv(), path, limits));
  const auto stamp = StampOf(path);
  const std::string key = format.info().name + ':' + path;
  if (stamp.ok()) {
    if (auto known = VerdictCache::Get().Find(key, *stamp)) return *known;
  }
  ARROW_ASSIGN_OR_RAISE(const auto dataset, format.Open(source, options));
  FileVerdict verdict{dataset->sql_reader_obstacle(), dataset->sql_reader_options()};
  if (stamp.ok()) VerdictCache::Get().Insert(key, *stamp, verdict);
  return verdict;
}

arrow::Result<std::string> HashOf(const std::string& path, const std::atomic<bool>& interrupted) {
  constexpr uint64_t kPiece = 1 << 20;
  ARROW_ASSIGN_OR_RAISE(const auto source, formats::Source::Open(io::PosixEnv(), path));
  Blake3 hash;
  for (uint64_t at = 0; at < source->size(); at += kPiece) {
    if (interrupted.load(std::memory_order_relaxed)) {
      return MakeError(ErrorCode::kInterrupted, path + ": cancelled while it was hashed");
    }
    ARROW_ASSIGN_OR_RAISE(const std::string piece,
                          source->Read(at, std::min(kPiece, source->size() - at)));
    hash.Update(piece);
  }
  return hash.HexDigest();
}

std::string StateOf(const catalog::ExternalTableDef::FileIdentity& file) {
  const auto stamp = StampOf(file.path);
  if (!stamp.ok()) {
    return GetErrorCode(stamp.status()) == ErrorCode::kNotFound ? "missing" : "unreadable";
  }
  if (stamp->size != file.size) return "changed: size";
  if (stamp->modified_ns != file.modified_ns) return "changed: modification time";
  return "unchanged";
}

}  // namespace pyralog::sql
