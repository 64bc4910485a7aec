#include "io/env.h"

#include <algorithm>

#include "pyralog/error.h"

namespace pyralog::io {
namespace {

arrow::Status WriteAndSync(Env* env, const std::string& path, std::string_view data) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, OpenMode::kCreate));
  ARROW_RETURN_NOT_OK(file->Truncate(0));  // an interrupted earlier try may have left bytes
  ARROW_RETURN_NOT_OK(file->WriteAt(0, data));
  ARROW_RETURN_NOT_OK(file->Sync());
  return file->Close();
}

}  // namespace

arrow::Result<std::string> ReadFileToString(Env* env, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, OpenMode::kRead));
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
  std::string content(size, '\0');
  ARROW_ASSIGN_OR_RAISE(const size_t count, file->ReadAt(0, size, content.data()));
  content.resize(count);
  return content;
}

arrow::Status WriteFileAtomically(Env* env, const std::string& path, std::string_view data) {
  const std::string temporary = path + ".tmp";
  arrow::Status status = WriteAndSync(env, temporary, data);
  if (status.ok()) status = env->Rename(temporary, path);
  if (!status.ok()) {
    // The first failure is the one to report; a leftover is overwritten by the next try.
    static_cast<void>(env->RemoveFile(temporary));
    return status;
  }
  return env->SyncDir(ParentPath(path));
}

arrow::Status CreateDirIfMissing(Env* env, const std::string& path) {
  arrow::Status status = env->CreateDir(path);
  if (GetErrorCode(status) != ErrorCode::kAlreadyExists) return status;
  // A file of that name is no folder: listing it says so.
  return env->List(path).status();
}

arrow::Status FillWithZeros(File* file, uint64_t begin, uint64_t end) {
  constexpr uint64_t kChunk = 1 << 20;
  if (begin >= end) return arrow::Status::OK();
  const std::string zeros(std::min(kChunk, end - begin), '\0');
  for (uint64_t at = begin; at < end; at += zeros.size()) {
    const uint64_t size = std::min<uint64_t>(zeros.size(), end - at);
    ARROW_RETURN_NOT_OK(file->WriteAt(at, std::string_view(zeros).substr(0, size)));
  }
  return arrow::Status::OK();
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

std::string ParentPath(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  path = path.substr(0, slash);
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path.empty() ? "/" : std::string(path);
}

}  // namespace pyralog::io
