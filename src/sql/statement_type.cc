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

namespace {

// CREATE TABLE AS gives a number too, though DuckDB says that it gives nothing.
bool GivesNumber(duckdb::StatementType type, const duckdb::StatementProperties& properties) {
  return properties.return_type == duckdb::StatementReturnType::CHANGED_ROWS ||
         type == duckdb::StatementType::CREATE_STATEMENT;
}

}  // namespace

ChangeCounter::ChangeCounter(duckdb::StatementType type,
                             const duckdb::StatementProperties& properties)
    : counted_(GivesNumber(type, properties) ? Counted::kNumber
               : ChangesRows(type)           ? Counted::kRows
                                             : Counted::kNothing) {}

void ChangeCounter::Add(duckdb::DataChunk& rows) {
  switch (counted_) {
    case Counted::kNothing:
      return;
    case Counted::kRows:
      changes_ += static_cast<int64_t>(rows.size());
      return;
    case Counted::kNumber:
      changes_ = rows.GetValue(0, 0).GetValue<int64_t>();
      return;
  }
}

bool IsCommit(const duckdb::SQLStatement& statement) {
  return statement.type == duckdb::StatementType::TRANSACTION_STATEMENT &&
         statement.Cast<duckdb::TransactionStatement>().info->type ==
             duckdb::TransactionType::COMMIT;
}

}  // namespace pyralog::sql
