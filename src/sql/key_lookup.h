// The point path: rows by primary key, without a table scan.
//
// A statement with parameters that scans a table is planned anew each time it runs (85 us); one
// without a scan keeps its plan (16 us). So directly after binding, FILTER(GET) with an equality
// for every key column becomes a key lookup, whose key expressions, parameters among them, are
// evaluated when the statement runs; and so does the join by which INSERT ... ON CONFLICT finds the
// rows that are there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/execution/physical_operator.hpp"
#include "duckdb/planner/operator/logical_extension_operator.hpp"
#include "duckdb/planner/planner_extension.hpp"
#include "sql/table_entry.h"

namespace pyralog::sql {

// Which rows of the table stand beside the rows of the child.
enum class LookupKind {
  kRows,       // the rows found, without the child's columns
  kInnerJoin,  // the child's columns and the row found; child rows without one are dropped
  kLeftJoin,   // the same; child rows without one are kept, with NULLs
};

// Columns of the table that a lookup emits; row ids and "no column" are DuckDB's virtual columns.
struct LookupColumns {
  duckdb::vector<duckdb::ColumnIndex> ids;
  duckdb::vector<duckdb::LogicalType> types;  // parallel
};

// Looks the keys up that `expressions` (one for each key column, in key order, of exactly its type)
// give for each row of its child.
class LogicalKeyLookup final : public duckdb::LogicalExtensionOperator {
 public:
  LogicalKeyLookup(LookupKind kind, TableEntry& table, duckdb::idx_t table_index,
                   LookupColumns columns,
                   duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> keys,
                   duckdb::unique_ptr<duckdb::LogicalOperator> child);

  duckdb::PhysicalOperator& CreatePlan(duckdb::ClientContext& context,
                                       duckdb::PhysicalPlanGenerator& planner) override;
  duckdb::vector<duckdb::ColumnBinding> GetColumnBindings() override;
  duckdb::vector<duckdb::idx_t> GetTableIndex() const override { return {table_index_}; }
  duckdb::idx_t EstimateCardinality(duckdb::ClientContext& context) override;
  std::string GetName() const override { return "KEY_LOOKUP"; }
  bool SupportSerialization() const override { return false; }

 protected:
  void ResolveTypes() override;

 private:
  const LookupKind kind_;
  TableEntry& table_;
  const duckdb::idx_t table_index_;  // under which the columns are bound
  const LookupColumns columns_;
};

class KeyLookupOperator final : public duckdb::PhysicalOperator {
 public:
  KeyLookupOperator(duckdb::PhysicalPlan& plan, duckdb::vector<duckdb::LogicalType> types,
                    duckdb::idx_t cardinality, LookupKind kind, TableEntry& table,
                    LookupColumns columns,
                    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> keys);

  std::string GetName() const override { return "KEY_LOOKUP"; }
  duckdb::InsertionOrderPreservingMap<std::string> ParamsToString() const override;
  bool ParallelOperator() const override { return true; }

  duckdb::unique_ptr<duckdb::OperatorState> GetOperatorState(
      duckdb::ExecutionContext& context) const override;
  duckdb::OperatorResultType Execute(duckdb::ExecutionContext& context, duckdb::DataChunk& input,
                                     duckdb::DataChunk& output,
                                     duckdb::GlobalOperatorState& global_state,
                                     duckdb::OperatorState& state) const override;

 private:
  const LookupKind kind_;
  TableEntry& table_;
  const LookupColumns columns_;
  const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> keys_;
};

// Puts key lookups into a plan that was just bound, if it can; says whether it did
// (key_rewrite.cc).
bool UseKeyLookups(duckdb::Binder& binder, duckdb::unique_ptr<duckdb::LogicalOperator>& plan);

}  // namespace pyralog::sql
