// What a statement is, as far as it matters to whoever runs it.
#pragma once

#include "duckdb.hpp"

namespace pyralog::sql {

// Whether statements of this type change rows.
bool ChangesRows(duckdb::StatementType type);

// Finds in the rows that a statement gives how many rows it has changed: that number itself, or as
// many as RETURNING gives.
class ChangeCounter {
 public:
  ChangeCounter(duckdb::StatementType type, const duckdb::StatementProperties& properties);
  void Add(duckdb::DataChunk& rows);
  int64_t changes() const { return changes_; }

 private:
  enum class Counted { kNothing, kRows, kNumber };
  const Counted counted_;
  int64_t changes_ = 0;
};

bool IsCommit(const duckdb::SQLStatement& statement);

}  // namespace pyralog::sql
