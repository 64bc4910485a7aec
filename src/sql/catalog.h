// Pyralog's catalog as DuckDB sees it: the attached database that every unqualified name is looked
// up in.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog.hpp"
#include "sql/entry_set.h"
#include "sql/open_count.h"

namespace pyralog::sql {

// Name of the attached database and of the storage extension.
constexpr char kCatalogName[] = "pyralog";

class SharedDatabase;

class SqlCatalog final : public duckdb::Catalog {
 public:
  // `shared` must outlive it.
  SqlCatalog(duckdb::AttachedDatabase& database, SharedDatabase& shared);

  static SqlCatalog& Of(duckdb::Catalog& catalog) { return static_cast<SqlCatalog&>(catalog); }

  struct Begun {
    std::unique_ptr<catalog::Transaction> transaction;
    std::shared_ptr<EntrySet> entries;
    OpenLease lease;
  };
  // A transaction, and the entries of its catalog version.
  arrow::Result<Begun> Begin();
  catalog::Catalog& storage() { return storage_; }
  SharedDatabase& shared() { return shared_; }
  // The newest version that a transaction has begun at; for noticing that a cached plan is out of
  // date.
  uint64_t newest_version();
  // A version number for a catalog that only one transaction sees. DuckDB takes those from 2^62 up
  // for uncommitted.
  uint64_t NextUncommittedVersion() { return next_uncommitted_version_++; }

  void Initialize(bool load_builtin) override {}
  std::string GetCatalogType() override { return kCatalogName; }
  duckdb::optional_idx GetCatalogVersion(duckdb::ClientContext& context) override;

  duckdb::optional_ptr<duckdb::CatalogEntry> CreateSchema(duckdb::CatalogTransaction transaction,
                                                          duckdb::CreateSchemaInfo& info) override;
  duckdb::optional_ptr<duckdb::SchemaCatalogEntry> LookupSchema(
      duckdb::CatalogTransaction transaction, const duckdb::EntryLookupInfo& lookup,
      duckdb::OnEntryNotFound if_not_found) override;
  void ScanSchemas(duckdb::ClientContext& context,
                   std::function<void(duckdb::SchemaCatalogEntry&)> callback) override;
  duckdb::ErrorData SupportsCreateTable(duckdb::BoundCreateTableInfo& info) override;

  duckdb::PhysicalOperator& PlanCreateTableAs(duckdb::ClientContext& context,
                                              duckdb::PhysicalPlanGenerator& planner,
                                              duckdb::LogicalCreateTable& op,
                                              duckdb::PhysicalOperator& plan) override;
  duckdb::PhysicalOperator& PlanInsert(
      duckdb::ClientContext& context, duckdb::PhysicalPlanGenerator& planner,
      duckdb::LogicalInsert& op, duckdb::optional_ptr<duckdb::PhysicalOperator> plan) override;
  using duckdb::Catalog::PlanDelete;
  duckdb::PhysicalOperator& PlanDelete(duckdb::ClientContext& context,
                                       duckdb::PhysicalPlanGenerator& planner,
                                       duckdb::LogicalDelete& op,
                                       duckdb::PhysicalOperator& plan) override;
  using duckdb::Catalog::PlanUpdate;
  duckdb::PhysicalOperator& PlanUpdate(duckdb::ClientContext& context,
                                       duckdb::PhysicalPlanGenerator& planner,
                                       duckdb::LogicalUpdate& op,
                                       duckdb::PhysicalOperator& plan) override;
  duckdb::PhysicalOperator& PlanMergeInto(duckdb::ClientContext& context,
                                          duckdb::PhysicalPlanGenerator& planner,
                                          duckdb::LogicalMergeInto& op,
                                          duckdb::PhysicalOperator& plan) override;
  duckdb::unique_ptr<duckdb::LogicalOperator> BindCreateIndex(
      duckdb::Binder& binder, duckdb::CreateStatement& statement, duckdb::TableCatalogEntry& table,
      duckdb::unique_ptr<duckdb::LogicalOperator> plan) override;
  duckdb::unique_ptr<duckdb::LogicalOperator> BindAlterAddIndex(
      duckdb::Binder& binder, duckdb::TableCatalogEntry& table,
      duckdb::unique_ptr<duckdb::LogicalOperator> plan,
      duckdb::unique_ptr<duckdb::CreateIndexInfo> create_info,
      duckdb::unique_ptr<duckdb::AlterTableInfo> alter_info) override;

  duckdb::DatabaseSize GetDatabaseSize(duckdb::ClientContext& context) override;
  bool InMemory() override { return path_.empty(); }
  std::string GetDBPath() override { return path_; }

 private:
  void DropSchema(duckdb::ClientContext& context, duckdb::DropInfo& info) override;

  SharedDatabase& shared_;
  catalog::Catalog& storage_;
  const std::string path_;
  std::atomic<uint64_t> next_uncommitted_version_ = uint64_t{1} << 62;
  std::mutex mutex_;
  // Guarded by mutex_. The entries of the newest version that was seen; older ones live in their
  // transactions.
  uint64_t newest_version_ = 0;
  std::shared_ptr<EntrySet> newest_entries_;
};

}  // namespace pyralog::sql
