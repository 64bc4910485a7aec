#include "io/system_error.h"

#include <cerrno>
#include <system_error>

#include "pyralog/error.h"

namespace pyralog::io {
namespace {

ErrorCode CodeOf(int error) {
  switch (error) {
    case EEXIST:
      return ErrorCode::kAlreadyExists;
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kNoSpace;
    default:
      return ErrorCode::kIo;
  }
}

std::string_view RemedyFor(int error) {
  switch (error) {
    case ENOSPC:
      return "; free space on this disk and try again";
    case EDQUOT:
      return "; free space or raise the quota and try again";
    case EACCES:
    case EPERM:
      return "; check the permissions of the file and of its folders";
    case EROFS:
      return "; choose a place that can be written, or open read-only";
    case EMFILE:
      return "; this process has too many open files: raise its limit (ulimit -n)";
    case EIO:
      return "; the storage reports a fault: check the device and the system log";
    default:
      return "";
  }
}

}  // namespace

arrow::Status SystemError(std::string_view verb, std::string_view path, int error) {
  std::string text(verb);
  text.append(" ").append(path).append(": ");
  text.append(std::generic_category().message(error)).append(RemedyFor(error));
  return MakeError(CodeOf(error), std::move(text));
}

arrow::Status CheckNoNul(std::string_view path) {
  const size_t at = path.find('\0');
  if (at == std::string_view::npos) return arrow::Status::OK();
  return MakeError(ErrorCode::kInvalidArgument,
                   "path " + std::string(path.substr(0, at)) + "...: holds a NUL byte at offset " +
                       std::to_string(at) + "; no file can have such a name");
}

arrow::Status NotRegularFile(std::string_view verb, std::string_view path, std::string_view kind) {
  std::string text(verb);
  text.append(" ").append(path).append(": is ").append(kind).append(", not a regular file");
  return MakeError(ErrorCode::kInvalidArgument, std::move(text));
}

}  // namespace pyralog::io
