// Identity columns: GENERATED ALWAYS or BY DEFAULT AS IDENTITY, and the SERIAL types. DuckDB's
// grammar reads the former and its transformer refuses them, so statements are rewritten before they
// are parsed: an identity column becomes one whose default calls a function that has no other use.
// When the table is created, that makes a sequence of the table's own.
#pragma once

#include <string>
#include <string_view>

#include "arrow/result.h"
#include "catalog/entries.h"
#include "duckdb.hpp"

namespace pyralog::sql {

class SqlCatalog;
class SqlTransaction;

// `sql` with each identity column of a CREATE TABLE rewritten; other text stays as it is, to the
// byte. kNotSupported for temporary tables.
arrow::Result<std::string> RewriteIdentity(std::string_view sql);

// Creates the sequences of the identity columns among the definition's columns. Throws what is
// wrong with them.
void CreateOwnedSequences(SqlTransaction& transaction, catalog::TableDef* definition);
void DropOwnedSequences(SqlTransaction& transaction, const catalog::TableDef& definition);

// The default that makes an identity column anew, going on where it stands. Empty: its sequence is
// gone.
std::string IdentityDefault(SqlCatalog& catalog, const catalog::ColumnDef& column);

// Throws kConstraint when the plan sets a column that is GENERATED ALWAYS AS IDENTITY to anything
// but its default. COPY ... FROM may.
void CheckIdentityWrites(const duckdb::LogicalOperator& plan);

void RegisterIdentity(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
