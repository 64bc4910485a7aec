#include "lsm/key_index.h"

namespace pyralog::lsm {

size_t KeyIndex::FindSlot(std::string_view k, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t i = hash & mask;
  while (slots_[i].row != kNone && (slots_[i].hash != hash || key(slots_[i].row) != k))
    i = (i + 1) & mask;
  return i;
}

uint32_t KeyIndex::Newest(std::string_view k, uint64_t hash) const {
  return slots_.empty() ? kNone : slots_[FindSlot(k, hash)].row;
}

void KeyIndex::Grow() {
  std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.row == kNone) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].row != kNone) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

void KeyIndex::Add(std::string_view k, uint64_t hash) {
  if ((used_ + 1) * 8 > slots_.size() * 5) Grow();
  Slot& slot = slots_[FindSlot(k, hash)];
  if (slot.row == kNone) ++used_;
  const uint32_t row = size();
  previous_.push_back(slot.row);
  bytes_.append(k);
  starts_.push_back(bytes_.size());
  slot = {hash, row};
}

}  // namespace pyralog::lsm
