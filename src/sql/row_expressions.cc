#include "sql/row_expressions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression_binder/constant_binder.hpp"
#include "sql/errors.h"
#include "sql/table_entry.h"

namespace pyralog::sql {

RowExpressions::RowExpressions(std::shared_ptr<const catalog::TableDef> table)
    : table_(std::move(table)) {}

arrow::Result<std::unique_ptr<RowExpressions>> RowExpressions::Make(
    Instance& instance, std::shared_ptr<const catalog::TableDef> table) {
  std::unique_ptr<RowExpressions> made(new RowExpressions(std::move(table)));
  ARROW_RETURN_NOT_OK(Guard([&] { return made->Bind(instance); }));
  return made;
}

arrow::Status RowExpressions::Bind(Instance& instance) {
  ARROW_ASSIGN_OR_RAISE(connection_, instance.Connect());
  connection_->BeginTransaction();
  ARROW_ASSIGN_OR_RAISE(const auto info, CreateInfoOf(*table_));
  for (const auto& column : info->columns.Physical()) types_.push_back(column.Type());
  const auto binder = duckdb::Binder::CreateBinder(*connection_->context);
  constraints_ = binder->BindConstraints(info->constraints, table_->name, info->columns);
  for (const duckdb::ColumnDefinition& column : info->columns.Physical()) {
    defaults_.emplace_back();
    if (!column.HasDefaultValue()) continue;
    duckdb::ConstantBinder default_binder(*binder, *connection_->context, "DEFAULT value");
    default_binder.target_type = column.Type();
    auto unbound = column.DefaultValue().Copy();
    defaults_.back() = default_binder.Bind(unbound);
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Array>> RowExpressions::Default(int column, int64_t rows) {
  return Guard([&]() -> arrow::Result<std::shared_ptr<arrow::Array>> {
    duckdb::ClientContext& context = *connection_->context;
    duckdb::ExpressionExecutor executor(context, *defaults_[column]);
    ARROW_ASSIGN_OR_RAISE(auto collector, MakeBatchCollector({table_->columns[column]}, context));
    duckdb::DataChunk input;
    duckdb::DataChunk values;
    values.Initialize(context, {types_[column]});
    for (int64_t done = 0; done < rows; done += STANDARD_VECTOR_SIZE) {
      input.SetCardinality(std::min<int64_t>(rows - done, STANDARD_VECTOR_SIZE));
      values.Reset();
      executor.Execute(input, values);
      values.SetCardinality(input.size());
      ARROW_RETURN_NOT_OK(collector->Append(values));
    }
    ARROW_ASSIGN_OR_RAISE(const auto batch, collector->Finish());
    return batch->column(0);
  });
}

arrow::Status RowExpressions::Check(const arrow::RecordBatch& rows) {
  return Guard([&]() -> arrow::Status {
    duckdb::ClientContext& context = *connection_->context;
    RowChecker checker(context, *table_, constraints_);
    std::vector<std::unique_ptr<VectorFiller>> fillers;
    for (const catalog::ColumnDef& column : table_->columns) {
      ARROW_ASSIGN_OR_RAISE(auto filler, MakeVectorFiller(column, context));
      fillers.push_back(std::move(filler));
    }
    duckdb::DataChunk chunk;
    chunk.Initialize(context, types_);
    for (int64_t done = 0; done < rows.num_rows(); done += STANDARD_VECTOR_SIZE) {
      const auto count = std::min<int64_t>(rows.num_rows() - done, STANDARD_VECTOR_SIZE);
      chunk.Reset();
      for (size_t i = 0; i < fillers.size(); ++i) {
        fillers[i]->Fill(rows.column(static_cast<int>(i)), done, count, chunk.data[i]);
      }
      chunk.SetCardinality(count);
      checker.CheckExpressions(chunk);
    }
    return arrow::Status::OK();
  });
}

}  // namespace pyralog::sql
