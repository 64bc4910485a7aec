#include "sql/external_readers.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/copy_function_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/table_function_catalog_entry.hpp"
#include "duckdb/function/copy_function.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/comparison_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parsed_data/copy_info.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "duckdb/parser/tableref/table_function_ref.hpp"
#include "duckdb/storage/object_cache.hpp"
#include "formats/registry.h"
#include "sql/errors.h"
#include "sql/external_checks.h"
#include "sql/external_scan.h"
#include "sql/parquet_bounds.h"

namespace pyralog::sql {
namespace {

using duckdb::Value;

constexpr char kParquetByArrow[] = "read_parquet_by_arrow";
constexpr char kDelimiter[] = "delim";

Value ListOf(const std::vector<std::string>& paths) {
  duckdb::vector<Value> values;
  for (const std::string& path : paths) values.emplace_back(path);
  return Value::LIST(duckdb::LogicalType::VARCHAR, std::move(values));
}

duckdb::unique_ptr<duckdb::ParsedExpression> Argument(Value value) {
  return duckdb::make_uniq<duckdb::ConstantExpression>(std::move(value));
}

void AddNamed(duckdb::FunctionExpression* call, const std::string& name, Value value) {
  call->children.push_back(duckdb::make_uniq<duckdb::ComparisonExpression>(
      duckdb::ExpressionType::COMPARE_EQUAL, duckdb::make_uniq<duckdb::ColumnRefExpression>(name),
      Argument(std::move(value))));
}

// Whether DuckDB's reader takes the argument as it stands: plain paths, and wildcards that mean the
// same to it.
bool IsPlain(const std::string& location) {
  std::error_code ignored;
  return location.find("://") == std::string::npos && location.find('{') == std::string::npos &&
         !std::filesystem::is_directory(location, ignored);
}

bool IsPlainArgument(const Value& argument) {
  if (argument.type().id() != duckdb::LogicalTypeId::LIST) return IsPlain(argument.ToString());
  const auto& children = duckdb::ListValue::GetChildren(argument);
  return std::all_of(children.begin(), children.end(), [](const Value& child) {
    return child.IsNull() || IsPlain(child.ToString());
  });
}

formats::Options CheckOptionsOf(const duckdb::named_parameter_map_t& parameters) {
  formats::Options options;
  for (const auto& [name, value] : parameters)
    options[duckdb::StringUtil::Lower(name)] = value.ToString();
  return options;
}

// What all files together ask for.
FileVerdict CheckFiles(duckdb::ClientContext& context, const std::vector<std::string>& files,
                       const formats::Format& format, const formats::Options& options) {
  FileVerdict all;
  for (const std::string& file : files) {
    FileVerdict verdict = ValueOrThrow(CheckFile(file, format, options, context.interrupted));
    if (all.obstacle.empty() && !verdict.obstacle.empty())
      all.obstacle = file + ": " + verdict.obstacle;
    // Files of several delimiters are told apart by the reader's own look at them.
    const bool alike = &file == &files.front() ||
                       all.options.contains(kDelimiter) == verdict.options.contains(kDelimiter);
    all.options.merge(verdict.options);
    if (!alike) all.options.erase(kDelimiter);
  }
  return all;
}

duckdb::unique_ptr<duckdb::TableFunctionRef> Call(const std::string& function,
                                                  const duckdb::TableFunctionRef& origin,
                                                  Value argument) {
  auto call = duckdb::make_uniq<duckdb::FunctionExpression>(
      function, duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>());
  call->children.push_back(Argument(std::move(argument)));
  auto ref = duckdb::make_uniq<duckdb::TableFunctionRef>();
  ref->function = std::move(call);
  ref->alias = origin.alias;
  ref->with_ordinality = origin.with_ordinality;
  return ref;
}

// The call with the files in place of what named them, and with the options that the files need.
// nullptr when that is the call as it stands.
duckdb::unique_ptr<duckdb::TableRef> Rewritten(duckdb::TableFunctionBindInput& input,
                                               const std::vector<std::string>& files,
                                               const formats::Options& needed) {
  const bool expand = !IsPlainArgument(input.inputs[0]);
  formats::Options missing = needed;
  for (const auto& [name, value] : input.named_parameters) {
    missing.erase(duckdb::StringUtil::Lower(name));
  }
  if (!expand && missing.empty()) return nullptr;
  auto ref = Call(input.table_function.name, input.ref, expand ? ListOf(files) : input.inputs[0]);
  auto& call = ref->function->Cast<duckdb::FunctionExpression>();
  for (const auto& [name, value] : input.named_parameters) AddNamed(&call, name, value);
  for (const auto& [name, value] : missing) AddNamed(&call, name, Value(value));
  return ref;
}

// SELECT * REPLACE (CAST(year AS INTEGER) AS year) FROM the call, for hive_types = {'year':
// 'INTEGER'}.
duckdb::unique_ptr<duckdb::TableRef> WithHiveTypes(duckdb::unique_ptr<duckdb::TableFunctionRef> ref,
                                                   const Value& types) {
  std::string casts;
  const auto& children = duckdb::StructValue::GetChildren(types);
  for (size_t i = 0; i < children.size(); ++i) {
    const std::string name =
        duckdb::KeywordHelper::WriteQuoted(duckdb::StructType::GetChildName(types.type(), i), '"');
    casts +=
        (i > 0 ? ", " : "") + ("CAST(" + name) + " AS " + children[i].ToString() + ") AS " + name;
  }
  auto select = duckdb::CreateViewInfo::ParseSelect("SELECT * REPLACE (" + casts + ") FROM t");
  auto& node = select->node->Cast<duckdb::SelectNode>();
  std::string alias = ref->alias;
  node.from_table = std::move(ref);
  return duckdb::make_uniq<duckdb::SubqueryRef>(std::move(select), std::move(alias));
}

duckdb::unique_ptr<duckdb::TableRef> ArrowPath(duckdb::TableFunctionBindInput& input,
                                               const std::vector<std::string>& files,
                                               const std::string& obstacle) {
  auto ref = Call(kParquetByArrow, input.ref, ListOf(files));
  auto& call = ref->function->Cast<duckdb::FunctionExpression>();
  Value hive_types;
  for (const auto& [name, value] : input.named_parameters) {
    const std::string option = duckdb::StringUtil::Lower(name);
    if (option == "hive_types") {
      hive_types = value;
    } else if (option == "hive_partitioning" || option == "filename" || option == "union_by_name") {
      AddNamed(&call, name, value);
    } else {
      ThrowStatus(
          MakeError(ErrorCode::kNotSupported,
                    obstacle + ", so Arrow's reader has to take it, which has no option " + name));
    }
  }
  if (hive_types.IsNull()) return ref;
  return WithHiveTypes(std::move(ref), hive_types);
}

bool IsTrue(const duckdb::named_parameter_map_t& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found != parameters.end() && !found->second.IsNull() &&
         found->second.DefaultCastAs(duckdb::LogicalType::BOOLEAN).GetValue<bool>();
}

// What is kept of a footer was read with the key of an earlier statement.
void ForgetFooters(duckdb::ClientContext& context, const std::vector<std::string>& files) {
  auto& kept = duckdb::ObjectCache::GetObjectCache(context);
  for (const std::string& file : files) kept.Delete("parquet_metadata-" + file);
}

duckdb::unique_ptr<duckdb::TableRef> CheckParquet(duckdb::ClientContext& context,
                                                  duckdb::TableFunctionBindInput& input) {
  const formats::Format* format = formats::FindFormat("parquet");
  const auto files = FilesOf(context, input.inputs[0], format);
  // Files that the user has the key of cannot be looked into without it.
  if (input.named_parameters.contains("encryption_config")) {
    ForgetFooters(context, files);
    return nullptr;
  }
  const FileVerdict verdict = CheckFiles(context, files, *format, {});
  if (!verdict.obstacle.empty()) return ArrowPath(input, files, verdict.obstacle);
  return Rewritten(input, files, verdict.options);
}

// For functions that look at a Parquet file's metadata only.
duckdb::unique_ptr<duckdb::TableRef> CheckParquetMetadata(duckdb::ClientContext& context,
                                                          duckdb::TableFunctionBindInput& input) {
  const formats::Format* format = formats::FindFormat("parquet");
  CheckFiles(context, FilesOf(context, input.inputs[0], format), *format, {});
  return nullptr;
}

// The option has three names.
template <class Options>
bool NamesDelimiter(const Options& options) {
  return options.contains(kDelimiter) || options.contains("sep") || options.contains("delimiter");
}

duckdb::unique_ptr<duckdb::TableRef> CheckCsv(duckdb::ClientContext& context,
                                              duckdb::TableFunctionBindInput& input) {
  const formats::Format* format = formats::FindFormat("csv");
  const auto files = FilesOf(context, input.inputs[0], format);
  FileVerdict verdict = CheckFiles(context, files, *format, CheckOptionsOf(input.named_parameters));
  if (NamesDelimiter(input.named_parameters)) verdict.options.erase(kDelimiter);
  return Rewritten(input, files, verdict.options);
}

// read_tsv(...) is read_csv(..., delim = tab).
duckdb::unique_ptr<duckdb::TableRef> ReadTsv(duckdb::ClientContext& context,
                                             duckdb::TableFunctionBindInput& input) {
  auto ref = Call("read_csv", input.ref, input.inputs[0]);
  auto& call = ref->function->Cast<duckdb::FunctionExpression>();
  for (const auto& [name, value] : input.named_parameters) AddNamed(&call, name, value);
  if (!NamesDelimiter(input.named_parameters)) AddNamed(&call, kDelimiter, Value("\t"));
  return ref;
}

duckdb::unique_ptr<duckdb::TableRef> CheckJsonFiles(duckdb::ClientContext& context,
                                                    duckdb::TableFunctionBindInput& input) {
  const formats::Format* format = formats::FindFormat("json");
  const auto files = FilesOf(context, input.inputs[0], format);
  // Who asks to pass over errors wants no strictness.
  if (IsTrue(input.named_parameters, "ignore_errors")) return Rewritten(input, files, {});
  FileVerdict verdict = CheckFiles(context, files, *format, {});
  const bool objects = input.table_function.name.find("objects") != std::string::npos;
  const bool declared = input.named_parameters.contains("columns");
  if (objects || declared) {
    verdict.options.erase("records");
    verdict.options.erase("maximum_depth");
  }
  return Rewritten(input, files, verdict.options);
}

// For read_text and read_blob: any format, but nothing that a read could wait on for ever.
duckdb::unique_ptr<duckdb::TableRef> CheckRegular(duckdb::ClientContext& context,
                                                  duckdb::TableFunctionBindInput& input) {
  const auto files = FilesOf(context, input.inputs[0], nullptr);
  for (const std::string& file : files) {
    ThrowIfError(formats::Source::Open(io::PosixEnv(), file).status());
  }
  return Rewritten(input, files, {});
}

struct Guarded {
  std::string_view function;
  duckdb::table_function_bind_replace_t check;
};

constexpr std::array kGuarded = {
    Guarded{"read_parquet", CheckParquet},
    Guarded{"parquet_scan", CheckParquet},
    Guarded{"parquet_metadata", CheckParquetMetadata},
    Guarded{"parquet_schema", CheckParquetMetadata},
    Guarded{"parquet_file_metadata", CheckParquetMetadata},
    Guarded{"parquet_kv_metadata", CheckParquetMetadata},
    Guarded{"parquet_full_metadata", CheckParquetMetadata},
    Guarded{"parquet_bloom_probe", CheckParquetMetadata},
    Guarded{"read_csv", CheckCsv},
    Guarded{"read_csv_auto", CheckCsv},
    Guarded{"sniff_csv", CheckCsv},
    Guarded{"read_json", CheckJsonFiles},
    Guarded{"read_json_auto", CheckJsonFiles},
    Guarded{"read_ndjson", CheckJsonFiles},
    Guarded{"read_ndjson_auto", CheckJsonFiles},
    Guarded{"read_json_objects", CheckJsonFiles},
    Guarded{"read_json_objects_auto", CheckJsonFiles},
    Guarded{"read_ndjson_objects", CheckJsonFiles},
    Guarded{"read_text", CheckRegular},
    Guarded{"read_blob", CheckRegular},
};

// DuckDB's bind functions of COPY ... FROM are the same in every instance, so one place for each
// format holds its own.
template <int Format>
struct CopyFromGuard {
  static inline std::atomic<duckdb::copy_from_bind_t> original = nullptr;
  static inline std::atomic<const formats::Format*> format = nullptr;

  // What the files need and the statement does not say. JSON's options are those of its table
  // function only.
  template <class Given>
  static void TakeOptions(const formats::Options& needed, Given* given) {
    if (format.load()->info().name != "csv") return;
    for (const auto& [name, value] : needed) {
      if (name == kDelimiter && NamesDelimiter(*given)) continue;
      if (!given->contains(name)) (*given)[name] = {Value(value)};
    }
  }

  static duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext& context,
                                                       duckdb::CopyFromFunctionBindInput& input,
                                                       duckdb::vector<std::string>& names,
                                                       duckdb::vector<duckdb::LogicalType>& types) {
    const auto files = FilesOf(context, Value(input.info.file_path), format.load());
    formats::Options options;
    if (input.info.options.contains("encoding")) options["encoding"] = "";
    const bool tolerant = input.info.options.contains("ignore_errors") ||
                          input.info.options.contains("encryption_config");
    formats::Options needed;
    if (!tolerant) {
      const FileVerdict verdict = CheckFiles(context, files, *format.load(), options);
      if (!verdict.obstacle.empty()) {
        ThrowStatus(MakeError(ErrorCode::kNotSupported,
                              verdict.obstacle + "; use INSERT INTO ... FROM the file, which goes "
                                                 "through Arrow's reader"));
      }
      needed = verdict.options;
    }
    const auto info = input.info.Copy();
    TakeOptions(needed, &info->options);
    duckdb::CopyFromFunctionBindInput completed(*info, input.tf);
    return original.load()(context, completed, names, types);
  }
};

template <int Format>
void GuardCopy(duckdb::CatalogTransaction transaction, duckdb::SchemaCatalogEntry& schema,
               const std::string& name) {
  const duckdb::EntryLookupInfo lookup(duckdb::CatalogType::COPY_FUNCTION_ENTRY, name);
  auto entry = schema.LookupEntry(transaction, lookup);
  if (!entry) return;
  auto& function = entry->Cast<duckdb::CopyFunctionCatalogEntry>().function;
  if (function.copy_from_bind == nullptr) return;
  CopyFromGuard<Format>::original = function.copy_from_bind;
  CopyFromGuard<Format>::format = formats::FindFormat(name);
  function.copy_from_bind = CopyFromGuard<Format>::Bind;
}

// read_tsv has the options of read_csv.
void RegisterReadTsv(duckdb::ExtensionLoader& loader) {
  auto entry = loader.TryGetTableFunction("read_csv");
  if (!entry) return;
  duckdb::TableFunctionSet tsv("read_tsv");
  for (duckdb::TableFunction function :
       entry->Cast<duckdb::TableFunctionCatalogEntry>().functions.functions) {
    function.name = tsv.name;
    function.bind_replace = ReadTsv;
    tsv.AddFunction(std::move(function));
  }
  loader.RegisterFunction(std::move(tsv));
}

// DuckDB's COPY ... TO (FORMAT csv), which is the same in every instance.
std::atomic<duckdb::copy_to_bind_t> copy_csv_to = nullptr;

duckdb::unique_ptr<duckdb::FunctionData> BindCopyTsv(
    duckdb::ClientContext& context, duckdb::CopyFunctionBindInput& input,
    const duckdb::vector<std::string>& names, const duckdb::vector<duckdb::LogicalType>& types) {
  const auto info = input.info.Copy();
  if (!NamesDelimiter(info->options)) info->options[kDelimiter] = {Value("\t")};
  duckdb::CopyFunctionBindInput tabs(*info, input.function_info);
  return copy_csv_to.load()(context, tabs, names, types);
}

duckdb::unique_ptr<duckdb::FunctionData> BindCopyFromTsv(
    duckdb::ClientContext& context, duckdb::CopyFromFunctionBindInput& input,
    duckdb::vector<std::string>& names, duckdb::vector<duckdb::LogicalType>& types) {
  const auto info = input.info.Copy();
  if (!NamesDelimiter(info->options)) info->options[kDelimiter] = {Value("\t")};
  duckdb::CopyFromFunctionBindInput tabs(*info, input.tf);
  return CopyFromGuard<1>::Bind(context, tabs, names, types);
}

void RegisterCopyTsv(duckdb::CatalogTransaction transaction, duckdb::SchemaCatalogEntry& schema,
                     duckdb::ExtensionLoader& loader) {
  const duckdb::EntryLookupInfo lookup(duckdb::CatalogType::COPY_FUNCTION_ENTRY, "csv");
  auto entry = schema.LookupEntry(transaction, lookup);
  if (!entry) return;
  duckdb::CopyFunction tsv = entry->Cast<duckdb::CopyFunctionCatalogEntry>().function;
  copy_csv_to = tsv.copy_to_bind;
  tsv.name = "tsv";
  tsv.extension = "tsv";
  tsv.copy_to_bind = BindCopyTsv;
  tsv.copy_from_bind = BindCopyFromTsv;
  loader.RegisterFunction(std::move(tsv));
}

}  // namespace

void GuardReaders(duckdb::ExtensionLoader& loader) {
  for (const Guarded& guarded : kGuarded) {
    auto entry = loader.TryGetTableFunction(std::string(guarded.function));
    if (!entry) continue;
    auto& functions = entry->Cast<duckdb::TableFunctionCatalogEntry>().functions.functions;
    for (auto& function : functions) {
      function.bind_replace = guarded.check;
      if (guarded.check == CheckParquet) ReadFloatsForMinMax(&function);
    }
  }
  loader.RegisterFunction(RelationReader(kParquetByArrow, "parquet"));
  RegisterReadTsv(loader);
}

void GuardCopyFrom(duckdb::DatabaseInstance& instance, duckdb::ExtensionLoader& loader) {
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  auto& schema = duckdb::Catalog::GetSystemCatalog(instance).GetSchema(transaction, DEFAULT_SCHEMA);
  GuardCopy<0>(transaction, schema, "parquet");
  GuardCopy<1>(transaction, schema, "csv");
  GuardCopy<2>(transaction, schema, "json");
  RegisterCopyTsv(transaction, schema, loader);
}

}  // namespace pyralog::sql
