// INSERT and CREATE TABLE AS: rows of the child, in table layout, are collected into Arrow batches
// and appended.
#pragma once

#include <memory>

#include "duckdb.hpp"
#include "duckdb/planner/parsed_data/bound_create_table_info.hpp"
#include "sql/row_checker.h"
#include "sql/write_operator.h"

namespace pyralog::sql {

class InsertOperator final : public WriteOperator {
 public:
  enum class Mode {
    kSerial,    // one thread
    kParallel,  // any thread, in any order
    kOrdered,   // any thread; rows arrive in the table in the order of the source's batches
  };
  // When appended rows reach the storage.
  enum class When {
    kAtOnce,
    kAtEnd,  // once all other sinks of the statement have deleted what they delete (MERGE)
  };

  struct Options {
    Mode mode = Mode::kSerial;
    When when = When::kAtOnce;
    bool returns_rows = false;
  };

  // Into a table that is there.
  InsertOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                 duckdb::idx_t cardinality, TableEntry& table, BoundConstraints constraints,
                 Options options);
  // Into one that is created when the statement runs.
  InsertOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                 duckdb::idx_t cardinality, duckdb::SchemaCatalogEntry& schema,
                 duckdb::unique_ptr<duckdb::BoundCreateTableInfo> created, Options options);

  std::string GetName() const override { return created_ ? "CREATE_TABLE_AS" : "INSERT"; }
  bool ParallelSink() const override { return options_.mode != Mode::kSerial; }
  bool SinkOrderDependent() const override { return options_.mode == Mode::kOrdered; }
  duckdb::OperatorPartitionInfo RequiredPartitionInfo() const override;

  duckdb::unique_ptr<duckdb::GlobalSinkState> GetGlobalSinkState(
      duckdb::ClientContext& context) const override;
  duckdb::unique_ptr<duckdb::LocalSinkState> GetLocalSinkState(
      duckdb::ExecutionContext& context) const override;
  duckdb::SinkResultType Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                              duckdb::OperatorSinkInput& input) const override;
  duckdb::SinkNextBatchType NextBatch(duckdb::ExecutionContext& context,
                                      duckdb::OperatorSinkNextBatchInput& input) const override;
  duckdb::SinkCombineResultType Combine(duckdb::ExecutionContext& context,
                                        duckdb::OperatorSinkCombineInput& input) const override;
  duckdb::SinkFinalizeType Finalize(duckdb::Pipeline& pipeline, duckdb::Event& event,
                                    duckdb::ClientContext& context,
                                    duckdb::OperatorSinkFinalizeInput& input) const override;

 private:
  TableEntry* const table_;                   // null: created_
  duckdb::SchemaCatalogEntry* const schema_;  // with created_
  const duckdb::unique_ptr<duckdb::BoundCreateTableInfo> created_;
  const BoundConstraints constraints_;
  const Options options_;
};

}  // namespace pyralog::sql
