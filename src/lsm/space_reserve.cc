#include "lsm/space_reserve.h"

#include <algorithm>

namespace pyralog::lsm {
namespace {

constexpr uint64_t kChunk = 64 << 10;

arrow::Status WriteZeros(io::Env* env, const std::string& path, uint64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kCreate));
  const std::string zeros(std::min(kChunk, bytes), '\0');
  for (uint64_t at = 0; at < bytes; at += zeros.size()) {
    const uint64_t size = std::min<uint64_t>(zeros.size(), bytes - at);
    ARROW_RETURN_NOT_OK(file->WriteAt(at, std::string_view(zeros).substr(0, size)));
  }
  return file->Close();
}

}  // namespace

arrow::Status SpaceReserve::Keep(uint64_t bytes) {
  MutexLock lock(mutex_);
  if (kept_ >= bytes) return arrow::Status::OK();
  arrow::Status status = WriteZeros(env_, path_, bytes);
  kept_ = status.ok() ? bytes : 0;
  if (!status.ok()) (void)env_->RemoveFile(path_);
  return status;
}

void SpaceReserve::Release() {
  MutexLock lock(mutex_);
  if (kept_ > 0) (void)env_->RemoveFile(path_);
  kept_ = 0;
}

}  // namespace pyralog::lsm
