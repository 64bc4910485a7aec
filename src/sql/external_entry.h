// The catalog entry that an external table is to DuckDB.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog_entry/view_catalog_entry.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "sql/external_query.h"

namespace pyralog::sql {

class ExternalTableEntry final : public duckdb::ViewCatalogEntry {
 public:
  ExternalTableEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                     duckdb::CreateViewInfo& info,
                     std::shared_ptr<const catalog::ExternalTableDef> definition)
      : ViewCatalogEntry(catalog, schema, info), definition_(std::move(definition)) {}

  const catalog::ExternalTableDef& definition() const { return *definition_; }

  // Columns and types are the definition's, whatever the files now say: that is checked when the
  // query is bound.
  void BindView(duckdb::ClientContext&, duckdb::BindViewAction) override {}
  void UpdateBinding(const duckdb::vector<duckdb::LogicalType>&,
                     const duckdb::vector<std::string>&) override {}

  std::string ToSQL() const override { return ExternalTableSql(*definition_); }

  duckdb::unique_ptr<duckdb::CreateInfo> GetInfo() const override {
    auto info = duckdb::make_uniq<Info>();
    info->statement = ToSQL();
    return info;
  }

 private:
  // To EXPORT it is no view.
  struct Info final : public duckdb::CreateViewInfo {
    std::string statement;
    std::string ToString() const override { return statement; }
  };

  const std::shared_ptr<const catalog::ExternalTableDef> definition_;
};

}  // namespace pyralog::sql
