// Pyralog as its users have it: sessions over a database with default settings.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "answer.h"
#include "arrow/api.h"
#include "pyralog/database.h"

namespace pyralog::bench {

class PyralogSide {
 public:
  static arrow::Result<std::unique_ptr<PyralogSide>> Open(const std::string& path, size_t threads) {
    DatabaseOptions options;
    options.threads = static_cast<int>(threads);
    ARROW_ASSIGN_OR_RAISE(auto database, Database::Open(path, options));
    ARROW_ASSIGN_OR_RAISE(auto session, database->Connect());
    return std::unique_ptr<PyralogSide>(new PyralogSide(std::move(database), std::move(session)));
  }

  Database& database() { return *database_; }
  Session& session() { return *session_; }

  arrow::Status Execute(const std::string& sql) { return session_->Execute(sql).status(); }
  arrow::Result<arrow::RecordBatchVector> Query(const std::string& sql) {
    ARROW_ASSIGN_OR_RAISE(auto reader, session_->Query(sql));
    return reader->ToRecordBatches();
  }

 private:
  PyralogSide(std::shared_ptr<Database> database, std::unique_ptr<Session> session)
      : database_(std::move(database)), session_(std::move(session)) {}

  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

}  // namespace pyralog::bench
