#include "lsm/segment_file_stream.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "lsm/segment_blocks.h"

namespace pyralog::lsm {

arrow::Result<std::unique_ptr<CheckedFileStream>> CheckedFileStream::Create(
    io::Env* env, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kCreate));
  ARROW_RETURN_NOT_OK(file->Truncate(0));  // an interrupted earlier try may have left bytes
  return std::make_unique<CheckedFileStream>(std::move(file));
}

CheckedFileStream::CheckedFileStream(std::unique_ptr<io::File> file) : file_(std::move(file)) {
  set_mode(arrow::io::FileMode::WRITE);
  pending_.reserve(kChecksumBlock);
}

// Whole blocks go to the file straight from the caller's memory.
arrow::Status CheckedFileStream::Write(const void* data, int64_t size) {
  std::string_view rest(static_cast<const char*>(data), static_cast<size_t>(size));
  position_ += rest.size();
  if (!pending_.empty()) {
    const size_t taken = std::min<size_t>(rest.size(), kChecksumBlock - pending_.size());
    pending_.append(rest.substr(0, taken));
    rest.remove_prefix(taken);
    if (pending_.size() == kChecksumBlock) ARROW_RETURN_NOT_OK(FlushPending());
  }
  const size_t whole = rest.size() / kChecksumBlock * kChecksumBlock;
  if (whole > 0) ARROW_RETURN_NOT_OK(WriteBlocks(rest.substr(0, whole)));
  pending_.append(rest.substr(whole));
  return arrow::Status::OK();
}

arrow::Status CheckedFileStream::PadTo(uint64_t offset) {
  static const char zeros[kChecksumBlock] = {};
  return Write(zeros, static_cast<int64_t>(offset - position_));
}

arrow::Status CheckedFileStream::Close() {
  file_.reset();
  return arrow::Status::OK();
}

arrow::Status CheckedFileStream::SyncAndClose() {
  if (!pending_.empty()) ARROW_RETURN_NOT_OK(FlushPending());
  ARROW_RETURN_NOT_OK(file_->Sync());
  ARROW_RETURN_NOT_OK(file_->Close());
  return Close();
}

std::vector<uint64_t> CheckedFileStream::Checks() const {
  std::vector<uint64_t> checks = checks_;
  if (!pending_.empty()) checks.push_back(Hash64(pending_));
  return checks;
}

arrow::Status CheckedFileStream::FlushPending() {
  ARROW_RETURN_NOT_OK(WriteBlocks(pending_));
  pending_.clear();
  return arrow::Status::OK();
}

// `data` begins at a block; only the file's end may end within one.
arrow::Status CheckedFileStream::WriteBlocks(std::string_view data) {
  for (size_t at = 0; at < data.size(); at += kChecksumBlock) {
    checks_.push_back(Hash64(data.substr(at, kChecksumBlock)));
  }
  ARROW_RETURN_NOT_OK(file_->WriteAt(written_, data));
  written_ += data.size();
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm
