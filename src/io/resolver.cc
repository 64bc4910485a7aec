#include "io/resolver.h"

#include <linux/openat2.h>
#include <sys/syscall.h>

#include <vector>

#include "io/posix_file.h"
#include "io/system_error.h"
#include "pyralog/error.h"

namespace pyralog::io {
namespace {

// O_NONBLOCK: opening a FIFO must not wait for its other end; regular files do not care.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;

// openat2 answers EAGAIN when somebody renames folders meanwhile. Only an attacker does so for
// long.
constexpr int kMostTries = 16;

arrow::Status Refused(const std::string& root, std::string_view relative, std::string_view why) {
  std::string text = "open '";
  text.append(relative).append("' in ").append(root).append(": ").append(why);
  return MakeError(ErrorCode::kInvalidArgument, std::move(text));
}

// The parts of an acceptable reference, "." and empty ones left out.
arrow::Result<std::vector<std::string>> CheckedParts(const std::string& root,
                                                     std::string_view relative) {
  ARROW_RETURN_NOT_OK(CheckNoNul(relative));
  if (relative.starts_with('/')) {
    return Refused(root, relative, "is absolute; references must be relative to that folder");
  }
  std::vector<std::string> parts;
  for (std::string_view rest = relative; !rest.empty();) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (part == "..") return Refused(root, relative, "holds '..', which could leave that folder");
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  if (parts.empty()) return Refused(root, relative, "names no file");
  return parts;
}

std::string JoinParts(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) path = JoinPath(path, part);
  return path;
}

// A descriptor, or -1 and errno.
int OpenWithKernel(int folder, const std::string& relative) {
  open_how how = {};
  how.flags = kReadFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int i = 0; i < kMostTries; ++i) {
    fd = static_cast<int>(RetryOnSignal(
        [&] { return ::syscall(SYS_openat2, folder, relative.c_str(), &how, sizeof(how)); }));
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}

bool IsLink(int folder, const std::string& name) {
  struct stat info;
  return ::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

// The same without openat2: no part may be a link, and there is no "..", so no step can go up.
int OpenByWalking(int folder, const std::vector<std::string>& parts) {
  Descriptor owned;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    Descriptor next(RetryOnSignal([&] {
      return ::openat(folder, parts[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }));
    if (!next.valid()) {
      // The kernel calls a link "not a directory" here, openat2 calls it ELOOP.
      if (errno == ENOTDIR) errno = IsLink(folder, parts[i]) ? ELOOP : ENOTDIR;
      return -1;
    }
    owned = std::move(next);
    folder = owned.get();
  }
  return RetryOnSignal([&] { return ::openat(folder, parts.back().c_str(), kReadFlags); });
}

}  // namespace

arrow::Result<Root> Root::Open(const std::string& folder, Method method) {
  ARROW_RETURN_NOT_OK(CheckNoNul(folder));
  Descriptor fd(
      RetryOnSignal([&] { return ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd.valid()) return SystemError("open folder", folder, errno);
  return Root(folder, std::move(fd), method);
}

arrow::Result<Descriptor> Root::OpenDescriptor(std::string_view relative, Links links) const {
  ARROW_ASSIGN_OR_RAISE(const auto parts, CheckedParts(path_, relative));
  const std::string clean = JoinParts(parts);
  Descriptor fd;
  bool walks = method_ == Method::kWalk;
  if (!walks) {
    fd = Descriptor(OpenWithKernel(folder_.get(), clean));
    // Sandboxes that do not know a system call answer EPERM; a real EPERM comes back from the walk.
    walks = !fd.valid() && (errno == ENOSYS || errno == EPERM);
  }
  if (walks) fd = Descriptor(OpenByWalking(folder_.get(), parts));
  if (!fd.valid() && (errno == ELOOP || errno == EXDEV)) {
    return Refused(path_, relative,
                   "passes a symbolic link; a reference must lead to the file itself");
  }
  // What opening a socket, or a device without a driver, says.
  if (!fd.valid() && errno == ENXIO) {
    return Refused(path_, relative, "is a socket or a device, not a regular file");
  }
  if (!fd.valid()) return SystemError("open", JoinPath(path_, clean), errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return SystemError("stat", JoinPath(path_, clean), errno);
  if (!S_ISREG(info.st_mode)) {
    return NotRegularFile("open", JoinPath(path_, clean), FileKindName(info.st_mode));
  }
  if (links == Links::kOne && info.st_nlink != 1) {
    return Refused(path_, relative,
                   "has " + std::to_string(info.st_nlink) +
                       " names (hard links) and must have one; copy the file");
  }
  return fd;
}

arrow::Result<std::unique_ptr<File>> Root::OpenBeneath(std::string_view relative,
                                                       Links links) const {
  ARROW_ASSIGN_OR_RAISE(Descriptor fd, OpenDescriptor(relative, links));
  return MakePosixFile(JoinPath(path_, relative), std::move(fd));
}

arrow::Result<std::shared_ptr<arrow::Buffer>> Root::MapBeneath(std::string_view relative,
                                                               Links links) const {
  ARROW_ASSIGN_OR_RAISE(Descriptor fd, OpenDescriptor(relative, links));
  return MapDescriptor(JoinPath(path_, relative), fd);
}

arrow::Status CheckRegularFile(const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckNoNul(path));
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return SystemError("open", path, errno);
  if (S_ISREG(info.st_mode)) return arrow::Status::OK();
  return NotRegularFile("open", path, FileKindName(info.st_mode));
}

}  // namespace pyralog::io
