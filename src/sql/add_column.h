// A column that is added to a hot table together with its constraints, and identities of columns.
#pragma once

#include <string>

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"
#include "sql/transaction.h"

namespace pyralog::sql {

// `parsed`: a table of this column alone. Each row gets a value of its own from a default that
// gives other values each time (nextval, random).
void AddConstrainedColumn(duckdb::ClientContext& context, SqlTransaction& transaction,
                          const catalog::EntryPtr& table, duckdb::CreateTableInfo& parsed,
                          bool if_not_exists);

// `parsed`: a table of one column that has the identity which `column` gets.
void AddIdentity(duckdb::ClientContext& context, SqlTransaction& transaction,
                 const catalog::EntryPtr& table, const std::string& column,
                 const duckdb::CreateTableInfo& parsed);
void DropIdentity(SqlTransaction& transaction, const catalog::EntryPtr& table,
                  const std::string& column, bool if_exists);

// The column becomes an identity whose values come from the sequence, which goes with it from now
// on.
void OwnSequence(duckdb::ClientContext& context, SqlTransaction& transaction,
                 const catalog::EntryPtr& table, const std::string& column,
                 const std::string& sequence_schema, const std::string& sequence_name);

}  // namespace pyralog::sql
