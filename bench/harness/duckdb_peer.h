// DuckDB as a peer in this process: the library that Pyralog embeds, over its own storage.
#pragma once

#include <duckdb.hpp>
#include <memory>
#include <string>
#include <utility>

#include "answer.h"
#include "arrow/api.h"

namespace pyralog::bench {

// A file database with DuckDB's default settings but for the number of threads. It syncs at each
// commit and checkpoints by itself, as everywhere.
class DuckDBPeer {
 public:
  static arrow::Result<std::unique_ptr<DuckDBPeer>> Open(const std::string& path, size_t threads) {
    try {
      duckdb::DBConfig config;
      config.SetOptionByName("threads", duckdb::Value::BIGINT(static_cast<int64_t>(threads)));
      return std::unique_ptr<DuckDBPeer>(
          new DuckDBPeer(std::make_unique<duckdb::DuckDB>(path, &config)));
    } catch (const std::exception& error) {
      return arrow::Status::IOError("DuckDB: ", error.what());
    }
  }

  duckdb::Connection& connection() { return connection_; }
  std::unique_ptr<duckdb::Connection> Connect() {
    return std::make_unique<duckdb::Connection>(*database_);
  }

  arrow::Result<std::unique_ptr<duckdb::MaterializedQueryResult>> Query(const std::string& sql) {
    auto result = connection_.Query(sql);
    if (result->HasError()) return arrow::Status::Invalid("DuckDB: ", result->GetError());
    return std::unique_ptr<duckdb::MaterializedQueryResult>(result.release());
  }
  arrow::Status Execute(const std::string& sql) { return Query(sql).status(); }

 private:
  explicit DuckDBPeer(std::unique_ptr<duckdb::DuckDB> database)
      : database_(std::move(database)), connection_(*database_) {}

  std::unique_ptr<duckdb::DuckDB> database_;
  duckdb::Connection connection_;
};

inline Cell ToCell(const duckdb::Value& value) {
  if (value.IsNull()) return "NULL";
  switch (value.type().id()) {
    case duckdb::LogicalTypeId::DOUBLE:
    case duckdb::LogicalTypeId::FLOAT:
      return value.GetValue<double>();
    case duckdb::LogicalTypeId::TIMESTAMP:
      return std::to_string(value.GetValueUnsafe<duckdb::timestamp_t>().value);
    case duckdb::LogicalTypeId::DATE:
      return std::to_string(value.GetValueUnsafe<duckdb::date_t>().days);
    default:
      return value.ToString();
  }
}

inline Answer ToAnswer(duckdb::MaterializedQueryResult& result) {
  Answer answer;
  for (duckdb::idx_t row = 0; row < result.RowCount(); ++row) {
    Row cells;
    for (duckdb::idx_t column = 0; column < result.ColumnCount(); ++column) {
      cells.push_back(ToCell(result.GetValue(column, row)));
    }
    answer.push_back(std::move(cells));
  }
  return answer;
}

}  // namespace pyralog::bench
