#include "src/parameters.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <cctype>

#include "pyralog/error.h"
#include "src/errors.h"

namespace pyralog::python {
namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string TypeName(nb::handle value) {
  return nb::cast<std::string>(nb::str(nb::handle(Py_TYPE(value.ptr())).attr("__name__")));
}

bool IsPosition(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// A value that cannot be taken names its parameter.
std::shared_ptr<arrow::Scalar> ScalarOfParameter(nb::handle value, const std::string& name) {
  try {
    return ScalarOf(value);
  } catch (nb::python_error& error) {
    const nb::object named =
        nb::module_::import_("pyralog.exceptions").attr("of_parameter")(error.value(), name);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(named.ptr())), named.ptr());
    RaiseSet();
  }
}

}  // namespace

Parameters Parameters::From(nb::handle given) {
  Parameters parameters;
  if (given.is_none()) return parameters;
  if (PyDict_Check(given.ptr()) != 0) {
    for (const auto& [key, value] : nb::borrow<nb::dict>(given)) {
      if (PyUnicode_Check(key.ptr()) == 0) {
        RaiseIfError(MakeError(ErrorCode::kInvalidArgument,
                               "names of parameters are text, not " + TypeName(key)));
      }
      const auto name = nb::cast<std::string>(key);
      parameters.named_[Lower(name)] = ScalarOfParameter(value, name);
    }
    return parameters;
  }
  const bool text = PyUnicode_Check(given.ptr()) != 0 || PyBytes_Check(given.ptr()) != 0;
  if (text || PySequence_Check(given.ptr()) == 0) {
    RaiseIfError(MakeError(ErrorCode::kInvalidArgument,
                           "parameters are a list, a tuple or a dict, not " + TypeName(given)));
  }
  const auto count = PySequence_Size(given.ptr());
  if (count < 0) RaiseSet();
  for (Py_ssize_t i = 0; i < count; ++i) {
    const nb::object value = Steal(PySequence_GetItem(given.ptr(), i));
    parameters.values_.push_back(ScalarOfParameter(value, std::to_string(i + 1)));
  }
  return parameters;
}

arrow::Result<Params> Parameters::ByName(const std::vector<std::string>& names) const {
  Params values;
  for (const std::string& name : names) {
    const auto found = named_.find(Lower(name));
    if (found == named_.end()) {
      return MakeError(ErrorCode::kInvalidArgument,
                       IsPosition(name)
                           ? "the statement takes parameters by position: give a list, not a dict"
                           : "there is no value for parameter $" + name);
    }
    values.push_back(found->second);
  }
  for (const auto& [given, value] : named_) {
    const bool taken = std::any_of(names.begin(), names.end(),
                                   [&](const std::string& name) { return Lower(name) == given; });
    if (!taken) {
      return MakeError(ErrorCode::kInvalidArgument, "the statement has no parameter $" + given);
    }
  }
  return values;
}

arrow::Result<Params> Parameters::InOrder(const std::vector<std::string>& names) const {
  if (!named_.empty()) return ByName(names);
  if (const auto named = std::find_if_not(names.begin(), names.end(), IsPosition);
      named != names.end()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "the statement takes parameters by name, as $" + *named + ": give a dict");
  }
  return values_;  // a wrong number is the statement's to tell
}

}  // namespace pyralog::python
