#include "io/fault_disk.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace pyralog::io {
namespace {

constexpr uint64_t kSectorSize = 512;

// How likely one pending sector or name survives CrashMode::kRandom. Drawn once for each file: with
// a fair coin alone, "all but one" and "only one" of many sectors would never be seen.
constexpr std::array<double, 5> kSurvivalChances = {0.0, 0.06, 0.5, 0.94, 1.0};

double DrawChance(SplitMix* random) {
  return kSurvivalChances[random->Below(kSurvivalChances.size())];
}

bool HasStuck(const auto& changes) {
  return std::any_of(changes.begin(), changes.end(),
                     [](const auto& change) { return change.persistence == Persistence::kStuck; });
}

void Replace(auto* changes, Persistence from, Persistence to) {
  for (auto& change : *changes) {
    if (change.persistence == from) change.persistence = to;
  }
}

}  // namespace

uint64_t SplitMix::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

bool SplitMix::Chance(double probability) {
  return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability;
}

DiskFile DiskFile::Share() {
  DiskFile copy;
  copy.current_ = current_.Share();
  copy.durable_ = durable_.Share();
  copy.changes_ = changes_;
  return copy;
}

void DiskFile::Write(uint64_t offset, std::string_view data) {
  if (data.empty()) return;
  // The gap that a write past the end leaves needs no record: behind an end there are zeros.
  current_.Write(offset, data);
  changes_.push_back(
      {offset, offset + data.size(), std::make_shared<const std::string>(data), current_.size()});
}

void DiskFile::Truncate(uint64_t size) {
  const uint64_t before = current_.size();
  if (size == before) return;
  current_.Resize(size);
  changes_.push_back({std::min(size, before), std::max(size, before), nullptr, size});
}

void DiskFile::MakeAllDurable() {
  durable_.Resize(current_.size());
  for (const Change& change : changes_) {
    durable_.ShareBlocks(&current_, change.offset, change.end);
  }
  changes_.clear();
}

void DiskFile::Sync() {
  if (!HasStuck(changes_)) return MakeAllDurable();
  Replace(&changes_, Persistence::kPending, Persistence::kDurable);
}

void DiskFile::FailSync() { Replace(&changes_, Persistence::kPending, Persistence::kStuck); }

DiskFile::Survival DiskFile::DrawSurvival(CrashMode mode, SplitMix random) const {
  switch (mode) {
    case CrashMode::kLoseAll:
      return [](size_t, uint64_t) { return false; };
    case CrashMode::kKeepAll:
      return [](size_t, uint64_t) { return true; };
    case CrashMode::kPrefix: {
      const size_t torn = random.Below(changes_.size() + 1);
      uint64_t cut = 0;  // the first sector of the torn write that is lost
      if (torn < changes_.size()) {
        const uint64_t first = changes_[torn].offset / kSectorSize;
        const uint64_t end = (changes_[torn].end + kSectorSize - 1) / kSectorSize;
        cut = first + random.Below(end - first);
      }
      return [torn, cut](size_t change, uint64_t sector) {
        return change < torn || (change == torn && sector < cut);
      };
    }
    case CrashMode::kRandom: {
      const double chance = DrawChance(&random);
      return [random, chance](size_t, uint64_t) mutable { return random.Chance(chance); };
    }
  }
  return [](size_t, uint64_t) { return false; };
}

BlockContent DiskFile::Replay(const Survival& survives) {
  // A sector reaches the disk as the cache holds it at that moment: with what earlier changes left
  // in it.
  BlockContent cache = durable_.Share();
  BlockContent disk = durable_.Share();
  for (size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    const bool certain = change.persistence == Persistence::kDurable;
    if (change.data == nullptr) {
      cache.Resize(change.size_after);
      if (certain || survives(i, kNewSize)) disk.Resize(change.size_after);
      continue;
    }
    cache.Write(change.offset, *change.data);
    for (uint64_t sector = change.offset / kSectorSize; sector * kSectorSize < change.end;
         ++sector) {
      if (!certain && !survives(i, sector)) continue;
      std::array<char, kSectorSize> bytes;
      const size_t count = cache.Read(sector * kSectorSize, kSectorSize, bytes.data());
      disk.Write(sector * kSectorSize, {bytes.data(), count});
    }
    const bool grows = change.size_after > disk.size();
    if (grows && (certain || survives(i, kNewSize))) disk.Resize(change.size_after);
  }
  return disk;
}

void DiskFile::Crash(CrashMode mode, SplitMix random) {
  if (changes_.empty()) return;
  if (mode == CrashMode::kKeepAll) return MakeAllDurable();
  durable_ = Replay(DrawSurvival(mode, random));
  current_ = durable_.Share();
  changes_.clear();
}

void DiskFile::FlipBit(uint64_t offset, int bit) {
  const auto flip = [offset, bit](BlockContent* content) {
    char byte;
    if (content->Read(offset, 1, &byte) == 0) return;
    byte = static_cast<char>(byte ^ (1 << bit));
    content->Write(offset, {&byte, 1});
  };
  flip(&current_);
  flip(&durable_);
  for (Change& change : changes_) {
    if (change.data == nullptr || offset < change.offset || offset >= change.end) continue;
    std::string data = *change.data;
    data[offset - change.offset] = static_cast<char>(data[offset - change.offset] ^ (1 << bit));
    change.data = std::make_shared<const std::string>(std::move(data));
  }
}

namespace {

void ApplyName(DiskNode::Entries* entries, const DiskNode::NameChange& change) {
  if (change.node == nullptr) {
    entries->erase(change.name);
  } else {
    (*entries)[change.name] = change.node;
  }
}

// Calls `visit` once for each node that is or can come back below `node`, parents first.
void VisitAll(DiskNode* node, std::unordered_set<DiskNode*>* seen,
              const std::function<void(DiskNode*)>& visit) {
  if (!seen->insert(node).second) return;
  visit(node);
  for (const auto& [name, child] : node->entries) VisitAll(child.get(), seen, visit);
  for (const auto& [name, child] : node->durable_entries) VisitAll(child.get(), seen, visit);
  for (const auto& change : node->changes) {
    if (change.node != nullptr) VisitAll(change.node.get(), seen, visit);
  }
}

// Which name changes survive; by operation, so that a rename within a folder happens or does not.
std::function<bool(uint64_t operation)> DrawNameSurvival(DiskNode* root, CrashMode mode,
                                                         uint64_t seed) {
  SplitMix random(SplitMix::Mix(seed));
  if (mode == CrashMode::kRandom) {
    const double chance = DrawChance(&random);
    return [seed, chance](uint64_t operation) {
      return SplitMix(seed ^ SplitMix::Mix(operation)).Chance(chance);
    };
  }
  if (mode != CrashMode::kPrefix) {
    return [keep = mode == CrashMode::kKeepAll](uint64_t) { return keep; };
  }
  std::vector<uint64_t> operations;
  std::unordered_set<DiskNode*> seen;
  VisitAll(root, &seen, [&operations](DiskNode* node) {
    for (const auto& change : node->changes) operations.push_back(change.operation);
  });
  std::sort(operations.begin(), operations.end());
  operations.erase(std::unique(operations.begin(), operations.end()), operations.end());
  const size_t kept = random.Below(operations.size() + 1);
  const uint64_t last = kept == 0 ? 0 : operations[kept - 1];
  return [last](uint64_t operation) { return operation <= last; };
}

void CrashNode(DiskNode* node, CrashMode mode, uint64_t seed,
               const std::function<bool(uint64_t)>& name_survives,
               std::unordered_set<DiskNode*>* seen) {
  if (!seen->insert(node).second) return;
  if (!node->is_directory) {
    node->file.Crash(mode, SplitMix(seed ^ SplitMix::Mix(~node->id)));
    return;
  }
  for (const auto& change : node->changes) {
    const bool certain = change.persistence == Persistence::kDurable;
    if (certain || name_survives(change.operation)) ApplyName(&node->durable_entries, change);
  }
  node->changes.clear();
  node->entries = node->durable_entries;
  for (const auto& [name, child] : node->entries) {
    CrashNode(child.get(), mode, seed, name_survives, seen);
  }
}

class TreeCopy {
 public:
  std::shared_ptr<DiskNode> Copy(DiskNode* node) {
    if (node == nullptr) return nullptr;
    auto [found, is_new] = copies_.try_emplace(node);
    if (!is_new) return found->second;
    auto copy = std::make_shared<DiskNode>(node->id, node->is_directory);
    found->second = copy;
    copy->file = node->file.Share();
    copy->links = node->links;
    for (const auto& [name, child] : node->entries) copy->entries[name] = Copy(child.get());
    for (const auto& [name, child] : node->durable_entries) {
      copy->durable_entries[name] = Copy(child.get());
    }
    for (DiskNode::NameChange change : node->changes) {
      change.node = Copy(change.node.get());
      copy->changes.push_back(std::move(change));
    }
    return copy;
  }

 private:
  std::unordered_map<DiskNode*, std::shared_ptr<DiskNode>> copies_;
};

}  // namespace

void DiskNode::SetName(uint64_t operation, const std::string& name,
                       std::shared_ptr<DiskNode> node) {
  changes.push_back({operation, name, std::move(node)});
  ApplyName(&entries, changes.back());
}

void DiskNode::SyncNames() {
  if (HasStuck(changes)) {
    return Replace(&changes, Persistence::kPending, Persistence::kDurable);
  }
  for (const NameChange& change : changes) ApplyName(&durable_entries, change);
  changes.clear();
}

void DiskNode::FailSyncNames() { Replace(&changes, Persistence::kPending, Persistence::kStuck); }

uint64_t CountLinkedBytes(DiskNode* root) {
  uint64_t bytes = 0;
  std::unordered_set<DiskNode*> seen;
  const std::function<void(DiskNode*)> count = [&](DiskNode* node) {
    if (seen.insert(node).second) {
      node->links = 0;
      bytes += node->file.size();
      for (const auto& [name, child] : node->entries) count(child.get());
    }
    ++node->links;
  };
  count(root);
  return bytes;
}

void CrashTree(DiskNode* root, CrashMode mode, uint64_t seed) {
  const auto name_survives = DrawNameSurvival(root, mode, seed);
  std::unordered_set<DiskNode*> seen;
  CrashNode(root, mode, seed, name_survives, &seen);
}

std::shared_ptr<DiskNode> CloneTree(DiskNode* root) { return TreeCopy().Copy(root); }

}  // namespace pyralog::io
