// The columns of a table that an expression of its definition (a CHECK) names.
#pragma once

#include <set>
#include <string>

#include "catalog/entries.h"
#include "duckdb.hpp"

namespace pyralog::sql {

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
