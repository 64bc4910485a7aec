#include "sql/column_refs.h"

#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "sql/errors.h"
#include "sql/sql_text.h"

namespace pyralog::sql {
namespace {

// Which of a reference's names is the column: "c", "t.c", "s.t.c", each with fields behind it.
struct ColumnName {
  size_t index = 0;
  int column = -1;
};

ColumnName FindColumnName(const duckdb::vector<std::string>& names,
                          const catalog::TableDef& table) {
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    if (!duckdb::StringUtil::CIEquals(names[i], table.name)) continue;
    if (const int column = FindColumn(table, names[i + 1]); column >= 0) {
      return {i + 1, column};
    }
  }
  return {0, FindColumn(table, names[0])};
}

}  // namespace

int FindColumn(const catalog::TableDef& table, const std::string& name) {
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (duckdb::StringUtil::CIEquals(table.columns[i].name, name)) return static_cast<int>(i);
  }
  return -1;
}

int RequireColumn(const catalog::TableDef& table, const std::string& name) {
  const int position = FindColumn(table, name);
  if (position >= 0) return position;
  ThrowStatus(MakeError(ErrorCode::kNotFound,
                        "table " + Quoted(table.name) + " has no column " + Quoted(name)));
}

std::set<int> ColumnsRead(const duckdb::ParsedExpression& expression,
                          const catalog::TableDef& table) {
  std::set<int> columns;
  duckdb::ParsedExpressionIterator::VisitExpression<duckdb::ColumnRefExpression>(
      expression, [&](const duckdb::ColumnRefExpression& reference) {
        const ColumnName found = FindColumnName(reference.column_names, table);
        if (found.column >= 0) columns.insert(found.column);
      });
  return columns;
}

void RenameIn(duckdb::ParsedExpression& expression, const catalog::TableDef& table,
              const Renaming& renaming) {
  duckdb::ParsedExpressionIterator::VisitExpressionMutable<duckdb::ColumnRefExpression>(
      expression, [&](duckdb::ColumnRefExpression& reference) {
        const ColumnName found = FindColumnName(reference.column_names, table);
        if (found.column < 0) return;
        if (found.index > 0) reference.column_names[found.index - 1] = renaming.table;
        if (found.column == renaming.column) {
          reference.column_names[found.index] = renaming.column_name;
        }
      });
}

}  // namespace pyralog::sql
