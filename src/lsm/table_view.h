// A table as one statement sees it: the rows visible at a snapshot, and the transaction's own
// writes up to now.
//
// A view is immutable and thread-safe, cheap to make (no I/O, no copy), and stays valid while it is
// held, whatever is committed, flushed or merged meanwhile. Writes of its own transaction after it
// was made are not in it, so a statement that inserts into the table it reads does not chase its
// own tail.
//
// Rows stand in sources (segments oldest first, memtables oldest first, own writes last). A row id
// is source << 32 | position. It means the same row in all views of one table within one
// transaction, and ids ascend in scan order. For scans the rows are cut into units of at most
// kUnitRows rows; a unit is the grain of work, of zone maps and of visibility masks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "batch/zone_map.h"
#include "lsm/key.h"
#include "lsm/sorted_unit.h"
#include "lsm/table_schema.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

struct Unit {
  int64_t first_row_id = 0;  // ids of its rows are consecutive from here
  int64_t rows = 0;          // stored rows, visible or not
  bool maybe_masked = true;  // false: every row is visible, Mask need not be asked
};

// Words of a bitmap, least significant bit first; bit i of a unit's mask is set when its row i is
// visible.
using MaskWords = std::vector<uint64_t>;

class TableView {
 public:
  virtual ~TableView() = default;

  virtual const TableSchemaPtr& schema() const = 0;
  // Exactly the rows visible.
  virtual int64_t num_rows() const = 0;
  // At least every visible row; O(1), for estimates.
  virtual int64_t num_rows_bound() const = 0;

  virtual const std::vector<Unit>& units() const = 0;
  // A column of a unit, all its stored rows, type as in schema(); buffers live as long as the
  // array. `column` is a position in schema().
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Column(size_t unit, int column) const = 0;
  // The same, but texts that are stored as codes come as these, if the schema's type is utf8_view as
  // dictionary(int16, utf8_view) over one dictionary, the same array for many units.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Encoded(size_t unit, int column) const = 0;
  // Bounds over all stored rows of the unit (deleted ones too). Has no range when it is not known
  // cheaply.
  virtual arrow::Result<batch::ZoneMap> Zone(size_t unit, int column) const = 0;
  // The units from `unit` to `end` stand in one source; bounds over all of them, or nullptr when these
  // are not known cheaply. The pointer lives as long as the view.
  virtual arrow::Result<const batch::ZoneMap*> SourceRange(size_t unit, int column,
                                                           size_t* end) const = 0;
  // Bounds over the whole table, or an empty optional when one unit's are not known.
  virtual arrow::Result<batch::ZoneMap> ColumnRange(int column) const = 0;
  // Fills `mask` with (rows + 63) / 64 words (bits past the rows are 0). Returns how many rows are
  // visible.
  virtual int64_t Mask(size_t unit, MaskWords* mask) const = 0;
  // The unit's rows in the order of these columns (positions in schema()), made when first asked
  // for; nullptr for rows that are recent or stored in other types.
  virtual arrow::Result<std::shared_ptr<const SortedUnit>> Sorted(
      size_t unit, std::span<const int> columns) const = 0;
  // Asks the system to read these columns of the unit ahead.
  virtual void WillNeed(size_t unit, std::span<const int> columns) const = 0;

  // Row id of the visible row with each key, or -1. REQUIRES: keyed schema.
  virtual arrow::Status Lookup(const KeyBatch& keys, std::vector<int64_t>* row_ids) const = 0;
  // A column's array that holds this row, and the row's place in it. Any row id of this view.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> ColumnAt(int64_t row_id, int column,
                                                                int64_t* offset) const = 0;
  // The rows with these ids, in that order, columns as given (positions in schema()).
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> Fetch(
      std::span<const int64_t> row_ids, std::span<const int> columns) const = 0;
  // Whether a row id of this view is a visible row (ids from outside, `WHERE rowid = 17`).
  virtual bool IsVisible(int64_t row_id) const = 0;
};

using TableViewPtr = std::shared_ptr<const TableView>;

}  // namespace pyralog::lsm
