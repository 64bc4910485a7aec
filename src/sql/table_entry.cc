#include "sql/table_entry.h"

#include <algorithm>
#include <string>
#include <utility>

#include "duckdb/parser/constraints/list.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "duckdb/storage/statistics/base_statistics.hpp"
#include "duckdb/storage/table_storage_info.hpp"
#include "lsm/key.h"
#include "sql/arrow_vectors.h"
#include "sql/errors.h"
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
  if (column.Generated()) return NotSupported("generated column " + name);
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

arrow::Status SetKey(const duckdb::UniqueConstraint& constraint, const duckdb::ColumnList& columns,
                     catalog::TableDef* definition) {
  if (!constraint.IsPrimaryKey()) {
    return NotSupported("UNIQUE (only as PRIMARY KEY)");
  }
  for (const duckdb::LogicalIndex index : constraint.GetLogicalIndexes(columns)) {
    catalog::ColumnDef& column = definition->columns[index.index];
    const arrow::Status status = lsm::CheckKeyType(*column.type);
    if (!status.ok()) {
      return NotSupported("PRIMARY KEY on column \"" + column.name + "\" of type " +
                          column.sql_type);
    }
    column.nullable = false;
    definition->key.push_back(static_cast<int>(index.index));
  }
  return arrow::Status::OK();
}

arrow::Status AddConstraint(const duckdb::Constraint& constraint, const duckdb::ColumnList& columns,
                            catalog::TableDef* definition) {
  switch (constraint.type) {
    case duckdb::ConstraintType::NOT_NULL:
      definition->columns[constraint.Cast<duckdb::NotNullConstraint>().index.index].nullable =
          false;
      return arrow::Status::OK();
    case duckdb::ConstraintType::UNIQUE:
      return SetKey(constraint.Cast<duckdb::UniqueConstraint>(), columns, definition);
    case duckdb::ConstraintType::CHECK: {
      ARROW_ASSIGN_OR_RAISE(std::string text,
                            ExpressionText(*constraint.Cast<duckdb::CheckConstraint>().expression));
      definition->checks.push_back(std::move(text));
      return arrow::Status::OK();
    }
    case duckdb::ConstraintType::FOREIGN_KEY:
      return NotSupported("REFERENCES (a foreign key)");
    default:
      return NotSupported("this constraint");
  }
}

duckdb::unique_ptr<duckdb::Constraint> KeyConstraint(const catalog::TableDef& definition) {
  if (definition.key.size() == 1) {
    const int column = definition.key[0];
    return duckdb::make_uniq<duckdb::UniqueConstraint>(duckdb::LogicalIndex(column),
                                                       definition.columns[column].name, true);
  }
  duckdb::vector<std::string> names;
  for (const int column : definition.key) names.push_back(definition.columns[column].name);
  return duckdb::make_uniq<duckdb::UniqueConstraint>(std::move(names), true);
}

}  // namespace

arrow::Result<std::unique_ptr<duckdb::CreateTableInfo>> CreateInfoOf(
    const catalog::TableDef& definition) {
  auto info = std::make_unique<duckdb::CreateTableInfo>();
  info->catalog = "";
  info->schema = definition.schema;
  info->table = definition.name;
  for (size_t i = 0; i < definition.columns.size(); ++i) {
    const catalog::ColumnDef& column = definition.columns[i];
    ARROW_ASSIGN_OR_RAISE(duckdb::LogicalType type, SqlTypeOfColumn(column));
    duckdb::ColumnDefinition made(column.name, std::move(type));
    if (column.default_sql) {
      ARROW_ASSIGN_OR_RAISE(auto value, ParseExpressionText(*column.default_sql));
      made.SetDefaultValue(std::move(value));
    }
    if (column.comment) made.SetComment(duckdb::Value(*column.comment));
    info->columns.AddColumn(std::move(made));
    if (!column.nullable) {
      info->constraints.push_back(
          duckdb::make_uniq<duckdb::NotNullConstraint>(duckdb::LogicalIndex(i)));
    }
  }
  if (!definition.key.empty()) info->constraints.push_back(KeyConstraint(definition));
  for (const std::string& check : definition.checks) {
    ARROW_ASSIGN_OR_RAISE(auto expression, ParseExpressionText(check));
    info->constraints.push_back(duckdb::make_uniq<duckdb::CheckConstraint>(std::move(expression)));
  }
  return info;
}

arrow::Result<catalog::TableDef> DefinitionFromInfo(const duckdb::CreateTableInfo& info,
                                                    const std::string& schema) {
  catalog::TableDef definition;
  definition.schema = schema;
  definition.name = info.table;
  for (const duckdb::ColumnDefinition& column : info.columns.Logical()) {
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

bool TableEntry::IsKeyColumn(int column) const {
  return std::ranges::find(definition_->key, column) != definition_->key.end();
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

duckdb::TableStorageInfo TableEntry::GetStorageInfo(duckdb::ClientContext& context) {
  duckdb::TableStorageInfo info;
  info.cardinality = static_cast<duckdb::idx_t>(CurrentView(context, *this)->num_rows_bound());
  if (!definition_->key.empty()) {
    duckdb::IndexInfo key;
    key.is_unique = true;
    key.is_primary = true;
    key.is_foreign = false;
    key.column_set.insert(definition_->key.begin(), definition_->key.end());
    info.index_info.push_back(std::move(key));
  }
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
