// A table function over the relations of a format: read_arrow('file-or-glob') and its kin.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/function/copy_function.hpp"
#include "formats/format.h"

namespace pyralog::sql {

// The function `name`(path or list of paths, hive_partitioning := true, format options ...) that
// reads files of one format through formats::Relation: projection is pushed down, filters skip what
// cannot match, scan tasks run in parallel.
duckdb::TableFunctionSet RelationReader(const std::string& name, const std::string& format);

// A function of one name, whose rows `open` gives; it throws where it has none.
using RelationOpener = std::shared_ptr<formats::Relation> (*)(duckdb::ClientContext& context,
                                                              const std::string& name);
duckdb::TableFunction NamedRelationReader(const std::string& function, RelationOpener open);

// The same for COPY table FROM 'file': the file's columns by the table's names. Throws when one is
// missing or has another type.
duckdb::unique_ptr<duckdb::FunctionData> BindRelationForCopy(
    duckdb::ClientContext& context, duckdb::CopyFromFunctionBindInput& input,
    duckdb::vector<std::string>& names, duckdb::vector<duckdb::LogicalType>& types);

// The files that the first argument of a reader names (a path, a file:// URI, a glob, a
// folder with all below it, or a list of these), expanded. Throws
// what is wrong with them, and PermissionException where external access is off and does not allow
// the path. Of a folder the files with a suffix of the format (of any, when it is nullptr), where
// there are such.
std::vector<std::string> FilesOf(duckdb::ClientContext& context, const duckdb::Value& argument,
                                 const formats::Format* format);

}  // namespace pyralog::sql
