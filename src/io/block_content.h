// The bytes of a file in blocks that copies share until one of them writes, so that copying a file
// for one more crash costs its block list and not its bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace pyralog::io {

// Not thread-safe, but contents that share blocks may be used from different threads.
class BlockContent {
 public:
  static constexpr uint64_t kBlockSize = 4096;

  BlockContent() = default;
  BlockContent(BlockContent&&) = default;
  BlockContent& operator=(BlockContent&&) = default;

  // A copy. From now on both sides copy a block before they write to it.
  BlockContent Share();

  uint64_t size() const { return size_; }
  // Extends the file when needed; what lies between the old end and `offset` is zeros.
  void Write(uint64_t offset, std::string_view data);
  // Reads up to the end; returns the count.
  size_t Read(uint64_t offset, size_t size, void* out) const;
  void Resize(uint64_t size);

  // Shares other's blocks that overlap [begin, end). Does not change the size, which must already
  // cover them.
  void ShareBlocks(BlockContent* other, uint64_t begin, uint64_t end);

 private:
  using Block = std::array<char, kBlockSize>;
  struct Slot {
    std::shared_ptr<Block> block;  // null: zeros
    bool owned = false;            // no other content can hold this block
  };

  Block& WritableBlock(size_t index);

  // May be shorter than the file: the rest is zeros. Bytes past size_ are always zeros.
  std::vector<Slot> slots_;
  uint64_t size_ = 0;
};

}  // namespace pyralog::io
