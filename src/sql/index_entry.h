// A secondary index as DuckDB sees it, and the statement that makes one.
#pragma once

#include <string>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog_entry/index_catalog_entry.hpp"
#include "duckdb/planner/operator/logical_extension_operator.hpp"

namespace pyralog::sql {

class TableEntry;

class IndexEntry final : public duckdb::IndexCatalogEntry {
 public:
  IndexEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
             const catalog::TableDef& table, const catalog::IndexDef& index);

  std::string GetSchemaName() const override { return schema.name; }
  std::string GetTableName() const override { return table_; }

 private:
  const std::string table_;
};

// CREATE INDEX, of one row without columns that matter.
class LogicalCreateHotIndex final : public duckdb::LogicalExtensionOperator {
 public:
  LogicalCreateHotIndex(TableEntry& table, catalog::IndexDef index,
                        duckdb::OnCreateConflict on_conflict)
      : table_(table), index_(std::move(index)), on_conflict_(on_conflict) {}

  duckdb::PhysicalOperator& CreatePlan(duckdb::ClientContext& context,
                                       duckdb::PhysicalPlanGenerator& planner) override;
  duckdb::vector<duckdb::ColumnBinding> GetColumnBindings() override {
    return {duckdb::ColumnBinding(0, 0)};
  }
  duckdb::idx_t EstimateCardinality(duckdb::ClientContext& context) override { return 1; }
  std::string GetName() const override { return "CREATE_INDEX"; }
  bool SupportSerialization() const override { return false; }

 protected:
  void ResolveTypes() override { types = {duckdb::LogicalType::BIGINT}; }

 private:
  TableEntry& table_;
  const catalog::IndexDef index_;
  const duckdb::OnCreateConflict on_conflict_;
};

// What the statement asks for; throws kNotSupported for what no index can be.
catalog::IndexDef IndexFromInfo(const duckdb::CreateIndexInfo& info, TableEntry& table);

}  // namespace pyralog::sql
