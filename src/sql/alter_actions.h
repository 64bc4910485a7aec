// ALTER TABLE as PostgreSQL has it, beyond what DuckDB's parser takes:
//
//   ADD [CONSTRAINT name] CHECK (...) | UNIQUE (...) | PRIMARY KEY (...) | FOREIGN KEY (...) ...
//   DROP CONSTRAINT [IF EXISTS] name [CASCADE],  RENAME CONSTRAINT name TO name
//   ADD [COLUMN] [IF NOT EXISTS] column type, with any constraints, defaults and identities
//   ALTER [COLUMN] column ADD GENERATED ... AS IDENTITY,  DROP IDENTITY [IF EXISTS]
//   several actions, separated by commas
//
// DuckDB reads such a statement as ALTER TABLE ... SET (pyralog_actions = 'the actions'), and so
// finds the table, plans and prepares it; the actions are read when they are applied, one after the
// other.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_data/alter_table_info.hpp"
#include "sql/transaction.h"

namespace pyralog::sql {

// The text to parse instead of `sql`, one statement; nothing when DuckDB takes it as it is.
std::optional<std::string> RewriteAlter(std::string_view sql);

// The actions that an ALTER TABLE ... SET is made of, or nothing.
std::optional<std::string> ActionsIn(const duckdb::AlterTableInfo& info);

// Throws what is wrong with them.
void ApplyActions(duckdb::ClientContext& context, SqlTransaction& transaction,
                  const catalog::EntryPtr& table, const std::string& actions);

}  // namespace pyralog::sql
