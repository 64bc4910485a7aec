// Plans of a few rows without a scan (a row by its key, a row to insert), run in the calling
// thread.
//
// DuckDB's executor makes pipelines, events and tasks of every plan and wakes its workers for them:
// more work than such a plan does itself. A short plan is one chain of operators, so it needs none
// of that: each chunk is handed from operator to operator. The
// operators, their states and their order of calls are the executor's.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/execution/executor.hpp"
#include "duckdb/execution/physical_operator.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/parallel/pipeline.hpp"
#include "duckdb/parallel/thread_context.hpp"

namespace pyralog::sql {

// Makes statements known that have a function which reads DuckDB's record of the running query,
// which a short plan does not make.
void NoteFunctionsThatWantExecutor(duckdb::DatabaseInstance& instance);

class ShortPlan {
 public:
  using Values = duckdb::case_insensitive_map_t<duckdb::BoundParameterData>;
  using Visitor = std::function<void(duckdb::DataChunk& rows)>;

  // The plan, just made, as a short one; nullptr when it has another shape.
  static std::unique_ptr<ShortPlan> Make(
      duckdb::ClientContext& context, duckdb::shared_ptr<duckdb::PreparedStatementData> statement);

  // Runs the plan in the context's transaction, which is active and valid; throws its errors.
  // `visit` gets the rows of the result; a chunk is gone when it returns. False when the plan does
  // not fit the values or the catalog any more; nothing was done then.
  bool Execute(Values& values, const Visitor& visit);

 private:
  struct Step {
    duckdb::PhysicalOperator& op;
    duckdb::DataChunk rows;  // its output
  };
  // Rows of the source go through the steps into the sink; without one they are the result. The
  // sink of a stage is the source of the next.
  struct Stage {
    std::unique_ptr<Step> source;
    std::vector<std::unique_ptr<Step>> steps;  // from the source up
    duckdb::PhysicalOperator* sink = nullptr;
  };
  class Run;

  ShortPlan(duckdb::ClientContext& context,
            duckdb::shared_ptr<duckdb::PreparedStatementData> statement);

  // Takes the plan apart; false when it has another shape.
  bool Analyze();
  std::unique_ptr<Step> StepOf(duckdb::PhysicalOperator& op);
  void CheckDatabases();

  duckdb::ClientContext& context_;
  const duckdb::shared_ptr<duckdb::PreparedStatementData> statement_;
  duckdb::ThreadContext thread_;
  // What a sink wants to be given when it is finished.
  duckdb::Executor executor_;
  duckdb::shared_ptr<duckdb::Pipeline> pipeline_;
  duckdb::shared_ptr<duckdb::Event> event_;
  std::vector<Stage> stages_;  // in the order they run
};

}  // namespace pyralog::sql
