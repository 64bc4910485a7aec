// The one translation between arrow::Status, which Pyralog speaks, and DuckDB's exceptions.
//
// Into DuckDB: a status becomes an exception that carries the ErrorCode in its extra info, so that
// the code survives DuckDB's own handling. Never an internal or fatal one: those would invalidate
// the instance. Out of DuckDB: nothing that was thrown passes; every edge goes through Guard.
#pragma once

#include <type_traits>
#include <utility>

#include "arrow/result.h"
#include "arrow/status.h"
#include "duckdb.hpp"
#include "pyralog/error.h"

namespace pyralog::sql {

// ---- Into DuckDB ----

[[noreturn]] void ThrowStatus(const arrow::Status& status);

inline void ThrowIfError(const arrow::Status& status) {
  if (!status.ok()) [[unlikely]]
    ThrowStatus(status);
}

template <class T>
T ValueOrThrow(arrow::Result<T> result) {
  if (!result.ok()) [[unlikely]]
    ThrowStatus(result.status());
  return result.MoveValueUnsafe();
}

// Refuses a known thing by name: "<what> is not supported", kNotSupported.
[[noreturn]] void ThrowNotSupported(const std::string& what);

duckdb::ErrorData ErrorDataOf(const arrow::Status& status);

// ---- Out of DuckDB ----

// The status of an error. One that began as a status has its code and bare text again; others have
// DuckDB's text, with the place in the statement, and the nearest code.
arrow::Status StatusOf(const duckdb::ErrorData& error);

// REQUIRES: called in a catch block.
arrow::Status StatusOfCurrentException();

// Whether this error ends the instance: every later statement on it fails.
bool EndsInstance(const duckdb::ErrorData& error);

// Runs `body` (which returns an arrow::Status or arrow::Result) and turns whatever it throws into a
// status.
template <class Body>
std::invoke_result_t<Body> Guard(Body&& body) noexcept {
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    return StatusOfCurrentException();
  }
}

}  // namespace pyralog::sql
