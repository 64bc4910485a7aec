#include "sql/index_entry.h"

#include <algorithm>
#include <utility>

#include "duckdb/execution/physical_plan_generator.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/parsed_data/create_index_info.hpp"
#include "lsm/key.h"
#include "sql/errors.h"
#include "sql/table_entry.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

duckdb::unique_ptr<duckdb::CreateIndexInfo> IndexInfo(const catalog::TableDef& table,
                                                      const catalog::IndexDef& index) {
  auto info = duckdb::make_uniq<duckdb::CreateIndexInfo>();
  info->schema = table.schema;
  info->table = table.name;
  info->index_name = index.name;
  info->index_type = "ART";  // as DuckDB calls an index without USING
  info->constraint_type =
      index.unique ? duckdb::IndexConstraintType::UNIQUE : duckdb::IndexConstraintType::NONE;
  for (const int column : index.columns) {
    info->column_ids.push_back(static_cast<duckdb::column_t>(column));
    info->parsed_expressions.push_back(
        duckdb::make_uniq<duckdb::ColumnRefExpression>(table.columns[column].name));
  }
  return info;
}

class CreateHotIndexOperator final : public duckdb::PhysicalOperator {
 public:
  CreateHotIndexOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                         TableEntry& table, catalog::IndexDef index,
                         duckdb::OnCreateConflict on_conflict)
      : duckdb::PhysicalOperator(plan, duckdb::PhysicalOperatorType::EXTENSION, std::move(types),
                                 1),
        table_(table),
        index_(std::move(index)),
        on_conflict_(on_conflict) {}

  std::string GetName() const override { return "CREATE_INDEX"; }
  bool IsSource() const override { return true; }

 protected:
  duckdb::SourceResultType GetDataInternal(duckdb::ExecutionContext& context,
                                           duckdb::DataChunk& chunk,
                                           duckdb::OperatorSourceInput& input) const override {
    Create(context.client);
    return duckdb::SourceResultType::FINISHED;
  }

 private:
  void Create(duckdb::ClientContext& context) const {
    SqlTransaction& transaction = SqlTransaction::Get(context, table_.catalog);
    const catalog::TableDef& table = table_.definition();
    const auto existing = ValueOrThrow(transaction.state().FindIndex(table.schema, index_.name));
    if (existing != nullptr && on_conflict_ == duckdb::OnCreateConflict::IGNORE_ON_CONFLICT) return;
    transaction.NoteWrite();
    const arrow::Status made = transaction.state().CreateIndex(table.schema, table.name, index_);
    if (GetErrorCode(made) == ErrorCode::kConstraint) {
      ThrowStatus(
          MakeError(ErrorCode::kConstraint, "table \"" + table.name + "\": " + made.message()));
    }
    ThrowIfError(made);
    // The rows that there are, so that no query waits for it.
    const auto view = ValueOrThrow(transaction.state().storage().View(table.id));
    for (size_t unit = 0; unit < view->units().size(); ++unit) {
      ThrowIfError(view->Sorted(unit, index_.columns).status());
      if (context.interrupted) throw duckdb::InterruptException();
    }
  }

  TableEntry& table_;
  const catalog::IndexDef index_;
  const duckdb::OnCreateConflict on_conflict_;
};

}  // namespace

IndexEntry::IndexEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                       const catalog::TableDef& table, const catalog::IndexDef& index)
    : duckdb::IndexCatalogEntry(catalog, schema, *IndexInfo(table, index)), table_(table.name) {}

duckdb::PhysicalOperator& LogicalCreateHotIndex::CreatePlan(
    duckdb::ClientContext& context, duckdb::PhysicalPlanGenerator& planner) {
  return planner.Make<CreateHotIndexOperator>(types, table_, index_, on_conflict_);
}

catalog::IndexDef IndexFromInfo(const duckdb::CreateIndexInfo& info, TableEntry& table) {
  // Indexes are in order; PostgreSQL calls that a B-tree.
  const bool plain = info.index_type.empty() ||
                     duckdb::StringUtil::CIEquals(info.index_type, "ART") ||
                     duckdb::StringUtil::CIEquals(info.index_type, "BTREE");
  if (!plain) ThrowNotSupported("CREATE INDEX ... USING " + info.index_type);
  if (!info.options.empty())
    ThrowNotSupported("the option " + info.options.begin()->first + " of CREATE INDEX ... WITH");
  catalog::IndexDef index;
  index.name = info.index_name;
  index.unique = info.constraint_type == duckdb::IndexConstraintType::UNIQUE;
  for (const auto& expression : info.parsed_expressions) {
    if (expression->GetExpressionClass() != duckdb::ExpressionClass::COLUMN_REF)
      ThrowNotSupported("CREATE INDEX on an expression");
    const std::string& name = expression->Cast<duckdb::ColumnRefExpression>().GetColumnName();
    const duckdb::ColumnDefinition& column = table.GetColumn(name);
    if (column.Generated()) ThrowNotSupported("CREATE INDEX on a generated column");
    const auto position = static_cast<int>(column.Physical().index);
    const catalog::ColumnDef& definition = table.definition().columns[position];
    if (!CheckKeyColumn(definition).ok()) {
      ThrowNotSupported("CREATE INDEX on column \"" + definition.name + "\" of type " +
                        definition.sql_type);
    }
    if (std::ranges::find(index.columns, position) != index.columns.end()) {
      ThrowStatus(
          MakeError(ErrorCode::kInvalidArgument,
                    "column \"" + definition.name + "\" is twice in index \"" + index.name + "\""));
    }
    index.columns.push_back(position);
  }
  return index;
}

}  // namespace pyralog::sql
