// Python objects as tables of a session.
//
// A resolver is a Python callable: name -> source or None. A source (pyralog/tables.py) has
//   schema()       an object with __arrow_c_schema__, or None: the first stream tells
//   open(columns)  an object with __arrow_c_stream__; columns: names that are needed, or None
//   rows, in_memory   as in pyralog::ArrowTable
#pragma once

#include <nanobind/nanobind.h>

#include "pyralog/database.h"

namespace pyralog::python {

// The resolver of a session; None is none. It may be called, copied and dropped without the GIL.
// REQUIRES: the GIL.
TableResolver ResolverOf(nanobind::object resolve);

// The stream of an object with __arrow_c_stream__, moved out of its capsule. REQUIRES: the GIL.
std::shared_ptr<arrow::RecordBatchReader> ReaderOfObject(nanobind::handle object);

}  // namespace pyralog::python
