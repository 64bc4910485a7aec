// parameters.h: lists, dicts and arrays of values.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>

#include "arrow/scalar.h"

namespace pyralog::python {

// A list or tuple as a LIST of one type that holds every element exactly. An error names types that
// have none.
std::shared_ptr<arrow::Scalar> ListScalarOf(nanobind::handle list);
// A dict with text keys as a STRUCT.
std::shared_ptr<arrow::Scalar> StructScalarOf(nanobind::handle dict);
// A numpy array: a LIST, of LISTs if it has more dimensions.
std::shared_ptr<arrow::Scalar> ArrayScalar(nanobind::handle array);

}  // namespace pyralog::python
