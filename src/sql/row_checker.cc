#include "sql/row_checker.h"

#include "duckdb/planner/constraints/bound_check_constraint.hpp"
#include "pyralog/error.h"
#include "sql/errors.h"

namespace pyralog::sql {

BoundConstraints CopyConstraints(const BoundConstraints& constraints) {
  BoundConstraints copy;
  for (const auto& constraint : constraints) copy.push_back(constraint->Copy());
  return copy;
}

RowChecker::RowChecker(duckdb::ClientContext& context, const catalog::TableDef& table,
                       const BoundConstraints& constraints)
    : table_(table) {
  for (const auto& constraint : constraints) {
    if (constraint->type != duckdb::ConstraintType::CHECK) continue;
    checks_.push_back(constraint->Cast<duckdb::BoundCheckConstraint>().expression.get());
  }
  if (checks_.empty()) return;
  executor_ = duckdb::make_uniq<duckdb::ExpressionExecutor>(context);
  for (const duckdb::Expression* check : checks_) executor_->AddExpression(*check);
}

void RowChecker::Check(duckdb::DataChunk& rows) {
  for (size_t i = 0; i < table_.columns.size(); ++i) {
    CheckNotNull(static_cast<int>(i), rows.data[i], rows.size());
  }
  CheckExpressions(rows);
}

void RowChecker::CheckNotNull(int column, duckdb::Vector& values, duckdb::idx_t count) {
  const catalog::ColumnDef& definition = table_.columns[column];
  if (definition.nullable || !duckdb::VectorOperations::HasNull(values, count)) return;
  ThrowStatus(MakeError(ErrorCode::kConstraint, "table \"" + table_.name + "\": column \"" +
                                                    definition.name + "\" must not be NULL"));
}

void RowChecker::CheckExpressions(duckdb::DataChunk& rows) {
  for (size_t i = 0; i < checks_.size(); ++i) {
    // An INTEGER: 0 is a failure, NULL passes.
    duckdb::Vector result(checks_[i]->return_type, rows.size());
    executor_->SetChunk(&rows);
    executor_->ExecuteExpression(i, result);
    duckdb::UnifiedVectorFormat values;
    result.ToUnifiedFormat(rows.size(), values);
    const auto* data = duckdb::UnifiedVectorFormat::GetData<int32_t>(values);
    for (duckdb::idx_t row = 0; row < rows.size(); ++row) {
      const auto at = values.sel->get_index(row);
      if (!values.validity.RowIsValid(at) || data[at] != 0) continue;
      const catalog::CheckDef& check = table_.checks[i];
      ThrowStatus(MakeError(ErrorCode::kConstraint,
                            "table \"" + table_.name + "\": a row fails CHECK " +
                                (check.name.empty() ? "" : "\"" + check.name + "\" ") + check.sql));
    }
  }
}

}  // namespace pyralog::sql
