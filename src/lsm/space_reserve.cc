#include "lsm/space_reserve.h"

#include <algorithm>

namespace pyralog::lsm {
namespace {

constexpr uint64_t kChunk = 64 << 10;
constexpr uint64_t kLeast = 8 << 10;  // less is of no use

arrow::Status WriteZeros(io::File* file, uint64_t begin, uint64_t end) {
  const std::string zeros(std::min(kChunk, end - begin), '\0');
  for (uint64_t at = begin; at < end; at += zeros.size()) {
    const uint64_t size = std::min<uint64_t>(zeros.size(), end - at);
    ARROW_RETURN_NOT_OK(file->WriteAt(at, std::string_view(zeros).substr(0, size)));
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Status SpaceReserve::Keep(uint64_t bytes) {
  MutexLock lock(mutex_);
  if (kept_ >= bytes) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto file, env_->Open(path_, io::OpenMode::kCreate));
  const arrow::Status status = WriteZeros(file.get(), kept_, bytes);
  if (status.ok()) {
    kept_ = bytes;
  } else {
    (void)file->Truncate(kept_);
  }
  return status & file->Close();
}

void SpaceReserve::KeepWhatThereIs(uint64_t bytes) {
  for (; bytes >= kLeast; bytes /= 2) {
    if (Keep(bytes).ok()) return;
  }
}

void SpaceReserve::Release() {
  MutexLock lock(mutex_);
  if (kept_ > 0) (void)env_->RemoveFile(path_);
  kept_ = 0;
}

}  // namespace pyralog::lsm
