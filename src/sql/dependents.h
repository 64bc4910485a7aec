// Which tables need a sequence, type or macro.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/parser/qualified_name.hpp"

namespace pyralog::sql {

// Tables with a column, default or constraint that uses the entry. Throws what the catalog says.
// Tables keep what a type stands for, not its name: one uses a type of values or fields (an enum, a
// struct, a union) when a column has the same.
std::vector<catalog::EntryPtr> TablesUsing(catalog::Transaction& transaction,
                                           const catalog::Entry& entry);

// Whether the default of a column takes values from the sequence. `schema`: the table's.
bool UsesSequence(const catalog::ColumnDef& column, const std::string& schema,
                  const catalog::Entry& sequence);

// The sequence that the default of a column takes values from, if its schema is said.
std::optional<duckdb::QualifiedName> SequenceOfDefault(const catalog::ColumnDef& column);

// schema.name, quoted where need be. (DuckDB's own leaves "main" out.)
std::string QualifiedText(const std::string& schema, const std::string& name);

// Writes the schema of each sequence into the defaults that name it without one: that of the table,
// else "main", whichever has it.
void QualifySequences(catalog::Transaction& transaction, catalog::TableDef* definition);

}  // namespace pyralog::sql
