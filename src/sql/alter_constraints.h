// Constraints of a hot table that exists: added, dropped and renamed.
#pragma once

#include <string>

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/parser/constraint.hpp"
#include "sql/transaction.h"

namespace pyralog::sql {

// Adds a CHECK, UNIQUE, PRIMARY KEY or FOREIGN KEY as the parser gives it; its name is NameOf it,
// or made. All rows are held to it: kConstraint names the constraint and a row that does not.
void AddConstraint(duckdb::ClientContext& context, SqlTransaction& transaction,
                   const catalog::EntryPtr& table,
                   duckdb::unique_ptr<duckdb::Constraint> constraint);

// With `cascade` foreign keys that need the constraint go with it; else they forbid it.
void DropConstraint(duckdb::ClientContext& context, SqlTransaction& transaction,
                    const catalog::EntryPtr& table, const std::string& name, bool if_exists,
                    bool cascade);

void RenameConstraint(SqlTransaction& transaction, const catalog::EntryPtr& table,
                      const std::string& name, const std::string& next);

}  // namespace pyralog::sql
