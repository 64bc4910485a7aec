// A new database: all of it, or nothing.
#include <algorithm>
#include <random>

#include "lsm/engine_impl.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

DatabaseId NewDatabaseId() {
  DatabaseId id;
  std::random_device random;
  for (uint8_t& byte : id) byte = static_cast<uint8_t>(random());
  return id;
}

arrow::Status CurrentIsMissing(const std::string& current, const std::string& though) {
  return MakeError(ErrorCode::kDamaged, current + ": is missing, though " + though);
}

// The files of a folder; none when there is no such folder.
arrow::Result<std::vector<io::DirEntry>> ListIfThere(io::Env* env, const std::string& folder) {
  ARROW_ASSIGN_OR_RAISE(const bool exists, env->Exists(folder));
  if (!exists) return std::vector<io::DirEntry>();
  return env->List(folder);
}

}  // namespace

arrow::Status EngineImpl::CheckFresh() {
  const std::string current = PathOf("CURRENT");
  ARROW_ASSIGN_OR_RAISE(const auto entries, env_->List(path_));
  for (const io::DirEntry& entry : entries) {
    if (entry.name.starts_with("MANIFEST-") && !entry.name.starts_with(ManifestFileName(1))) {
      return CurrentIsMissing(current, "the folder holds " + entry.name);
    }
    const bool ours = entry.name == "LOCK" || entry.name == "wal" || entry.name == "hot" ||
                      entry.name == "tmp" || entry.name == "readers" ||
                      entry.name.starts_with("MANIFEST-") || entry.name.starts_with("CURRENT");
    if (ours) continue;
    return MakeError(ErrorCode::kInvalidArgument,
                     path_ + ": is a folder that holds other files (" + entry.name +
                         ") and no Pyralog database; name an empty or a new folder");
  }
  ARROW_ASSIGN_OR_RAISE(const auto hot, ListIfThere(env_, PathOf("hot")));
  if (!hot.empty()) return CurrentIsMissing(current, "there are tables in " + PathOf("hot"));
  ARROW_ASSIGN_OR_RAISE(const auto logs, ListIfThere(env_, PathOf("wal")));
  for (const io::DirEntry& entry : logs) {
    const std::string log = io::JoinPath(PathOf("wal"), entry.name);
    ARROW_ASSIGN_OR_RAISE(auto bytes, env_->Map(log));
    // A creation that was cut off leaves a log with a header and nothing else.
    const auto* begin = bytes->data() + std::min<int64_t>(bytes->size(), kSectorSize);
    if (std::any_of(begin, bytes->data() + bytes->size(), [](uint8_t byte) { return byte != 0; })) {
      return CurrentIsMissing(current, "there are commits in " + log);
    }
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CreateFresh() {
  ARROW_RETURN_NOT_OK(CheckFresh());
  const arrow::Status made = MakeFresh();
  // A name whose sync failed may never become durable, so the next attempt must find none.
  if (!made.ok()) RemoveFresh();
  return made;
}

arrow::Status EngineImpl::MakeFresh() {
  database_ = NewDatabaseId();
  for (const char* folder : {"wal", "hot", "tmp"})
    ARROW_RETURN_NOT_OK(io::CreateDirIfMissing(env_, PathOf(folder)));
  ARROW_RETURN_NOT_OK(CreateWal(1, options_.wal_preallocate_bytes).status());
  ARROW_RETURN_NOT_OK(env_->SyncDir(path_));
  if (const std::string parent = io::ParentPath(path_); !parent.empty())
    ARROW_RETURN_NOT_OK(env_->SyncDir(parent));
  ARROW_ASSIGN_OR_RAISE(manifest_, Manifest::Create(env_, path_, database_));
  return arrow::Status::OK();
}

void EngineImpl::RemoveFresh() {
  // CURRENT first: what is left when a removal fails is a whole database or none.
  const std::string current = PathOf("CURRENT");
  const auto named = env_->Exists(current);
  if (!named.ok() || (*named && !env_->RemoveFile(current).ok())) return;
  for (const std::string& file : {PathOf("CURRENT.tmp"), PathOf(ManifestFileName(1)), WalPath(1)}) {
    (void)env_->RemoveFile(file);
  }
  for (const char* folder : {"wal", "hot", "tmp"}) (void)env_->RemoveDir(PathOf(folder));
}

}  // namespace pyralog::lsm
