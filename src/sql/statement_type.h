// What a statement is, as far as it matters to whoever runs it.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// Whether statements of this type change rows, whose number they give.
bool ChangesRows(duckdb::StatementType type);
bool IsCommit(const duckdb::SQLStatement& statement);

}  // namespace pyralog::sql
