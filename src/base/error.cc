#include "pyralog/error.h"

#include <cerrno>
#include <memory>
#include <utility>

#include "arrow/util/io_util.h"

namespace pyralog {
namespace {

constexpr char kDetailTypeId[] = "pyralog::ErrorDetail";

class ErrorDetail : public arrow::StatusDetail {
 public:
  explicit ErrorDetail(ErrorCode code) : code_(code) {}
  const char* type_id() const override { return kDetailTypeId; }
  std::string ToString() const override { return std::string(ErrorCodeName(code_)); }
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

arrow::StatusCode NearestArrowCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return arrow::StatusCode::KeyError;
    case ErrorCode::kAlreadyExists:
      return arrow::StatusCode::AlreadyExists;
    case ErrorCode::kNotSupported:
      return arrow::StatusCode::NotImplemented;
    case ErrorCode::kMemoryLimit:
      return arrow::StatusCode::OutOfMemory;
    case ErrorCode::kInterrupted:
      return arrow::StatusCode::Cancelled;
    case ErrorCode::kIo:
    case ErrorCode::kNoSpace:
    case ErrorCode::kDamaged:
    case ErrorCode::kLocked:
    case ErrorCode::kReadOnly:
      return arrow::StatusCode::IOError;
    default:
      return arrow::StatusCode::Invalid;
  }
}

ErrorCode CodeOfErrno(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kNoSpace;
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case ErrorCode::kNotSupported:
      return "NOT_SUPPORTED";
    case ErrorCode::kNotFound:
      return "NOT_FOUND";
    case ErrorCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case ErrorCode::kConstraint:
      return "CONSTRAINT";
    case ErrorCode::kConflict:
      return "CONFLICT";
    case ErrorCode::kTransaction:
      return "TRANSACTION";
    case ErrorCode::kReadOnly:
      return "READ_ONLY";
    case ErrorCode::kLocked:
      return "LOCKED";
    case ErrorCode::kDamaged:
      return "DAMAGED";
    case ErrorCode::kFormatVersion:
      return "FORMAT_VERSION";
    case ErrorCode::kNoSpace:
      return "NO_SPACE";
    case ErrorCode::kIo:
      return "IO";
    case ErrorCode::kMemoryLimit:
      return "MEMORY_LIMIT";
    case ErrorCode::kInterrupted:
      return "INTERRUPTED";
    case ErrorCode::kUnknown:
      break;
  }
  return "INTERNAL";
}

arrow::Status MakeError(ErrorCode code, std::string message) {
  return {NearestArrowCode(code), std::move(message), std::make_shared<ErrorDetail>(code)};
}

ErrorCode GetErrorCode(const arrow::Status& status) {
  if (status.ok()) return ErrorCode::kUnknown;
  if (status.detail() && std::string_view(status.detail()->type_id()) == kDetailTypeId) {
    return static_cast<const ErrorDetail&>(*status.detail()).code();
  }
  if (int error = arrow::internal::ErrnoFromStatus(status); error != 0) return CodeOfErrno(error);
  switch (status.code()) {
    case arrow::StatusCode::KeyError:
      return ErrorCode::kNotFound;
    case arrow::StatusCode::AlreadyExists:
      return ErrorCode::kAlreadyExists;
    case arrow::StatusCode::NotImplemented:
      return ErrorCode::kNotSupported;
    case arrow::StatusCode::OutOfMemory:
      return ErrorCode::kMemoryLimit;
    case arrow::StatusCode::Cancelled:
      return ErrorCode::kInterrupted;
    case arrow::StatusCode::IOError:
      return ErrorCode::kIo;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

}  // namespace pyralog
