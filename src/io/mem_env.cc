// Env in memory. A file is one contiguous buffer, so that a mapping is a slice of it and costs
// nothing.
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/thread_annotations.h"
#include "io/memory_tree.h"

namespace pyralog::io {
namespace {

constexpr uint64_t kSmallestBuffer = 4096;
constexpr uint64_t kLargestSize = std::numeric_limits<int64_t>::max() / 2;

arrow::Status MemoryError(int error) { return SystemError("write", "a file in memory", error); }

// Pages straight from the kernel: zeros that cost nothing until touched, and that grow without a
// copy.
class PageBuffer : public arrow::MutableBuffer {
 public:
  static arrow::Result<std::shared_ptr<PageBuffer>> Make(uint64_t capacity) {
    void* address = ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) return MemoryError(errno);
    return std::make_shared<PageBuffer>(address, capacity);
  }

  // `old` with more room, perhaps at another address: nobody else may hold it.
  static arrow::Result<std::shared_ptr<PageBuffer>> Grow(std::shared_ptr<PageBuffer> old,
                                                         uint64_t capacity) {
    void* address = ::mremap(old->address_, old->capacity(), capacity, MREMAP_MAYMOVE);
    if (address == MAP_FAILED) return MemoryError(errno);
    old->address_ = nullptr;
    return std::make_shared<PageBuffer>(address, capacity);
  }

  PageBuffer(void* address, uint64_t capacity)
      : arrow::MutableBuffer(static_cast<uint8_t*>(address), static_cast<int64_t>(capacity)),
        address_(address) {}
  ~PageBuffer() override {
    if (address_ != nullptr) ::munmap(address_, capacity());
  }

  uint64_t capacity() const { return static_cast<uint64_t>(size()); }

 private:
  void* address_;  // null once grown into another
};

// The bytes of one file.
class MemContent {
 public:
  arrow::Status Write(uint64_t offset, std::string_view data) EXCLUDES(mutex_) {
    if (data.empty()) return arrow::Status::OK();
    WriteLock lock(mutex_);
    if (offset > kLargestSize - data.size()) return MemoryError(EFBIG);
    const uint64_t end = offset + data.size();
    ARROW_RETURN_NOT_OK(MakeWritable(std::min(offset, size_), end));
    ClearGap(offset);
    std::memcpy(buffer_->mutable_data() + offset, data.data(), data.size());
    size_ = std::max(size_, end);
    touched_ = std::max(touched_, end);
    return arrow::Status::OK();
  }

  size_t Read(uint64_t offset, size_t size, void* out) const EXCLUDES(mutex_) {
    ReadLock lock(mutex_);
    if (offset >= size_) return 0;
    const size_t count = std::min<uint64_t>(size, size_ - offset);
    if (count > 0) std::memcpy(out, buffer_->data() + offset, count);
    return count;
  }

  arrow::Status Truncate(uint64_t size) EXCLUDES(mutex_) {
    WriteLock lock(mutex_);
    if (size > kLargestSize) return MemoryError(EFBIG);
    if (size > size_) {
      ARROW_RETURN_NOT_OK(MakeWritable(size_, size));
      ClearGap(size);
    }
    size_ = size;
    if (size == 0) ReplaceBuffer(nullptr);  // a log that is cut must not keep its memory
    return arrow::Status::OK();
  }

  uint64_t Size() const EXCLUDES(mutex_) {
    ReadLock lock(mutex_);
    return size_;
  }

  std::shared_ptr<arrow::Buffer> Map() EXCLUDES(mutex_) {
    WriteLock lock(mutex_);
    if (size_ == 0) return std::make_shared<arrow::Buffer>(nullptr, 0);
    mapped_ = std::max(mapped_, size_);
    return arrow::SliceBuffer(buffer_, 0, static_cast<int64_t>(size_));
  }

 private:
  // Makes room up to `end`, with [begin, end) about to be written. Bytes that a mapping shows are
  // never written: such a write goes to a copy.
  arrow::Status MakeWritable(uint64_t begin, uint64_t end) REQUIRES(mutex_) {
    const uint64_t capacity = buffer_ == nullptr ? 0 : buffer_->capacity();
    if (end <= capacity && begin >= mapped_) return arrow::Status::OK();
    const uint64_t wanted = std::max({end, capacity, kSmallestBuffer});
    const uint64_t larger = end > capacity ? std::max(wanted, capacity + capacity / 2) : wanted;
    if (buffer_ != nullptr && mapped_ == 0) {
      ARROW_ASSIGN_OR_RAISE(buffer_, PageBuffer::Grow(buffer_, larger));
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto fresh, PageBuffer::Make(larger));
    if (size_ > 0) std::memcpy(fresh->mutable_data(), buffer_->data(), size_);
    ReplaceBuffer(std::move(fresh));
    return arrow::Status::OK();
  }

  // Zeros between the end of the file and `offset`, if that is larger.
  void ClearGap(uint64_t offset) REQUIRES(mutex_) {
    const uint64_t end = std::min(offset, touched_);
    if (end > size_) std::memset(buffer_->mutable_data() + size_, 0, end - size_);
  }

  void ReplaceBuffer(std::shared_ptr<PageBuffer> buffer) REQUIRES(mutex_) {
    buffer_ = std::move(buffer);
    mapped_ = 0;
    touched_ = size_;
  }

  mutable SharedMutex mutex_;
  std::shared_ptr<PageBuffer> buffer_ GUARDED_BY(mutex_);
  uint64_t size_ GUARDED_BY(mutex_) = 0;
  uint64_t mapped_ GUARDED_BY(mutex_) = 0;   // bytes of buffer_ that mappings may show
  uint64_t touched_ GUARDED_BY(mutex_) = 0;  // bytes of buffer_ behind this are zeros still
};

struct MemNode {
  explicit MemNode(bool directory) : is_directory(directory) {}

  const bool is_directory;
  bool is_locked = false;                                   // guarded by the tree's mutex
  std::map<std::string, std::shared_ptr<MemNode>> entries;  // guarded by the tree's mutex
  MemContent content;
};

// Shared by the environment and its locks, which may outlive it.
struct MemTree {
  Mutex mutex;
  const std::shared_ptr<MemNode> root = std::make_shared<MemNode>(true);
};

class MemFile : public File {
 public:
  MemFile(std::string path, std::shared_ptr<MemNode> node, bool writable)
      : path_(std::move(path)), node_(std::move(node)), writable_(writable) {}

  arrow::Status WriteAt(uint64_t offset, std::string_view data) override {
    ARROW_RETURN_NOT_OK(CheckWritable("write"));
    return node_->content.Write(offset, data);
  }
  arrow::Result<size_t> ReadAt(uint64_t offset, size_t size, void* out) const override {
    ARROW_RETURN_NOT_OK(CheckOpen("read"));
    return node_->content.Read(offset, size, out);
  }
  arrow::Status Sync() override { return CheckOpen("sync"); }
  arrow::Status Truncate(uint64_t size) override {
    ARROW_RETURN_NOT_OK(CheckWritable("truncate"));
    return node_->content.Truncate(size);
  }
  arrow::Result<uint64_t> Size() const override {
    ARROW_RETURN_NOT_OK(CheckOpen("stat"));
    return node_->content.Size();
  }
  arrow::Status Close() override {
    ARROW_RETURN_NOT_OK(CheckOpen("close"));
    node_ = nullptr;
    return arrow::Status::OK();
  }

 private:
  arrow::Status CheckOpen(std::string_view verb) const {
    return node_ != nullptr ? arrow::Status::OK() : SystemError(verb, path_, EBADF);
  }
  arrow::Status CheckWritable(std::string_view verb) const {
    ARROW_RETURN_NOT_OK(CheckOpen(verb));
    return writable_ ? arrow::Status::OK() : SystemError(verb, path_, EBADF);
  }

  const std::string path_;
  std::shared_ptr<MemNode> node_;
  const bool writable_;
};

class MemLock : public FileLock {
 public:
  MemLock(std::shared_ptr<MemTree> tree, std::shared_ptr<MemNode> node)
      : tree_(std::move(tree)), node_(std::move(node)) {}
  ~MemLock() override {
    MutexLock lock(tree_->mutex);
    node_->is_locked = false;
  }

 private:
  const std::shared_ptr<MemTree> tree_;
  const std::shared_ptr<MemNode> node_;
};

class MemEnvironment : public Env {
 public:
  arrow::Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    MutexLock lock(tree_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto node, OpenNode(path, mode));
    return std::make_unique<MemFile>(path, std::move(node), mode != OpenMode::kRead);
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Map(const std::string& path) override {
    MutexLock lock(tree_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto node, FindFile(tree_->root, "map", path));
    return node->content.Map();
  }

  arrow::Status Rename(const std::string& from, const std::string& to) override {
    MutexLock lock(tree_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto places, FindRename(tree_->root, from, to));
    auto node = places.from.Find();
    places.from.folder->entries.erase(places.from.name);
    places.to.folder->entries[places.to.name] = std::move(node);
    return arrow::Status::OK();
  }

  arrow::Status RemoveFile(const std::string& path) override {
    return Remove("remove", path, false);
  }
  arrow::Status RemoveDir(const std::string& path) override {
    return Remove("remove folder", path, true);
  }

  arrow::Status CreateDir(const std::string& path) override {
    MutexLock lock(tree_->mutex);
    if (SplitPath(path).empty()) return SystemError("create folder", path, EEXIST);
    ARROW_ASSIGN_OR_RAISE(auto place, FindPlace(tree_->root, "create folder", path));
    auto node = std::make_shared<MemNode>(true);
    if (place.folder->entries.emplace(place.name, node).second) return arrow::Status::OK();
    return SystemError("create folder", path, EEXIST);
  }

  arrow::Status SyncDir(const std::string& path) override {
    MutexLock lock(tree_->mutex);
    return FindFolder(tree_->root, "sync folder", path).status();
  }

  arrow::Result<std::vector<DirEntry>> List(const std::string& path) override {
    MutexLock lock(tree_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto folder, FindFolder(tree_->root, "list", path));
    std::vector<DirEntry> entries;
    entries.reserve(folder->entries.size());
    for (const auto& [name, node] : folder->entries) {
      entries.push_back({name, node->is_directory ? EntryKind::kDirectory : EntryKind::kFile,
                         node->content.Size()});
    }
    return entries;
  }

  arrow::Result<bool> Exists(const std::string& path) override {
    MutexLock lock(tree_->mutex);
    const arrow::Status status = FindNode(tree_->root, "stat", path).status();
    if (GetErrorCode(status) == ErrorCode::kNotFound) return false;
    ARROW_RETURN_NOT_OK(status);
    return true;
  }

  arrow::Result<uint64_t> FileSize(const std::string& path) override {
    MutexLock lock(tree_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto node, FindFile(tree_->root, "stat", path));
    return node->content.Size();
  }

  arrow::Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    MutexLock lock(tree_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto node, OpenNode(path, OpenMode::kCreate));
    if (node->is_locked) {
      return MakeError(ErrorCode::kLocked, "lock " + path + ": held by another handle");
    }
    node->is_locked = true;
    return std::make_unique<MemLock>(tree_, std::move(node));
  }

  arrow::Result<uint64_t> FreeSpace(const std::string&) override {
    return std::numeric_limits<int64_t>::max();  // the memory budget is kept by those who write
  }

 private:
  arrow::Result<std::shared_ptr<MemNode>> OpenNode(const std::string& path, OpenMode mode)
      REQUIRES(tree_->mutex) {
    ARROW_ASSIGN_OR_RAISE(auto place, FindPlace(tree_->root, "open", path));
    auto node = place.Find();
    const bool creates = mode == OpenMode::kCreate || mode == OpenMode::kCreateExclusive;
    if (node == nullptr && !creates) return SystemError("open", path, ENOENT);
    if (node == nullptr) {
      node = std::make_shared<MemNode>(false);
      place.folder->entries[place.name] = node;
      return node;
    }
    if (mode == OpenMode::kCreateExclusive) return SystemError("open", path, EEXIST);
    if (node->is_directory) return NotRegularFile("open", path, "a folder");
    return node;
  }

  arrow::Status Remove(std::string_view verb, const std::string& path, bool is_directory)
      EXCLUDES(tree_->mutex) {
    MutexLock lock(tree_->mutex);
    ARROW_ASSIGN_OR_RAISE(auto place, FindRemovable(tree_->root, verb, path, is_directory));
    place.folder->entries.erase(place.name);
    return arrow::Status::OK();
  }

  const std::shared_ptr<MemTree> tree_ = std::make_shared<MemTree>();
};

}  // namespace

std::unique_ptr<Env> NewMemEnv() { return std::make_unique<MemEnvironment>(); }

}  // namespace pyralog::io
