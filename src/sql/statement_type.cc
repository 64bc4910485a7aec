#include "sql/statement_type.h"

#include "duckdb/parser/parsed_data/transaction_info.hpp"
#include "duckdb/parser/statement/transaction_statement.hpp"

namespace pyralog::sql {

bool ChangesRows(duckdb::StatementType type) {
  switch (type) {
    case duckdb::StatementType::INSERT_STATEMENT:
    case duckdb::StatementType::UPDATE_STATEMENT:
    case duckdb::StatementType::DELETE_STATEMENT:
    case duckdb::StatementType::MERGE_INTO_STATEMENT:
      return true;
    default:
      return false;
  }
}

bool IsCommit(const duckdb::SQLStatement& statement) {
  return statement.type == duckdb::StatementType::TRANSACTION_STATEMENT &&
         statement.Cast<duckdb::TransactionStatement>().info->type ==
             duckdb::TransactionType::COMMIT;
}

}  // namespace pyralog::sql
