// A hot table as DuckDB sees it. Its columns and constraints are rebuilt from the SQL texts in the
// definition.
#pragma once

#include <memory>
#include <vector>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"

namespace pyralog::sql {

class TableEntry final : public duckdb::TableCatalogEntry {
 public:
  TableEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
             duckdb::CreateTableInfo& info, std::shared_ptr<const catalog::TableDef> definition);

  static TableEntry& Of(duckdb::TableCatalogEntry& table) {
    return static_cast<TableEntry&>(table);
  }

  const catalog::TableDef& definition() const { return *definition_; }
  // Whether the column is part of the primary key or of a UNIQUE constraint.
  bool IsUniqueColumn(int column) const;
  // Where a column, by its number among all of the table's, is among the stored ones.
  // REQUIRES: it is not generated.
  int StoredPosition(duckdb::column_t column) const;
  bool has_checks() const { return !definition_->checks.empty(); }

  // What creates the table anew: its identity columns go on where they stand.
  duckdb::unique_ptr<duckdb::CreateInfo> GetInfo() const override;
  duckdb::unique_ptr<duckdb::BaseStatistics> GetStatistics(duckdb::ClientContext& context,
                                                           duckdb::column_t column) override;
  using duckdb::TableCatalogEntry::GetScanFunction;
  duckdb::TableFunction GetScanFunction(
      duckdb::ClientContext& context, duckdb::unique_ptr<duckdb::FunctionData>& bind_data) override;
  // DuckDB's segments, which a hot table has none of.
  duckdb::vector<duckdb::ColumnSegmentInfo> GetColumnSegmentInfo(
      const duckdb::QueryContext& context) override;
  duckdb::TableStorageInfo GetStorageInfo(duckdb::ClientContext& context) override;
  // Adds nothing: our UPDATE fetches by row id whatever columns it needs beyond the changed ones.
  void BindUpdateConstraints(duckdb::Binder& binder, duckdb::LogicalGet& get,
                             duckdb::LogicalProjection& projection, duckdb::LogicalUpdate& update,
                             duckdb::ClientContext& context) override;

 private:
  const std::shared_ptr<const catalog::TableDef> definition_;
};

// OK when the column may be part of a `constraint` of this name; kNotSupported names both.
arrow::Status CheckKeyColumn(const catalog::ColumnDef& column,
                             const std::string& constraint = "PRIMARY KEY");

// The columns and constraints of a definition, with defaults and checks parsed; its foreign keys
// stand in foreign_keys.h. kDamaged when a text does not parse.
arrow::Result<std::unique_ptr<duckdb::CreateTableInfo>> CreateInfoOf(
    const catalog::TableDef& definition);

// The other way round, without foreign keys; kNotSupported names whatever cannot be kept.
arrow::Result<catalog::TableDef> DefinitionFromInfo(const duckdb::CreateTableInfo& info,
                                                    const std::string& schema);

// A column as CREATE TABLE or ADD COLUMN declares it.
arrow::Result<catalog::ColumnDef> ColumnFromDefinition(const duckdb::ColumnDefinition& column);

// The expression of a stored text.
arrow::Result<duckdb::unique_ptr<duckdb::ParsedExpression>> ParseExpressionText(
    const std::string& text);
// The text of an expression, checked to mean the same when it is parsed again; else kNotSupported.
arrow::Result<std::string> ExpressionText(const duckdb::ParsedExpression& expression);

}  // namespace pyralog::sql
