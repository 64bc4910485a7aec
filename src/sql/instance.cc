#include "sql/instance.h"

#include <utility>

#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/database_manager.hpp"
#include "duckdb/main/valid_checker.hpp"
#include "duckdb/parser/parsed_data/detach_info.hpp"
#include "duckdb/planner/operator/logical_simple.hpp"
#include "duckdb/planner/planner_extension.hpp"
#include "duckdb/storage/storage_extension.hpp"
#include "sql/connection_state.h"
#include "sql/constraint_names.h"
#include "sql/errors.h"
#include "sql/export.h"
#include "sql/external.h"
#include "sql/identity.h"
#include "sql/key_lookup.h"
#include "sql/local_files.h"
#include "sql/null_filters.h"
#include "sql/scan.h"
#include "sql/scan_plan.h"
#include "sql/sequence.h"
#include "sql/session_tables.h"
#include "sql/settings.h"
#include "sql/shared_database.h"
#include "sql/short_plan.h"
#include "sql/storage_stats.h"
#include "sql/subscript.h"
#include "sql/system_tables.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

// Groups up to 2^20 dense integer keys by position, not by hash: 3 times as fast at a million keys.
constexpr uint64_t kPerfectHashBits = 20;

struct AttachedStorage final : public duckdb::StorageExtensionInfo {
  explicit AttachedStorage(SharedDatabase& shared) : database(shared) {}

  SharedDatabase& database;
};

duckdb::unique_ptr<duckdb::Catalog> Attach(
    duckdb::optional_ptr<duckdb::StorageExtensionInfo> storage, duckdb::ClientContext& context,
    duckdb::AttachedDatabase& database, const std::string& name, duckdb::AttachInfo& info,
    duckdb::AttachOptions& options) {
  if (!options.is_main_database) ThrowNotSupported("ATTACH of a Pyralog database");
  auto& own = static_cast<AttachedStorage&>(*storage);
  return duckdb::make_uniq<SqlCatalog>(database, own.database);
}

duckdb::unique_ptr<duckdb::TransactionManager> CreateTransactionManager(
    duckdb::optional_ptr<duckdb::StorageExtensionInfo> storage, duckdb::AttachedDatabase& database,
    duckdb::Catalog& catalog) {
  return duckdb::make_uniq<SqlTransactionManager>(database, SqlCatalog::Of(catalog));
}

// Statements that would load foreign code, or take the database away from under other sessions.
void RefuseForbidden(const duckdb::LogicalOperator& plan) {
  switch (plan.type) {
    case duckdb::LogicalOperatorType::LOGICAL_LOAD:
      ThrowNotSupported("INSTALL or LOAD of extensions");
    case duckdb::LogicalOperatorType::LOGICAL_UPDATE_EXTENSIONS:
      ThrowNotSupported("UPDATE EXTENSIONS");
    case duckdb::LogicalOperatorType::LOGICAL_DETACH: {
      const auto& info = plan.Cast<duckdb::LogicalSimple>().info->Cast<duckdb::DetachInfo>();
      if (duckdb::StringUtil::CIEquals(info.name, kCatalogName))
        ThrowNotSupported("DETACH pyralog");
      break;
    }
    default:
      break;
  }
}

void AfterBinding(duckdb::PlannerExtensionInput& input, duckdb::BoundStatement& statement) {
  if (statement.plan == nullptr) return;
  RefuseForbidden(*statement.plan);
  CheckIdentityWrites(*statement.plan);
  PrepareExport(*statement.plan);
  if (UseKeyLookups(input.binder, statement.plan)) {
    AllowPlanCacheWithoutScans(input.binder, *statement.plan);
  }
}

void ConfigureAs(const duckdb::DBConfig& previous, duckdb::DBConfig* config) {
  const std::string path = config->options.database_path;
  config->options = previous.options;
  config->options.database_path = path;
  config->user_settings = previous.user_settings;
}

void Configure(const InstanceOptions& options, duckdb::DBConfig* config) {
  config->options.database_type = kCatalogName;
  if (options.threads > 0) config->options.maximum_threads = options.threads;
  const uint64_t machine =
      duckdb::DBConfig::GetSystemAvailableMemory(*duckdb::FileSystem::CreateLocal());
  config->options.maximum_memory =
      options.memory_limit > 0 ? options.memory_limit : machine / 4 * 3;
  for (const char* name : {"autoinstall_known_extensions", "autoload_known_extensions",
                           "allow_community_extensions", "allow_persistent_secrets"}) {
    config->SetOptionByName(name, duckdb::Value::BOOLEAN(false));
  }
  config->SetOptionByName("perfect_ht_threshold", duckdb::Value::UBIGINT(kPerfectHashBits));
}

// Footers of Parquet files are read once, as long as the files' version tags are the same (see
// local_files.h).
void KeepFooters(duckdb::DuckDB& made) {
  duckdb::DBConfig::GetConfig(*made.instance)
      .SetOptionByName("parquet_metadata_cache", duckdb::Value::BOOLEAN(true));
}

void Register(SharedDatabase& database, duckdb::DBConfig* config) {
  auto extension = duckdb::make_shared_ptr<duckdb::StorageExtension>();
  extension->attach = Attach;
  extension->create_transaction_manager = CreateTransactionManager;
  extension->storage_info = duckdb::make_shared_ptr<AttachedStorage>(database);
  duckdb::StorageExtension::Register(*config, kCatalogName, std::move(extension));

  duckdb::PlannerExtension planner;
  planner.post_bind_function = AfterBinding;
  duckdb::PlannerExtension::Register(*config, std::move(planner));
  SpellOutDistinct(config);
}

}  // namespace

Instance::Instance(std::unique_ptr<duckdb::DuckDB> duckdb) : duckdb_(std::move(duckdb)) {
  auto database = duckdb_->instance->GetDatabaseManager().GetDatabase(kCatalogName);
  catalog_ = &SqlCatalog::Of(database->GetCatalog());
}

arrow::Result<std::shared_ptr<Instance>> Instance::Create(SharedDatabase& database,
                                                          const InstanceOptions& options,
                                                          const Instance* previous) {
  return Guard([&]() -> arrow::Result<std::shared_ptr<Instance>> {
    duckdb::DBConfig config;
    if (previous == nullptr) {
      Configure(options, &config);
    } else {
      ConfigureAs(duckdb::DBConfig::GetConfig(*previous->duckdb_->instance), &config);
    }
    config.options.temporary_directory = options.temp_folder;
    config.file_system = MakeLocalFiles();
    Register(database, &config);
    auto made = std::make_unique<duckdb::DuckDB>(kCatalogName, &config);
    if (previous == nullptr) KeepFooters(*made);
    RegisterSettings(*made->instance, database.options());
    RegisterStorageStats(*made->instance);
    RegisterSystemTables(*made->instance);
    RegisterExternal(*made->instance);
    RegisterSessionTables(*made->instance);
    NoteFunctionsThatWantExecutor(*made->instance);
    CheckSubscripts(*made->instance);
    ReplaceSequenceFunctions(*made->instance);
    RegisterSetval(*made->instance);
    ShowConstraintNames(*made->instance);
    RegisterIdentity(*made->instance);
    RegisterHotScan(*made->instance);
    return std::shared_ptr<Instance>(new Instance(std::move(made)));
  });
}

arrow::Result<ConnectionPtr> Instance::Connect(std::shared_ptr<SessionRecord> record) {
  return Guard([&]() -> arrow::Result<ConnectionPtr> {
    ConnectionPtr connection(new duckdb::Connection(*duckdb_));
    connection->context->registered_state->Insert(
        ConnectionState::kKey, duckdb::make_shared_ptr<ConnectionState>(std::move(record)));
    return connection;
  });
}

bool Instance::is_dead() { return duckdb::ValidChecker::IsInvalidated(*duckdb_->instance); }

std::string Instance::cause_of_death() {
  return duckdb::ValidChecker::InvalidatedMessage(*duckdb_->instance);
}

}  // namespace pyralog::sql
