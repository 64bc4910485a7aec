// The SELECT that an external table stands for, and what its parts are made of.
#pragma once

#include <string>
#include <string_view>

#include "catalog/entries.h"
#include "duckdb/main/extension/extension_loader.hpp"

namespace pyralog::sql {

// Before the name of an external table: what its files are called in its query, and so in errors.
inline constexpr std::string_view kFilesOfExternalTable = "files of external table ";

// How partition columns get their values; kept in ExternalTableDef::options under
// kPartitionsOption.
//   "hive"       folders named key=value
//   "levels:4"   folders below the location: the first column is part 4 of the path, as split_part
//   counts "columns"    columns of the files
constexpr char kPartitionsOption[] = "pyralog.partitions";
constexpr char kHivePartitions[] = "hive";
constexpr char kLevelPartitions[] = "levels:";
constexpr char kColumnPartitions[] = "columns";

// OPTIONS (hash 'blake3'): the files' content is registered, and a query finds them as they were or
// ends in an error.
constexpr char kHashOption[] = "hash";

// SELECT each column, in its declared type, FROM the format's reader over the location.
std::string ExternalQuery(const catalog::ExternalTableDef& table);

// The reader's call alone, without the columns' types: for finding out what there is.
std::string ExternalReaderCall(const catalog::ExternalTableDef& table);

// CREATE EXTERNAL TABLE as it would be written to make this table again.
std::string ExternalTableSql(const catalog::ExternalTableDef& table);

// Registers external_column(value, type, name): the value in the type that the table declares. It
// binds only where the cast keeps every value exactly; else the error names the column and both
// types.
void RegisterExternalColumn(duckdb::ExtensionLoader& loader);

// Registers external_unchanged(schema, name): true, found out while the query is bound; or the
// error that names the file of this external table that is not as it was registered.
void RegisterExternalUnchanged(duckdb::ExtensionLoader& loader);

}  // namespace pyralog::sql
