// The public Transaction: rows of hot tables by key and by scan, without SQL.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pyralog/database.h"
#include "sql/dictionary_column.h"
#include "sql/row_expressions.h"
#include "sql/shared_database.h"

namespace pyralog::sql {

class TableTransaction final : public Transaction {
 public:
  static arrow::Result<std::unique_ptr<TableTransaction>> Begin(
      std::shared_ptr<SharedDatabase> database);

  arrow::Status CreateTable(std::string_view table, const std::shared_ptr<arrow::Schema>& schema,
                            const std::vector<std::string>& key) override;
  arrow::Status Append(std::string_view table,
                       const std::shared_ptr<arrow::RecordBatch>& batch) override;
  arrow::Status Put(std::string_view table,
                    const std::shared_ptr<arrow::RecordBatch>& rows) override;
  arrow::Result<GetResult> Get(std::string_view table,
                               const std::shared_ptr<arrow::RecordBatch>& keys,
                               const std::vector<std::string>& columns) override;
  arrow::Result<int64_t> Delete(std::string_view table,
                                const std::shared_ptr<arrow::RecordBatch>& keys) override;
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      std::string_view table, const ScanOptions& options) override;
  arrow::Result<CommitNumber> Commit() override;
  arrow::Status Rollback() override;

 private:
  using TablePtr = std::shared_ptr<const catalog::TableDef>;

  TableTransaction(std::shared_ptr<SharedDatabase> database, SharedDatabase::Begun begun);

  arrow::Status CheckOpen() const;
  // The hot table "t" or "schema.t"; kNotFound, or kNotSupported for what is no hot table.
  arrow::Result<TablePtr> FindTable(std::string_view name);
  // Foreign keys, after each call that writes: what it wrote stands, so nothing can be committed
  // when they fail.
  arrow::Status CheckReferences();
  arrow::Result<RowExpressions*> Expressions(const TablePtr& table);
  // The batch with the table's columns in its order and types, defaults filled in, constraints
  // checked.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Conform(const TablePtr& table,
                                                             const arrow::RecordBatch& batch);
  arrow::Result<std::shared_ptr<arrow::Array>> MissingColumn(const TablePtr& table, int column,
                                                             int64_t rows);
  // Rows to append: what Append and Put are given.
  struct NewRows {
    std::shared_ptr<arrow::RecordBatch> whole;  // as Conform gives them
    arrow::RecordBatchVector parts;             // of the table's types
    std::optional<catalog::TableDef> table;     // with the entries of dictionaries that are new
    EntryChange change = EntryChange::kNone;
  };
  arrow::Result<NewRows> Prepare(const TablePtr& table, const arrow::RecordBatch& batch);
  // When it fails, and `wrote` says that the call wrote before, or some rows were written, nothing can
  // be committed.
  arrow::Status Write(TableId table, NewRows rows, bool wrote);
  // Row id of each key in `keys` (key columns by name), or -1.
  arrow::Result<std::vector<int64_t>> Lookup(const catalog::TableDef& table,
                                             const lsm::TableView& view,
                                             const arrow::RecordBatch& keys) const;

  const std::shared_ptr<SharedDatabase> database_;
  std::shared_ptr<Instance> instance_;  // that expressions_ are bound in
  SharedDatabase::Begun begun_;         // its transaction is null when this one has ended
  arrow::Status failed_;  // why nothing can be committed: a write that failed half-way
  std::map<TableId, std::unique_ptr<RowExpressions>> expressions_;
};

}  // namespace pyralog::sql
