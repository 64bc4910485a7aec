// pyralog/database.h: opening databases, one shared engine for each folder.
#include "pyralog/database.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "arrow/compute/initialize.h"
#include "sql/mask.h"
#include "sql/result_reader.h"
#include "sql/session.h"
#include "sql/shared_database.h"
#include "sql/table_transaction.h"

namespace pyralog {
namespace {

using sql::SharedDatabase;

constexpr char kMemoryPath[] = ":memory:";

// The databases of this process that are open, by folder. Thread-safe.
class OpenDatabases {
 public:
  // Those that a forked child inherits are its parent's, whose threads it does not have: it begins
  // anew, and finds their folders locked.
  static OpenDatabases& Of() {
    static std::atomic<OpenDatabases*> databases = nullptr;  // lives as long as the process
    OpenDatabases* found = databases.load();
    while (found == nullptr || found->process_ != ::getpid()) {
      auto made = std::make_unique<OpenDatabases>();
      if (databases.compare_exchange_strong(found, made.get())) found = made.release();
    }
    return *found;
  }

  arrow::Result<std::shared_ptr<SharedDatabase>> Open(const std::string& folder,
                                                      const DatabaseOptions& options);

 private:
  void Forget(const std::string& folder, SharedDatabase* database);

  const pid_t process_ = ::getpid();
  std::mutex mutex_;
  std::condition_variable forgotten_;
  std::map<std::string, std::weak_ptr<SharedDatabase>> open_;  // guarded by mutex_
};

arrow::Status CheckSameOptions(const std::string& folder, const DatabaseOptions& open,
                               const DatabaseOptions& wanted) {
  const char* differs = nullptr;
  if (open.durability != wanted.durability) differs = "durability";
  if (open.read_only != wanted.read_only) differs = "read_only";
  if (open.memory_limit != wanted.memory_limit) differs = "memory_limit";
  if (open.threads != wanted.threads) differs = "threads";
  if (open.memtable_size != wanted.memtable_size) differs = "memtable_size";
  if (differs == nullptr) return arrow::Status::OK();
  return MakeError(ErrorCode::kInvalidArgument, "database '" + folder +
                                                    "' is open in this process with another " +
                                                    differs + "; open it with the same options");
}

arrow::Result<std::shared_ptr<SharedDatabase>> OpenDatabases::Open(const std::string& folder,
                                                                   const DatabaseOptions& options) {
  std::unique_lock lock(mutex_);
  for (auto found = open_.find(folder); found != open_.end(); found = open_.find(folder)) {
    if (auto database = found->second.lock()) {
      ARROW_RETURN_NOT_OK(CheckSameOptions(folder, database->options(), options));
      return database;
    }
    forgotten_.wait(lock);  // its last user is gone, but it is still closing
  }
  ARROW_ASSIGN_OR_RAISE(auto opened, SharedDatabase::Open(folder, options));
  std::shared_ptr<SharedDatabase> database(
      opened.release(), [this, folder](SharedDatabase* closing) { Forget(folder, closing); });
  open_[folder] = database;
  return database;
}

void OpenDatabases::Forget(const std::string& folder, SharedDatabase* database) {
  delete database;
  const std::lock_guard lock(mutex_);
  open_.erase(folder);
  forgotten_.notify_all();
}

std::string RecoveryNotice(const lsm::RecoveryReport& report) {
  if (!report.torn_tail) return "";
  return "a torn log tail of " + std::to_string(report.torn_bytes) + " bytes was cut from " +
         report.torn_file + " at offset " + std::to_string(report.torn_offset) +
         "; it was never acknowledged as durable";
}

class DatabaseHandle final : public Database {
 public:
  explicit DatabaseHandle(std::shared_ptr<SharedDatabase> database)
      : database_(std::move(database)), counted_(database_->handles().Open()) {}

  arrow::Result<std::unique_ptr<Session>> Connect() override {
    ARROW_ASSIGN_OR_RAISE(auto database, Get());
    ARROW_ASSIGN_OR_RAISE(auto connection, sql::SessionConnection::Open(std::move(database)));
    return std::make_unique<sql::SqlSession>(std::move(connection));
  }

  arrow::Result<std::unique_ptr<Transaction>> Begin() override {
    ARROW_ASSIGN_OR_RAISE(auto database, Get());
    return sql::TableTransaction::Begin(std::move(database));
  }

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      std::string_view table, const ScanOptions& options) override {
    ARROW_ASSIGN_OR_RAISE(const auto transaction, Begin());
    return transaction->Scan(table, options);
  }

  arrow::Status Flush() override {
    ARROW_ASSIGN_OR_RAISE(const auto database, Get());
    return database->catalog().engine().Flush();
  }

  arrow::Status Verify() override {
    ARROW_ASSIGN_OR_RAISE(const auto database, Get());
    return database->catalog().engine().Verify();
  }

  arrow::Status Close() override {
    ARROW_ASSIGN_OR_RAISE(const auto database, Get());
    // Other handles go on; the last one closes the engine.
    if (database->handles().count() == 1) ARROW_RETURN_NOT_OK(database->Close());
    const std::lock_guard lock(mutex_);
    database_.reset();
    counted_.reset();
    return arrow::Status::OK();
  }

  std::string recovery_notice() const override {
    const auto database = Get();
    return database.ok() ? RecoveryNotice((*database)->catalog().engine().recovery()) : "";
  }

 private:
  arrow::Result<std::shared_ptr<SharedDatabase>> Get() const {
    const std::lock_guard lock(mutex_);
    if (database_ == nullptr) {
      return MakeError(ErrorCode::kTransaction, "the database was closed; open it again");
    }
    return database_;
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_; null: closed.
  std::shared_ptr<SharedDatabase> database_;
  sql::OpenLease counted_;
};

// The folder's one name, whatever links and dots the path goes through.
arrow::Result<std::string> CanonicalFolder(const std::string& path) {
  std::error_code error;
  // Made absolute first: of a path that is not there yet the library leaves the rest as it is.
  auto canonical = std::filesystem::absolute(path, error);
  if (!error) canonical = std::filesystem::weakly_canonical(canonical, error);
  if (error) {
    return MakeError(ErrorCode::kIo,
                     "the path '" + path + "' cannot be resolved: " + error.message());
  }
  return canonical.string();
}

}  // namespace

arrow::Result<std::shared_ptr<Database>> Database::Open(const std::string& path,
                                                        const DatabaseOptions& options) {
  ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
  ARROW_RETURN_NOT_OK(sql::CheckSimdChoice());
  std::shared_ptr<SharedDatabase> database;
  if (path.empty() || path == kMemoryPath) {
    ARROW_ASSIGN_OR_RAISE(database, SharedDatabase::Open("", options));
  } else {
    ARROW_ASSIGN_OR_RAISE(const std::string folder, CanonicalFolder(path));
    ARROW_ASSIGN_OR_RAISE(database, OpenDatabases::Of().Open(folder, options));
  }
  return std::make_shared<DatabaseHandle>(std::move(database));
}

std::string Version() { return PYRALOG_VERSION; }

arrow::Result<arrow::RecordBatchVector> ReadRest(arrow::RecordBatchReader& reader) {
  auto* const whole = dynamic_cast<sql::WholeReader*>(&reader);
  return whole == nullptr ? reader.ToRecordBatches() : whole->Rest();
}

}  // namespace pyralog
