#include "sql/shared_database.h"

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "lsm/engine.h"
#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

lsm::Durability EngineDurability(Durability durability) {
  switch (durability) {
    case Durability::kFull:
      return lsm::Durability::kFull;
    case Durability::kNormal:
      return lsm::Durability::kNormal;
    case Durability::kOff:
      break;
  }
  return lsm::Durability::kOff;
}

lsm::EngineOptions EngineOptionsOf(const DatabaseOptions& options, bool in_memory) {
  lsm::EngineOptions result;
  // In memory nothing survives, with or without a log.
  result.durability = in_memory ? lsm::Durability::kOff : EngineDurability(options.durability);
  result.create_if_missing = in_memory || options.create_if_missing;
  result.read_only = options.read_only;
  result.memtable_bytes = options.memtable_size;
  if (in_memory) result.wal_preallocate_bytes = result.reserve_bytes = 0;
  return result;
}

// Where the operators of an in-memory database spill: a folder of this process and database.
std::string MemoryTempFolder(const void* database) {
  std::error_code error;
  const auto base = std::filesystem::temp_directory_path(error);
  const std::string name = "pyralog-" + std::to_string(getpid()) + "-" +
                           std::to_string(reinterpret_cast<uintptr_t>(database));
  return (error ? std::filesystem::path("/tmp") : base) / name;
}

}  // namespace

SharedDatabase::SharedDatabase(std::string path, const DatabaseOptions& options)
    : path_(std::move(path)), options_(options) {}

arrow::Result<std::unique_ptr<SharedDatabase>> SharedDatabase::Open(
    const std::string& path, const DatabaseOptions& options) {
  std::unique_ptr<SharedDatabase> database(new SharedDatabase(path, options));
  const bool in_memory = path.empty();
  if (in_memory) database->memory_ = io::NewMemEnv();
  io::Env* env = in_memory ? database->memory_.get() : io::PosixEnv();
  ARROW_ASSIGN_OR_RAISE(auto engine, lsm::Engine::Open(env, in_memory ? "/db" : path,
                                                       EngineOptionsOf(options, in_memory)));
  database->catalog_ = catalog::Catalog::Make(std::move(engine));
  ARROW_RETURN_NOT_OK(database->instance().status());
  return database;
}

arrow::Result<std::shared_ptr<Instance>> SharedDatabase::instance() {
  const std::lock_guard lock(mutex_);
  if (instance_ == nullptr || instance_->is_dead()) {
    InstanceOptions options;
    options.threads = options_.threads;
    options.memory_limit = options_.memory_limit;
    options.temp_folder = path_.empty() ? MemoryTempFolder(this) : io::JoinPath(path_, "tmp");
    // One that has ended may still have statements that spill.
    if (instances_ > 0) options.temp_folder += "-" + std::to_string(instances_);
    ARROW_ASSIGN_OR_RAISE(instance_, Instance::Create(*this, options, instance_.get()));
    ++instances_;
  }
  return instance_;
}

arrow::Result<SharedDatabase::Begun> SharedDatabase::Begin() {
  Begun begun;
  ARROW_ASSIGN_OR_RAISE(begun.transaction, catalog_->Begin());
  begun.lease = open_transactions_.Open();
  return begun;
}

arrow::Status SharedDatabase::Close() {
  if (const int64_t open = open_transactions_.count(); open > 0) {
    return MakeError(ErrorCode::kTransaction,
                     "the database cannot be closed: " + std::to_string(open) +
                         (open == 1 ? " transaction is" : " transactions are") +
                         " open; end them, and release results that were not read to their end");
  }
  catalog_->sequences().GiveBack();
  return catalog_->engine().Close();
}

}  // namespace pyralog::sql
