#include "lsm/deletion_vector.h"

#include <algorithm>

#include "lsm/segment.h"

namespace pyralog::lsm {
namespace {

static_assert(kUnitRows == 122880, "blocks are cut like units");

bool GetBit(const std::vector<uint64_t>& words, int64_t i) {
  return (words[i >> 6] >> (i & 63)) & 1;
}

// So many deaths take as many bytes as a bitmap of the block.
constexpr size_t kManyDeaths = kUnitRows / 8 / 16;

// First entry with a commit above `snapshot`.
template <class Deaths>
auto FirstAfter(Deaths& recent, CommitNumber snapshot) {
  return std::upper_bound(recent.begin(), recent.end(), snapshot,
                          [](CommitNumber s, const auto& d) { return s < d.commit; });
}

// Drops the entries up to `oldest`.
template <class Deaths>
void DropUpTo(Deaths* recent, CommitNumber oldest) {
  recent->erase(recent->begin(), FirstAfter(*recent, oldest));
  if (recent->empty()) recent->shrink_to_fit();
}

}  // namespace

const DeletionVector::Block* DeletionVector::BlockOf(int64_t index) const {
  return index < static_cast<int64_t>(blocks_.size()) ? blocks_[index].get() : nullptr;
}

bool DeletionVector::DiedAfter(const Block& block, int64_t row, CommitNumber snapshot) {
  return std::any_of(FirstAfter(block.recent, snapshot), block.recent.end(),
                     [row](const RecentDeath& d) { return d.row == row; }) ||
         std::any_of(FirstAfter(block.many, snapshot), block.many.end(),
                     [row](const RecentDeaths& d) { return GetBit(d.words, row); });
}

void DeletionVector::Condense(Block* block) {
  auto& recent = block->recent;
  const size_t size = recent.size();
  const CommitNumber commit = recent.back().commit;
  if (size < kManyDeaths || recent[size - kManyDeaths].commit != commit) return;
  if (block->many.empty() || block->many.back().commit != commit) {
    block->many.push_back({commit, std::vector<uint64_t>(kBlockRows / 64), 0});
  }
  RecentDeaths& many = block->many.back();
  while (!recent.empty() && recent.back().commit == commit) {
    const uint32_t row = recent.back().row;
    many.words[row >> 6] |= uint64_t{1} << (row & 63);
    ++many.count;
    recent.pop_back();
  }
  recent.shrink_to_fit();
}

bool DeletionVector::Kill(int64_t row, CommitNumber commit) {
  WriteLock lock(mutex_);
  const int64_t index = row / kBlockRows;
  const int64_t at = row % kBlockRows;
  if (index >= static_cast<int64_t>(blocks_.size())) blocks_.resize(index + 1);
  auto& block = blocks_[index];
  if (!block) {
    block = std::make_unique<Block>();
    block->words.resize(kBlockRows / 64);
  }
  if (GetBit(block->words, at)) return false;
  block->words[at >> 6] |= uint64_t{1} << (at & 63);
  block->recent.push_back({static_cast<uint32_t>(at), commit});
  Condense(block.get());
  ++dead_;
  last_death_ = std::max(last_death_, commit);
  return true;
}

bool DeletionVector::IsDead(int64_t row) const {
  ReadLock lock(mutex_);
  const Block* block = BlockOf(row / kBlockRows);
  return block != nullptr && GetBit(block->words, row % kBlockRows);
}

bool DeletionVector::IsDeadAt(int64_t row, CommitNumber snapshot) const {
  ReadLock lock(mutex_);
  const Block* block = BlockOf(row / kBlockRows);
  if (block == nullptr || !GetBit(block->words, row % kBlockRows)) return false;
  return !DiedAfter(*block, row % kBlockRows, snapshot);
}

void DeletionVector::ClearDead(int64_t first, int64_t count, CommitNumber snapshot,
                               uint64_t* words) const {
  ReadLock lock(mutex_);
  if (dead_ == 0) return;
  const int64_t end = first + count;
  for (int64_t b = first / kBlockRows; b * kBlockRows < end; ++b) {
    const Block* block = BlockOf(b);
    if (block == nullptr) continue;
    const int64_t base = b * kBlockRows;
    const int64_t from = std::max(first, base);
    const int64_t to = std::min(end, base + kBlockRows);
    if ((from - first) % 64 == 0 && (from - base) % 64 == 0) {
      const int64_t n = (to - from + 63) / 64;
      const uint64_t* dead = block->words.data() + (from - base) / 64;
      uint64_t* out = words + (from - first) / 64;
      for (int64_t i = 0; i < n; ++i) out[i] &= ~dead[i];
    } else {
      for (int64_t row = from; row < to; ++row) {
        if (!GetBit(block->words, row - base)) continue;
        words[(row - first) >> 6] &= ~(uint64_t{1} << ((row - first) & 63));
      }
    }
    for (auto d = FirstAfter(block->recent, snapshot); d != block->recent.end(); ++d) {
      const int64_t row = base + d->row;
      if (row >= from && row < to) words[(row - first) >> 6] |= uint64_t{1} << ((row - first) & 63);
    }
    for (auto d = FirstAfter(block->many, snapshot); d != block->many.end(); ++d) {
      for (int64_t row = from; row < to; ++row) {
        if (!GetBit(d->words, row - base)) continue;
        words[(row - first) >> 6] |= uint64_t{1} << ((row - first) & 63);
      }
    }
  }
}

int64_t DeletionVector::CountDead(CommitNumber snapshot) const {
  ReadLock lock(mutex_);
  if (last_death_ <= snapshot) return dead_;
  int64_t count = dead_;
  for (const auto& block : blocks_) {
    if (!block) continue;
    count -= block->recent.end() - FirstAfter(block->recent, snapshot);
    for (auto d = FirstAfter(block->many, snapshot); d != block->many.end(); ++d) count -= d->count;
  }
  return count;
}

int64_t DeletionVector::CountDead() const {
  ReadLock lock(mutex_);
  return dead_;
}

bool DeletionVector::AnyDead(int64_t first, int64_t count) const {
  ReadLock lock(mutex_);
  if (dead_ == 0 || count == 0) return false;
  for (int64_t b = first / kBlockRows; b * kBlockRows < first + count; ++b) {
    const Block* block = BlockOf(b);
    if (block == nullptr) continue;
    const int64_t from = std::max(first - b * kBlockRows, int64_t{0});
    const int64_t to = std::min(first + count - b * kBlockRows, kBlockRows);
    for (int64_t w = from / 64; w * 64 < to; ++w) {
      if (block->words[w] != 0) return true;
    }
  }
  return false;
}

CommitNumber DeletionVector::last_death() const {
  ReadLock lock(mutex_);
  return last_death_;
}

RowSet DeletionVector::DeadRows(CommitNumber snapshot) const {
  ReadLock lock(mutex_);
  RowSet rows;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    if (!blocks_[b]) continue;
    std::vector<uint64_t> words = blocks_[b]->words;
    const auto& recent = blocks_[b]->recent;
    for (auto d = FirstAfter(recent, snapshot); d != recent.end(); ++d) {
      words[d->row >> 6] &= ~(uint64_t{1} << (d->row & 63));
    }
    const auto& many = blocks_[b]->many;
    for (auto d = FirstAfter(many, snapshot); d != many.end(); ++d) {
      for (size_t w = 0; w < words.size(); ++w) words[w] &= ~d->words[w];
    }
    for (size_t w = 0; w < words.size(); ++w) {
      rows.AddWord(static_cast<uint32_t>(b * kBlockRows + w * 64), words[w]);
    }
  }
  return rows;
}

void DeletionVector::Forget(CommitNumber oldest) {
  WriteLock lock(mutex_);
  for (auto& block : blocks_) {
    if (!block) continue;
    DropUpTo(&block->recent, oldest);
    DropUpTo(&block->many, oldest);
  }
}

void DeletionVector::Rebase(CommitNumber commit) {
  WriteLock lock(mutex_);
  for (auto& block : blocks_) {
    if (!block) continue;
    block->recent = {};
    block->many = {};
  }
  if (dead_ > 0) last_death_ = commit;
}

uint64_t DeletionVector::memory_bytes() const {
  ReadLock lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& block : blocks_) {
    if (!block) continue;
    bytes +=
        kBlockRows / 8 * (1 + block->many.size()) + block->recent.capacity() * sizeof(RecentDeath);
  }
  return bytes;
}

}  // namespace pyralog::lsm
