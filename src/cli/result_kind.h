// What the rows of a statement's result are, so that each is shown as what it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arrow/type.h"

namespace pyralog::cli {

enum class ResultKind {
  kRows,     // a query's, or those of RETURNING
  kChanges,  // one number: rows that INSERT, UPDATE, DELETE or MERGE changed
  kWritten,  // one number: rows that COPY or CREATE TABLE AS wrote
  kNothing,  // a statement that only does something
  kPlan,     // EXPLAIN: text, drawn for a fixed-width font
};

// By the statement's words and the columns of its result. A query whose only column is called Count
// is still a query.
ResultKind ResultKindOf(std::string_view statement, const arrow::Schema& schema);
// The same by SQL types.
ResultKind ResultKindOf(std::string_view statement, const std::vector<std::string>& names,
                        const std::vector<std::string>& sql_types);

// The words of a statement that stand outside of quotes, comments and parentheses, in upper case.
std::vector<std::string> TopLevelWords(std::string_view statement);

}  // namespace pyralog::cli
