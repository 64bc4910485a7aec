#include "sql/errors.h"

#include <optional>
#include <string>

#include "sql/hints.h"

namespace pyralog::sql {
namespace {

using duckdb::ExceptionType;

// Key of an ErrorCode's number in an exception's extra info.
constexpr char kCodeKey[] = "pyralog_code";

// The exception type that makes DuckDB treat the error as what it is. Types that leave an open
// transaction usable (CATALOG) stand for refusals, which happen before anything is changed.
ExceptionType ExceptionTypeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotSupported:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
      return ExceptionType::CATALOG;
    case ErrorCode::kConstraint:
      return ExceptionType::CONSTRAINT;
    case ErrorCode::kConflict:
    case ErrorCode::kTransaction:
    case ErrorCode::kReadOnly:
      return ExceptionType::TRANSACTION;
    case ErrorCode::kLocked:
    case ErrorCode::kDamaged:
    case ErrorCode::kFormatVersion:
    case ErrorCode::kNoSpace:
    case ErrorCode::kIo:
      return ExceptionType::IO;
    case ErrorCode::kMemoryLimit:
      return ExceptionType::OUT_OF_MEMORY;
    case ErrorCode::kInterrupted:
      return ExceptionType::INTERRUPT;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnknown:
      break;
  }
  return ExceptionType::INVALID_INPUT;
}

ErrorCode CodeOfCatalogError(const duckdb::ErrorData& error) {
  const auto& info = error.ExtraInfo();
  const auto found = info.find("error_subtype");
  const std::string subtype = found == info.end() ? "" : found->second;
  // Some come without a subtype: only the text says it.
  const auto says = [&](const char* words) {
    return error.RawMessage().find(words) != std::string::npos;
  };
  if (subtype == "MISSING_ENTRY" || says("does not exist")) return ErrorCode::kNotFound;
  if (subtype == "ENTRY_ALREADY_EXISTS" || says("already exists")) return ErrorCode::kAlreadyExists;
  return ErrorCode::kInvalidArgument;
}

// The nearest code of an error that DuckDB itself raised.
ErrorCode CodeOfDuckDbError(const duckdb::ErrorData& error) {
  switch (error.Type()) {
    case ExceptionType::CATALOG:
      return CodeOfCatalogError(error);
    case ExceptionType::CONSTRAINT:
      return ErrorCode::kConstraint;
    case ExceptionType::TRANSACTION:
      return ErrorCode::kTransaction;
    case ExceptionType::NOT_IMPLEMENTED:
    case ExceptionType::MISSING_EXTENSION:
    case ExceptionType::AUTOLOAD:
      return ErrorCode::kNotSupported;
    case ExceptionType::IO:
    case ExceptionType::HTTP:
    case ExceptionType::NETWORK:
      return ErrorCode::kIo;
    case ExceptionType::OUT_OF_MEMORY:
      return ErrorCode::kMemoryLimit;
    case ExceptionType::INTERRUPT:
      return ErrorCode::kInterrupted;
    case ExceptionType::INTERNAL:
    case ExceptionType::FATAL:
      return ErrorCode::kUnknown;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

// Errors of a value, for which there is no code of their own.
bool IsAboutData(ExceptionType type) {
  return type == ExceptionType::CONVERSION || type == ExceptionType::OUT_OF_RANGE ||
         type == ExceptionType::INVALID_INPUT;
}

std::optional<ErrorCode> OwnCode(const duckdb::ErrorData& error) {
  const auto& info = error.ExtraInfo();
  const auto found = info.find(kCodeKey);
  if (found == info.end()) return std::nullopt;
  return static_cast<ErrorCode>(std::stoi(found->second));
}

duckdb::Exception ExceptionOf(const arrow::Status& status) {
  const ErrorCode code = GetErrorCode(status);
  return {{{kCodeKey, std::to_string(static_cast<int>(code))}},
          ExceptionTypeOf(code),
          status.message()};
}

}  // namespace

void ThrowStatus(const arrow::Status& status) { throw ExceptionOf(status); }

void ThrowNotSupported(const std::string& what) {
  ThrowStatus(MakeError(ErrorCode::kNotSupported, what + " is not supported"));
}

duckdb::ErrorData ErrorDataOf(const arrow::Status& status) {
  return duckdb::ErrorData(ExceptionOf(status));
}

arrow::Status StatusOf(const duckdb::ErrorData& error) {
  if (const auto code = OwnCode(error)) return MakeError(*code, error.RawMessage());
  // The code says what "Catalog Error:" and the like would say again; only what kind of value is
  // wrong it does not.
  return MakeError(CodeOfDuckDbError(error),
                   WithHint(IsAboutData(error.Type()) ? error.Message() : error.RawMessage()));
}

arrow::Status StatusOfCurrentException() {
  try {
    throw;
  } catch (const std::exception& exception) {
    return StatusOf(duckdb::ErrorData(exception));
  } catch (...) {
    return MakeError(ErrorCode::kUnknown, "an unknown exception was thrown");
  }
}

bool EndsInstance(const duckdb::ErrorData& error) {
  return error.Type() == ExceptionType::INTERNAL || error.Type() == ExceptionType::FATAL;
}

}  // namespace pyralog::sql
