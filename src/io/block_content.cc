#include "io/block_content.h"

#include <algorithm>
#include <cstring>

namespace pyralog::io {

BlockContent BlockContent::Share() {
  for (Slot& slot : slots_) slot.owned = false;
  BlockContent copy;
  copy.slots_ = slots_;
  copy.size_ = size_;
  return copy;
}

BlockContent::Block& BlockContent::WritableBlock(size_t index) {
  if (index >= slots_.size()) slots_.resize(index + 1);
  Slot& slot = slots_[index];
  if (!slot.owned) {
    // Ownership is a flag and not use_count(): that one says nothing about what other threads have
    // finished.
    slot.block = slot.block ? std::make_shared<Block>(*slot.block) : std::make_shared<Block>();
    slot.owned = true;
  }
  return *slot.block;
}

void BlockContent::Write(uint64_t offset, std::string_view data) {
  size_ = data.empty() ? size_ : std::max(size_, offset + data.size());
  while (!data.empty()) {
    const uint64_t within = offset % kBlockSize;
    const size_t count = std::min<uint64_t>(data.size(), kBlockSize - within);
    std::memcpy(WritableBlock(offset / kBlockSize).data() + within, data.data(), count);
    offset += count;
    data.remove_prefix(count);
  }
}

size_t BlockContent::Read(uint64_t offset, size_t size, void* out) const {
  if (offset >= size_) return 0;
  const size_t total = std::min<uint64_t>(size, size_ - offset);
  for (size_t done = 0; done < total;) {
    const uint64_t index = (offset + done) / kBlockSize;
    const uint64_t within = (offset + done) % kBlockSize;
    const size_t count = std::min<uint64_t>(total - done, kBlockSize - within);
    const Block* block = index < slots_.size() ? slots_[index].block.get() : nullptr;
    char* const to = static_cast<char*>(out) + done;
    if (block != nullptr) {
      std::memcpy(to, block->data() + within, count);
    } else {
      std::memset(to, 0, count);
    }
    done += count;
  }
  return total;
}

void BlockContent::Resize(uint64_t size) {
  const uint64_t kept_blocks = (size + kBlockSize - 1) / kBlockSize;
  if (slots_.size() > kept_blocks) slots_.resize(kept_blocks);
  const uint64_t within = size % kBlockSize;
  if (size < size_ && within != 0 && slots_.size() == kept_blocks && slots_.back().block) {
    Block& last = WritableBlock(kept_blocks - 1);
    std::fill(last.begin() + static_cast<ptrdiff_t>(within), last.end(), '\0');
  }
  size_ = size;
}

void BlockContent::ShareBlocks(BlockContent* other, uint64_t begin, uint64_t end) {
  for (uint64_t i = begin / kBlockSize; i * kBlockSize < end; ++i) {
    if (i >= other->slots_.size()) {
      if (i < slots_.size()) slots_[i] = Slot();
      continue;
    }
    other->slots_[i].owned = false;
    if (i >= slots_.size()) slots_.resize(i + 1);
    slots_[i] = other->slots_[i];
  }
}

}  // namespace pyralog::io
