// What went wrong, as a stable code beside the text of an arrow::Status.
//
// Inside Pyralog the one error currency is arrow::Status / arrow::Result. A status that a user may
// want to tell apart carries an ErrorCode as its detail; each edge (SQL, command line, Python)
// translates it once.
#pragma once

#include <string>
#include <string_view>

#include "arrow/status.h"

namespace pyralog {

enum class ErrorCode {
  kUnknown = 0,
  kInvalidArgument,  // a value, type or option that cannot be taken; text says which
  kNotSupported,     // refused by name: known, but not offered
  kNotFound,         // no such file, table, column, key
  kAlreadyExists,    // a name that is taken
  kConstraint,       // NOT NULL, CHECK, PRIMARY KEY: the row is not allowed
  kConflict,         // another transaction committed first: roll back and retry
  kTransaction,      // the transaction's state does not allow the call (ended, aborted, read-only)
  kReadOnly,         // the database (or this handle) takes no writes; text says why
  kLocked,           // another process or handle holds the database
  kDamaged,          // a checksum or structure is wrong; text names file and offset
  kFormatVersion,    // written by a newer build
  kNoSpace,          // the disk is full
  kIo,               // the system said no; text names file and reason
  kMemoryLimit,      // the memory budget would be exceeded
  kInterrupted,      // cancelled by the user
};

// The stable, upper-case name that goes to users: "CONFLICT", "DAMAGED", ...
std::string_view ErrorCodeName(ErrorCode code);

// A status with a code. Its arrow StatusCode is the nearest one (IOError, Invalid, KeyError ...).
arrow::Status MakeError(ErrorCode code, std::string message);

// The code of a status: its detail, or what its arrow StatusCode and errno detail imply. kUnknown
// for OK.
ErrorCode GetErrorCode(const arrow::Status& status);

inline bool IsConflict(const arrow::Status& s) { return GetErrorCode(s) == ErrorCode::kConflict; }
inline bool IsDamaged(const arrow::Status& s) { return GetErrorCode(s) == ErrorCode::kDamaged; }

}  // namespace pyralog
