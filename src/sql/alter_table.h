// ALTER TABLE, ALTER VIEW and COMMENT ON.
//
//   only the definition changes   RENAME TO, SET and DROP DEFAULT, DROP NOT NULL, COMMENT ON
//   and rows stay as stored       RENAME COLUMN, ADD and DROP COLUMN, SET NOT NULL, TYPE where the
//                                 new type holds every value of the old one
//   rows are written again        TYPE otherwise, fields of structs, ADD PRIMARY KEY
#pragma once

#include "duckdb.hpp"
#include "duckdb/parser/parsed_data/alter_info.hpp"

namespace pyralog::sql {

class SchemaEntry;

// Throws what is wrong; nothing has changed then.
void ApplyAlter(duckdb::ClientContext& context, SchemaEntry& schema, duckdb::AlterInfo& info);

}  // namespace pyralog::sql
