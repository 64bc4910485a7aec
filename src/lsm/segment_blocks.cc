#include "lsm/segment_blocks.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "pyralog/error.h"

namespace pyralog::lsm {

arrow::Status SegmentFileDamaged(const std::string& path, const std::string& what) {
  return MakeError(ErrorCode::kDamaged, path + ": " + what + "; restore the file from a backup");
}

arrow::Result<std::shared_ptr<arrow::Buffer>> MapSegmentFile(io::Env* env, const std::string& path,
                                                             uint64_t bytes) {
  auto mapping = env->Map(path);
  if (GetErrorCode(mapping.status()) == ErrorCode::kNotFound)
    return SegmentFileDamaged(path, "is missing");
  ARROW_RETURN_NOT_OK(mapping.status());
  const auto size = static_cast<uint64_t>((*mapping)->size());
  if (size == bytes) return mapping;
  return SegmentFileDamaged(path, "has " + std::to_string(size) + " bytes where " +
                                      std::to_string(bytes) + " are expected");
}

BlockVerifier::BlockVerifier(std::string path, std::span<const uint8_t> data,
                             std::span<const uint64_t> checks, bool enabled)
    : path_(std::move(path)),
      data_(data),
      checks_(checks),
      enabled_(enabled),
      bits_(new std::atomic<uint64_t>[ChecksumBlocks(data.size()) / 64 + 1]()) {}

arrow::Status BlockVerifier::Verify(uint64_t block) {
  const uint64_t begin = block * kChecksumBlock;
  const uint64_t size = std::min<uint64_t>(kChecksumBlock, data_.size() - begin);
  if (enabled_) {
    if (block >= checks_.size() || Hash64(data_.data() + begin, size) != checks_[block]) {
      return SegmentFileDamaged(path_, "block of " + std::to_string(size) + " bytes at offset " +
                                           std::to_string(begin) +
                                           " is damaged (its checksum is wrong)");
    }
  }
  bits_[block / 64].fetch_or(uint64_t{1} << (block % 64), std::memory_order_release);
  return arrow::Status::OK();
}

arrow::Status BlockVerifier::OutOfFile(uint64_t offset, uint64_t length) const {
  return SegmentFileDamaged(
      path_, std::to_string(length) + " bytes at offset " + std::to_string(offset) +
                 " are referred to, but the file has " + std::to_string(data_.size()) + " bytes");
}

}  // namespace pyralog::lsm
