// ALTER COLUMN ... TYPE, and ADD, DROP and RENAME of fields of structs, which change a column's
// type too.
#pragma once

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_data/alter_table_info.hpp"
#include "sql/transaction.h"

namespace pyralog::sql {

void AlterColumnType(duckdb::ClientContext& context, SqlTransaction& transaction,
                     const catalog::Entry& current, duckdb::AlterTableInfo& info);

}  // namespace pyralog::sql
