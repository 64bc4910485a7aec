// FOREIGN KEY constraints between DuckDB's shape and the catalog's.
#pragma once

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"

namespace pyralog::sql {

// Adds the foreign keys of `info`, which DuckDB bound, to the definition made of it.
arrow::Status TakeForeignKeys(catalog::Transaction& transaction,
                              const duckdb::CreateTableInfo& info, catalog::TableDef* definition);

// The other way round: with the names that tables and columns have now.
arrow::Status ShowForeignKeys(catalog::Transaction& transaction,
                              const catalog::TableDef& definition, duckdb::CreateTableInfo* info);

}  // namespace pyralog::sql
