// The values of sequences. No value is given twice, whatever is rolled back and whenever the process
// ends; gaps are allowed.
//
// Where a sequence stands is a metadata entry of its own, "sequence/<id>": the next value that
// nobody may have got yet. Values are handed out from a block in memory; a small transaction of its
// own moves the entry behind the block before the first value of it is given. So concurrent
// transactions do not conflict, and a crash loses at most the rest of a block. GiveBack returns
// what is left.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "arrow/result.h"
#include "catalog/entries.h"
#include "lsm/engine.h"

namespace pyralog::catalog {

// A position in a sequence: the next value, or nothing when all have been given.
using SequencePosition = std::optional<int64_t>;

std::string NewSequenceId();
// The metadata key of where a sequence stands.
std::string SequenceKey(const std::string& id);
// What stands there at first.
std::string SequenceStart(const SequenceDef& sequence);

// Thread-safe.
class Sequences {
 public:
  explicit Sequences(lsm::Engine& engine) : engine_(engine) {}

  // Fills `out` with the next values. `asking` is the transaction that wants them: it matters only
  // when it has created the sequence itself. kConstraint when the sequence is at its end.
  arrow::Status Next(const SequenceDef& sequence, lsm::Transaction& asking, std::span<int64_t> out);

  // Makes `position` the next value; values that were given may be given again. `asking`: as above.
  arrow::Status Set(const SequenceDef& sequence, lsm::Transaction& asking,
                    SequencePosition position);
  // The position behind a value.
  static SequencePosition PositionAfter(const SequenceDef& sequence, int64_t value);

  // The value that Next would give now.
  arrow::Result<SequencePosition> Peek(const SequenceDef& sequence);

  // Returns the rest of all blocks, for a clean close. What cannot be returned is lost. Does nothing
  // in a forked child, whose parent goes on with the blocks.
  void GiveBack();

 private:
  // Values at hand: `count` of them from `next` on.
  struct Block {
    std::mutex mutex;
    int64_t next = 0;
    int64_t count = 0;
    int64_t increment = 1;
    int64_t size = 0;  // of the last block
    std::string mark;  // what stands in the metadata
  };

  Block& BlockOf(const SequenceDef& sequence);
  arrow::Status Refill(const SequenceDef& sequence, lsm::Transaction& asking, int64_t wanted,
                       Block* block);

  lsm::Engine& engine_;
  const pid_t process_ = ::getpid();
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Block>> blocks_;  // by id; guarded by mutex_
};

}  // namespace pyralog::catalog
