#include "src/values.h"

#include <Python.h>
// After it:
#include <datetime.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "arrow/util/decimal.h"
#include "arrow/util/float16.h"
#include "pyralog/error.h"
#include "src/errors.h"

namespace pyralog::python {
namespace {

// Gives a new reference, or throws.
using Getter = std::function<PyObject*(int64_t)>;

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

Getter GetterOf(std::shared_ptr<arrow::Array> array);

PyObject* Checked(PyObject* made) {
  if (made == nullptr) RaiseSet();
  return made;
}

[[noreturn]] void RaiseDataError(const std::string& what) {
  const nb::object made = nb::module_::import_("pyralog.exceptions")
                              .attr("DataError")(what +
                                                     "; take it as Arrow (to_arrow()), or cast "
                                                     "it to VARCHAR",
                                                 "INVALID_ARGUMENT");
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
  RaiseSet();
}

// A Python callable for the life of a getter.
nb::object Imported(const char* module, const char* name) {
  return nb::module_::import_(module).attr(name);
}

// ---- Dates and times ----

int64_t FloorDivide(int64_t value, int64_t by) {
  const int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

int64_t PerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    case arrow::TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 1;
}

// As microseconds, exactly.
int64_t Micros(int64_t value, arrow::TimeUnit::type unit, const char* what) {
  const int64_t per_second = PerSecond(unit);
  if (per_second > kMicrosPerSecond) {
    const int64_t nanos_per_micro = per_second / kMicrosPerSecond;
    if (value % nanos_per_micro != 0) {
      RaiseDataError(std::string("a ") + what + " with nanoseconds, which Python's cannot hold");
    }
    return value / nanos_per_micro;
  }
  int64_t micros;
  if (__builtin_mul_overflow(value, kMicrosPerSecond / per_second, &micros)) {
    RaiseDataError(std::string("a ") + what + " out of Python's range");
  }
  return micros;
}

struct Date {
  int year, month, day;
};

Date DateOf(int64_t days, const char* what) {
  constexpr int64_t kFirst = -719'162;  // 0001-01-01
  constexpr int64_t kLast = 2'932'896;  // 9999-12-31
  if (days < kFirst || days > kLast) {
    RaiseDataError(std::string("a ") + what + " outside the years 1 to 9999 of Python's");
  }
  const std::chrono::year_month_day parts{std::chrono::sys_days(std::chrono::days(days))};
  return {static_cast<int>(parts.year()), static_cast<int>(static_cast<unsigned>(parts.month())),
          static_cast<int>(static_cast<unsigned>(parts.day()))};
}

PyObject* PyDateOf(int64_t days) {
  const Date date = DateOf(days, "date");
  return Checked(PyDate_FromDate(date.year, date.month, date.day));
}

PyObject* PyTimeOf(int64_t micros) {
  if (micros < 0 || micros >= kMicrosPerDay) {
    RaiseDataError("the time 24:00:00, which Python's cannot hold");
  }
  const auto seconds = static_cast<int>(micros / kMicrosPerSecond);
  return Checked(PyTime_FromTime(seconds / 3600, seconds / 60 % 60, seconds % 60,
                                 static_cast<int>(micros % kMicrosPerSecond)));
}

PyObject* PyDateTimeOf(int64_t micros, PyObject* zone) {
  const int64_t days = FloorDivide(micros, kMicrosPerDay);
  const int64_t rest = micros - days * kMicrosPerDay;
  const Date date = DateOf(days, "timestamp");
  const auto seconds = static_cast<int>(rest / kMicrosPerSecond);
  return Checked(PyDateTimeAPI->DateTime_FromDateAndTime(
      date.year, date.month, date.day, seconds / 3600, seconds / 60 % 60, seconds % 60,
      static_cast<int>(rest % kMicrosPerSecond), zone, PyDateTimeAPI->DateTimeType));
}

PyObject* PyDeltaOf(int64_t days, int64_t micros) {
  days += FloorDivide(micros, kMicrosPerDay);
  const int64_t rest = micros - FloorDivide(micros, kMicrosPerDay) * kMicrosPerDay;
  if (days < -999'999'999 || days > 999'999'999)
    RaiseDataError("an interval out of Python's range");
  return Checked(PyDelta_FromDSU(static_cast<int>(days), static_cast<int>(rest / kMicrosPerSecond),
                                 static_cast<int>(rest % kMicrosPerSecond)));
}

PyObject* PyIntervalOf(int32_t months, int32_t days, int64_t nanos) {
  if (months == 0 && nanos % 1000 == 0) return PyDeltaOf(days, nanos / 1000);
  return nb::object(Imported("pyralog", "Interval")(months, days, nanos)).release().ptr();
}

Getter TimestampGetter(const std::shared_ptr<arrow::Array>& array) {
  const auto& type = static_cast<const arrow::TimestampType&>(*array->type());
  const auto unit = type.unit();
  const auto& values = static_cast<const arrow::TimestampArray&>(*array);
  if (type.timezone().empty()) {
    return [&values, unit](int64_t i) {
      return PyDateTimeOf(Micros(values.Value(i), unit, "timestamp"), Py_None);
    };
  }
  const nb::object zone = nb::module_::import_("pyralog.values").attr("zone_of")(type.timezone());
  const nb::object utc = nb::borrow(PyDateTime_TimeZone_UTC);
  return [&values, unit, zone, utc](int64_t i) {
    const auto made =
        nb::steal(PyDateTimeOf(Micros(values.Value(i), unit, "timestamp"), utc.ptr()));
    if (zone.is(utc)) return made.inc_ref().ptr();
    return nb::object(made.attr("astimezone")(zone)).release().ptr();
  };
}

Getter TemporalGetter(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::DATE32:
      return [&values = static_cast<const arrow::Date32Array&>(*array)](int64_t i) {
        return PyDateOf(values.Value(i));
      };
    case arrow::Type::DATE64:
      return [&values = static_cast<const arrow::Date64Array&>(*array)](int64_t i) {
        return PyDateOf(FloorDivide(values.Value(i), kMicrosPerDay / 1000));
      };
    case arrow::Type::TIME32: {
      const auto unit = static_cast<const arrow::Time32Type&>(*array->type()).unit();
      return [&values = static_cast<const arrow::Time32Array&>(*array), unit](int64_t i) {
        return PyTimeOf(Micros(values.Value(i), unit, "time"));
      };
    }
    case arrow::Type::TIME64: {
      const auto unit = static_cast<const arrow::Time64Type&>(*array->type()).unit();
      return [&values = static_cast<const arrow::Time64Array&>(*array), unit](int64_t i) {
        return PyTimeOf(Micros(values.Value(i), unit, "time"));
      };
    }
    case arrow::Type::TIMESTAMP:
      return TimestampGetter(array);
    case arrow::Type::DURATION: {
      const auto unit = static_cast<const arrow::DurationType&>(*array->type()).unit();
      return [&values = static_cast<const arrow::DurationArray&>(*array), unit](int64_t i) {
        return PyDeltaOf(0, Micros(values.Value(i), unit, "duration"));
      };
    }
    case arrow::Type::INTERVAL_MONTHS:
      return [&values = static_cast<const arrow::MonthIntervalArray&>(*array)](int64_t i) {
        return PyIntervalOf(values.Value(i), 0, 0);
      };
    case arrow::Type::INTERVAL_DAY_TIME:
      return [&values = static_cast<const arrow::DayTimeIntervalArray&>(*array)](int64_t i) {
        const auto value = values.GetValue(i);
        return PyDeltaOf(value.days, int64_t{1000} * value.milliseconds);
      };
    default:
      return [&values = static_cast<const arrow::MonthDayNanoIntervalArray&>(*array)](int64_t i) {
        const auto value = values.GetValue(i);
        return PyIntervalOf(value.months, value.days, value.nanoseconds);
      };
  }
}

// ---- Numbers, text, bytes ----

template <class ArrayType>
Getter IntegerGetter(const arrow::Array& array) {
  return [&values = static_cast<const ArrayType&>(array)](int64_t i) {
    if constexpr (std::is_unsigned_v<typename ArrayType::value_type>) {
      return Checked(PyLong_FromUnsignedLongLong(values.Value(i)));
    } else {
      return Checked(PyLong_FromLongLong(values.Value(i)));
    }
  };
}

template <class ArrayType>
Getter TextGetter(const arrow::Array& array) {
  return [&values = static_cast<const ArrayType&>(array)](int64_t i) {
    const std::string_view text = values.GetView(i);
    return Checked(
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
  };
}

template <class ArrayType>
Getter BytesGetter(const arrow::Array& array) {
  return [&values = static_cast<const ArrayType&>(array)](int64_t i) {
    const std::string_view bytes = values.GetView(i);
    return Checked(PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
  };
}

template <class ArrayType>
Getter DecimalGetter(const arrow::Array& array) {
  const auto& type = static_cast<const arrow::DecimalType&>(*array.type());
  const bool whole = type.id() == arrow::Type::DECIMAL128 && type.scale() == 0 &&
                     type.precision() == arrow::Decimal128Type::kMaxPrecision;
  const nb::object make = whole ? Imported("builtins", "int") : Imported("decimal", "Decimal");
  return [&values = static_cast<const ArrayType&>(array), make](int64_t i) {
    return nb::object(make(values.FormatValue(i))).release().ptr();
  };
}

Getter FloatGetter(const arrow::Array& array) {
  switch (array.type_id()) {
    case arrow::Type::HALF_FLOAT:
      return [&values = static_cast<const arrow::HalfFloatArray&>(array)](int64_t i) {
        return Checked(
            PyFloat_FromDouble(arrow::util::Float16::FromBits(values.Value(i)).ToFloat()));
      };
    case arrow::Type::FLOAT:
      return [&values = static_cast<const arrow::FloatArray&>(array)](int64_t i) {
        return Checked(PyFloat_FromDouble(values.Value(i)));
      };
    default:
      return [&values = static_cast<const arrow::DoubleArray&>(array)](int64_t i) {
        return Checked(PyFloat_FromDouble(values.Value(i)));
      };
  }
}

// ---- Nested ----

template <class ArrayType>
Getter ListGetter(const arrow::Array& array) {
  const auto& lists = static_cast<const ArrayType&>(array);
  return [&lists, get = GetterOf(lists.values())](int64_t i) {
    const auto offset = static_cast<int64_t>(lists.value_offset(i));
    const auto length = static_cast<int64_t>(lists.value_length(i));
    nb::object list = Steal(PyList_New(length));
    for (int64_t k = 0; k < length; ++k) PyList_SET_ITEM(list.ptr(), k, get(offset + k));
    return list.release().ptr();
  };
}

Getter StructGetter(const arrow::Array& array) {
  const auto& values = static_cast<const arrow::StructArray&>(array);
  std::vector<std::pair<nb::object, Getter>> fields;
  for (int i = 0; i < values.num_fields(); ++i) {
    fields.emplace_back(nb::str(values.type()->field(i)->name().c_str()),
                        GetterOf(values.field(i)));
  }
  return [fields](int64_t i) {
    nb::dict dict;
    for (const auto& [name, get] : fields) dict[name] = nb::steal(get(i));
    return dict.release().ptr();
  };
}

Getter MapGetter(const arrow::Array& array) {
  const auto& maps = static_cast<const arrow::MapArray&>(array);
  const bool pairs = maps.keys()->type()->num_fields() > 0;
  return [&maps, pairs, key = GetterOf(maps.keys()), item = GetterOf(maps.items())](int64_t i) {
    nb::dict dict;
    nb::list list;
    for (int64_t k = maps.value_offset(i); k < maps.value_offset(i + 1); ++k) {
      const nb::object one = nb::steal(key(k));
      const nb::object value = nb::steal(item(k));
      if (pairs) {
        list.append(nb::make_tuple(one, value));
      } else {
        dict[one] = value;
      }
    }
    return pairs ? list.release().ptr() : dict.release().ptr();
  };
}

Getter UnionGetter(const arrow::Array& array) {
  const auto& values = static_cast<const arrow::UnionArray&>(array);
  std::vector<Getter> children;
  for (int i = 0; i < values.num_fields(); ++i) children.push_back(GetterOf(values.field(i)));
  const bool dense = array.type_id() == arrow::Type::DENSE_UNION;
  return [&values, children, dense](int64_t i) {
    const int64_t position =
        dense ? static_cast<const arrow::DenseUnionArray&>(values).value_offset(i) : i;
    return children[static_cast<size_t>(values.child_id(i))](position);
  };
}

Getter ExtensionGetter(const arrow::Array& array) {
  const auto& extension = static_cast<const arrow::ExtensionArray&>(array);
  const auto& type = static_cast<const arrow::ExtensionType&>(*array.type());
  const auto storage = extension.storage();
  if (type.extension_name() != "arrow.uuid") return GetterOf(storage);
  const nb::object make = Imported("uuid", "UUID");
  return [storage, make](int64_t i) {
    const auto bytes = static_cast<const arrow::FixedSizeBinaryArray&>(*storage).GetView(i);
    return nb::object(make(nb::arg("bytes") = nb::bytes(bytes.data(), bytes.size())))
        .release()
        .ptr();
  };
}

Getter EncodedGetter(const std::shared_ptr<arrow::Array>& array) {
  if (array->type_id() == arrow::Type::DICTIONARY) {
    const auto& encoded = static_cast<const arrow::DictionaryArray&>(*array);
    return [&encoded, get = GetterOf(encoded.dictionary())](int64_t i) {
      return get(encoded.GetValueIndex(i));
    };
  }
  const auto& runs = static_cast<const arrow::RunEndEncodedArray&>(*array);
  return [array, get = GetterOf(runs.values())](int64_t i) {
    const auto one = ValueOrRaise(array->GetScalar(i));
    const auto& value = *static_cast<const arrow::RunEndEncodedScalar&>(*one).value;
    const auto single = ValueOrRaise(arrow::MakeArrayFromScalar(value, 1));
    return GetterOf(single)(0);
  };
}

// ---- Dispatch ----

Getter NestedGetter(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::LIST:
      return ListGetter<arrow::ListArray>(*array);
    case arrow::Type::LARGE_LIST:
      return ListGetter<arrow::LargeListArray>(*array);
    case arrow::Type::LIST_VIEW:
      return ListGetter<arrow::ListViewArray>(*array);
    case arrow::Type::LARGE_LIST_VIEW:
      return ListGetter<arrow::LargeListViewArray>(*array);
    case arrow::Type::FIXED_SIZE_LIST:
      return ListGetter<arrow::FixedSizeListArray>(*array);
    case arrow::Type::STRUCT:
      return StructGetter(*array);
    case arrow::Type::MAP:
      return MapGetter(*array);
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
      return UnionGetter(*array);
    case arrow::Type::DICTIONARY:
    case arrow::Type::RUN_END_ENCODED:
      return EncodedGetter(array);
    case arrow::Type::EXTENSION:
      return ExtensionGetter(*array);
    default:
      return TemporalGetter(array);
  }
}

Getter NumberGetter(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::INT8:
      return IntegerGetter<arrow::Int8Array>(*array);
    case arrow::Type::INT16:
      return IntegerGetter<arrow::Int16Array>(*array);
    case arrow::Type::INT32:
      return IntegerGetter<arrow::Int32Array>(*array);
    case arrow::Type::INT64:
      return IntegerGetter<arrow::Int64Array>(*array);
    case arrow::Type::UINT8:
      return IntegerGetter<arrow::UInt8Array>(*array);
    case arrow::Type::UINT16:
      return IntegerGetter<arrow::UInt16Array>(*array);
    case arrow::Type::UINT32:
      return IntegerGetter<arrow::UInt32Array>(*array);
    case arrow::Type::UINT64:
      return IntegerGetter<arrow::UInt64Array>(*array);
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return FloatGetter(*array);
    case arrow::Type::DECIMAL32:
      return DecimalGetter<arrow::Decimal32Array>(*array);
    case arrow::Type::DECIMAL64:
      return DecimalGetter<arrow::Decimal64Array>(*array);
    case arrow::Type::DECIMAL128:
      return DecimalGetter<arrow::Decimal128Array>(*array);
    case arrow::Type::DECIMAL256:
      return DecimalGetter<arrow::Decimal256Array>(*array);
    default:
      return NestedGetter(array);
  }
}

Getter ValidGetter(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::NA:
      return [](int64_t) { return Py_NewRef(Py_None); };
    case arrow::Type::BOOL:
      return [&values = static_cast<const arrow::BooleanArray&>(*array)](int64_t i) {
        return Py_NewRef(values.Value(i) ? Py_True : Py_False);
      };
    case arrow::Type::STRING:
      return TextGetter<arrow::StringArray>(*array);
    case arrow::Type::LARGE_STRING:
      return TextGetter<arrow::LargeStringArray>(*array);
    case arrow::Type::STRING_VIEW:
      return TextGetter<arrow::StringViewArray>(*array);
    case arrow::Type::BINARY:
      return BytesGetter<arrow::BinaryArray>(*array);
    case arrow::Type::LARGE_BINARY:
      return BytesGetter<arrow::LargeBinaryArray>(*array);
    case arrow::Type::BINARY_VIEW:
      return BytesGetter<arrow::BinaryViewArray>(*array);
    case arrow::Type::FIXED_SIZE_BINARY:
      return BytesGetter<arrow::FixedSizeBinaryArray>(*array);
    default:
      return NumberGetter(array);
  }
}

// Keeps the array, that the getters inside refer to.
Getter GetterOf(std::shared_ptr<arrow::Array> array) {
  Getter get = ValidGetter(array);
  return [array = std::move(array), get = std::move(get)](int64_t i) {
    return array->IsValid(i) ? get(i) : Py_NewRef(Py_None);
  };
}

}  // namespace

void AppendRows(const arrow::RecordBatch& batch, nb::list* rows) {
  if (PyDateTimeAPI == nullptr) PyDateTime_IMPORT;
  const Py_ssize_t first = PyList_GET_SIZE(rows->ptr());
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const nb::object tuple = Steal(PyTuple_New(batch.num_columns()));
    rows->append(tuple);
  }
  for (int column = 0; column < batch.num_columns(); ++column) {
    const Getter get = GetterOf(batch.column(column));
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      PyTuple_SET_ITEM(PyList_GET_ITEM(rows->ptr(), first + row), column, get(row));
    }
  }
}

}  // namespace pyralog::python
