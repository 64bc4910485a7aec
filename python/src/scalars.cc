// parameters.h: one Python value as an Arrow scalar.
#include <Python.h>
// After it:
#include <datetime.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <cmath>
#include <string_view>

#include "arrow/api.h"
#include "arrow/extension/opaque.h"
#include "arrow/extension/uuid.h"
#include "arrow/util/decimal.h"
#include "arrow/util/float16.h"
#include "pyralog/error.h"
#include "src/errors.h"
#include "src/lists.h"
#include "src/parameters.h"

namespace pyralog::python {
namespace {

using ScalarPtr = std::shared_ptr<arrow::Scalar>;

constexpr int kMaxDecimalDigits = 38;
constexpr int kHugeBytes = 16;
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

std::string TypeNameOf(nb::handle value) {
  const nb::handle type(reinterpret_cast<PyObject*>(Py_TYPE(value.ptr())));
  const auto name = nb::cast<std::string>(nb::str(type.attr("__name__")));
  const auto module = nb::cast<std::string>(nb::str(type.attr("__module__")));
  return module == "builtins" ? name : module + "." + name;
}

[[noreturn]] void Refuse(const std::string& why) {
  Raise(MakeError(ErrorCode::kInvalidArgument, why));
}

ScalarPtr Fixed16(const char* bytes, std::shared_ptr<arrow::DataType> type) {
  auto storage = std::make_shared<arrow::FixedSizeBinaryScalar>(
      arrow::Buffer::FromString(std::string(bytes, kHugeBytes)));
  return std::make_shared<arrow::ExtensionScalar>(std::move(storage), std::move(type));
}

// ---- Numbers ----

ScalarPtr Integer(nb::handle value) {
  int overflow = 0;
  const long long small = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (overflow == 0) {
    if (small == -1 && PyErr_Occurred() != nullptr) RaiseSet();
    return std::make_shared<arrow::Int64Scalar>(small);
  }
  if (overflow > 0) {
    const unsigned long long large = PyLong_AsUnsignedLongLong(value.ptr());
    if (PyErr_Occurred() == nullptr) return std::make_shared<arrow::UInt64Scalar>(large);
    PyErr_Clear();
  }
  static const auto& huge = *new std::shared_ptr<arrow::DataType>(
      arrow::extension::opaque(arrow::fixed_size_binary(kHugeBytes), "hugeint", "DuckDB"));
  nb::object bytes;
  try {
    bytes = value.attr("to_bytes")(kHugeBytes, "little", nb::arg("signed") = true);
  } catch (const nb::python_error&) {
    Refuse("an int of more than 127 bits is out of the range of HUGEINT");
  }
  return Fixed16(PyBytes_AS_STRING(bytes.ptr()), huge);
}

ScalarPtr DecimalOf(nb::handle value) {
  const nb::object parts = value.attr("as_tuple")();
  const nb::object exponent = parts.attr("exponent");
  if (PyLong_Check(exponent.ptr()) == 0) {
    Refuse("a Decimal that is not finite has no exact counterpart in SQL; give a float");
  }
  const auto shift = nb::cast<int64_t>(exponent);
  const auto digits = nb::cast<int64_t>(nb::object(parts.attr("digits").attr("__len__")()));
  const int64_t scale = std::max<int64_t>(0, -shift);
  const int64_t precision = std::max(digits + std::max<int64_t>(0, shift), scale);
  if (precision > kMaxDecimalDigits) {
    Refuse("a Decimal of " + std::to_string(precision) + " digits; DECIMAL holds 38");
  }
  arrow::Decimal128 number;
  for (const nb::handle digit : parts.attr("digits")) {
    number *= arrow::Decimal128(10);
    number += arrow::Decimal128(nb::cast<int>(digit));
  }
  for (int64_t i = 0; i < shift; ++i) number *= arrow::Decimal128(10);
  if (nb::cast<int>(parts.attr("sign")) != 0) number.Negate();
  return std::make_shared<arrow::Decimal128Scalar>(
      number, arrow::decimal128(static_cast<int32_t>(std::max<int64_t>(1, precision)),
                                static_cast<int32_t>(scale)));
}

// ---- Text and bytes ----

ScalarPtr Text(nb::handle value) {
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (bytes == nullptr) {
    PyErr_Clear();
    Refuse("a str with a lone surrogate is no text that can be stored");
  }
  return std::make_shared<arrow::StringScalar>(std::string(bytes, static_cast<size_t>(size)));
}

ScalarPtr Bytes(nb::handle value) {
  const nb::object bytes = Steal(PyBytes_FromObject(value.ptr()));
  const std::string copy(PyBytes_AS_STRING(bytes.ptr()),
                         static_cast<size_t>(PyBytes_GET_SIZE(bytes.ptr())));
  return std::make_shared<arrow::BinaryScalar>(copy);
}

// ---- Dates and times ----

int32_t DaysOf(nb::handle date) {
  using std::chrono::day, std::chrono::month, std::chrono::year;
  const std::chrono::year_month_day parts(
      year(PyDateTime_GET_YEAR(date.ptr())),
      month(static_cast<unsigned>(PyDateTime_GET_MONTH(date.ptr()))),
      day(static_cast<unsigned>(PyDateTime_GET_DAY(date.ptr()))));
  return static_cast<int32_t>(std::chrono::sys_days(parts).time_since_epoch().count());
}

// Microseconds of the offset of a zone, which is less than a day.
int64_t OffsetMicros(nb::handle delta) {
  return PyDateTime_DELTA_GET_DAYS(delta.ptr()) * kMicrosPerDay +
         PyDateTime_DELTA_GET_SECONDS(delta.ptr()) * kMicrosPerSecond +
         PyDateTime_DELTA_GET_MICROSECONDS(delta.ptr());
}

// What pandas adds to datetime and timedelta.
int64_t ExtraNanos(nb::handle value, const char* attribute) {
  const nb::object extra = nb::getattr(value, attribute, nb::none());
  return extra.is_none() ? 0 : nb::cast<int64_t>(extra);
}

ScalarPtr DateTime(nb::handle value) {
  PyObject* raw = value.ptr();
  int64_t micros =
      DaysOf(value) * kMicrosPerDay + PyDateTime_DATE_GET_MICROSECOND(raw) +
      kMicrosPerSecond * (PyDateTime_DATE_GET_HOUR(raw) * 3600 +
                          PyDateTime_DATE_GET_MINUTE(raw) * 60 + PyDateTime_DATE_GET_SECOND(raw));
  const nb::object offset = value.attr("utcoffset")();
  if (!offset.is_none()) micros -= OffsetMicros(offset);
  const std::string zone = offset.is_none() ? "" : "UTC";
  if (const int64_t nanos = ExtraNanos(value, "nanosecond"); nanos != 0) {
    return std::make_shared<arrow::TimestampScalar>(micros * 1000 + nanos,
                                                    arrow::timestamp(arrow::TimeUnit::NANO, zone));
  }
  return std::make_shared<arrow::TimestampScalar>(micros,
                                                  arrow::timestamp(arrow::TimeUnit::MICRO, zone));
}

ScalarPtr Time(nb::handle value) {
  PyObject* raw = value.ptr();
  if (!value.attr("tzinfo").is_none()) {
    Refuse("a time with a zone has no counterpart without a date; give a datetime or a text");
  }
  const int64_t seconds = PyDateTime_TIME_GET_HOUR(raw) * 3600 +
                          PyDateTime_TIME_GET_MINUTE(raw) * 60 + PyDateTime_TIME_GET_SECOND(raw);
  return std::make_shared<arrow::Time64Scalar>(
      seconds * kMicrosPerSecond + PyDateTime_TIME_GET_MICROSECOND(raw),
      arrow::time64(arrow::TimeUnit::MICRO));
}

// Days stay days: together with the rest they may be more than 64 bits of nanoseconds.
ScalarPtr Delta(nb::handle value) {
  if (const int64_t nanos = ExtraNanos(value, "nanoseconds"); nanos != 0) {
    Refuse("a timedelta with nanoseconds; INTERVAL holds microseconds");
  }
  const int64_t micros = PyDateTime_DELTA_GET_SECONDS(value.ptr()) * kMicrosPerSecond +
                         PyDateTime_DELTA_GET_MICROSECONDS(value.ptr());
  const arrow::MonthDayNanoIntervalType::MonthDayNanos parts{
      0, PyDateTime_DELTA_GET_DAYS(value.ptr()), micros * 1000};
  return std::make_shared<arrow::MonthDayNanoIntervalScalar>(parts);
}

ScalarPtr IntervalOf(nb::handle value) {
  const arrow::MonthDayNanoIntervalType::MonthDayNanos parts{
      nb::cast<int32_t>(value.attr("months")), nb::cast<int32_t>(value.attr("days")),
      nb::cast<int64_t>(value.attr("nanoseconds"))};
  return std::make_shared<arrow::MonthDayNanoIntervalScalar>(parts);
}

// ---- numpy scalars, which are of no Python type ----

// Units of numpy's datetime64 and timedelta64 that Arrow has.
arrow::TimeUnit::type UnitOf(const std::string& name, const std::string& type) {
  if (name == "s") return arrow::TimeUnit::SECOND;
  if (name == "ms") return arrow::TimeUnit::MILLI;
  if (name == "us") return arrow::TimeUnit::MICRO;
  if (name == "ns") return arrow::TimeUnit::NANO;
  Refuse("a " + type + " in units of '" + name + "'; give s, ms, us or ns");
}

ScalarPtr NumpyTime(nb::handle value, const nb::object& dtype, char kind) {
  const nb::object numpy = nb::module_::import_("numpy");
  if (nb::cast<bool>(nb::object(numpy.attr("isnat")(value)).attr("item")())) {
    return arrow::MakeNullScalar(arrow::null());
  }
  const auto count = nb::cast<int64_t>(nb::object(value.attr("view")("i8")).attr("item")());
  const auto unit = nb::cast<std::string>(nb::object(numpy.attr("datetime_data")(dtype)[0]));
  if (kind == 'M' && unit == "D") {
    return std::make_shared<arrow::Date32Scalar>(static_cast<int32_t>(count));
  }
  if (kind == 'M') {
    return std::make_shared<arrow::TimestampScalar>(count,
                                                    arrow::timestamp(UnitOf(unit, "datetime64")));
  }
  return std::make_shared<arrow::DurationScalar>(count, UnitOf(unit, "timedelta64"));
}

ScalarPtr Typed(int64_t number, const std::shared_ptr<arrow::DataType>& type) {
  return ValueOrRaise(arrow::MakeScalar(type, number));
}

ScalarPtr NumpyInteger(nb::handle value, char kind, int bytes) {
  const nb::object number = Steal(PyNumber_Index(value.ptr()));
  if (kind == 'u' && bytes == 8) {
    return std::make_shared<arrow::UInt64Scalar>(PyLong_AsUnsignedLongLong(number.ptr()));
  }
  const int64_t narrow = PyLong_AsLongLong(number.ptr());
  switch (bytes) {
    case 1:
      return Typed(narrow, kind == 'i' ? arrow::int8() : arrow::uint8());
    case 2:
      return Typed(narrow, kind == 'i' ? arrow::int16() : arrow::uint16());
    case 4:
      return Typed(narrow, kind == 'i' ? arrow::int32() : arrow::uint32());
    default:
      return Typed(narrow, arrow::int64());
  }
}

ScalarPtr NumpyScalar(nb::handle value) {
  const nb::object dtype = value.attr("dtype");
  const char kind = nb::cast<std::string>(nb::object(dtype.attr("kind")))[0];
  const int bytes = nb::cast<int>(nb::object(dtype.attr("itemsize")));
  switch (kind) {
    case 'b':
      return std::make_shared<arrow::BooleanScalar>(PyObject_IsTrue(value.ptr()) != 0);
    case 'i':
    case 'u':
      return NumpyInteger(value, kind, bytes);
    case 'f':
      if (bytes <= 4) {
        const double wide = PyFloat_AsDouble(value.ptr());
        return std::make_shared<arrow::FloatScalar>(static_cast<float>(wide));
      }
      if (bytes == 8) return std::make_shared<arrow::DoubleScalar>(PyFloat_AsDouble(value.ptr()));
      break;
    case 'M':
    case 'm':
      return NumpyTime(value, dtype, kind);
    default:
      break;
  }
  Refuse("a parameter of type " + TypeNameOf(value) + " is not supported");
}

// ---- Dispatch ----

bool IsA(nb::handle value, const char* module, const char* name) {
  return PyObject_IsInstance(value.ptr(),
                             nb::object(nb::module_::import_(module).attr(name)).ptr()) == 1;
}

// Values of types that are not Python's own, told by name so that nothing is imported for them.
ScalarPtr Foreign(nb::handle value) {
  const std::string type = TypeNameOf(value);
  if (type.ends_with(".NAType") || type.ends_with(".NaTType")) {
    return arrow::MakeNullScalar(arrow::null());
  }
  if (type == "numpy.ndarray") return ArrayScalar(value);
  if (type.starts_with("numpy.")) return NumpyScalar(value);
  if (type.starts_with("pyarrow.lib.") && nb::hasattr(value, "as_py")) {
    return ScalarOf(nb::object(value.attr("as_py")()));
  }
  Refuse("a parameter of type " + type + " is not supported");
}

// Of Python's standard library.
ScalarPtr Standard(nb::handle value) {
  if (IsA(value, "decimal", "Decimal")) return DecimalOf(value);
  if (IsA(value, "uuid", "UUID")) {
    const nb::object bytes = value.attr("bytes");
    return Fixed16(PyBytes_AS_STRING(bytes.ptr()), arrow::extension::uuid());
  }
  if (IsA(value, "enum", "Enum")) return ScalarOf(nb::object(value.attr("value")));
  if (IsA(value, "pyralog", "Interval")) return IntervalOf(value);
  return Foreign(value);
}

ScalarPtr Temporal(nb::handle value) {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  PyObject* raw = value.ptr();
  if (PyDateTime_Check(raw) != 0) {
    if (TypeNameOf(value).ends_with(".NaTType")) return arrow::MakeNullScalar(arrow::null());
    return DateTime(value);
  }
  if (PyDate_Check(raw) != 0) return std::make_shared<arrow::Date32Scalar>(DaysOf(value));
  if (PyTime_Check(raw) != 0) return Time(value);
  if (PyDelta_Check(raw) != 0) return Delta(value);
  return nullptr;
}

}  // namespace

ScalarPtr ScalarOf(nb::handle value) {
  PyObject* raw = value.ptr();
  if (value.is_none()) return arrow::MakeNullScalar(arrow::null());
  if (PyBool_Check(raw) != 0) return std::make_shared<arrow::BooleanScalar>(raw == Py_True);
  if (PyLong_Check(raw) != 0) return Integer(value);
  if (PyFloat_Check(raw) != 0) {
    return std::make_shared<arrow::DoubleScalar>(PyFloat_AsDouble(raw));
  }
  if (PyUnicode_Check(raw) != 0) {
    // An enum of texts is a text that prints as something else.
    return Text(value);
  }
  if (PyBytes_Check(raw) != 0 || PyByteArray_Check(raw) != 0 || PyMemoryView_Check(raw) != 0) {
    return Bytes(value);
  }
  if (IsA(value, "pyralog", "Interval")) return IntervalOf(value);
  if (PyList_Check(raw) != 0 || PyTuple_Check(raw) != 0) return ListScalarOf(value);
  if (PyDict_Check(raw) != 0) return StructScalarOf(value);
  if (ScalarPtr temporal = Temporal(value)) return temporal;
  return Standard(value);
}

}  // namespace pyralog::python
