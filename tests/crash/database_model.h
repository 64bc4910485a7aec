// What a database should hold, as plain text: the model that walks beside the engine.
//
// Cells are text, rows are vectors, tables keep their rows in the order of insertion; an updated
// row counts as a new one. Models are compared as a whole, so a row too many is found as surely as
// a row too few.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "lsm/engine.h"
#include "lsm/table_schema.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

using Cell = std::optional<std::string>;  // nullopt: null
using Row = std::vector<Cell>;

struct TableModel {
  TableId id;
  TableSchemaPtr schema;
  std::vector<Row> rows;  // oldest first

  // The cells of the key columns; the whole row in tables without a key.
  Row KeyOf(const Row& row) const;
  // Position of the row with this key, or -1. REQUIRES: keyed schema.
  int64_t Find(const Row& key) const;
};
using TableModelPtr = std::shared_ptr<const TableModel>;

// Tables by name. Each has a metadata entry "table/<name>" that holds its id, as a catalog would
// keep it.
struct DatabaseModel {
  std::map<std::string, std::string> meta;
  std::map<std::string, TableModelPtr> tables;
};

constexpr char kTablePrefix[] = "table/";

// The rows as a batch of the schema's types (int32, int64, utf8).
std::shared_ptr<arrow::RecordBatch> ToBatch(const arrow::Schema& schema,
                                            const std::vector<Row>& rows);
std::vector<Row> ToRows(const arrow::RecordBatch& batch);
// The rows' keys as the engine wants them. REQUIRES: keyed schema.
arrow::Result<KeyBatch> ToKeys(const TableSchema& schema, const std::vector<Row>& rows);

// Ids of a view's visible rows, in scan order.
std::vector<int64_t> VisibleRowIds(const TableView& view);
// A table as a scan of all its units and columns shows it.
arrow::Result<TableModel> ReadTable(Transaction* txn, TableId id);
// Everything that the transaction sees: each metadata entry and each table that these name.
arrow::Result<DatabaseModel> ReadDatabase(Transaction* txn);
arrow::Result<DatabaseModel> ReadDatabase(Engine* engine);

// The first difference in words, or "". Rows of keyed tables are compared by key, of others in
// their order.
std::string Difference(const DatabaseModel& expected, const DatabaseModel& actual);
std::string Difference(const TableModel& expected, const TableModel& actual);

// Looks every row of every keyed table up by its key and fetches it; looks up keys that are not
// there. Returns the first difference from `expected`, or "". An error of the engine is an error.
arrow::Result<std::string> LookupDifference(Transaction* txn, const DatabaseModel& expected);

}  // namespace pyralog::lsm
