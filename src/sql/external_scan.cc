#include "sql/external_scan.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <utility>

#include "arrow/c/bridge.h"
#include "duckdb/common/arrow/arrow_wrapper.hpp"
#include "duckdb/function/table/arrow.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/storage/buffer_manager.hpp"
#include "formats/file_set.h"
#include "formats/registry.h"
#include "io/glob.h"
#include "io/uri.h"
#include "sql/errors.h"
#include "sql/external_filter.h"
#include "sql/external_types.h"

namespace pyralog::sql {
namespace {

struct FormatName : duckdb::TableFunctionInfo {
  explicit FormatName(std::string format) : name(std::move(format)) {}
  const std::string name;
};

struct Opener : duckdb::TableFunctionInfo {
  explicit Opener(RelationOpener function) : open(function) {}
  const RelationOpener open;
};

// What a scan of the statement needs. Constant after binding, but for the filter.
struct RelationScanData : duckdb::TableFunctionData {
  std::shared_ptr<arrow::MemoryPool> pool;
  std::shared_ptr<formats::Relation> relation;
  std::string format;
  std::vector<std::string> files;
  std::vector<std::string> columns;        // the relation's names
  std::shared_ptr<arrow::Schema> carried;  // the relation's schema as DuckDB gets it
  duckdb::ArrowSchemaWrapper c_schema;
  duckdb::ArrowTableSchema types;
  // Set by the optimizer; a hint.
  arrow::compute::Expression filter = arrow::compute::literal(true);

  // Cached plans would keep files and their schemas as they were.
  bool SupportStatementCache() const override { return false; }
};

struct RelationScanGlobal : duckdb::GlobalTableFunctionState {
  formats::ScanPlan plan;
  std::shared_ptr<arrow::Schema> carried;  // of the plan's batches
  std::vector<duckdb::column_t> column_ids;
  std::atomic<size_t> next_task = 0;

  duckdb::idx_t MaxThreads() const override {
    return std::max<duckdb::idx_t>(1, plan.tasks.size());
  }
};

// Outlives the array, which is freed into it: bases go in reverse order.
struct PoolHolder {
  std::shared_ptr<arrow::MemoryPool> pool;
};
struct HeldChunk : PoolHolder, duckdb::ArrowArrayWrapper {};

struct RelationScanLocal : duckdb::LocalTableFunctionState {
  explicit RelationScanLocal(duckdb::ClientContext& context)
      : arrow(duckdb::make_uniq<duckdb::ArrowArrayWrapper>(), context) {}

  std::shared_ptr<arrow::RecordBatchReader> batches;  // of the current task
  size_t task = 0;
  duckdb::ArrowScanLocalState arrow;
};

std::shared_ptr<arrow::MemoryPool> MemoryOf(duckdb::ClientContext& context) {
  const auto limit = static_cast<int64_t>(std::min<duckdb::idx_t>(
      duckdb::BufferManager::GetBufferManager(context).GetMaxMemory(), INT64_MAX));
  return std::make_shared<arrow::CappedMemoryPool>(arrow::default_memory_pool(), limit);
}

formats::Options OptionsOf(const duckdb::named_parameter_map_t& parameters) {
  formats::Options options;
  for (const auto& [name, value] : parameters) {
    if (name == "hive_partitioning" || name == "filename" || name == "union_by_name" ||
        name == "member") {
      continue;
    }
    options[duckdb::StringUtil::Lower(name)] = value.ToString();
  }
  return options;
}

bool Flag(const duckdb::named_parameter_map_t& parameters, const std::string& name,
          bool otherwise) {
  const auto found = parameters.find(name);
  if (found == parameters.end() || found->second.IsNull()) return otherwise;
  return duckdb::BooleanValue::Get(found->second);
}

// DuckDB's names differ by more than case.
void MakeDistinct(duckdb::vector<std::string>* names) {
  duckdb::case_insensitive_set_t seen;
  for (std::string& name : *names) {
    const std::string wanted = name;
    for (int i = 1; !seen.insert(name).second; ++i) name = wanted + "_" + std::to_string(i);
  }
}

// Takes the columns of the relation of `data`. Throws what SQL cannot read of them.
void UseRelation(RelationScanData* data) {
  data->columns = data->relation->schema()->field_names();
  const Origin origin = data->format == "parquet" ? Origin::kParquet : Origin::kArrow;
  auto carried = CarriedSchema(*data->relation->schema(), origin);
  if (!carried.ok()) {
    ThrowStatus(MakeError(GetErrorCode(carried.status()),
                          data->files.front() + ": " + carried.status().message()));
  }
  data->carried = std::move(*carried);
  if (data->columns.empty()) {
    ThrowStatus(MakeError(ErrorCode::kNotSupported,
                          data->files.front() + ": it has no columns; a table has at least one"));
  }
}

// Opens the files of `data`. Throws what is wrong with them.
void OpenRelation(duckdb::ClientContext& context, formats::FileSetOptions options,
                  RelationScanData* data) {
  data->pool = MemoryOf(context);
  options.format = data->format;
  options.limits.pool = data->pool.get();
  data->relation = ValueOrThrow(formats::OpenFileSet(io::PosixEnv(), data->files, options));
  UseRelation(data);
}

// Makes DuckDB's types of the carried schema.
void MakeTypes(duckdb::ClientContext& context, RelationScanData* data) {
  ThrowIfError(arrow::ExportSchema(*data->carried, &data->c_schema.arrow_schema));
  duckdb::ArrowTableFunction::PopulateArrowTableSchema(context, data->types,
                                                       data->c_schema.arrow_schema);
}

duckdb::unique_ptr<duckdb::FunctionData> BindRelation(duckdb::ClientContext& context,
                                                      duckdb::TableFunctionBindInput& input,
                                                      duckdb::vector<duckdb::LogicalType>& types,
                                                      duckdb::vector<std::string>& names) {
  auto data = duckdb::make_uniq<RelationScanData>();
  data->format = input.info->Cast<FormatName>().name;
  data->files = FilesOf(context, input.inputs[0], formats::FindFormat(data->format));
  formats::FileSetOptions options;
  options.options = OptionsOf(input.named_parameters);
  options.hive_columns = Flag(input.named_parameters, "hive_partitioning", true);
  options.file_column = Flag(input.named_parameters, "filename", false);
  options.union_by_name = Flag(input.named_parameters, "union_by_name", false);
  if (const auto member = input.named_parameters.find("member");
      member != input.named_parameters.end()) {
    options.member = member->second.ToString();
  }
  OpenRelation(context, std::move(options), data.get());
  MakeTypes(context, data.get());
  types = data->types.GetTypes();
  names = data->types.GetNames();
  MakeDistinct(&names);
  return data;
}

duckdb::unique_ptr<duckdb::FunctionData> BindNamed(duckdb::ClientContext& context,
                                                   duckdb::TableFunctionBindInput& input,
                                                   duckdb::vector<duckdb::LogicalType>& types,
                                                   duckdb::vector<std::string>& names) {
  auto data = duckdb::make_uniq<RelationScanData>();
  data->format = "arrow";
  data->files = {input.inputs[0].ToString()};
  data->pool = MemoryOf(context);
  data->relation = input.info->Cast<Opener>().open(context, data->files.front());
  UseRelation(data.get());
  MakeTypes(context, data.get());
  types = data->types.GetTypes();
  names = data->types.GetNames();
  MakeDistinct(&names);
  return data;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitGlobal(
    duckdb::ClientContext& context, duckdb::TableFunctionInitInput& input) {
  const auto& data = input.bind_data->Cast<RelationScanData>();
  auto state = duckdb::make_uniq<RelationScanGlobal>();
  state->column_ids.assign(input.column_ids.begin(), input.column_ids.end());
  batch::ScanRequest request;
  request.columns.emplace();
  arrow::FieldVector fields;
  for (const duckdb::column_t column : input.column_ids) {
    if (column >= data.columns.size()) continue;  // COUNT(*) asks for no column
    data.types.GetColumns().at(column)->ThrowIfInvalid();
    request.columns->push_back(data.columns[column]);
    fields.push_back(data.carried->field(static_cast<int>(column)));
  }
  request.filter = data.filter;
  state->plan = ValueOrThrow(data.relation->Scan(request));
  state->carried = arrow::schema(std::move(fields));
  return state;
}

duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitLocal(
    duckdb::ExecutionContext& context, duckdb::TableFunctionInitInput& input,
    duckdb::GlobalTableFunctionState* global) {
  auto state = duckdb::make_uniq<RelationScanLocal>(context.client);
  state->arrow.column_ids = input.column_ids;
  return state;
}

// The next batch that has rows, as DuckDB's Arrow conversion wants it. False at the end of all
// tasks.
bool NextChunk(const RelationScanData& data, RelationScanGlobal& global, RelationScanLocal& local) {
  while (true) {
    if (local.batches == nullptr) {
      local.task = global.next_task.fetch_add(1);
      if (local.task >= global.plan.tasks.size()) return false;
      local.batches = ValueOrThrow(global.plan.tasks[local.task]->Open());
    }
    std::shared_ptr<arrow::RecordBatch> batch;
    ThrowIfError(local.batches->ReadNext(&batch));
    if (batch == nullptr) {
      local.batches = nullptr;
      continue;
    }
    if (batch->num_rows() == 0) continue;
    batch = ValueOrThrow(CarryBatch(batch, global.carried, data.pool.get()));
    auto chunk = duckdb::make_shared_ptr<HeldChunk>();
    chunk->pool = data.pool;
    ThrowIfError(arrow::ExportRecordBatch(*batch, &chunk->arrow_array));
    local.arrow.Reset();
    local.arrow.chunk = std::move(chunk);
    return true;
  }
}

void ScanRelation(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
                  duckdb::DataChunk& output) {
  const auto& data = input.bind_data->Cast<RelationScanData>();
  auto& global = input.global_state->Cast<RelationScanGlobal>();
  auto& local = input.local_state->Cast<RelationScanLocal>();
  auto length = static_cast<duckdb::idx_t>(local.arrow.chunk->arrow_array.length);
  if (local.arrow.chunk_offset >= length) {
    if (!NextChunk(data, global, local)) return;
    length = static_cast<duckdb::idx_t>(local.arrow.chunk->arrow_array.length);
  }
  output.SetCardinality(
      std::min<duckdb::idx_t>(STANDARD_VECTOR_SIZE, length - local.arrow.chunk_offset));
  if (!global.carried->fields().empty()) {
    duckdb::ArrowTableFunction::ArrowToDuckDB(local.arrow, data.types.GetColumns(), output);
  } else {
    output.data[0].Reference(duckdb::Value(output.data[0].GetType()));
  }
  local.arrow.chunk_offset += output.size();
}

duckdb::unique_ptr<duckdb::NodeStatistics> Cardinality(duckdb::ClientContext& context,
                                                       const duckdb::FunctionData* bind_data) {
  const auto rows = bind_data->Cast<RelationScanData>().relation->row_count();
  if (!rows) return duckdb::make_uniq<duckdb::NodeStatistics>();
  const auto count = static_cast<duckdb::idx_t>(*rows);
  return duckdb::make_uniq<duckdb::NodeStatistics>(count, count);
}

// Tasks are in the order of the rows, so that results keep it.
duckdb::OperatorPartitionData PartitionData(duckdb::ClientContext& context,
                                            duckdb::TableFunctionGetPartitionInput& input) {
  return duckdb::OperatorPartitionData(input.local_state->Cast<RelationScanLocal>().task);
}

void PushFilter(duckdb::ClientContext& context, duckdb::LogicalGet& get,
                duckdb::FunctionData* bind_data,
                duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& filters) {
  auto& data = bind_data->Cast<RelationScanData>();
  // Only a hint: DuckDB keeps its filters, the relation skips what cannot match.
  data.filter = SkippingFilter(get, filters, *data.relation->schema());
}

duckdb::virtual_column_map_t VirtualColumns(duckdb::ClientContext& context,
                                            duckdb::optional_ptr<duckdb::FunctionData> bind_data) {
  duckdb::virtual_column_map_t columns;
  columns.insert(std::make_pair(duckdb::COLUMN_IDENTIFIER_EMPTY,
                                duckdb::TableColumn("", duckdb::LogicalType::BOOLEAN)));
  return columns;
}

duckdb::InsertionOrderPreservingMap<std::string> Explain(
    duckdb::TableFunctionToStringInput& input) {
  const auto& data = input.bind_data->Cast<RelationScanData>();
  duckdb::InsertionOrderPreservingMap<std::string> lines;
  lines["Format"] = data.format;
  lines["Files"] = std::to_string(data.files.size());
  if (data.filter != arrow::compute::literal(true)) lines["Skips by"] = data.filter.ToString();
  return lines;
}

void SetCallbacks(duckdb::TableFunction* function) {
  function->projection_pushdown = true;
  function->cardinality = Cardinality;
  function->get_partition_data = PartitionData;
  function->pushdown_complex_filter = PushFilter;
  function->get_virtual_columns = VirtualColumns;
  function->to_string = Explain;
}

// What a folder holds at any depth: files with the suffix of the format (of any, when it is
// nullptr), or, when there are none, all that are not hidden.
std::vector<std::string> FilesBelow(const std::string& folder, const formats::Format* format) {
  std::vector<std::string> known;
  std::vector<std::string> all;
  const std::string pattern = (folder.ends_with('/') ? folder : folder + '/') + "**/*";
  for (std::string& file : ValueOrThrow(io::Glob(pattern))) {
    const std::string_view name = std::string_view(file).substr(file.rfind('/') + 1);
    // "_SUCCESS" and its kin are the marks of other engines.
    if (name.starts_with('_')) continue;
    const formats::Format* found = formats::FormatOfPath(file);
    if (found != nullptr && (format == nullptr || found == format)) known.push_back(file);
    all.push_back(std::move(file));
  }
  if (all.empty())
    ThrowStatus(MakeError(ErrorCode::kNotFound, folder + ": the folder has no files"));
  return known.empty() ? all : known;
}

void AppendFiles(duckdb::ClientContext& context, const std::string& location,
                 const formats::Format* format, std::vector<std::string>* files) {
  const std::string path = ValueOrThrow(io::LocalPath(location));
  auto& config = duckdb::DBConfig::GetConfig(context);
  const auto check = [&](const std::string& file) {
    if (config.CanAccessFile(file, duckdb::FileType::FILE_TYPE_REGULAR)) return;
    throw duckdb::PermissionException(
        "Cannot access file \"%s\" - file system operations are disabled", file);
  };
  std::error_code ignored;
  if (!io::HasWildcard(path)) {
    check(path);
    if (!std::filesystem::is_directory(path, ignored)) return files->push_back(path);
    const auto below = FilesBelow(path, format);
    files->insert(files->end(), below.begin(), below.end());
    return;
  }
  check(path.substr(0, path.find_first_of("*?[{")));
  for (std::string& file : ValueOrThrow(io::Glob(path))) {
    check(file);
    files->push_back(std::move(file));
  }
}

}  // namespace

duckdb::unique_ptr<duckdb::FunctionData> BindRelationForCopy(
    duckdb::ClientContext& context, duckdb::CopyFromFunctionBindInput& input,
    duckdb::vector<std::string>& names, duckdb::vector<duckdb::LogicalType>& types) {
  auto data = duckdb::make_uniq<RelationScanData>();
  data->format = input.tf.function_info->Cast<FormatName>().name;
  data->files =
      FilesOf(context, duckdb::Value(input.info.file_path), formats::FindFormat(data->format));
  OpenRelation(context, {}, data.get());
  std::vector<std::string> columns;
  arrow::FieldVector fields;
  for (const std::string& name : names) {
    const auto found = std::find_if(
        data->columns.begin(), data->columns.end(),
        [&](const std::string& column) { return duckdb::StringUtil::CIEquals(column, name); });
    if (found == data->columns.end()) {
      ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                            data->files.front() + ": there is no column '" + name + "'"));
    }
    columns.push_back(*found);
    fields.push_back(data->carried->field(static_cast<int>(found - data->columns.begin())));
  }
  data->columns = std::move(columns);
  data->carried = arrow::schema(std::move(fields));
  MakeTypes(context, data.get());
  for (size_t i = 0; i < names.size(); ++i) {
    const duckdb::LogicalType& type = data->types.GetTypes()[i];
    if (type == types[i]) continue;
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          data->files.front() + ": column '" + names[i] + "' is " +
                              type.ToString() + ", the table's is " + types[i].ToString() +
                              "; use INSERT INTO ... FROM the file, which casts"));
  }
  return data;
}

std::vector<std::string> FilesOf(duckdb::ClientContext& context, const duckdb::Value& argument,
                                 const formats::Format* format) {
  std::vector<std::string> files;
  if (argument.IsNull()) ThrowStatus(MakeError(ErrorCode::kInvalidArgument, "a path is NULL"));
  if (argument.type().id() == duckdb::LogicalTypeId::LIST) {
    for (const duckdb::Value& child : duckdb::ListValue::GetChildren(argument)) {
      if (child.IsNull()) ThrowStatus(MakeError(ErrorCode::kInvalidArgument, "a path is NULL"));
      AppendFiles(context, child.ToString(), format, &files);
    }
    if (files.empty()) ThrowStatus(MakeError(ErrorCode::kInvalidArgument, "no path is given"));
  } else {
    AppendFiles(context, argument.ToString(), format, &files);
  }
  return files;
}

duckdb::TableFunctionSet RelationReader(const std::string& name, const std::string& format) {
  duckdb::TableFunctionSet set(name);
  const duckdb::LogicalType path = duckdb::LogicalType::VARCHAR;
  for (const auto& argument : {path, duckdb::LogicalType::LIST(path)}) {
    duckdb::TableFunction function(name, {argument}, ScanRelation, BindRelation, InitGlobal,
                                   InitLocal);
    function.function_info = duckdb::make_shared_ptr<FormatName>(format);
    function.named_parameters["hive_partitioning"] = duckdb::LogicalType::BOOLEAN;
    function.named_parameters["filename"] = duckdb::LogicalType::BOOLEAN;
    function.named_parameters["union_by_name"] = duckdb::LogicalType::BOOLEAN;
    function.named_parameters["member"] = duckdb::LogicalType::VARCHAR;
    SetCallbacks(&function);
    set.AddFunction(function);
  }
  return set;
}

duckdb::TableFunction NamedRelationReader(const std::string& function, RelationOpener open) {
  duckdb::TableFunction made(function, {duckdb::LogicalType::VARCHAR}, ScanRelation, BindNamed,
                             InitGlobal, InitLocal);
  made.function_info = duckdb::make_shared_ptr<Opener>(open);
  SetCallbacks(&made);
  return made;
}

}  // namespace pyralog::sql
