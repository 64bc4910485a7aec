// CREATE, DROP and VERIFY EXTERNAL TABLE: the parser extension and what it runs.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

void RegisterExternalStatements(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
