// The rows of a table again, under another definition: for ALTER TABLE where rows cannot stay as
// they are stored.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "pyralog/error.h"
#include "sql/table_entry.h"
#include "sql/transaction.h"

namespace pyralog::sql {

// Where a column of the new table comes from.
struct NewColumn {
  int kept = -1;  // position in the old table; -1: it is computed
  // Over a chunk of the columns `inputs` (below) of the old table, in their order.
  duckdb::unique_ptr<duckdb::Expression> computed;
};

struct Rewrite {
  std::vector<NewColumn> columns;  // parallel to the new definition's
  std::vector<int> inputs;         // positions in the old table
};

// Every column as it was, of `count`.
std::vector<catalog::ColumnOrigin> SameColumns(size_t count);
Rewrite KeepColumns(size_t count);

// An ALTER TABLE that cannot be: an error that names the table.
[[noreturn]] void RefuseAlter(const catalog::TableDef& table, const std::string& what,
                              ErrorCode code = ErrorCode::kInvalidArgument);

// Makes `next` the table's definition and copies all rows, in order, into new storage. Columns that
// are kept travel as Arrow, untouched by SQL. Rows are held to the new definition's NOT NULLs,
// CHECKs and key. Memory stays within the transaction's (lsm/transaction.h).
void RewriteTable(duckdb::ClientContext& context, SqlTransaction& transaction,
                  const catalog::Entry& current, catalog::TableDef next, const Rewrite& rewrite);

// Computes columns of the table for all rows anew, in the storage that it has. `rewrite` is over the
// table as it is.
void RewriteRows(duckdb::ClientContext& context, SqlTransaction& transaction,
                 const catalog::TableDef& table, const Rewrite& rewrite);

}  // namespace pyralog::sql
