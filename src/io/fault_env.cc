#include "io/fault_env.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/thread_annotations.h"
#include "io/fault_disk.h"
#include "io/memory_tree.h"

namespace pyralog::io {
namespace {

// No test writes more; a larger offset is a mistake that would cost all memory.
constexpr uint64_t kLargestFile = uint64_t{1} << 40;

enum class OperationKind { kSync, kOther };

struct FaultPlan {
  uint64_t operation = 0;  // 0: none
  FaultKind kind = FaultKind::kIoError;
  bool persistent = false;
  bool fired = false;
};

// The whole machine: shared by the environment, its files and its locks.
struct Machine {
  explicit Machine(FaultEnvOptions machine_options) : options(machine_options) {}

  mutable Mutex mutex;
  FaultEnvOptions options GUARDED_BY(mutex);
  std::shared_ptr<DiskNode> root GUARDED_BY(mutex) = std::make_shared<DiskNode>(0, true);
  FaultPlan plan GUARDED_BY(mutex);
  uint64_t operations GUARDED_BY(mutex) = 0;
  uint64_t generation GUARDED_BY(mutex) =
      1;  // of power-ons; handles and locks of older ones are dead
  uint64_t last_node_id GUARDED_BY(mutex) = 0;
  uint64_t used_bytes GUARDED_BY(mutex) = 0;
  bool powered_off GUARDED_BY(mutex) = false;

  arrow::Status CheckPower(std::string_view verb, const std::string& path) const REQUIRES(mutex) {
    return powered_off ? PowerFailure(verb, path) : arrow::Status::OK();
  }

  // Counts one mutating operation; the fault that hits it, if any.
  std::optional<FaultKind> NextFault(OperationKind kind) REQUIRES(mutex) {
    ++operations;
    const bool due = plan.operation != 0 && (plan.persistent ? operations >= plan.operation
                                                             : operations == plan.operation);
    if (!due || (plan.kind == FaultKind::kSyncError && kind != OperationKind::kSync)) {
      return std::nullopt;
    }
    plan.fired = true;
    if (plan.kind == FaultKind::kCrash) powered_off = true;
    return plan.kind;
  }

  // For operations that happen or do not.
  arrow::Status Begin(OperationKind kind, std::string_view verb, const std::string& path)
      REQUIRES(mutex) {
    const std::optional<FaultKind> fault = NextFault(kind);
    return fault ? FaultError(*fault, verb, path) : arrow::Status::OK();
  }

  static arrow::Status PowerFailure(std::string_view verb, const std::string& path) {
    return MakeError(ErrorCode::kIo, std::string(verb) + " " + path + ": the power is off");
  }

  static arrow::Status FaultError(FaultKind kind, std::string_view verb, const std::string& path) {
    if (kind == FaultKind::kCrash) return PowerFailure(verb, path);
    return SystemError(verb, path, kind == FaultKind::kNoSpace ? ENOSPC : EIO);
  }

  uint64_t FreeBytes() const REQUIRES(mutex) {
    return options.capacity_bytes - std::min(options.capacity_bytes, used_bytes);
  }

  // How many of `size` bytes at `offset` of a file fit on the disk.
  uint64_t FittingBytes(const DiskNode& node, uint64_t offset, uint64_t size) const
      REQUIRES(mutex) {
    const uint64_t end = offset + size;
    const uint64_t growth = end - std::min(end, node.file.size());
    const uint64_t free = FreeBytes();
    if (node.links == 0 || growth <= free) return size;
    return size - std::min(size, growth - free);
  }

  void WriteFile(DiskNode* node, uint64_t offset, std::string_view data) REQUIRES(mutex) {
    const uint64_t before = node->file.size();
    node->file.Write(offset, data);
    if (node->links > 0) used_bytes += node->file.size() - before;
  }

  void DropLink(DiskNode* node) REQUIRES(mutex) {
    if (node->is_directory || --node->links > 0) return;
    used_bytes -= node->file.size();
  }
};

class FaultFile : public File {
 public:
  FaultFile(std::string path, std::shared_ptr<Machine> machine, std::shared_ptr<DiskNode> node,
            uint64_t generation, bool writable)
      : path_(std::move(path)),
        machine_(std::move(machine)),
        generation_(generation),
        writable_(writable),
        node_(std::move(node)) {}

  arrow::Status WriteAt(uint64_t offset, std::string_view data) override {
    Machine& machine = *machine_;
    MutexLock lock(machine.mutex);
    ARROW_RETURN_NOT_OK(CheckWritable(machine, "write"));
    if (offset > kLargestFile || data.size() > kLargestFile - offset) {
      return SystemError("write", path_, EFBIG);
    }
    const std::optional<FaultKind> fault = machine.NextFault(OperationKind::kOther);
    uint64_t fitting = machine.FittingBytes(*node_, offset, data.size());
    if (fault == FaultKind::kShortWrite || fault == FaultKind::kNoSpace) {
      // Any true prefix will do, as long as the same run writes the same one.
      fitting = data.empty() ? 0 : SplitMix::Mix(machine.operations) % data.size();
    } else if (fault) {
      fitting = 0;
    }
    machine.WriteFile(node_.get(), offset, data.substr(0, fitting));
    if (fault) return Machine::FaultError(*fault, "write", path_);
    return fitting == data.size() ? arrow::Status::OK() : SystemError("write", path_, ENOSPC);
  }

  arrow::Result<size_t> ReadAt(uint64_t offset, size_t size, void* out) const override {
    Machine& machine = *machine_;
    MutexLock lock(machine.mutex);
    ARROW_RETURN_NOT_OK(CheckAlive(machine, "read"));
    return node_->file.Read(offset, size, out);
  }

  arrow::Status Sync() override {
    Machine& machine = *machine_;
    MutexLock lock(machine.mutex);
    ARROW_RETURN_NOT_OK(CheckAlive(machine, "sync"));
    const std::optional<FaultKind> fault = machine.NextFault(OperationKind::kSync);
    if (fault == FaultKind::kSyncError) node_->file.FailSync();
    if (fault) return Machine::FaultError(*fault, "sync", path_);
    if (!machine.options.ignore_sync) node_->file.Sync();
    return arrow::Status::OK();
  }

  arrow::Status Truncate(uint64_t size) override {
    Machine& machine = *machine_;
    MutexLock lock(machine.mutex);
    ARROW_RETURN_NOT_OK(CheckWritable(machine, "truncate"));
    if (size > kLargestFile) return SystemError("truncate", path_, EFBIG);
    ARROW_RETURN_NOT_OK(machine.Begin(OperationKind::kOther, "truncate", path_));
    const uint64_t before = node_->file.size();
    if (size > before && machine.FittingBytes(*node_, before, size - before) < size - before) {
      return SystemError("truncate", path_, ENOSPC);
    }
    node_->file.Truncate(size);
    if (node_->links > 0) machine.used_bytes += size - before;  // wraps rightly when it shrinks
    return arrow::Status::OK();
  }

  arrow::Result<uint64_t> Size() const override {
    Machine& machine = *machine_;
    MutexLock lock(machine.mutex);
    ARROW_RETURN_NOT_OK(CheckAlive(machine, "stat"));
    return node_->file.size();
  }

  arrow::Status Close() override {
    Machine& machine = *machine_;
    MutexLock lock(machine.mutex);
    ARROW_RETURN_NOT_OK(CheckAlive(machine, "close"));
    node_ = nullptr;
    return arrow::Status::OK();
  }

 private:
  arrow::Status CheckAlive(const Machine& machine, std::string_view verb) const
      REQUIRES(machine.mutex) {
    ARROW_RETURN_NOT_OK(machine.CheckPower(verb, path_));
    if (node_ == nullptr) return SystemError(verb, path_, EBADF);
    if (generation_ == machine.generation) return arrow::Status::OK();
    return MakeError(ErrorCode::kIo, std::string(verb) + " " + path_ +
                                         ": opened before the power failed; open it again");
  }

  arrow::Status CheckWritable(const Machine& machine, std::string_view verb) const
      REQUIRES(machine.mutex) {
    ARROW_RETURN_NOT_OK(CheckAlive(machine, verb));
    return writable_ ? arrow::Status::OK() : SystemError(verb, path_, EBADF);
  }

  const std::string path_;
  const std::shared_ptr<Machine> machine_;
  const uint64_t generation_;
  const bool writable_;
  std::shared_ptr<DiskNode> node_;  // null once closed; used under the machine's mutex
};

class FaultLock : public FileLock {
 public:
  FaultLock(std::shared_ptr<Machine> machine, std::shared_ptr<DiskNode> node, uint64_t generation)
      : machine_(std::move(machine)), node_(std::move(node)), generation_(generation) {}
  ~FaultLock() override {
    MutexLock lock(machine_->mutex);
    if (node_->lock_generation == generation_) node_->lock_generation = 0;
  }

 private:
  const std::shared_ptr<Machine> machine_;
  const std::shared_ptr<DiskNode> node_;
  const uint64_t generation_;
};

class FaultEnvironment : public FaultEnv {
 public:
  explicit FaultEnvironment(std::shared_ptr<Machine> machine) : machine_(std::move(machine)) {}

  arrow::Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    MutexLock lock(machine_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto node, OpenNode(path, mode));
    return std::make_unique<FaultFile>(path, machine_, std::move(node), machine_->generation,
                                       mode != OpenMode::kRead);
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Map(const std::string& path) override {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower("map", path));
    ARROW_ASSIGN_OR_RAISE(auto node, FindFile(machine_->root, "map", path));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                          arrow::AllocateBuffer(static_cast<int64_t>(node->file.size())));
    node->file.Read(0, node->file.size(), bytes->mutable_data());
    return arrow::SliceBuffer(bytes, 0, bytes->size());  // read-only, as a mapping is
  }

  arrow::Status Rename(const std::string& from, const std::string& to) override {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower("rename", from));
    ARROW_ASSIGN_OR_RAISE(auto places, FindRename(machine_->root, from, to));
    ARROW_RETURN_NOT_OK(machine_->Begin(OperationKind::kOther, "rename", from + " to " + to));
    const auto node = places.from.Find();
    const auto replaced = places.to.Find();
    if (node == replaced) return arrow::Status::OK();
    if (replaced != nullptr) machine_->DropLink(replaced.get());
    places.from.folder->SetName(machine_->operations, places.from.name, nullptr);
    places.to.folder->SetName(machine_->operations, places.to.name, node);
    return arrow::Status::OK();
  }

  arrow::Status RemoveFile(const std::string& path) override {
    return Remove("remove", path, false);
  }
  arrow::Status RemoveDir(const std::string& path) override {
    return Remove("remove folder", path, true);
  }

  arrow::Status CreateDir(const std::string& path) override {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower("create folder", path));
    if (SplitPath(path).empty()) return SystemError("create folder", path, EEXIST);
    ARROW_ASSIGN_OR_RAISE(auto place, FindPlace(machine_->root, "create folder", path));
    if (place.Find() != nullptr) return SystemError("create folder", path, EEXIST);
    return Create("create folder", path, place, true).status();
  }

  arrow::Status SyncDir(const std::string& path) override {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower("sync folder", path));
    ARROW_ASSIGN_OR_RAISE(auto folder, FindFolder(machine_->root, "sync folder", path));
    const std::optional<FaultKind> fault = machine_->NextFault(OperationKind::kSync);
    if (fault == FaultKind::kSyncError) folder->FailSyncNames();
    if (fault) return Machine::FaultError(*fault, "sync folder", path);
    if (!machine_->options.ignore_sync) folder->SyncNames();
    return arrow::Status::OK();
  }

  arrow::Result<std::vector<DirEntry>> List(const std::string& path) override {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower("list", path));
    ARROW_ASSIGN_OR_RAISE(auto folder, FindFolder(machine_->root, "list", path));
    std::vector<DirEntry> entries;
    entries.reserve(folder->entries.size());
    for (const auto& [name, node] : folder->entries) {
      entries.push_back(
          {name, node->is_directory ? EntryKind::kDirectory : EntryKind::kFile, node->file.size()});
    }
    return entries;
  }

  arrow::Result<bool> Exists(const std::string& path) override {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower("stat", path));
    const arrow::Status status = FindNode(machine_->root, "stat", path).status();
    if (GetErrorCode(status) == ErrorCode::kNotFound) return false;
    ARROW_RETURN_NOT_OK(status);
    return true;
  }

  arrow::Result<uint64_t> FileSize(const std::string& path) override {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower("stat", path));
    ARROW_ASSIGN_OR_RAISE(auto node, FindFile(machine_->root, "stat", path));
    return node->file.size();
  }

  arrow::Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    MutexLock lock(machine_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto node, OpenNode(path, OpenMode::kCreate));
    if (node->lock_generation == machine_->generation) {
      return MakeError(ErrorCode::kLocked, "lock " + path + ": held by another handle");
    }
    node->lock_generation = machine_->generation;
    return std::make_unique<FaultLock>(machine_, std::move(node), machine_->generation);
  }

  arrow::Result<uint64_t> FreeSpace(const std::string&) override {
    MutexLock lock(machine_->mutex);
    return machine_->FreeBytes();
  }

  void FailAt(uint64_t operation, FaultKind kind, bool persistent) override {
    MutexLock lock(machine_->mutex);
    machine_->plan = {operation, kind, persistent, false};
  }

  uint64_t operations() const override {
    MutexLock lock(machine_->mutex);
    return machine_->operations;
  }

  bool fault_fired() const override {
    MutexLock lock(machine_->mutex);
    return machine_->plan.fired;
  }

  void SetCapacity(uint64_t bytes) override {
    MutexLock lock(machine_->mutex);
    machine_->options.capacity_bytes = bytes;
  }

  void Crash(CrashMode mode, uint64_t seed) override {
    MutexLock lock(machine_->mutex);
    CrashTree(machine_->root.get(), mode, seed);
    machine_->used_bytes = CountLinkedBytes(machine_->root.get());
    machine_->plan = FaultPlan();
    machine_->powered_off = false;
    ++machine_->generation;
  }

  arrow::Status FlipBit(const std::string& path, uint64_t offset, int bit) override {
    MutexLock lock(machine_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto node, FindFile(machine_->root, "flip a bit of", path));
    if (bit < 0 || bit > 7 || offset >= node->file.size()) {
      return MakeError(ErrorCode::kInvalidArgument, "flip a bit of " + path + ": no bit " +
                                                        std::to_string(bit) + " of byte " +
                                                        std::to_string(offset));
    }
    node->file.FlipBit(offset, bit);
    return arrow::Status::OK();
  }

  std::unique_ptr<FaultEnv> Clone() const override {
    MutexLock lock(machine_->mutex);
    auto copy = std::make_shared<Machine>(machine_->options);
    MutexLock copy_lock(copy->mutex);
    copy->root = CloneTree(machine_->root.get());
    copy->plan = machine_->plan;
    copy->operations = machine_->operations;
    copy->generation = machine_->generation + 1;  // locks belong to handles, and those stay behind
    copy->last_node_id = machine_->last_node_id;
    copy->used_bytes = machine_->used_bytes;
    copy->powered_off = machine_->powered_off;
    return std::make_unique<FaultEnvironment>(copy);
  }

 private:
  arrow::Result<std::shared_ptr<DiskNode>> OpenNode(const std::string& path, OpenMode mode)
      REQUIRES(machine_->mutex) {
    ARROW_RETURN_NOT_OK(machine_->CheckPower("open", path));
    ARROW_ASSIGN_OR_RAISE(auto place, FindPlace(machine_->root, "open", path));
    auto node = place.Find();
    const bool creates = mode == OpenMode::kCreate || mode == OpenMode::kCreateExclusive;
    if (node == nullptr && !creates) return SystemError("open", path, ENOENT);
    if (node == nullptr) return Create("create", path, place, false);
    if (mode == OpenMode::kCreateExclusive) return SystemError("open", path, EEXIST);
    if (node->is_directory) return NotRegularFile("open", path, "a folder");
    return node;
  }

  arrow::Result<std::shared_ptr<DiskNode>> Create(std::string_view verb, const std::string& path,
                                                  const Place<DiskNode>& place, bool is_directory)
      REQUIRES(machine_->mutex) {
    ARROW_RETURN_NOT_OK(machine_->Begin(OperationKind::kOther, verb, path));
    auto node = std::make_shared<DiskNode>(++machine_->last_node_id, is_directory);
    node->links = 1;
    place.folder->SetName(machine_->operations, place.name, node);
    return node;
  }

  arrow::Status Remove(std::string_view verb, const std::string& path, bool is_directory)
      EXCLUDES(machine_->mutex) {
    MutexLock lock(machine_->mutex);
    ARROW_RETURN_NOT_OK(machine_->CheckPower(verb, path));
    ARROW_ASSIGN_OR_RAISE(auto place, FindRemovable(machine_->root, verb, path, is_directory));
    ARROW_RETURN_NOT_OK(machine_->Begin(OperationKind::kOther, verb, path));
    machine_->DropLink(place.Find().get());
    place.folder->SetName(machine_->operations, place.name, nullptr);
    return arrow::Status::OK();
  }

  const std::shared_ptr<Machine> machine_;
};

}  // namespace

std::unique_ptr<FaultEnv> FaultEnv::Make(FaultEnvOptions options) {
  return std::make_unique<FaultEnvironment>(std::make_shared<Machine>(options));
}

}  // namespace pyralog::io
