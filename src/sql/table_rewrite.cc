#include "sql/table_rewrite.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>

#include "arrow/record_batch.h"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/planner/binder.hpp"
#include "lsm/row_selection.h"
#include "sql/arrow_vectors.h"
#include "sql/chunk_filler.h"
#include "sql/errors.h"
#include "sql/row_checker.h"
#include "sql/sql_text.h"
#include "sql/write_operator.h"

namespace pyralog::sql {
namespace {

std::vector<catalog::ColumnDef> Chosen(const std::vector<catalog::ColumnDef>& columns,
                                       const std::vector<int>& positions) {
  std::vector<catalog::ColumnDef> chosen;
  for (const int position : positions) chosen.push_back(columns[position]);
  return chosen;
}

// Computed columns of one unit.
class ComputedColumns {
 public:
  ComputedColumns(duckdb::ClientContext& context, const catalog::TableDef& old,
                  const catalog::TableDef& next, const Rewrite& rewrite)
      : inputs_(rewrite.inputs), rows_(context, Chosen(old.columns, inputs_)), executor_(context) {
    std::vector<catalog::ColumnDef> made;
    duckdb::vector<duckdb::LogicalType> types;
    for (size_t i = 0; i < rewrite.columns.size(); ++i) {
      if (rewrite.columns[i].computed == nullptr) continue;
      executor_.AddExpression(*rewrite.columns[i].computed);
      types.push_back(rewrite.columns[i].computed->return_type);
      made.push_back(next.columns[i]);
    }
    if (made.empty()) return;
    computed_.Initialize(context, types);
    collector_ = ValueOrThrow(MakeBatchCollector(made, context));
  }

  // Of the `kept` rows in the mask; nullptr when no column is computed.
  std::shared_ptr<arrow::RecordBatch> Of(const lsm::TableView& view, size_t unit,
                                         const lsm::MaskWords& mask, int64_t kept) {
    if (collector_ == nullptr) return nullptr;
    arrow::ArrayVector arrays;
    for (const int input : inputs_) {
      const auto stored = ValueOrThrow(view.Column(unit, input));
      arrays.push_back(ValueOrThrow(lsm::FilterRows(stored, mask, kept)));
    }
    rows_.ForEach(arrays, kept, [&](duckdb::DataChunk& chunk) {
      computed_.Reset();
      executor_.Execute(chunk, computed_);
      ThrowIfError(collector_->Append(computed_));
    });
    return ValueOrThrow(collector_->Finish());
  }

 private:
  const std::vector<int> inputs_;
  ChunkFiller rows_;
  duckdb::ExpressionExecutor executor_;
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
    rows_.emplace(context, table.definition().columns);
  }

  void Check(const arrow::RecordBatch& rows) {
    if (!checker_) return;
    rows_->ForEach(rows.columns(), rows.num_rows(),
                   [&](duckdb::DataChunk& chunk) { checker_->CheckExpressions(chunk); });
  }

 private:
  BoundConstraints constraints_;
  std::optional<RowChecker> checker_;
  std::optional<ChunkFiller> rows_;
};

std::shared_ptr<arrow::RecordBatch> NewRows(const lsm::TableView& view, size_t unit,
                                            const lsm::MaskWords& mask, int64_t kept,
                                            const arrow::Schema& schema, const Rewrite& rewrite,
                                            ComputedColumns* computed) {
  const auto made = computed->Of(view, unit, mask, kept);
  arrow::ArrayVector arrays;
  int next_made = 0;
  for (const NewColumn& column : rewrite.columns) {
    if (column.kept < 0) {
      arrays.push_back(made->column(next_made++));
    } else {
      const auto stored = ValueOrThrow(view.Column(unit, column.kept));
      arrays.push_back(ValueOrThrow(lsm::FilterRows(stored, mask, kept)));
    }
  }
  return arrow::RecordBatch::Make(std::make_shared<arrow::Schema>(schema), kept, std::move(arrays));
}

}  // namespace

std::vector<catalog::ColumnOrigin> SameColumns(size_t count) {
  std::vector<catalog::ColumnOrigin> origins(count);
  for (size_t i = 0; i < count; ++i) origins[i].position = static_cast<int>(i);
  return origins;
}

Rewrite KeepColumns(size_t count) {
  Rewrite rewrite;
  for (size_t i = 0; i < count; ++i) rewrite.columns.push_back({static_cast<int>(i), nullptr});
  return rewrite;
}

void RefuseAlter(const catalog::TableDef& table, const std::string& what, ErrorCode code) {
  ThrowStatus(MakeError(code, "table " + Quoted(table.name) + ": " + what));
}

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
    const int64_t kept = view->Mask(unit, &mask);
    if (kept == 0) continue;
    const auto rows = NewRows(*view, unit, mask, kept, *schema->arrow, rewrite, &computed);
    checker.Check(*rows);
    AppendRows(transaction, definition, rows);
  }
}

void RewriteRows(duckdb::ClientContext& context, SqlTransaction& transaction,
                 const catalog::TableDef& table, const Rewrite& rewrite) {
  lsm::Transaction& storage = transaction.state().storage();
  const lsm::TableViewPtr view = ValueOrThrow(storage.View(table.id));
  transaction.NoteWrite();
  ComputedColumns computed(context, table, table, rewrite);
  const auto schema = ValueOrThrow(storage.Schema(table.id));
  lsm::MaskWords mask;
  for (size_t unit = 0; unit < view->units().size(); ++unit) {
    if (context.IsInterrupted()) throw duckdb::InterruptException();
    const int64_t kept = view->Mask(unit, &mask);
    if (kept == 0) continue;
    const auto rows = NewRows(*view, unit, mask, kept, *schema->arrow, rewrite, &computed);
    ValueOrThrow(storage.Delete(table.id, lsm::RowsOfMask(mask, view->units()[unit].first_row_id)));
    AppendRows(transaction, table, rows);
  }
}

}  // namespace pyralog::sql
