// The one translation of an arrow::Status into a Python exception.
#pragma once

#include <nanobind/nanobind.h>

#include <utility>

#include "arrow/result.h"
#include "arrow/status.h"

namespace pyralog::python {

namespace nb = nanobind;

// Throws the exception of pyralog.exceptions for the status's code. REQUIRES: the GIL.
[[noreturn]] void Raise(const arrow::Status& status);

inline void RaiseIfError(const arrow::Status& status) {
  if (!status.ok()) [[unlikely]]
    Raise(status);
}

template <class T>
T ValueOrRaise(arrow::Result<T> result) {
  if (!result.ok()) [[unlikely]]
    Raise(result.status());
  return result.MoveValueUnsafe();
}

// Throws the Python exception that is set.
[[noreturn]] inline void RaiseSet() { throw nb::python_error(); }

// A new reference, or the exception that is set.
inline nb::object Steal(PyObject* made) {
  if (made == nullptr) RaiseSet();
  return nb::steal(made);
}

// The exception that was thrown, as a status: its type and text.
arrow::Status StatusOf(nb::python_error& error);

}  // namespace pyralog::python
