// DELETE: row ids of the child are deleted from the table.
#pragma once

#include "duckdb.hpp"
#include "sql/write_operator.h"

namespace pyralog::sql {

class DeleteOperator final : public WriteOperator {
 public:
  // `row_id_column` is the input's column with the row ids.
  DeleteOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                 duckdb::idx_t cardinality, TableEntry& table, duckdb::idx_t row_id_column,
                 bool returns_rows);

  std::string GetName() const override { return "DELETE"; }
  bool ParallelSink() const override { return !returns_rows_; }

  duckdb::unique_ptr<duckdb::GlobalSinkState> GetGlobalSinkState(
      duckdb::ClientContext& context) const override;
  duckdb::unique_ptr<duckdb::LocalSinkState> GetLocalSinkState(
      duckdb::ExecutionContext& context) const override;
  duckdb::SinkResultType Sink(duckdb::ExecutionContext& context, duckdb::DataChunk& chunk,
                              duckdb::OperatorSinkInput& input) const override;
  duckdb::SinkCombineResultType Combine(duckdb::ExecutionContext& context,
                                        duckdb::OperatorSinkCombineInput& input) const override;
  duckdb::SinkFinalizeType Finalize(duckdb::Pipeline& pipeline, duckdb::Event& event,
                                    duckdb::ClientContext& context,
                                    duckdb::OperatorSinkFinalizeInput& input) const override;

 private:
  TableEntry& table_;
  const duckdb::idx_t row_id_column_;
};

}  // namespace pyralog::sql
