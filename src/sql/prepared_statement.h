// A prepared statement whose cached plan is kept usable: parameters are cast to the types it was
// made for, and it is prepared anew when the catalog has changed (DuckDB would plan it at every
// execution from then on).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "duckdb.hpp"
#include "pyralog/database.h"
#include "sql/result_batch.h"
#include "sql/session.h"
#include "sql/short_plan.h"

namespace pyralog::sql {

class SqlPreparedStatement final : public PreparedStatement {
 public:
  static arrow::Result<std::unique_ptr<PreparedStatement>> Make(
      std::shared_ptr<SessionConnection> connection, std::string_view sql);

  std::vector<std::string> parameter_names() const override;
  arrow::Result<StatementResult> Run(const Params& params) override;
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Query(const Params& params) override;
  arrow::Result<int64_t> Execute(const Params& params) override;

 private:
  struct Parameter {
    std::string name;
    duckdb::idx_t index;  // from 1
    std::optional<duckdb::LogicalType> type;
  };

  SqlPreparedStatement(std::shared_ptr<SessionConnection> connection, std::string_view sql);

  arrow::Status PrepareAnew();
  bool IsOutdated();
  arrow::Status SetParameters(const Params& params);
  // Checks what must be before a run, and sets the parameters.
  arrow::Status Begin(const Params& params);
  // By DuckDB's executor. REQUIRES: Begin.
  arrow::Result<SessionConnection::Result> RunLong(SessionConnection::Rows wanted);
  // By the short plan, if there is one that fits. REQUIRES: Begin.
  arrow::Result<bool> RunShort(const ShortPlan::Visitor& visit);

  const std::shared_ptr<SessionConnection> connection_;
  const std::string sql_;
  // Of the statement as last prepared.
  duckdb::unique_ptr<duckdb::PreparedStatement> statement_;
  uint64_t generation_ = 0;                  // of the connection
  std::unique_ptr<ShortPlan> short_plan_;    // nullptr: DuckDB's executor runs it
  std::unique_ptr<ResultBatch> short_rows_;  // of short_plan_'s rows
  bool is_commit_ = false;
  bool keeps_plan_ = false;  // the plan is used again; else every execution plans anew anyway
  // The catalog version that the plan is made for, if it depends on the catalog.
  std::optional<uint64_t> catalog_version_;
  std::vector<Parameter> parameters_;
  std::shared_ptr<arrow::Schema> schema_;  // of its rows; made by the first execution
  ParameterMap values_;                    // of parameters_; reused
};

}  // namespace pyralog::sql
