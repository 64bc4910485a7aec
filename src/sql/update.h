// UPDATE: each row is deleted by its id and appended anew. Columns that are not set travel as
// Arrow, untouched by SQL.
#pragma once

#include <memory>
#include <vector>

#include "duckdb.hpp"
#include "sql/row_checker.h"
#include "sql/write_operator.h"

namespace pyralog::sql {

using Expressions = duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>;

class UpdateOperator final : public WriteOperator {
 public:
  struct Set {
    duckdb::vector<duckdb::PhysicalIndex> columns;
    Expressions expressions;  // parallel: a reference into the input, or DEFAULT
    Expressions defaults;     // of every column of the table
  };

  // The input's last column is the row id. `at_end`: appends wait until all sinks of the statement
  // have deleted what they delete; so they do anyway when a column of a key or of UNIQUE is set,
  // because a new value may be the old one of another row.
  UpdateOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                 duckdb::idx_t cardinality, TableEntry& table, Set set,
                 BoundConstraints constraints, bool returns_rows, bool at_end);

  std::string GetName() const override { return "UPDATE"; }
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
  const Set set_;
  const BoundConstraints constraints_;
  const bool append_at_end_;
};

// Whether setting these columns can change a row's key, or its values in a UNIQUE constraint.
bool SetsKey(const TableEntry& table, const duckdb::vector<duckdb::PhysicalIndex>& columns);

}  // namespace pyralog::sql
