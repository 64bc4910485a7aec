// Rows from outside as tables of one session: what TableResolver finds for a name in FROM.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "duckdb.hpp"
#include "pyralog/database.h"

namespace pyralog::sql {

// Belongs to a connection. Used by the thread that runs its statement.
class SessionTables {
 public:
  void SetResolver(TableResolver resolver) { resolver_ = std::move(resolver); }
  // Forgets what the last statement named.
  void StartStatement() { found_.clear(); }

  // The table of this name, or nullptr. Throws what the resolver says.
  std::shared_ptr<const ArrowTable> Find(const std::string& name);
  // One that the present statement has found, or nullptr.
  std::shared_ptr<const ArrowTable> Found(const std::string& name) const;
  // The name of one, or empty: the statement names nothing from outside.
  std::string found_name() const { return found_.empty() ? "" : found_.begin()->first; }

 private:
  TableResolver resolver_;
  std::map<std::string, std::shared_ptr<const ArrowTable>> found_;
};

// Registers the lookup, which comes before that of files.
void RegisterSessionTables(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
