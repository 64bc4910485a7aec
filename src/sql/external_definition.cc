#include "sql/external_definition.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/planner/binder.hpp"
#include "formats/registry.h"
#include "io/glob.h"
#include "io/uri.h"
#include "sql/arrow_types.h"
#include "sql/arrow_vectors.h"
#include "sql/errors.h"
#include "sql/external_checks.h"
#include "sql/external_query.h"
#include "sql/external_scan.h"

namespace pyralog::sql {
namespace {

using catalog::ColumnDef;
using catalog::ExternalTableDef;

constexpr size_t kMaxListedFiles = 1000;

// A column for the catalog. Types that hot tables cannot store are only named: nothing is stored
// here.
ColumnDef ColumnOf(const std::string& name, const duckdb::LogicalType& type) {
  auto column = ColumnFromSqlType(name, type);
  if (column.ok()) return *column;
  ColumnDef named;
  named.name = name;
  named.type = arrow::utf8();
  named.sql_type = type.ToString();
  return named;
}

std::vector<ColumnDef> DeclaredColumns(duckdb::ClientContext& context,
                                       const std::vector<ExternalStatement::Column>& declared) {
  std::vector<ColumnDef> columns;
  for (const auto& column : declared) {
    const bool twice = std::any_of(columns.begin(), columns.end(), [&](const ColumnDef& other) {
      return duckdb::StringUtil::CIEquals(other.name, column.name);
    });
    if (twice) {
      ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                            "column \"" + column.name + "\" is declared twice"));
    }
    const auto type = duckdb::TransformStringToLogicalType(column.type, context);
    columns.push_back(ColumnOf(column.name, type));
    columns.back().nullable = !column.not_null;
  }
  return columns;
}

// Absolute, so that the table means the same files whatever folder a later process works in.
std::string AbsoluteLocation(const std::string& location) {
  const std::string path = ValueOrThrow(io::LocalPath(location));
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) ThrowStatus(MakeError(ErrorCode::kIo, path + ": " + error.message()));
  return absolute.lexically_normal().string();
}

duckdb::BoundStatement BindQuery(duckdb::ClientContext& context, const std::string& sql) {
  auto query = duckdb::CreateViewInfo::ParseSelect(sql);
  auto binder = duckdb::Binder::CreateBinder(context);
  return binder->Bind(*query->node);
}

// The part of the location before any wildcard: the folder that partition levels are counted from.
std::string BaseFolder(const std::string& location) {
  std::string base = location;
  if (const size_t wildcard = base.find_first_of("*?[{"); wildcard != std::string::npos) {
    base.resize(base.rfind('/', wildcard) + 1);
  } else if (std::error_code ignored; !std::filesystem::is_directory(base, ignored)) {
    base.resize(base.rfind('/') + 1);
  }
  while (base.size() > 1 && base.ends_with('/')) base.pop_back();
  return base;
}

int64_t CountParts(std::string_view path) { return std::count(path.begin(), path.end(), '/'); }

bool HasHiveKeys(const std::vector<std::string>& files, const std::vector<ColumnDef>& columns) {
  return std::all_of(files.begin(), files.end(), [&](const std::string& file) {
    const auto parts = io::HivePartitions(file);
    return std::all_of(columns.begin(), columns.end(), [&](const ColumnDef& column) {
      return std::any_of(parts.begin(), parts.end(), [&](const io::HivePart& part) {
        return duckdb::StringUtil::CIEquals(part.key, column.name);
      });
    });
  });
}

// Where the partition columns come from: hive names, else levels below the location, else nothing
// yet known.
std::string PartitionModeOf(const ExternalTableDef& table, const std::vector<std::string>& files) {
  if (HasHiveKeys(files, table.partitioned_by)) return kHivePartitions;
  const int64_t base = CountParts(BaseFolder(table.location));
  const auto wanted = static_cast<int64_t>(table.partitioned_by.size());
  const bool deep = std::all_of(files.begin(), files.end(), [&](const std::string& file) {
    return CountParts(file) - base - 1 >= wanted;
  });
  // split_part counts from 1, and what is before the first '/' is part 1.
  if (deep) return kLevelPartitions + std::to_string(base + 2);
  return kColumnPartitions;
}

// Whether OPTIONS (hash 'blake3') asks for it.
bool WantsHash(const ExternalTableDef& table) {
  const auto hash = table.options.find(kHashOption);
  if (hash == table.options.end()) return false;
  if (!duckdb::StringUtil::CIEquals(hash->second, "blake3")) {
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          "option hash is '" + hash->second + "'; it takes blake3"));
  }
  if (table.file_count <= kMaxListedFiles) return true;
  ThrowStatus(MakeError(ErrorCode::kNotSupported, "hashes of more than " +
                                                      std::to_string(kMaxListedFiles) +
                                                      " files; leave out the option hash"));
}

void ListFiles(const std::vector<std::string>& files, ExternalTableDef* table) {
  table->file_count = files.size();
  for (size_t i = 0; i < std::min(files.size(), kMaxListedFiles); ++i) {
    const FileStamp stamp = ValueOrThrow(StampOf(files[i]));
    table->files.push_back({files[i], stamp.size, stamp.modified_ns});
  }
}

bool IsPartition(const ExternalTableDef& table, const std::string& name) {
  return std::any_of(
      table.partitioned_by.begin(), table.partitioned_by.end(),
      [&](const ColumnDef& column) { return duckdb::StringUtil::CIEquals(column.name, name); });
}

void CheckPartitionColumns(const ExternalTableDef& table, const duckdb::BoundStatement& found) {
  for (const ColumnDef& column : table.partitioned_by) {
    const bool there = std::any_of(found.names.begin(), found.names.end(), [&](const auto& name) {
      return duckdb::StringUtil::CIEquals(name, column.name);
    });
    if (there) continue;
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          "partition column \"" + column.name +
                              "\" is found neither in the names of the folders (" + column.name +
                              "=value), nor as a folder below " + BaseFolder(table.location) +
                              ", nor as a column of the files"));
  }
}

}  // namespace

ExternalTableDef DefinitionOfExternal(duckdb::ClientContext& context, const std::string& schema,
                                      const ExternalStatement& statement) {
  const formats::Format* format = ValueOrThrow(formats::FormatNamed(statement.format));
  ExternalTableDef table;
  table.schema = schema;
  table.name = statement.name;
  table.format = format->info().name;
  table.location = AbsoluteLocation(statement.location);
  table.columns = DeclaredColumns(context, statement.columns);
  table.columns_declared = !table.columns.empty();
  table.partitioned_by = DeclaredColumns(context, statement.partitions);
  table.options = statement.options;
  if (duckdb::StringUtil::CIEquals(statement.format, "tsv")) table.options.emplace("delim", "\t");
  const auto files = FilesOf(context, duckdb::Value(table.location), format);
  ListFiles(files, &table);
  if (WantsHash(table)) {
    for (auto& file : table.files) {
      file.hash = ValueOrThrow(HashOf(file.path, context.interrupted));
    }
  }
  if (!table.partitioned_by.empty()) {
    table.options[kPartitionsOption] = PartitionModeOf(table, files);
  }
  if (!table.columns_declared || table.options[kPartitionsOption] == kColumnPartitions) {
    ExternalTableDef undeclared = table;
    undeclared.columns.clear();
    const auto found = BindQuery(context, "SELECT * FROM " + ExternalReaderCall(undeclared));
    if (table.options[kPartitionsOption] == kColumnPartitions) CheckPartitionColumns(table, found);
    const bool with_filename = table.options[kPartitionsOption].starts_with(kLevelPartitions);
    for (size_t i = 0; i < found.names.size() && !table.columns_declared; ++i) {
      if (IsPartition(table, found.names[i])) continue;
      if (with_filename && found.names[i] == "filename") continue;
      table.columns.push_back(ColumnOf(found.names[i], found.types[i]));
    }
  }
  if (table.partitioned_by.empty()) table.options.erase(kPartitionsOption);
  ExternalTableDef unpinned = table;
  unpinned.options.erase(kHashOption);
  BindQuery(context, ExternalQuery(unpinned));
  return table;
}

ExternalStatement StatementOfExternal(const ExternalTableDef& table) {
  const auto columns = [](const std::vector<ColumnDef>& defs) {
    std::vector<ExternalStatement::Column> declared;
    for (const ColumnDef& def : defs) declared.push_back({def.name, def.sql_type, !def.nullable});
    return declared;
  };
  ExternalStatement statement;
  statement.schema = table.schema;
  statement.name = table.name;
  statement.format = table.format;
  statement.location = table.location;
  if (table.columns_declared) statement.columns = columns(table.columns);
  statement.partitions = columns(table.partitioned_by);
  statement.options = table.options;
  statement.options.erase(kPartitionsOption);
  return statement;
}

}  // namespace pyralog::sql
