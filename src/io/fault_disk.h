// The disk of FaultEnv: what the running system sees, what is durable, and what happens to the
// difference when the power fails. The rules are told in fault_env.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/block_content.h"
#include "io/fault_env.h"

namespace pyralog::io {

// Repeatable random numbers (splitmix64, Steele, Lea and Flood 2014).
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  uint64_t Below(uint64_t bound) {
    return Next() % bound;
  }  // bound > 0; the bias is of no matter here
  bool Chance(double probability);

  // One well mixed number from one.
  static uint64_t Mix(uint64_t value) { return SplitMix(value).Next(); }

 private:
  uint64_t state_;
};

enum class Persistence {
  kPending,
  kStuck,    // a sync of it failed: no later sync makes it durable
  kDurable,  // durable, kept in the list because something before it is stuck
};

// The bytes of one file. Not thread-safe.
class DiskFile {
 public:
  DiskFile() = default;
  DiskFile Share();  // a copy that shares blocks

  uint64_t size() const { return current_.size(); }
  size_t Read(uint64_t offset, size_t size, void* out) const {
    return current_.Read(offset, size, out);
  }
  void Write(uint64_t offset, std::string_view data);
  void Truncate(uint64_t size);

  void Sync();
  void FailSync();  // what is pending gets stuck
  void Crash(CrashMode mode, SplitMix random);

  void FlipBit(uint64_t offset, int bit);  // offset < size()

 private:
  // A write of `data`, or a truncation without. [offset, end) is what changed.
  struct Change {
    uint64_t offset;
    uint64_t end;
    std::shared_ptr<const std::string> data;
    uint64_t size_after;
    Persistence persistence = Persistence::kPending;
  };
  // Whether a sector of a change survives, or the new size (kNewSize in place of the sector).
  using Survival = std::function<bool(size_t change, uint64_t sector)>;
  static constexpr uint64_t kNewSize = UINT64_MAX;

  Survival DrawSurvival(CrashMode mode, SplitMix random) const;
  BlockContent Replay(const Survival& survives);
  void MakeAllDurable();

  BlockContent current_;
  BlockContent durable_;
  std::vector<Change> changes_;  // from durable_ to current_, in order
};

// A file or a folder.
struct DiskNode {
  using Entries = std::map<std::string, std::shared_ptr<DiskNode>>;
  struct NameChange {
    uint64_t operation;  // both halves of a rename have the same
    std::string name;
    std::shared_ptr<DiskNode> node;  // null: the name goes
    Persistence persistence = Persistence::kPending;
  };

  DiskNode(uint64_t node_id, bool directory) : id(node_id), is_directory(directory) {}

  // Folders.
  void SetName(uint64_t operation, const std::string& name, std::shared_ptr<DiskNode> node);
  void SyncNames();
  void FailSyncNames();

  const uint64_t id;  // the same in a copy of the disk
  const bool is_directory;
  Entries entries;  // of folders: as the running system sees them
  Entries durable_entries;
  std::vector<NameChange> changes;  // from durable_entries to entries, in order
  DiskFile file;
  int links = 0;                 // of files: how many names it has
  uint64_t lock_generation = 0;  // held if it equals the disk's
};

// Bytes of all files below `root`; also sets their `links`.
uint64_t CountLinkedBytes(DiskNode* root);

// The fate of everything pending below `root`, decided by mode and seed.
void CrashTree(DiskNode* root, CrashMode mode, uint64_t seed);

std::shared_ptr<DiskNode> CloneTree(DiskNode* root);

}  // namespace pyralog::io
