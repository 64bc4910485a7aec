// Which 64 KiB blocks of a mapped file have been verified in this process.
//
// A file is cut into blocks of kChecksumBlock bytes from its start; the last one may be shorter.
// Somewhere else, already trusted, stands the XXH3 of each. No byte of the file is used before
// Ensure said yes to its block.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "arrow/buffer.h"
#include "arrow/result.h"
#include "io/env.h"

namespace pyralog::lsm {

constexpr uint64_t kChecksumBlock = 64 * 1024;

constexpr uint64_t ChecksumBlocks(uint64_t bytes) {
  return (bytes + kChecksumBlock - 1) / kChecksumBlock;
}

// "<path>: <what>; restore the file from a backup", kDamaged.
arrow::Status SegmentFileDamaged(const std::string& path, const std::string& what);

// Maps one of a segment's files. kDamaged when it is missing or has another size than `bytes`.
arrow::Result<std::shared_ptr<arrow::Buffer>> MapSegmentFile(io::Env* env, const std::string& path,
                                                             uint64_t bytes);

// Thread-safe. Two threads that touch a block first at the same moment may both verify it.
class BlockVerifier {
 public:
  // `data` and `checks` (one XXH3 per block of `data`) outlive the verifier. With `enabled` false
  // everything is trusted: the known-bad control of tests.
  BlockVerifier(std::string path, std::span<const uint8_t> data, std::span<const uint64_t> checks,
                bool enabled);

  // Verifies what is not yet verified of the blocks that hold bytes [offset, offset + length).
  // kDamaged names the block. A range that does not lie inside the file is kDamaged too.
  arrow::Status Ensure(uint64_t offset, uint64_t length) {
    if (offset > data_.size() || length > data_.size() - offset) return OutOfFile(offset, length);
    if (length == 0) return arrow::Status::OK();
    const uint64_t last = (offset + length - 1) / kChecksumBlock;
    for (uint64_t block = offset / kChecksumBlock; block <= last; ++block) {
      if (!verified(block)) ARROW_RETURN_NOT_OK(Verify(block));
    }
    return arrow::Status::OK();
  }

  std::span<const uint8_t> data() const { return data_; }
  const std::string& path() const { return path_; }

 private:
  bool verified(uint64_t block) const {
    return (bits_[block / 64].load(std::memory_order_acquire) >> (block % 64)) & 1;
  }
  arrow::Status Verify(uint64_t block);
  arrow::Status OutOfFile(uint64_t offset, uint64_t length) const;

  const std::string path_;
  const std::span<const uint8_t> data_;
  const std::span<const uint64_t> checks_;
  const bool enabled_;
  const std::unique_ptr<std::atomic<uint64_t>[]> bits_;
};

}  // namespace pyralog::lsm
