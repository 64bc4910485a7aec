#include "sql/external_query.h"

#include <algorithm>
#include <utility>

#include "duckdb.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "formats/registry.h"
#include "sql/catalog.h"
#include "sql/errors.h"
#include "sql/external_checks.h"
#include "sql/external_scan.h"
#include "sql/replacement_scan.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

using catalog::ColumnDef;
using catalog::ExternalTableDef;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;

std::string Name(const std::string& name) { return duckdb::KeywordHelper::WriteQuoted(name, '"'); }
std::string Text(const std::string& text) { return duckdb::KeywordHelper::WriteQuoted(text, '\''); }

std::string PartitionMode(const ExternalTableDef& table) {
  const auto found = table.options.find(kPartitionsOption);
  return found == table.options.end() ? "" : found->second;
}

bool IsInternal(const std::string& option) { return option.starts_with("pyralog."); }

// {'a': 'BIGINT', ...}
std::string TypeMap(const std::vector<ColumnDef>& columns) {
  std::string map = "{";
  for (const ColumnDef& column : columns) {
    map += (map.size() > 1 ? ", " : "") + Text(column.name) + ": " + Text(column.sql_type);
  }
  return map + "}";
}

// What pins the types of formats whose files do not say them.
std::string TypeOptions(const ExternalTableDef& table) {
  if (table.columns.empty()) return "";
  const auto header = table.options.find("header");
  const bool headless =
      header != table.options.end() && (header->second == "false" || header->second == "0");
  if (table.format == "csv" && headless && table.columns_declared) {
    return ", columns = " + TypeMap(table.columns);
  }
  if (table.format == "csv" && !table.options.contains("columns")) {
    return ", types = " + TypeMap(table.columns);
  }
  if (table.format == "json" && table.columns_declared)
    return ", columns = " + TypeMap(table.columns);
  return "";
}

std::string PartitionOptions(const ExternalTableDef& table) {
  const std::string mode = PartitionMode(table);
  const formats::Format* format = formats::FindFormat(table.format);
  const bool own_reader = format == nullptr || format->info().sql_reader.empty();
  if (mode == kHivePartitions) {
    if (own_reader) return ", hive_partitioning = true";
    return ", hive_partitioning = true, hive_types = " + TypeMap(table.partitioned_by);
  }
  if (mode.starts_with(kLevelPartitions)) return ", hive_partitioning = false, filename = true";
  return "";
}

// What the files are called in the query; errors name it (hints.cc).
std::string FilesName(const ExternalTableDef& table) {
  return Name(std::string(kFilesOfExternalTable) + table.name);
}

std::string SelectPartition(const ExternalTableDef& table, size_t index) {
  const ColumnDef& column = table.partitioned_by[index];
  const std::string mode = PartitionMode(table);
  std::string value = FilesName(table) + "." + Name(column.name);
  if (mode.starts_with(kLevelPartitions)) {
    const size_t first = std::stoul(mode.substr(std::string_view(kLevelPartitions).size()));
    value =
        "split_part(" + FilesName(table) + ".filename, '/', " + std::to_string(first + index) + ")";
  }
  return "CAST(" + value + " AS " + column.sql_type + ") AS " + Name(column.name);
}

int64_t DigitsOf(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::UTINYINT:
      return 3;
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::USMALLINT:
      return 5;
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::UINTEGER:
      return 10;
    case LogicalTypeId::BIGINT:
      return 19;
    case LogicalTypeId::UBIGINT:
      return 20;
    default:
      return -1;
  }
}

// Whether every value of `from` is a value of the decimal `to`.
bool FitsDecimal(const LogicalType& from, const LogicalType& to) {
  const int64_t whole = duckdb::DecimalType::GetWidth(to) - duckdb::DecimalType::GetScale(to);
  if (from.id() == LogicalTypeId::DECIMAL) {
    const int64_t scale = duckdb::DecimalType::GetScale(from);
    return scale <= duckdb::DecimalType::GetScale(to) &&
           duckdb::DecimalType::GetWidth(from) - scale <= whole;
  }
  const int64_t digits = DigitsOf(from);
  return digits >= 0 && digits <= whole;
}

bool IsInteger(const LogicalType& type) {
  return DigitsOf(type) >= 0 || type.id() == LogicalTypeId::HUGEINT ||
         type.id() == LogicalTypeId::UHUGEINT;
}

// Whether the cast keeps every value exactly.
bool KeepsValues(const LogicalType& from, const LogicalType& to) {
  if (from == to || from.id() == LogicalTypeId::SQLNULL) return true;
  if (to.id() == LogicalTypeId::DECIMAL) return FitsDecimal(from, to);
  if (IsInteger(from) && IsInteger(to)) {
    const bool unsigned_from = from.IsUnsigned();
    const auto width = [](const LogicalType& type) {
      return duckdb::GetTypeIdSize(type.InternalType());
    };
    if (unsigned_from == to.IsUnsigned()) return width(from) <= width(to);
    return unsigned_from && width(from) < width(to);
  }
  switch (to.id()) {
    case LogicalTypeId::DOUBLE:
      return from.id() == LogicalTypeId::FLOAT || (DigitsOf(from) >= 0 && DigitsOf(from) <= 10);
    case LogicalTypeId::FLOAT:
      return DigitsOf(from) >= 0 && DigitsOf(from) <= 5;
    case LogicalTypeId::TIMESTAMP:
      return from.id() == LogicalTypeId::DATE || from.id() == LogicalTypeId::TIMESTAMP_SEC ||
             from.id() == LogicalTypeId::TIMESTAMP_MS;
    case LogicalTypeId::VARCHAR:
      return from.IsJSONType() || from.id() == LogicalTypeId::ENUM ||
             from.id() == LogicalTypeId::UUID;
    default:
      return to.IsJSONType() && from.id() == LogicalTypeId::VARCHAR;
  }
}

std::string ConstantText(const duckdb::Expression& expression) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_CONSTANT) {
    throw duckdb::BinderException("external_column: type and name are constants");
  }
  return expression.Cast<duckdb::BoundConstantExpression>().value.ToString();
}

duckdb::unique_ptr<duckdb::Expression> BindExternalColumn(
    duckdb::FunctionBindExpressionInput& input) {
  const LogicalType type =
      duckdb::TransformStringToLogicalType(ConstantText(*input.children[1]), input.context);
  const LogicalType& found = input.children[0]->return_type;
  if (!KeepsValues(found, type)) {
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          ConstantText(*input.children[2]) + " is declared " + type.ToString() +
                              ", but is " + found.ToString() +
                              " in the files; a cast could change values"));
  }
  return duckdb::BoundCastExpression::AddCastToType(input.context, std::move(input.children[0]),
                                                    type);
}

// Throws which file is not what was registered.
void CheckUnchanged(duckdb::ClientContext& context, const ExternalTableDef& table) {
  const auto fail = [&](ErrorCode code, const std::string& what) {
    ThrowStatus(MakeError(code, what + " since external table \"" + table.name +
                                    "\" was registered; REFRESH EXTERNAL " + Name(table.name) +
                                    " takes its files as they are now"));
  };
  for (const auto& file : table.files) {
    const std::string state = StateOf(file);
    if (state == "unchanged") continue;
    const bool there = state.starts_with("changed");
    fail(there ? ErrorCode::kDamaged : ErrorCode::kNotFound, file.path + " is " + state);
  }
  const auto now =
      FilesOf(context, duckdb::Value(table.location), formats::FindFormat(table.format));
  for (const std::string& path : now) {
    const bool known = std::any_of(table.files.begin(), table.files.end(),
                                   [&](const auto& file) { return file.path == path; });
    if (!known) fail(ErrorCode::kDamaged, path + " is new");
  }
}

duckdb::unique_ptr<duckdb::Expression> BindExternalUnchanged(
    duckdb::FunctionBindExpressionInput& input) {
  auto& own =
      SqlTransaction::Get(input.context, duckdb::Catalog::GetCatalog(input.context, kCatalogName));
  const auto entry = ValueOrThrow(
      own.state().Find(ConstantText(*input.children[0]), ConstantText(*input.children[1])));
  if (entry != nullptr && entry->external) CheckUnchanged(input.context, *entry->external);
  return duckdb::make_uniq<duckdb::BoundConstantExpression>(duckdb::Value::BOOLEAN(true));
}

void NotCallable(duckdb::DataChunk& arguments, duckdb::ExpressionState& state,
                 duckdb::Vector& result) {
  throw duckdb::NotImplementedException("external_column is replaced when it is bound");
}

}  // namespace

std::string ExternalReaderCall(const ExternalTableDef& table) {
  std::string call = ReaderOf(table.format) + "(" + Text(table.location);
  for (const auto& [name, value] : table.options) {
    if (!IsInternal(name) && name != kHashOption) call += ", " + Name(name) + " = " + Text(value);
  }
  return call + TypeOptions(table) + PartitionOptions(table) + ")";
}

std::string ExternalQuery(const ExternalTableDef& table) {
  std::string list;
  for (const ColumnDef& column : table.columns) {
    const std::string place = "external table \"" + table.name + "\" (" + table.location +
                              "): column \"" + column.name + "\"";
    list += std::string(list.empty() ? "" : ", ") + "external_column(" + FilesName(table) + "." +
            Name(column.name) + ", " + Text(column.sql_type) + ", " + Text(place) + ") AS " +
            Name(column.name);
  }
  for (size_t i = 0; i < table.partitioned_by.size(); ++i) {
    list += (list.empty() ? "" : ", ") + SelectPartition(table, i);
  }
  std::string query =
      "SELECT " + list + " FROM " + ExternalReaderCall(table) + " AS " + FilesName(table);
  if (table.options.contains(kHashOption)) {
    query += " WHERE external_unchanged(" + Text(table.schema) + ", " + Text(table.name) + ")";
  }
  return query;
}

std::string ExternalTableSql(const ExternalTableDef& table) {
  const auto columns = [](const std::vector<ColumnDef>& defs) {
    std::string list;
    for (const ColumnDef& def : defs) {
      list += (list.empty() ? "" : ", ") + Name(def.name) + " " + def.sql_type;
    }
    return " (" + list + ")";
  };
  std::string sql = "CREATE EXTERNAL TABLE " + Name(table.schema) + "." + Name(table.name);
  if (table.columns_declared) sql += columns(table.columns);
  sql += " STORED AS " + table.format + " LOCATION " + Text(table.location);
  if (!table.partitioned_by.empty()) sql += " PARTITIONED BY" + columns(table.partitioned_by);
  std::string options;
  for (const auto& [name, value] : table.options) {
    if (!IsInternal(name))
      options += (options.empty() ? "" : ", ") + Name(name) + " " + Text(value);
  }
  if (!options.empty()) sql += " OPTIONS (" + options + ")";
  return sql + ";";
}

void RegisterExternalColumn(duckdb::ExtensionLoader& loader) {
  duckdb::ScalarFunction function("external_column",
                                  {LogicalType::ANY, LogicalType::VARCHAR, LogicalType::VARCHAR},
                                  LogicalType::ANY, NotCallable);
  function.bind_expression = BindExternalColumn;
  loader.RegisterFunction(function);
}

void RegisterExternalUnchanged(duckdb::ExtensionLoader& loader) {
  duckdb::ScalarFunction function("external_unchanged",
                                  {LogicalType::VARCHAR, LogicalType::VARCHAR},
                                  LogicalType::BOOLEAN, NotCallable);
  function.bind_expression = BindExternalUnchanged;
  loader.RegisterFunction(function);
}

}  // namespace pyralog::sql
