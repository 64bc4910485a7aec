// From CREATE EXTERNAL TABLE to the catalog's entry: finds the files, their columns, and where
// partitions come from.
#pragma once

#include <string>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "sql/external_parser.h"

namespace pyralog::sql {

// Binds the table's query once, so that whatever is wrong with files, columns or options is said
// now. Throws it.
catalog::ExternalTableDef DefinitionOfExternal(duckdb::ClientContext& context,
                                               const std::string& schema,
                                               const ExternalStatement& statement);

// CREATE EXTERNAL TABLE that made this table.
ExternalStatement StatementOfExternal(const catalog::ExternalTableDef& table);

}  // namespace pyralog::sql
