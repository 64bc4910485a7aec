// The module pyralog._pyralog: what the package needs of the C++ interface, and nothing more.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <limits>

#include "arrow/c/abi.h"
#include "arrow/c/bridge.h"
#include "arrow/config.h"
#include "arrow/util/config.h"
#include "pyralog/database.h"
#include "pyralog/error.h"
#include "src/connection.h"
#include "src/errors.h"
#include "src/interrupts.h"
#include "src/rows.h"
#include "src/values.h"

namespace pyralog::python {
namespace {

// A C struct of Arrow's in a capsule, released with it unless somebody has taken it.
template <class Struct>
nb::object Capsule(Struct* made, const char* name) {
  const auto destroy = [](PyObject* capsule) {
    auto* held = static_cast<Struct*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
    if (held->release != nullptr) held->release(held);
    delete held;
  };
  return Steal(PyCapsule_New(made, name, destroy));
}

nb::object StreamCapsule(const std::shared_ptr<Rows>& rows) {
  auto stream = std::make_unique<ArrowArrayStream>();
  RaiseIfError(arrow::ExportRecordBatchReader(ReaderOf(rows), stream.get()));
  return Capsule(stream.release(), "arrow_array_stream");
}

nb::object SchemaCapsule(const Rows& rows) {
  auto schema = std::make_unique<ArrowSchema>();
  RaiseIfError(arrow::ExportSchema(*rows.schema(), schema.get()));
  return Capsule(schema.release(), "arrow_schema");
}

// (name, Arrow type, digits, digits behind the point) of each column; the last two may be None.
nb::list Columns(const Rows& rows) {
  nb::list columns;
  for (const auto& field : rows.schema()->fields()) {
    nb::object precision = nb::none();
    nb::object scale = nb::none();
    if (arrow::is_decimal(field->type()->id())) {
      const auto& decimal = static_cast<const arrow::DecimalType&>(*field->type());
      precision = nb::cast(decimal.precision());
      scale = nb::cast(decimal.scale());
    }
    columns.append(nb::make_tuple(field->name(), field->type()->ToString(), precision, scale));
  }
  return columns;
}

// The next rows as tuples, at most `limit`; all that are left when it is negative.
nb::list Fetch(Rows& rows, int64_t limit) {
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  int64_t left = limit < 0 ? kAll : limit;
  nb::list fetched;
  while (left > 0) {
    CheckSignals();
    arrow::Result<std::shared_ptr<arrow::RecordBatch>> next;
    {
      const nb::gil_scoped_release released;
      next = rows.Next(left);
    }
    CheckSignals();
    const auto batch = ValueOrRaise(std::move(next));
    if (batch == nullptr) break;
    AppendRows(*batch, &fetched);
    if (left != kAll) left -= batch->num_rows();
  }
  return fetched;
}

void ReadAll(Rows& rows) {
  CheckSignals();
  arrow::Status status;
  {
    const nb::gil_scoped_release released;
    status = rows.ReadAll();
  }
  CheckSignals();
  RaiseIfError(status);
}

Durability DurabilityOf(const std::string& name) {
  if (name == "full") return Durability::kFull;
  if (name == "normal") return Durability::kNormal;
  if (name == "off") return Durability::kOff;
  Raise(MakeError(ErrorCode::kInvalidArgument,
                  "durability is 'full', 'normal' or 'off', not '" + name + "'"));
}

std::unique_ptr<Connection> Open(const std::string& path, bool read_only,
                                 const std::string& durability, uint64_t memory_limit, int threads,
                                 std::optional<uint64_t> memtable_size) {
  DatabaseOptions options;
  options.durability = DurabilityOf(durability);
  options.read_only = read_only;
  options.create_if_missing = !read_only;
  options.memory_limit = memory_limit;
  options.threads = threads;
  if (memtable_size) options.memtable_size = *memtable_size;
  return Connection::Open(path, options);
}

// What is built against one Arrow must not run with another.
void CheckArrow() {
  const std::string& found = arrow::GetBuildInfo().so_version;
  if (found == ARROW_SO_VERSION) return;
  PyErr_Format(PyExc_ImportError, "pyralog needs Arrow %s, but libarrow %s is loaded: install %s",
               ARROW_SO_VERSION, found.c_str(), "the pyarrow that pyralog asks for");
  RaiseSet();
}

}  // namespace
}  // namespace pyralog::python

NB_MODULE(_pyralog, module) {
  namespace nb = nanobind;
  using namespace nb::literals;
  using pyralog::python::Connection;
  using pyralog::python::Rows;
  nb::set_leak_warnings(false);  // connections of the user's may live as long as the interpreter
  pyralog::python::CheckArrow();
  pyralog::python::StartWatchingSignals();

  nb::class_<Rows>(module, "Rows")
      .def("columns", pyralog::python::Columns)
      .def("schema", pyralog::python::SchemaCapsule)
      .def("stream", pyralog::python::StreamCapsule)
      .def("fetch", pyralog::python::Fetch, "limit"_a)
      .def("read_all", pyralog::python::ReadAll)
      .def("drop", &Rows::Drop, "why"_a, nb::call_guard<nb::gil_scoped_release>());

  nb::class_<Connection>(module, "Connection")
      .def("run", &Connection::Run, "sql"_a, "parameters"_a.none(), "resolve"_a.none())
      .def("run_many", &Connection::RunMany, "sql"_a, "rows"_a, "resolve"_a.none())
      .def("run_plain", &Connection::RunPlain, "sql"_a)
      .def("append_arrow", &Connection::AppendArrow, "table"_a, "rows"_a, "key"_a.none())
      .def("scan", &Connection::Scan, "table"_a, "columns"_a)
      .def("duplicate", &Connection::Duplicate)
      .def("interrupt", &Connection::Interrupt)
      .def("in_transaction", &Connection::InTransaction)
      .def("closed", &Connection::closed)
      .def("close", &Connection::Close)
      .def("recovery_notice", &Connection::recovery_notice);

  module.def("open", pyralog::python::Open, "path"_a, "read_only"_a, "durability"_a,
             "memory_limit"_a, "threads"_a, "memtable_size"_a.none());
  module.def("version", [] { return pyralog::Version(); });
}
