// What of a connection outlives its instance, when an internal error of DuckDB has ended that.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duckdb.hpp"

namespace pyralog::sql {

// Closes a connection, and rolls back its transaction also when its instance has ended: DuckDB
// would throw in a destructor then.
struct ConnectionCloser {
  void operator()(duckdb::Connection* connection) const;
};
using ConnectionPtr = std::unique_ptr<duckdb::Connection, ConnectionCloser>;

// Names of the connection's temporary tables, views, macros and the like, in order.
std::vector<std::string> TemporaryNames(duckdb::Connection& connection);

// Gives `to` the settings, variables, search path and statements of SQL's PREPARE that `from` has.
void CarryOver(duckdb::Connection& from, duckdb::Connection& to);

}  // namespace pyralog::sql
