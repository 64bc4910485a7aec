#include "sql/copy_arrow.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "arrow/c/bridge.h"
#include "arrow/io/interfaces.h"
#include "arrow/io/memory.h"
#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/copy_function_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/common/arrow/arrow_appender.hpp"
#include "duckdb/common/arrow/arrow_converter.hpp"
#include "duckdb/common/file_system.hpp"
#include "duckdb/function/copy_function.hpp"
#include "duckdb/function/table/arrow/arrow_duck_schema.hpp"
#include "duckdb/parser/parsed_data/copy_info.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "formats/registry.h"
#include "sql/errors.h"
#include "sql/external_scan.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

constexpr duckdb::idx_t kDefaultBatchRows = 122'880;
constexpr char kBatchRowsOption[] = "row_group_size";

// A file of DuckDB's file system as Arrow's writers know files.
class DuckDbOutput : public formats::PatchableOutput {
 public:
  explicit DuckDbOutput(duckdb::unique_ptr<duckdb::FileHandle> file) : file_(std::move(file)) {}

  arrow::Status Write(const void* data, int64_t nbytes) override {
    return Guard([&]() -> arrow::Status {
      file_->Write(const_cast<void*>(data), static_cast<duckdb::idx_t>(nbytes));
      position_ += nbytes;
      return arrow::Status::OK();
    });
  }
  arrow::Status WriteAt(int64_t position, const void* data, int64_t nbytes) override {
    return Guard([&]() -> arrow::Status {
      file_->Write(duckdb::QueryContext(), const_cast<void*>(data),
                   static_cast<duckdb::idx_t>(nbytes), static_cast<duckdb::idx_t>(position));
      return arrow::Status::OK();
    });
  }
  arrow::Status Close() override {
    return Guard([&]() -> arrow::Status {
      if (!closed_) file_->Close();
      closed_ = true;
      return arrow::Status::OK();
    });
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }

 private:
  const duckdb::unique_ptr<duckdb::FileHandle> file_;
  int64_t position_ = 0;
  bool closed_ = false;
};

struct CopyArrowData : duckdb::TableFunctionData {
  const formats::Format* format = nullptr;
  duckdb::vector<LogicalType> types;
  std::shared_ptr<arrow::Schema> schema;
  formats::Options options;
  duckdb::idx_t batch_rows = kDefaultBatchRows;
};

struct CopyArrowGlobal : duckdb::GlobalFunctionData {
  std::mutex mutex;
  // Guarded by mutex.
  std::shared_ptr<DuckDbOutput> file;
  std::unique_ptr<formats::BatchWriter> writer;
};

struct CopyArrowLocal : duckdb::LocalFunctionData {
  duckdb::unique_ptr<duckdb::ArrowAppender> rows;
};

enum class CopyTarget { kArrow, kParquet };

// The type that a column goes with: what the format cannot say exactly becomes what it can.
LogicalType FileType(const LogicalType& type, CopyTarget target) {
  const bool arrow = target == CopyTarget::kArrow;
  switch (type.id()) {
    case LogicalTypeId::HUGEINT:  // DuckDB's Parquet writer makes a DOUBLE of it
    case LogicalTypeId::UHUGEINT:
      return LogicalType::DECIMAL(38, 0);
    case LogicalTypeId::TIME_TZ:  // Parquet's times have no offset
    case LogicalTypeId::BIT:
    case LogicalTypeId::BIGNUM:
      return LogicalType::VARCHAR;
    case LogicalTypeId::VARIANT:
      return arrow ? LogicalType::VARCHAR : type;
    case LogicalTypeId::INTERVAL:  // Parquet's have no microseconds
      return arrow ? type : LogicalType::VARCHAR;
    case LogicalTypeId::LIST:
      return LogicalType::LIST(FileType(duckdb::ListType::GetChildType(type), target));
    case LogicalTypeId::ARRAY: {
      // Parquet has lists only; of a null array DuckDB's writer makes a list that others refuse.
      const LogicalType item = FileType(duckdb::ArrayType::GetChildType(type), target);
      return arrow ? LogicalType::ARRAY(item, duckdb::ArrayType::GetSize(type))
                   : LogicalType::LIST(item);
    }
    case LogicalTypeId::MAP:
      return LogicalType::MAP(FileType(duckdb::MapType::KeyType(type), target),
                              FileType(duckdb::MapType::ValueType(type), target));
    case LogicalTypeId::STRUCT: {
      duckdb::child_list_t<LogicalType> children;
      for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
        children.emplace_back(name, FileType(child, target));
      }
      return LogicalType::STRUCT(std::move(children));
    }
    default:
      return type;
  }
}

// Whether a column was cast.
bool CastColumns(duckdb::CopyToSelectInput& input, CopyTarget target) {
  bool changed = false;
  for (auto& column : input.select_list) {
    const LogicalType type = FileType(column->return_type, target);
    if (type == column->return_type) continue;
    const std::string name = column->GetName();
    column = duckdb::BoundCastExpression::AddCastToType(input.context, std::move(column), type);
    column->SetAlias(name);
    changed = true;
  }
  return changed;
}

duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> CastToArrowTypes(
    duckdb::CopyToSelectInput& input) {
  if (!CastColumns(input, CopyTarget::kArrow)) return {};
  return std::move(input.select_list);
}

// DuckDB's own for Parquet, which is the same in every instance.
std::atomic<duckdb::copy_to_select_t> parquet_select = nullptr;

duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> CastToParquetTypes(
    duckdb::CopyToSelectInput& input) {
  const bool changed = CastColumns(input, CopyTarget::kParquet);
  // DuckDB's takes the columns out of the list even when it has nothing to change.
  duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> own;
  for (const auto& column : input.select_list) own.push_back(column->Copy());
  if (const auto original = parquet_select.load()) {
    auto selected = original(input);
    if (!selected.empty()) return selected;
  }
  if (!changed) own.clear();
  return own;
}

// Files of these names are streams, whatever writes them.
bool IsNamedAsStream(const duckdb::CopyInfo& info) {
  const std::string path = duckdb::StringUtil::Lower(info.file_path);
  return duckdb::StringUtil::Lower(info.format) == "arrows" || path.ends_with(".arrows") ||
         path.ends_with(".stream");
}

duckdb::unique_ptr<duckdb::FunctionData> BindCopyTo(duckdb::ClientContext& context,
                                                    duckdb::CopyFunctionBindInput& input,
                                                    const duckdb::vector<std::string>& names,
                                                    const duckdb::vector<LogicalType>& types) {
  auto data = duckdb::make_uniq<CopyArrowData>();
  data->types = types;
  data->format = formats::FindFormat(input.info.format);
  for (const auto& [name, values] : input.info.options) {
    const std::string value = values.empty() ? "" : values.front().ToString();
    data->options[duckdb::StringUtil::Lower(name)] = value;
  }
  if (data->format->info().name == "arrow_ipc" && IsNamedAsStream(input.info)) {
    data->options.try_emplace("stream", "true");
  }
  const bool cuts = data->format->info().sql_batch_rows;
  if (auto rows = cuts ? data->options.extract(kBatchRowsOption) : formats::Options::node_type()) {
    const auto count = duckdb::Value(rows.mapped()).DefaultCastAs(LogicalType::UBIGINT);
    data->batch_rows = std::max<duckdb::idx_t>(1, count.GetValue<uint64_t>());
  }
  ::ArrowSchema c_schema;
  auto properties = context.GetClientProperties();
  duckdb::ArrowConverter::ToArrowSchema(&c_schema, types, names, properties);
  data->schema = ValueOrThrow(arrow::ImportSchema(&c_schema));
  // Wrong options are found before a file is made.
  ThrowIfError(
      data->format
          ->Create(std::make_shared<arrow::io::MockOutputStream>(), data->schema, data->options)
          .status());
  return data;
}

duckdb::unique_ptr<duckdb::GlobalFunctionData> OpenFile(duckdb::ClientContext& context,
                                                        duckdb::FunctionData& bind_data,
                                                        const std::string& path) {
  const auto& data = bind_data.Cast<CopyArrowData>();
  auto state = duckdb::make_uniq<CopyArrowGlobal>();
  auto& files = duckdb::FileSystem::GetFileSystem(context);
  state->file = std::make_shared<DuckDbOutput>(files.OpenFile(
      path, duckdb::FileFlags::FILE_FLAGS_WRITE | duckdb::FileFlags::FILE_FLAGS_FILE_CREATE_NEW));
  state->writer = ValueOrThrow(data.format->Create(state->file, data.schema, data.options));
  return state;
}

duckdb::unique_ptr<duckdb::LocalFunctionData> StartRows(duckdb::ExecutionContext& context,
                                                        duckdb::FunctionData& bind_data) {
  return duckdb::make_uniq<CopyArrowLocal>();
}

void WriteRows(const CopyArrowData& data, CopyArrowGlobal& global, CopyArrowLocal& local) {
  if (local.rows == nullptr || local.rows->RowCount() == 0) return;
  auto c_array = local.rows->Finalize();
  local.rows = nullptr;
  const auto batch = ValueOrThrow(arrow::ImportRecordBatch(&c_array, data.schema));
  const std::lock_guard lock(global.mutex);
  ThrowIfError(global.writer->Write(*batch));
}

void AppendRows(duckdb::ExecutionContext& context, duckdb::FunctionData& bind_data,
                duckdb::GlobalFunctionData& global, duckdb::LocalFunctionData& local_data,
                duckdb::DataChunk& input) {
  const auto& data = bind_data.Cast<CopyArrowData>();
  auto& local = local_data.Cast<CopyArrowLocal>();
  if (local.rows == nullptr) {
    local.rows = duckdb::make_uniq<duckdb::ArrowAppender>(
        data.types, STANDARD_VECTOR_SIZE, context.client.GetClientProperties(),
        duckdb::ArrowTypeExtensionData::GetExtensionTypes(context.client, data.types));
  }
  // Batches are cut exactly where ROW_GROUP_SIZE says.
  for (duckdb::idx_t from = 0; from < input.size();) {
    const duckdb::idx_t room = data.batch_rows - local.rows->RowCount();
    const duckdb::idx_t to = std::min<duckdb::idx_t>(input.size(), from + room);
    local.rows->Append(input, from, to, input.size());
    from = to;
    if (local.rows->RowCount() < data.batch_rows) continue;
    WriteRows(data, global.Cast<CopyArrowGlobal>(), local);
    local.rows = duckdb::make_uniq<duckdb::ArrowAppender>(
        data.types, STANDARD_VECTOR_SIZE, context.client.GetClientProperties(),
        duckdb::ArrowTypeExtensionData::GetExtensionTypes(context.client, data.types));
  }
}

void EndRows(duckdb::ExecutionContext& context, duckdb::FunctionData& bind_data,
             duckdb::GlobalFunctionData& global, duckdb::LocalFunctionData& local) {
  WriteRows(bind_data.Cast<CopyArrowData>(), global.Cast<CopyArrowGlobal>(),
            local.Cast<CopyArrowLocal>());
}

void CloseFile(duckdb::ClientContext& context, duckdb::FunctionData& bind_data,
               duckdb::GlobalFunctionData& global) {
  auto& state = global.Cast<CopyArrowGlobal>();
  ThrowIfError(state.writer->Finish());
  ThrowIfError(state.file->Close());
}

duckdb::CopyFunctionExecutionMode ExecutionMode(bool preserve_insertion_order,
                                                bool supports_batch_index) {
  return preserve_insertion_order ? duckdb::CopyFunctionExecutionMode::REGULAR_COPY_TO_FILE
                                  : duckdb::CopyFunctionExecutionMode::PARALLEL_COPY_TO_FILE;
}

duckdb::CopyFunction CopyBatches(const formats::FormatInfo& format, const std::string& name) {
  duckdb::CopyFunction function(name);
  function.extension = format.suffixes.front().substr(1);
  function.copy_to_select = CastToArrowTypes;
  function.copy_to_bind = BindCopyTo;
  function.copy_to_initialize_local = StartRows;
  function.copy_to_initialize_global = OpenFile;
  function.copy_to_sink = AppendRows;
  function.copy_to_combine = EndRows;
  function.copy_to_finalize = CloseFile;
  function.execution_mode = ExecutionMode;
  function.copy_from_bind = BindRelationForCopy;
  function.copy_from_function = RelationReader("read_" + name, format.name).functions.front();
  return function;
}

}  // namespace

void KeepParquetExact(duckdb::DatabaseInstance& instance) {
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  auto& schema = duckdb::Catalog::GetSystemCatalog(instance).GetSchema(transaction, DEFAULT_SCHEMA);
  const duckdb::EntryLookupInfo lookup(duckdb::CatalogType::COPY_FUNCTION_ENTRY, "parquet");
  auto entry = schema.LookupEntry(transaction, lookup);
  if (!entry) return;
  auto& function = entry->Cast<duckdb::CopyFunctionCatalogEntry>().function;
  parquet_select = function.copy_to_select;
  function.copy_to_select = CastToParquetTypes;
}

void RegisterCopyArrow(duckdb::ExtensionLoader& loader) {
  for (const formats::Format* format : formats::AllFormats()) {
    const formats::FormatInfo& info = format->info();
    if (!info.sql_reader.empty() || info.sql_copy.empty()) continue;  // DuckDB has its own
    loader.RegisterFunction(CopyBatches(info, info.name));
    for (const std::string& alias : info.aliases) loader.RegisterFunction(CopyBatches(info, alias));
  }
}

}  // namespace pyralog::sql
