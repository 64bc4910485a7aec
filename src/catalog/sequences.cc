#include "catalog/sequences.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "pyralog/error.h"

namespace pyralog::catalog {
namespace {

// A block begins small, so that little is lost when only a few values are wanted, and doubles.
constexpr int64_t kFirstBlock = 32;
constexpr int64_t kLargestBlock = 1024;
// A statement that wants more than the largest block at once is a large one, and will want more.
constexpr int64_t kMoreOfMany = 16;
constexpr char kAtEnd[] = "end";

std::string MarkOf(SequencePosition position) {
  return position ? std::to_string(*position) : std::string(kAtEnd);
}

arrow::Result<SequencePosition> PositionOf(const std::string& mark) {
  if (mark == kAtEnd) return SequencePosition();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(mark.data(), mark.data() + mark.size(), value);
  if (error != std::errc() || end != mark.data() + mark.size()) {
    return MakeError(ErrorCode::kDamaged,
                     "a sequence stands at '" + mark + "', which is no number");
  }
  return SequencePosition(value);
}

// How many values there are from `next` to the bound, at most `most`.
int64_t Available(const SequenceDef& sequence, int64_t next, int64_t most) {
  const bool up = sequence.increment > 0;
  // Differences of int64 values fit an unsigned one.
  const uint64_t distance = up ? static_cast<uint64_t>(sequence.max) - static_cast<uint64_t>(next)
                               : static_cast<uint64_t>(next) - static_cast<uint64_t>(sequence.min);
  const uint64_t step = up ? static_cast<uint64_t>(sequence.increment)
                           : uint64_t{0} - static_cast<uint64_t>(sequence.increment);
  return static_cast<int64_t>(std::min(distance / step, static_cast<uint64_t>(most - 1))) + 1;
}

int64_t After(int64_t value, int64_t increment, int64_t steps) {
  return static_cast<int64_t>(static_cast<uint64_t>(value) +
                              static_cast<uint64_t>(increment) * static_cast<uint64_t>(steps));
}

// The position behind `taken` values from `next` on.
SequencePosition Behind(const SequenceDef& sequence, int64_t next, int64_t taken) {
  if (Available(sequence, next, taken + 1) > taken) return After(next, sequence.increment, taken);
  if (!sequence.cycle) return std::nullopt;
  return sequence.increment > 0 ? sequence.min : sequence.max;
}

arrow::Status AtEnd(const SequenceDef& sequence) {
  const bool up = sequence.increment > 0;
  return MakeError(ErrorCode::kConstraint, "sequence \"" + sequence.name + "\" has reached its " +
                                               (up ? "maximum, " : "minimum, ") +
                                               std::to_string(up ? sequence.max : sequence.min) +
                                               "; create it anew with other bounds, or with CYCLE");
}

}  // namespace

std::string NewSequenceId() {
  std::random_device device;
  std::string id;
  for (int i = 0; i < 4; ++i) id += (i > 0 ? "-" : "") + std::to_string(device());
  return id;
}

std::string SequenceKey(const std::string& id) { return "sequence/" + id; }

std::string SequenceStart(const SequenceDef& sequence) { return MarkOf(sequence.start); }

Sequences::Block& Sequences::BlockOf(const SequenceDef& sequence) {
  const std::lock_guard lock(mutex_);
  auto& block = blocks_[sequence.id];
  if (block == nullptr) {
    block = std::make_unique<Block>();
    block->increment = sequence.increment;
  }
  return *block;
}

arrow::Status Sequences::Refill(const SequenceDef& sequence, lsm::Transaction& asking,
                                int64_t wanted, Block* block) {
  const std::string key = SequenceKey(sequence.id);
  ARROW_ASSIGN_OR_RAISE(const auto own, engine_.Begin());
  std::optional<std::string> mark = own->GetMeta(key);
  // Nobody else sees a sequence that is not committed. Of one that was dropped meanwhile `asking`
  // still has the entry, and will conflict.
  const bool committed = mark.has_value();
  if (!committed) mark = asking.GetMeta(key);
  if (!mark) {
    return MakeError(ErrorCode::kConflict, "sequence \"" + sequence.name +
                                               "\" was dropped by another transaction; retry");
  }
  ARROW_ASSIGN_OR_RAISE(const SequencePosition position, PositionOf(*mark));
  if (!position) return AtEnd(sequence);
  const int64_t size =
      wanted > kLargestBlock
          ? wanted * kMoreOfMany
          : std::max(wanted, std::clamp(block->size * 2, kFirstBlock, kLargestBlock));
  const int64_t taken = Available(sequence, *position, size);
  std::string behind = MarkOf(Behind(sequence, *position, taken));
  if (committed) {
    ARROW_RETURN_NOT_OK(own->PutMeta(key, behind));
    ARROW_RETURN_NOT_OK(own->Commit().status());
  } else {
    ARROW_RETURN_NOT_OK(asking.PutMeta(key, behind));
  }
  block->next = *position;
  block->count = taken;
  block->size = std::min(size, kLargestBlock);
  block->mark = std::move(behind);
  return arrow::Status::OK();
}

arrow::Status Sequences::Next(const SequenceDef& sequence, lsm::Transaction& asking,
                              std::span<int64_t> out) {
  Block& block = BlockOf(sequence);
  const std::lock_guard lock(block.mutex);
  while (!out.empty()) {
    if (block.count == 0) {
      ARROW_RETURN_NOT_OK(Refill(sequence, asking, static_cast<int64_t>(out.size()), &block));
    }
    const int64_t given = std::min(block.count, static_cast<int64_t>(out.size()));
    for (int64_t i = 0; i < given; ++i) out[i] = After(block.next, block.increment, i);
    block.next = After(block.next, block.increment, given);
    block.count -= given;
    out = out.subspan(given);
  }
  return arrow::Status::OK();
}

arrow::Status Sequences::Set(const SequenceDef& sequence, lsm::Transaction& asking,
                             SequencePosition position) {
  Block& block = BlockOf(sequence);
  const std::lock_guard lock(block.mutex);
  const std::string key = SequenceKey(sequence.id);
  std::string mark = MarkOf(position);
  ARROW_ASSIGN_OR_RAISE(const auto own, engine_.Begin());
  if (own->GetMeta(key)) {
    ARROW_RETURN_NOT_OK(own->PutMeta(key, mark));
    ARROW_RETURN_NOT_OK(own->Commit().status());
  } else {
    ARROW_RETURN_NOT_OK(asking.PutMeta(key, mark));  // nobody else sees it yet
  }
  block.count = 0;
  block.mark = std::move(mark);
  return arrow::Status::OK();
}

SequencePosition Sequences::PositionAfter(const SequenceDef& sequence, int64_t value) {
  return Behind(sequence, value, 1);
}

arrow::Result<SequencePosition> Sequences::Peek(const SequenceDef& sequence) {
  Block& block = BlockOf(sequence);
  const std::lock_guard lock(block.mutex);
  if (block.count > 0) return SequencePosition(block.next);
  ARROW_ASSIGN_OR_RAISE(const auto own, engine_.Begin());
  const auto mark = own->GetMeta(SequenceKey(sequence.id));
  return PositionOf(mark ? *mark : block.mark.empty() ? SequenceStart(sequence) : block.mark);
}

void Sequences::GiveBack() {
  if (::getpid() != process_) return;
  const std::lock_guard lock(mutex_);
  auto own = engine_.Begin();
  if (!own.ok()) return;
  arrow::Status status;
  for (const auto& [id, block] : blocks_) {
    const std::lock_guard block_lock(block->mutex);
    const std::string key = SequenceKey(id);
    if (block->count > 0 && (*own)->GetMeta(key) == block->mark) {
      status &= (*own)->PutMeta(key, std::to_string(block->next));
    }
    block->count = 0;
  }
  if (status.ok() && (*own)->has_writes()) status = (*own)->Commit().status();
}

}  // namespace pyralog::catalog
