#include "sql/table_rewrite.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "arrow/record_batch.h"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/planner/binder.hpp"
#include "sql/arrow_vectors.h"
#include "sql/errors.h"
#include "sql/row_checker.h"
#include "sql/select_rows.h"
#include "sql/write_operator.h"

namespace pyralog::sql {
namespace {

// Positions of the set bits.
std::vector<int64_t> VisibleRows(const lsm::MaskWords& mask) {
  std::vector<int64_t> rows;
  for (size_t w = 0; w < mask.size(); ++w) {
    for (uint64_t bits = mask[w]; bits != 0; bits &= bits - 1) {
      rows.push_back(static_cast<int64_t>(w) * 64 + std::countr_zero(bits));
    }
  }
  return rows;
}

// Computed columns of one unit.
class ComputedColumns {
 public:
  ComputedColumns(duckdb::ClientContext& context, const catalog::TableDef& old,
                  const catalog::TableDef& next, const Rewrite& rewrite)
      : inputs_(rewrite.inputs), executor_(context) {
    duckdb::vector<duckdb::LogicalType> input_types;
    for (const int input : inputs_) {
      fillers_.push_back(ValueOrThrow(MakeVectorFiller(old.columns[input], context)));
      input_types.push_back(ValueOrThrow(SqlTypeOfColumn(old.columns[input])));
    }
    // A chunk of no columns has no rows either.
    if (input_types.empty()) input_types.push_back(duckdb::LogicalType::BOOLEAN);
    std::vector<catalog::ColumnDef> made;
    duckdb::vector<duckdb::LogicalType> types;
    for (size_t i = 0; i < rewrite.columns.size(); ++i) {
      if (rewrite.columns[i].computed == nullptr) continue;
      executor_.AddExpression(*rewrite.columns[i].computed);
      types.push_back(rewrite.columns[i].computed->return_type);
      made.push_back(next.columns[i]);
    }
    if (made.empty()) return;
    chunk_.Initialize(context, input_types);
    computed_.Initialize(context, types);
    collector_ = ValueOrThrow(MakeBatchCollector(made, context));
  }

  // nullptr when no column is computed.
  std::shared_ptr<arrow::RecordBatch> Of(const lsm::TableView& view, size_t unit,
                                         const std::vector<int64_t>& rows) {
    if (collector_ == nullptr) return nullptr;
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (const int input : inputs_) arrays.push_back(ValueOrThrow(view.Column(unit, input)));
    for (size_t begin = 0; begin < rows.size(); begin += STANDARD_VECTOR_SIZE) {
      const size_t count = std::min<size_t>(STANDARD_VECTOR_SIZE, rows.size() - begin);
      Compute(arrays, std::span(rows).subspan(begin, count));
    }
    return ValueOrThrow(collector_->Finish());
  }

 private:
  void Compute(const std::vector<std::shared_ptr<arrow::Array>>& arrays,
               std::span<const int64_t> rows) {
    chunk_.Reset();
    computed_.Reset();
    for (size_t i = 0; i < arrays.size(); ++i) {
      const auto picked = ValueOrThrow(TakeRows(*arrays[i], rows));
      fillers_[i]->Fill(picked, 0, rows.size(), chunk_.data[i]);
    }
    chunk_.SetCardinality(rows.size());
    executor_.Execute(chunk_, computed_);
    ThrowIfError(collector_->Append(computed_));
  }

  const std::vector<int> inputs_;
  duckdb::ExpressionExecutor executor_;
  std::vector<std::unique_ptr<VectorFiller>> fillers_;  // parallel to inputs_
  duckdb::DataChunk chunk_;
  duckdb::DataChunk computed_;
  std::unique_ptr<BatchCollector> collector_;
};

// Holds new rows to the CHECKs of their table.
class BatchChecker {
 public:
  BatchChecker(duckdb::ClientContext& context, TableEntry& table) {
    if (!table.has_checks()) return;
    constraints_ = duckdb::Binder::CreateBinder(context)->BindConstraints(table);
    checker_.emplace(context, table.definition(), constraints_);
    for (const catalog::ColumnDef& column : table.definition().columns) {
      fillers_.push_back(ValueOrThrow(MakeVectorFiller(column, context)));
    }
    chunk_.Initialize(context, table.GetTypes());
  }

  void Check(const arrow::RecordBatch& rows) {
    if (!checker_) return;
    for (int64_t begin = 0; begin < rows.num_rows(); begin += STANDARD_VECTOR_SIZE) {
      const auto count = std::min<int64_t>(STANDARD_VECTOR_SIZE, rows.num_rows() - begin);
      chunk_.Reset();
      for (size_t i = 0; i < fillers_.size(); ++i) {
        fillers_[i]->Fill(rows.column(static_cast<int>(i)), begin, count, chunk_.data[i]);
      }
      chunk_.SetCardinality(count);
      checker_->CheckExpressions(chunk_);
    }
  }

 private:
  BoundConstraints constraints_;
  std::optional<RowChecker> checker_;
  std::vector<std::unique_ptr<VectorFiller>> fillers_;
  duckdb::DataChunk chunk_;
};

std::shared_ptr<arrow::RecordBatch> NewRows(const lsm::TableView& view, size_t unit,
                                            const std::vector<int64_t>& rows,
                                            const arrow::Schema& schema, const Rewrite& rewrite,
                                            ComputedColumns* computed) {
  const auto made = computed->Of(view, unit, rows);
  arrow::ArrayVector arrays;
  int next_made = 0;
  for (const NewColumn& column : rewrite.columns) {
    if (column.kept < 0) {
      arrays.push_back(made->column(next_made++));
    } else {
      const auto stored = ValueOrThrow(view.Column(unit, column.kept));
      arrays.push_back(ValueOrThrow(TakeRows(*stored, rows)));
    }
  }
  return arrow::RecordBatch::Make(std::make_shared<arrow::Schema>(schema),
                                  static_cast<int64_t>(rows.size()), std::move(arrays));
}

}  // namespace

void RewriteTable(duckdb::ClientContext& context, SqlTransaction& transaction,
                  const catalog::Entry& current, catalog::TableDef next, const Rewrite& rewrite) {
  const lsm::TableViewPtr view = transaction.View(*current.table);
  const catalog::EntryPtr made =
      ValueOrThrow(transaction.state().RecreateTable(current, std::move(next)));
  transaction.NoteWrite();
  const catalog::TableDef& definition = *made->table;
  auto* entry = transaction.entries().Find(transaction.state(), made->schema, made->name);
  ComputedColumns computed(context, *current.table, definition, rewrite);
  BatchChecker checker(context, static_cast<TableEntry&>(*entry));
  const auto schema = ValueOrThrow(transaction.state().storage().Schema(definition.id));
  lsm::MaskWords mask;
  for (size_t unit = 0; unit < view->units().size(); ++unit) {
    if (context.IsInterrupted()) throw duckdb::InterruptException();
    if (view->Mask(unit, &mask) == 0) continue;
    const auto rows = NewRows(*view, unit, VisibleRows(mask), *schema->arrow, rewrite, &computed);
    checker.Check(*rows);
    AppendRows(transaction, definition, rows);
  }
}

}  // namespace pyralog::sql
