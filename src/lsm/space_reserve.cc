#include "lsm/space_reserve.h"

namespace pyralog::lsm {
namespace {

constexpr uint64_t kLeast = 8 << 10;  // less is of no use

}  // namespace

arrow::Status SpaceReserve::Keep(uint64_t bytes) {
  MutexLock lock(mutex_);
  if (kept_ >= bytes) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto file, env_->Open(path_, io::OpenMode::kCreate));
  const arrow::Status status = io::FillWithZeros(file.get(), kept_, bytes);
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
