// Env over the system calls of Linux.
#include <dirent.h>
#include <pthread.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "base/thread_annotations.h"
#include "io/descriptor.h"
#include "io/env.h"
#include "io/posix_file.h"
#include "io/system_error.h"
#include "pyralog/error.h"

namespace pyralog::io {
namespace {

// The umask of the process narrows these.
constexpr mode_t kFileMode = 0644;
constexpr mode_t kFolderMode = 0755;

// The descriptors of held locks. A forked child shares the open file descriptions, so without
// closing its copies it would keep a lock alive beyond its parent.
class HeldLocks {
 public:
  static HeldLocks& Get() {
    static HeldLocks& held = *new HeldLocks();  // used in fork handlers, so never destroyed
    return held;
  }

  void Add(int fd) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    fds_.insert(fd);
  }

  // Unlocks and closes, unless this is a child whose copy the fork handler has closed.
  void Release(int fd, pid_t owner) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (owner != ::getpid()) return;
    fds_.erase(fd);
    // Unlocking by hand reaches every copy of the descriptor, also one in a child made by a bare
    // clone call.
    struct flock whole = {};
    whole.l_type = F_UNLCK;
    whole.l_whence = SEEK_SET;
    ::fcntl(fd, F_OFD_SETLK, &whole);
    ::close(fd);
  }

 private:
  HeldLocks() { ::pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild); }

  static void BeforeFork() NO_THREAD_SAFETY_ANALYSIS { Get().mutex_.lock(); }
  static void AfterForkInParent() NO_THREAD_SAFETY_ANALYSIS { Get().mutex_.unlock(); }
  static void AfterForkInChild() NO_THREAD_SAFETY_ANALYSIS {
    for (const int fd : Get().fds_) ::close(fd);
    Get().fds_.clear();
    Get().mutex_.unlock();
  }

  Mutex mutex_;
  std::unordered_set<int> fds_ GUARDED_BY(mutex_);
};

class PosixLock : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(fd.Release()), owner_(::getpid()) {
    HeldLocks::Get().Add(fd_);
  }
  ~PosixLock() override { HeldLocks::Get().Release(fd_, owner_); }

 private:
  const int fd_;
  const pid_t owner_;
};

int OpenFlags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreateExclusive:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

arrow::Result<Descriptor> OpenRegular(const std::string& path, OpenMode mode) {
  ARROW_RETURN_NOT_OK(CheckNoNul(path));
  // O_NONBLOCK: opening a FIFO must not wait for its other end; regular files do not care.
  const int flags = OpenFlags(mode) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  Descriptor fd(RetryOnSignal([&] { return ::open(path.c_str(), flags, kFileMode); }));
  if (!fd.valid() && errno == EISDIR) return NotRegularFile("open", path, "a folder");
  if (!fd.valid()) return SystemError("open", path, errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return SystemError("stat", path, errno);
  if (!S_ISREG(info.st_mode)) return NotRegularFile("open", path, FileKindName(info.st_mode));
  return fd;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Nothing when the entry vanished meanwhile.
arrow::Result<std::optional<DirEntry>> Describe(DIR* folder, const char* name,
                                                const std::string& path) {
  struct stat info;
  if (::fstatat(::dirfd(folder), name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return SystemError("stat", JoinPath(path, name), errno);
  }
  DirEntry entry{name, EntryKind::kOther, 0};
  if (S_ISDIR(info.st_mode)) entry.kind = EntryKind::kDirectory;
  if (S_ISREG(info.st_mode)) {
    entry.kind = EntryKind::kFile;
    entry.size = static_cast<uint64_t>(info.st_size);
  }
  return entry;
}

class PosixEnvironment : public Env {
 public:
  arrow::Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    ARROW_ASSIGN_OR_RAISE(Descriptor fd, OpenRegular(path, mode));
    return MakePosixFile(path, std::move(fd));
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Map(const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(Descriptor fd, OpenRegular(path, OpenMode::kRead));
    return MapDescriptor(path, fd);
  }

  arrow::Status Rename(const std::string& from, const std::string& to) override {
    ARROW_RETURN_NOT_OK(CheckNoNul(from));
    ARROW_RETURN_NOT_OK(CheckNoNul(to));
    if (::rename(from.c_str(), to.c_str()) == 0) return arrow::Status::OK();
    return SystemError("rename", from + " to " + to, errno);
  }

  arrow::Status RemoveFile(const std::string& path) override {
    return Check("remove", path, [&] { return ::unlink(path.c_str()); });
  }

  arrow::Status RemoveDir(const std::string& path) override {
    return Check("remove folder", path, [&] { return ::rmdir(path.c_str()); });
  }

  arrow::Status CreateDir(const std::string& path) override {
    return Check("create folder", path, [&] { return ::mkdir(path.c_str(), kFolderMode); });
  }

  arrow::Status SyncDir(const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckNoNul(path));
    Descriptor fd(
        RetryOnSignal([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!fd.valid()) return SystemError("open folder", path, errno);
    if (RetryOnSignal([&] { return ::fsync(fd.get()); }) == 0) return arrow::Status::OK();
    return SystemError("sync folder", path, errno);
  }

  arrow::Result<std::vector<DirEntry>> List(const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckNoNul(path));
    std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    if (folder == nullptr) return SystemError("list", path, errno);
    std::vector<DirEntry> entries;
    while (true) {
      errno = 0;
      const dirent* next = ::readdir(folder.get());
      if (next == nullptr) break;
      const std::string_view name = next->d_name;
      if (name == "." || name == "..") continue;
      ARROW_ASSIGN_OR_RAISE(auto entry, Describe(folder.get(), next->d_name, path));
      if (entry) entries.push_back(std::move(*entry));
    }
    if (errno != 0) return SystemError("list", path, errno);
    std::sort(entries.begin(), entries.end(),
              [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
    return entries;
  }

  arrow::Result<bool> Exists(const std::string& path) override {
    struct stat info;
    arrow::Status status = Check("stat", path, [&] { return ::stat(path.c_str(), &info); });
    if (GetErrorCode(status) == ErrorCode::kNotFound) return false;
    ARROW_RETURN_NOT_OK(status);
    return true;
  }

  arrow::Result<uint64_t> FileSize(const std::string& path) override {
    struct stat info;
    ARROW_RETURN_NOT_OK(Check("stat", path, [&] { return ::stat(path.c_str(), &info); }));
    if (!S_ISREG(info.st_mode)) return NotRegularFile("stat", path, FileKindName(info.st_mode));
    return static_cast<uint64_t>(info.st_size);
  }

  arrow::Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(Descriptor fd, OpenRegular(path, OpenMode::kCreate));
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_OFD_SETLK, &whole) == 0) {
      return std::make_unique<PosixLock>(std::move(fd));
    }
    if (errno != EAGAIN && errno != EACCES) return SystemError("lock", path, errno);
    return MakeError(ErrorCode::kLocked, "lock " + path + ": held by another process or handle");
  }

  arrow::Result<uint64_t> FreeSpace(const std::string& path) override {
    struct statvfs info;
    ARROW_RETURN_NOT_OK(Check("statvfs", path, [&] { return ::statvfs(path.c_str(), &info); }));
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

 private:
  template <class Call>
  static arrow::Status Check(std::string_view verb, const std::string& path, Call call) {
    ARROW_RETURN_NOT_OK(CheckNoNul(path));
    return RetryOnSignal(call) == 0 ? arrow::Status::OK() : SystemError(verb, path, errno);
  }
};

}  // namespace

Env* PosixEnv() {
  static PosixEnvironment& env =
      *new PosixEnvironment();  // used until the very end, so never destroyed
  return &env;
}

}  // namespace pyralog::io
