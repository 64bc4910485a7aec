#include "sql/table_entry.h"

#include <algorithm>
#include <string>
#include <utility>

#include "duckdb/common/type_visitor.hpp"
#include "duckdb/parser/constraints/list.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "duckdb/storage/statistics/base_statistics.hpp"
#include "duckdb/storage/table_storage_info.hpp"
#include "lsm/key.h"
#include "sql/arrow_types.h"
#include "sql/arrow_vectors.h"
#include "sql/catalog.h"
#include "sql/constraint_names.h"
#include "sql/errors.h"
#include "sql/identity.h"
#include "sql/scan.h"

namespace pyralog::sql {
namespace {

arrow::Status NotSupported(const std::string& what) {
  return MakeError(ErrorCode::kNotSupported, what + " is not supported");
}

}  // namespace

arrow::Result<duckdb::unique_ptr<duckdb::ParsedExpression>> ParseExpressionText(
    const std::string& text) {
  return Guard([&]() -> arrow::Result<duckdb::unique_ptr<duckdb::ParsedExpression>> {
    auto parsed = duckdb::Parser::ParseExpressionList(text);
    if (parsed.size() == 1) return std::move(parsed[0]);
    return MakeError(ErrorCode::kDamaged, "not one expression: " + text);
  });
}

arrow::Result<std::string> ExpressionText(const duckdb::ParsedExpression& expression) {
  std::string text = expression.ToString();
  const auto again = ParseExpressionText(text);
  if (!again.ok() || (*again)->ToString() != text) {
    return NotSupported("the expression \"" + text + "\" in a table definition");
  }
  return text;
}

arrow::Result<catalog::ColumnDef> ColumnFromDefinition(const duckdb::ColumnDefinition& column) {
  const std::string name = "\"" + column.Name() + "\"";
  if (column.Generated()) return NotSupported("generated column " + name + " here");
  if (column.CompressionType() != duckdb::CompressionType::COMPRESSION_AUTO) {
    return NotSupported("USING COMPRESSION of column " + name);
  }
  if (!duckdb::StringType::GetCollation(column.Type()).empty()) {
    return NotSupported("COLLATE of column " + name);
  }
  ARROW_ASSIGN_OR_RAISE(catalog::ColumnDef result, ColumnFromSqlType(column.Name(), column.Type()));
  if (column.HasDefaultValue()) {
    ARROW_ASSIGN_OR_RAISE(result.default_sql, ExpressionText(column.DefaultValue()));
  }
  return result;
}

namespace {

arrow::Result<catalog::GeneratedColumn> GeneratedFromDefinition(
    const duckdb::ColumnDefinition& column) {
  catalog::GeneratedColumn result;
  result.position = static_cast<int>(column.Logical().index);
  result.name = column.Name();
  result.sql_type = SqlTypeName(column.Type());
  ARROW_ASSIGN_OR_RAISE(result.expression, ExpressionText(column.GeneratedExpression()));
  return result;
}

arrow::Result<duckdb::ColumnDefinition> GeneratedColumnOf(const catalog::GeneratedColumn& column) {
  catalog::ColumnDef typed;
  typed.name = column.name;
  typed.sql_type = column.sql_type;
  ARROW_ASSIGN_OR_RAISE(duckdb::LogicalType type, SqlTypeOfColumn(typed));
  ARROW_ASSIGN_OR_RAISE(auto expression, ParseExpressionText(column.expression));
  return duckdb::ColumnDefinition(column.name, std::move(type), std::move(expression),
                                  duckdb::TableColumnType::GENERATED);
}

arrow::Status AddUnique(const duckdb::UniqueConstraint& constraint,
                        const duckdb::ColumnList& columns, catalog::TableDef* definition) {
  std::vector<int> positions;
  for (const duckdb::LogicalIndex logical : constraint.GetLogicalIndexes(columns)) {
    const duckdb::PhysicalIndex index = columns.LogicalToPhysical(logical);
    catalog::ColumnDef& column = definition->columns[index.index];
    ARROW_RETURN_NOT_OK(
        CheckKeyColumn(column, constraint.IsPrimaryKey() ? "PRIMARY KEY" : "UNIQUE"));
    if (constraint.IsPrimaryKey()) column.nullable = false;
    positions.push_back(static_cast<int>(index.index));
  }
  if (constraint.IsPrimaryKey()) {
    definition->key = std::move(positions);
    definition->key_name = NameOf(constraint);
  } else {
    definition->unique.push_back({std::move(positions), "", NameOf(constraint)});
  }
  return arrow::Status::OK();
}

arrow::Status AddConstraint(const duckdb::Constraint& constraint, const duckdb::ColumnList& columns,
                            catalog::TableDef* definition) {
  switch (constraint.type) {
    case duckdb::ConstraintType::NOT_NULL:
      definition
          ->columns[columns.LogicalToPhysical(constraint.Cast<duckdb::NotNullConstraint>().index)
                        .index]
          .nullable = false;
      return arrow::Status::OK();
    case duckdb::ConstraintType::UNIQUE:
      return AddUnique(constraint.Cast<duckdb::UniqueConstraint>(), columns, definition);
    case duckdb::ConstraintType::CHECK: {
      ARROW_ASSIGN_OR_RAISE(std::string text,
                            ExpressionText(*constraint.Cast<duckdb::CheckConstraint>().expression));
      definition->checks.push_back({std::move(text), NameOf(constraint)});
      return arrow::Status::OK();
    }
    case duckdb::ConstraintType::FOREIGN_KEY:
      return arrow::Status::OK();  // see foreign_keys.h
    default:
      return NotSupported("this constraint");
  }
}

duckdb::unique_ptr<duckdb::Constraint> UniqueOf(const catalog::TableDef& definition,
                                                const duckdb::ColumnList& all,
                                                const std::vector<int>& columns,
                                                const std::string& name, bool is_primary_key) {
  // One of one column and without a name stands behind the column when it is shown.
  if (columns.size() == 1 && name.empty()) {
    const duckdb::PhysicalIndex column(columns[0]);
    return duckdb::make_uniq<duckdb::UniqueConstraint>(
        all.PhysicalToLogical(column), definition.columns[column.index].name, is_primary_key);
  }
  duckdb::vector<std::string> names;
  for (const int column : columns) names.push_back(definition.columns[column].name);
  return Named(duckdb::make_uniq<duckdb::UniqueConstraint>(std::move(names), is_primary_key), name);
}

// As DuckDB looks for the targets of ON CONFLICT.
duckdb::IndexInfo IndexInfoOf(const std::vector<int>& columns, bool is_primary) {
  duckdb::IndexInfo info;
  info.is_unique = true;
  info.is_primary = is_primary;
  info.is_foreign = false;
  info.column_set.insert(columns.begin(), columns.end());
  return info;
}

}  // namespace

arrow::Status CheckKeyColumn(const catalog::ColumnDef& column, const std::string& constraint) {
  ARROW_ASSIGN_OR_RAISE(const auto type, SqlTypeOfColumn(column));
  // One VARIANT can lie there in different bytes.
  const bool ambiguous = duckdb::TypeVisitor::Contains(type, duckdb::LogicalTypeId::VARIANT);
  if (!ambiguous && lsm::CheckKeyType(*column.type).ok()) return arrow::Status::OK();
  return NotSupported(constraint + " on column \"" + column.name + "\" of type " +
                      (column.arrow_first ? column.type->ToString() : column.sql_type));
}

arrow::Result<std::unique_ptr<duckdb::CreateTableInfo>> CreateInfoOf(
    const catalog::TableDef& definition) {
  auto info = std::make_unique<duckdb::CreateTableInfo>();
  info->catalog = "";
  info->schema = definition.schema;
  info->table = definition.name;
  auto generated = definition.generated.begin();
  const auto add_generated = [&]() -> arrow::Status {
    for (; generated != definition.generated.end() &&
           generated->position == static_cast<int>(info->columns.LogicalColumnCount());
         ++generated) {
      ARROW_ASSIGN_OR_RAISE(auto column, GeneratedColumnOf(*generated));
      info->columns.AddColumn(std::move(column));
    }
    return arrow::Status::OK();
  };
  for (const catalog::ColumnDef& column : definition.columns) {
    ARROW_RETURN_NOT_OK(add_generated());
    ARROW_ASSIGN_OR_RAISE(duckdb::LogicalType type, SqlTypeOfColumn(column));
    duckdb::ColumnDefinition made(column.name, std::move(type));
    if (column.default_sql) {
      ARROW_ASSIGN_OR_RAISE(auto value, ParseExpressionText(*column.default_sql));
      made.SetDefaultValue(std::move(value));
    }
    if (column.comment) made.SetComment(duckdb::Value(*column.comment));
    const duckdb::LogicalIndex index(info->columns.LogicalColumnCount());
    info->columns.AddColumn(std::move(made));
    if (!column.nullable) {
      info->constraints.push_back(duckdb::make_uniq<duckdb::NotNullConstraint>(index));
    }
  }
  ARROW_RETURN_NOT_OK(add_generated());
  if (!definition.key.empty())
    info->constraints.push_back(
        UniqueOf(definition, info->columns, definition.key, definition.key_name, true));
  for (const catalog::UniqueDef& unique : definition.unique) {
    if (!unique.index.empty()) continue;
    info->constraints.push_back(
        UniqueOf(definition, info->columns, unique.columns, unique.name, false));
  }
  for (const catalog::CheckDef& check : definition.checks) {
    ARROW_ASSIGN_OR_RAISE(auto expression, ParseExpressionText(check.sql));
    info->constraints.push_back(
        Named(duckdb::make_uniq<duckdb::CheckConstraint>(std::move(expression)), check.name));
  }
  return info;
}

arrow::Result<catalog::TableDef> DefinitionFromInfo(const duckdb::CreateTableInfo& info,
                                                    const std::string& schema) {
  catalog::TableDef definition;
  definition.schema = schema;
  definition.name = info.table;
  for (const duckdb::ColumnDefinition& column : info.columns.Logical()) {
    if (column.Generated()) {
      ARROW_ASSIGN_OR_RAISE(auto made, GeneratedFromDefinition(column));
      definition.generated.push_back(std::move(made));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(catalog::ColumnDef made, ColumnFromDefinition(column));
    definition.columns.push_back(std::move(made));
  }
  for (const auto& constraint : info.constraints) {
    ARROW_RETURN_NOT_OK(AddConstraint(*constraint, info.columns, &definition));
  }
  return definition;
}

TableEntry::TableEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                       duckdb::CreateTableInfo& info,
                       std::shared_ptr<const catalog::TableDef> definition)
    : duckdb::TableCatalogEntry(catalog, schema, info), definition_(std::move(definition)) {}

bool TableEntry::IsUniqueColumn(int column) const {
  const auto holds = [column](const std::vector<int>& columns) {
    return std::ranges::find(columns, column) != columns.end();
  };
  return holds(definition_->key) ||
         std::ranges::any_of(definition_->unique, [&](const catalog::UniqueDef& unique) {
           return holds(unique.columns);
         });
}

int TableEntry::StoredPosition(duckdb::column_t column) const {
  return static_cast<int>(GetColumns().LogicalToPhysical(duckdb::LogicalIndex(column)).index);
}

duckdb::unique_ptr<duckdb::CreateInfo> TableEntry::GetInfo() const {
  auto info = duckdb::TableCatalogEntry::GetInfo();
  auto& table = info->Cast<duckdb::CreateTableInfo>();
  for (size_t i = 0; i < definition_->columns.size(); ++i) {
    const catalog::ColumnDef& column = definition_->columns[i];
    if (column.identity == catalog::Identity::kNone) continue;
    const std::string standard = IdentityDefault(SqlCatalog::Of(catalog), column);
    if (standard.empty()) continue;
    table.columns.GetColumnMutable(duckdb::PhysicalIndex(i))
        .SetDefaultValue(ValueOrThrow(ParseExpressionText(standard)));
  }
  return info;
}

duckdb::unique_ptr<duckdb::BaseStatistics> TableEntry::GetStatistics(duckdb::ClientContext& context,
                                                                     duckdb::column_t column) {
  return nullptr;  // the scan function answers for statistics
}

duckdb::TableFunction TableEntry::GetScanFunction(
    duckdb::ClientContext& context, duckdb::unique_ptr<duckdb::FunctionData>& bind_data) {
  bind_data = MakeHotScanBindData(*this);
  return HotScanFunction();
}

duckdb::vector<duckdb::ColumnSegmentInfo> TableEntry::GetColumnSegmentInfo(
    const duckdb::QueryContext& context) {
  ThrowStatus(MakeError(ErrorCode::kNotSupported,
                        "storage_info of a hot table is not supported; SELECT * FROM "
                        "storage_stats has one row for each file"));
}

duckdb::TableStorageInfo TableEntry::GetStorageInfo(duckdb::ClientContext& context) {
  duckdb::TableStorageInfo info;
  info.cardinality = static_cast<duckdb::idx_t>(CurrentView(context, *this)->num_rows_bound());
  if (!definition_->key.empty()) info.index_info.push_back(IndexInfoOf(definition_->key, true));
  for (const catalog::UniqueDef& unique : definition_->unique)
    info.index_info.push_back(IndexInfoOf(unique.columns, false));
  return info;
}

void TableEntry::BindUpdateConstraints(duckdb::Binder& binder, duckdb::LogicalGet& get,
                                       duckdb::LogicalProjection& projection,
                                       duckdb::LogicalUpdate& update,
                                       duckdb::ClientContext& context) {
  update.update_is_del_and_insert = false;
}

const catalog::TableDef& DefinitionOf(duckdb::TableCatalogEntry& table) {
  return TableEntry::Of(table).definition();
}

}  // namespace pyralog::sql
