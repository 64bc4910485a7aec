#include "src/errors.h"

#include <nanobind/stl/string.h>

#include <string>

#include "pyralog/error.h"

namespace pyralog::python {

void Raise(const arrow::Status& status) {
  const std::string code(ErrorCodeName(GetErrorCode(status)));
  const std::string& message = status.message();
  // Messages may cite bytes of the user's that are no UTF-8.
  const nb::object text = Steal(
      PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
  const nb::object made =
      nb::module_::import_("pyralog.exceptions").attr("error_of_code")(code.c_str(), text);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
  RaiseSet();
}

arrow::Status StatusOf(nb::python_error& error) {
  const std::string type = nb::cast<std::string>(nb::str(error.type().attr("__name__")));
  const std::string text = nb::cast<std::string>(nb::str(error.value()));
  const nb::object code = nb::getattr(error.value(), "code", nb::none());
  const bool interrupted = error.matches(PyExc_KeyboardInterrupt);
  return MakeError(interrupted ? ErrorCode::kInterrupted : ErrorCode::kInvalidArgument,
                   code.is_none() ? type + ": " + text : text);
}

}  // namespace pyralog::python
