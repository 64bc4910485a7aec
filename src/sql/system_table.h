// Tables that Pyralog makes up when they are read. Each is a table function, NAME(), and a view
// NAME of the catalog `system`: a table of the user's with that name hides it, and
// `system.NAME` means it always.
#pragma once

#include <string>
#include <vector>

#include "duckdb.hpp"

namespace pyralog::sql {

struct SystemColumn {
  const char* name;
  duckdb::LogicalType type;
};
using SystemRow = duckdb::vector<duckdb::Value>;

struct SystemTable {
  const char* name;
  std::vector<SystemColumn> columns;
  // All rows, as they are now. May throw.
  std::vector<SystemRow> (*rows)(duckdb::ClientContext& context);
};

void RegisterSystemTable(duckdb::DatabaseInstance& instance, SystemTable table);
// A view `name` of the catalog `system`, for `query`.
void RegisterSystemView(duckdb::DatabaseInstance& instance, const std::string& name,
                        const std::string& query);

}  // namespace pyralog::sql
