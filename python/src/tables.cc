#include "src/tables.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <utility>

#include "arrow/c/bridge.h"
#include "pyralog/error.h"
#include "src/errors.h"

namespace pyralog::python {
namespace {

// A reference that may be dropped by any thread.
std::shared_ptr<nb::object> Shared(nb::object object) {
  return {new nb::object(std::move(object)), [](nb::object* held) {
            if (Py_IsInitialized() == 0) return;  // the interpreter is gone, and what it had
            const nb::gil_scoped_acquire acquired;
            delete held;
          }};
}

// Runs `call` with the GIL; what Python raises becomes a status.
template <class Call>
std::invoke_result_t<Call> WithGil(Call call) {
  const nb::gil_scoped_acquire acquired;
  try {
    return call();
  } catch (nb::python_error& error) {
    return StatusOf(error);
  } catch (const std::exception& error) {
    return MakeError(ErrorCode::kUnknown, error.what());
  }
}

std::shared_ptr<arrow::Schema> SchemaOf(nb::handle object) {
  const nb::object capsule = object.attr("__arrow_c_schema__")();
  void* schema = PyCapsule_GetPointer(capsule.ptr(), "arrow_schema");
  if (schema == nullptr) RaiseSet();
  return ValueOrRaise(arrow::ImportSchema(static_cast<ArrowSchema*>(schema)));
}

// One source. The stream that told the schema is the first that is read.
class Source {
 public:
  explicit Source(nb::object source) : source_(Shared(std::move(source))) {}

  // REQUIRES: the GIL.
  std::shared_ptr<arrow::Schema> Schema() {
    const nb::object schema = source_->attr("schema")();
    if (!schema.is_none()) return SchemaOf(schema);
    first_ = ReaderOfObject(nb::object(source_->attr("open")(nb::none())));
    return first_->schema();
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open(const ScanOptions& options) {
    {
      const std::lock_guard lock(mutex_);
      if (first_ != nullptr) return std::move(first_);
    }
    return WithGil([&]() -> arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> {
      nb::object columns = nb::none();
      if (!options.columns.empty()) columns = nb::cast(options.columns);
      return ReaderOfObject(nb::object(source_->attr("open")(columns)));
    });
  }

 private:
  const std::shared_ptr<nb::object> source_;
  std::mutex mutex_;
  std::shared_ptr<arrow::RecordBatchReader> first_;  // guarded by mutex_
};

}  // namespace

std::shared_ptr<arrow::RecordBatchReader> ReaderOfObject(nb::handle object) {
  const nb::object capsule = object.attr("__arrow_c_stream__")();
  void* stream = PyCapsule_GetPointer(capsule.ptr(), "arrow_array_stream");
  if (stream == nullptr) RaiseSet();
  // The schema may be asked of code that takes the GIL itself.
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> reader;
  {
    const nb::gil_scoped_release released;
    reader = arrow::ImportRecordBatchReader(static_cast<ArrowArrayStream*>(stream));
  }
  return ValueOrRaise(std::move(reader));
}

TableResolver ResolverOf(nb::object resolve) {
  if (resolve.is_none()) return nullptr;
  return [held = Shared(std::move(resolve))](
             std::string_view name) -> arrow::Result<std::shared_ptr<const ArrowTable>> {
    return WithGil([&]() -> arrow::Result<std::shared_ptr<const ArrowTable>> {
      const nb::object found = (*held)(nb::str(name.data(), name.size()));
      if (found.is_none()) return nullptr;
      auto source = std::make_shared<Source>(found);
      auto table = std::make_shared<ArrowTable>();
      table->schema = source->Schema();
      const nb::object rows = found.attr("rows");
      if (!rows.is_none()) table->rows = nb::cast<int64_t>(rows);
      table->in_memory = nb::cast<bool>(nb::object(found.attr("in_memory")));
      table->open = [source](const ScanOptions& options) { return source->Open(options); };
      return table;
    });
  };
}

}  // namespace pyralog::python
