// ALTER TABLE, ALTER VIEW and COMMENT ON.
//
//   only the definition changes   RENAME TO, SET and DROP DEFAULT, DROP NOT NULL, COMMENT ON
//   and rows stay as stored       RENAME COLUMN, ADD and DROP COLUMN, SET NOT NULL, TYPE where the
//                                 new type holds every value of the old one
//   rows are written again        TYPE otherwise, fields of structs, ADD PRIMARY KEY
//
// Other constraints, and several changes at once: see alter_actions.h.
#pragma once

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_data/alter_info.hpp"

namespace pyralog::sql {

class SchemaEntry;
class SqlTransaction;

// Throws what is wrong; nothing has changed then.
void ApplyAlter(duckdb::ClientContext& context, SchemaEntry& schema, duckdb::AlterInfo& info);

// What DuckDB's descriptions of changes say of the table.
duckdb::AlterEntryData EntryToAlter(const catalog::Entry& table);

// The expression as a column's DEFAULT, cast to the column's type.
duckdb::unique_ptr<duckdb::Expression> BindDefault(duckdb::ClientContext& context,
                                                   const duckdb::LogicalType& type,
                                                   const duckdb::ParsedExpression& expression);

// One change of a hot table; its entry is another one afterwards.
void AlterHotTable(duckdb::ClientContext& context, SqlTransaction& transaction,
                   const catalog::EntryPtr& table, duckdb::AlterTableInfo& info);

}  // namespace pyralog::sql
