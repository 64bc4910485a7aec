// The columns of a table by name: as statements and the expressions of its definition name them.
#pragma once

#include <set>
#include <string>

#include "catalog/entries.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// Position of the column of this name, whatever its case; -1 when there is none.
int FindColumn(const catalog::TableDef& table, const std::string& name);
// The same; an error when there is none.
int RequireColumn(const catalog::TableDef& table, const std::string& name);

// Positions of the columns that the expression reads.
std::set<int> ColumnsRead(const duckdb::ParsedExpression& expression,
                          const catalog::TableDef& table);

// Gives the table another name, and column `column` too (-1: none), wherever the expression names
// them.
struct Renaming {
  std::string table;
  int column = -1;
  std::string column_name;
};
void RenameIn(duckdb::ParsedExpression& expression, const catalog::TableDef& table,
              const Renaming& renaming);

}  // namespace pyralog::sql
