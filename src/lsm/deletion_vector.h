// Which rows of one source are dead, and since which commit.
//
// One bit a row, in blocks of kUnitRows rows made when first needed. Beside the bits each block
// remembers the commits of recent deaths, so that a reader at an older snapshot still sees the rows
// that died after it; Forget drops what no snapshot needs any more. Where one commit killed many
// rows of a block, they are a bitmap of their own. Commit numbers given to Kill never go down.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread_annotations.h"
#include "lsm/row_set.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

class DeletionVector {
 public:
  DeletionVector() = default;
  DeletionVector(const DeletionVector&) = delete;
  DeletionVector& operator=(const DeletionVector&) = delete;

  // Marks a row dead since `commit`. False when it was dead already.
  bool Kill(int64_t row, CommitNumber commit) EXCLUDES(mutex_);
  // Dead at any commit so far.
  bool IsDead(int64_t row) const EXCLUDES(mutex_);
  bool IsDeadAt(int64_t row, CommitNumber snapshot) const EXCLUDES(mutex_);
  // Clears bits of `words` (bit i is row first + i) for rows of [first, first + count) that are
  // dead at the snapshot. REQUIRES: first % 64 == 0 or count small (any value works; multiples of
  // 64 are fast).
  void ClearDead(int64_t first, int64_t count, CommitNumber snapshot, uint64_t* words) const
      EXCLUDES(mutex_);
  int64_t CountDead(CommitNumber snapshot) const EXCLUDES(mutex_);
  int64_t CountDead() const EXCLUDES(mutex_);
  // Number of rows of [first, first + count) dead at any commit; a bound for any snapshot.
  bool AnyDead(int64_t first, int64_t count) const EXCLUDES(mutex_);
  CommitNumber last_death() const EXCLUDES(mutex_);

  // All rows dead at `snapshot`.
  RowSet DeadRows(CommitNumber snapshot) const EXCLUDES(mutex_);
  // Deaths at or before `oldest` no longer need their commit number.
  void Forget(CommitNumber oldest) EXCLUDES(mutex_);
  // All deaths so far count as of `commit` (a transaction's own numbers become its commit number).
  void Rebase(CommitNumber commit) EXCLUDES(mutex_);
  uint64_t memory_bytes() const EXCLUDES(mutex_);

 private:
  struct RecentDeath {
    uint32_t row;  // within the block
    CommitNumber commit;
  };
  struct RecentDeaths {
    CommitNumber commit;
    std::vector<uint64_t> words;  // as those of the block
    int64_t count = 0;
  };
  // The recent deaths of one commit are in one of the two lists, or in both.
  struct Block {
    std::vector<uint64_t> words;      // kUnitRows / 64
    std::vector<RecentDeath> recent;  // ascending commits
    std::vector<RecentDeaths> many;   // ascending commits
  };
  static constexpr int64_t kBlockRows = 122880;

  const Block* BlockOf(int64_t index) const REQUIRES_SHARED(mutex_);
  // Moves the newest deaths to a bitmap when one commit has many of them.
  static void Condense(Block* block);
  static bool DiedAfter(const Block& block, int64_t row_in_block, CommitNumber snapshot);

  mutable SharedMutex mutex_;
  std::vector<std::unique_ptr<Block>> blocks_ GUARDED_BY(mutex_);
  int64_t dead_ GUARDED_BY(mutex_) = 0;
  CommitNumber last_death_ GUARDED_BY(mutex_);
};

}  // namespace pyralog::lsm
