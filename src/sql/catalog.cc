#include "sql/catalog.h"

#include <utility>

#include "duckdb/parser/parsed_data/create_index_info.hpp"
#include "duckdb/parser/parsed_data/create_schema_info.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"
#include "duckdb/parser/parsed_data/drop_info.hpp"
#include "duckdb/parser/statement/create_statement.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "duckdb/planner/operator/logical_simple.hpp"
#include "duckdb/planner/parsed_data/bound_create_table_info.hpp"
#include "duckdb/storage/database_size.hpp"
#include "sql/errors.h"
#include "sql/index_entry.h"
#include "sql/schema_entry.h"
#include "sql/shared_database.h"
#include "sql/table_entry.h"
#include "sql/transaction.h"

namespace pyralog::sql {

SqlCatalog::SqlCatalog(duckdb::AttachedDatabase& database, SharedDatabase& shared)
    : duckdb::Catalog(database),
      shared_(shared),
      storage_(shared.catalog()),
      path_(shared.path()) {}

arrow::Result<SqlCatalog::Begun> SqlCatalog::Begin() {
  // One lock over both steps: a transaction never begins at a version older than the newest whose
  // entries were handed out, so a set that was dropped for a newer one is never needed again.
  const std::lock_guard lock(mutex_);
  Begun begun;
  ARROW_ASSIGN_OR_RAISE(begun.transaction, storage_.Begin());
  const uint64_t version = begun.transaction->version();
  if (newest_entries_ == nullptr || version > newest_version_) {
    newest_entries_ = std::make_shared<EntrySet>(*this);
    newest_version_ = version;
  }
  begun.entries = newest_entries_;
  begun.lease = shared_.open_transactions().Open();
  return begun;
}

uint64_t SqlCatalog::newest_version() {
  const std::lock_guard lock(mutex_);
  return newest_version_;
}

duckdb::optional_idx SqlCatalog::GetCatalogVersion(duckdb::ClientContext& context) {
  return SqlTransaction::Get(context, *this).CatalogVersion();
}

duckdb::optional_ptr<duckdb::SchemaCatalogEntry> SqlCatalog::LookupSchema(
    duckdb::CatalogTransaction transaction, const duckdb::EntryLookupInfo& lookup,
    duckdb::OnEntryNotFound if_not_found) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), *this);
  duckdb::SchemaCatalogEntry* schema = own.entries().Schema(own.state(), lookup.GetEntryName());
  if (schema == nullptr && if_not_found == duckdb::OnEntryNotFound::THROW_EXCEPTION) {
    throw duckdb::CatalogException::MissingEntry(duckdb::CatalogType::SCHEMA_ENTRY,
                                                 lookup.GetEntryName(), std::string());
  }
  return schema;
}

void SqlCatalog::ScanSchemas(duckdb::ClientContext& context,
                             std::function<void(duckdb::SchemaCatalogEntry&)> callback) {
  SqlTransaction& own = SqlTransaction::Get(context, *this);
  for (const std::string& name : ValueOrThrow(own.state().ListSchemas())) {
    if (auto* schema = own.entries().Schema(own.state(), name)) callback(*schema);
  }
}

duckdb::optional_ptr<duckdb::CatalogEntry> SqlCatalog::CreateSchema(
    duckdb::CatalogTransaction transaction, duckdb::CreateSchemaInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), *this);
  if (ValueOrThrow(own.state().HasSchema(info.schema))) {
    switch (info.on_conflict) {
      case duckdb::OnCreateConflict::IGNORE_ON_CONFLICT:
        return nullptr;
      case duckdb::OnCreateConflict::REPLACE_ON_CONFLICT:
        ThrowNotSupported("CREATE OR REPLACE SCHEMA");
      default:
        break;  // the catalog says that the name is taken
    }
  }
  ThrowIfError(own.state().CreateSchema(info.schema));
  own.NoteWrite();
  return own.entries().Schema(own.state(), info.schema);
}

void SqlCatalog::DropSchema(duckdb::ClientContext& context, duckdb::DropInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(context, *this);
  if (info.if_not_found == duckdb::OnEntryNotFound::RETURN_NULL &&
      !ValueOrThrow(own.state().HasSchema(info.name))) {
    return;
  }
  if (duckdb::StringUtil::CIEquals(info.name, std::string(catalog::kDefaultSchema))) {
    ThrowNotSupported("DROP SCHEMA main");
  }
  if (info.cascade) DropDefaultsFrom(own, info.name);
  ThrowIfError(own.state().DropSchema(info.name, info.cascade));
  own.NoteWrite();
}

duckdb::ErrorData SqlCatalog::SupportsCreateTable(duckdb::BoundCreateTableInfo& info) {
  const auto& base = info.Base().Cast<duckdb::CreateTableInfo>();
  const auto refusal = [](const std::string& what) {
    return ErrorDataOf(MakeError(ErrorCode::kNotSupported, what + " is not supported"));
  };
  if (!base.partition_keys.empty()) return refusal("CREATE TABLE ... PARTITIONED BY");
  if (!base.sort_keys.empty()) return refusal("CREATE TABLE ... SORTED BY");
  if (!base.options.empty()) {
    return refusal("the option " + base.options.begin()->first + " of CREATE TABLE ... WITH");
  }
  return {};
}

duckdb::unique_ptr<duckdb::LogicalOperator> SqlCatalog::BindCreateIndex(
    duckdb::Binder& binder, duckdb::CreateStatement& statement, duckdb::TableCatalogEntry& table,
    duckdb::unique_ptr<duckdb::LogicalOperator> plan) {
  const auto& info = statement.info->Cast<duckdb::CreateIndexInfo>();
  TableEntry& entry = TableEntry::Of(table);
  return duckdb::make_uniq<LogicalCreateHotIndex>(entry, IndexFromInfo(info, entry),
                                                  info.on_conflict);
}

duckdb::unique_ptr<duckdb::LogicalOperator> SqlCatalog::BindAlterAddIndex(
    duckdb::Binder& binder, duckdb::TableCatalogEntry& table,
    duckdb::unique_ptr<duckdb::LogicalOperator> plan,
    duckdb::unique_ptr<duckdb::CreateIndexInfo> create_info,
    duckdb::unique_ptr<duckdb::AlterTableInfo> alter_info) {
  return duckdb::make_uniq<duckdb::LogicalSimple>(duckdb::LogicalOperatorType::LOGICAL_ALTER,
                                                  std::move(alter_info));
}

duckdb::DatabaseSize SqlCatalog::GetDatabaseSize(duckdb::ClientContext& context) {
  duckdb::DatabaseSize size;
  size.block_size = 1;
  for (const lsm::FileInfo& file : storage_.engine().Files()) {
    size.bytes += file.bytes;
    if (file.kind == "wal") size.wal_size += file.bytes;
  }
  size.total_blocks = size.used_blocks = size.bytes;
  return size;
}

}  // namespace pyralog::sql
