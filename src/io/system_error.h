// One wording and one mapping to error codes for every failed system call.
#pragma once

#include <string>
#include <string_view>

#include "arrow/status.h"

namespace pyralog::io {

// "<verb> <path>: <reason>" and, where there is one, what to do next. `error` is an errno value;
// EEXIST gives kAlreadyExists, ENOENT and ENOTDIR kNotFound, ENOSPC and EDQUOT kNoSpace, all others
// kIo.
arrow::Status SystemError(std::string_view verb, std::string_view path, int error);

// Refuses what the system calls would silently read as another path: an embedded NUL.
// kInvalidArgument.
arrow::Status CheckNoNul(std::string_view path);

// kInvalidArgument for something that is there but is no regular file; `kind` as "a folder", "a
// FIFO".
arrow::Status NotRegularFile(std::string_view verb, std::string_view path, std::string_view kind);

}  // namespace pyralog::io
