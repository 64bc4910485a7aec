// What a scan of a hot table keeps: its bind data, the state of one execution, and that of each
// thread. Inside scan*.cc.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "duckdb.hpp"
#include "duckdb/planner/table_filter.hpp"
#include "duckdb/storage/table/row_group_reorderer.hpp"
#include "lsm/table_view.h"
#include "sql/arrow_types.h"
#include "sql/arrow_vectors.h"
#include "sql/filter.h"

namespace pyralog::sql {

// 32 words of a mask: the rows of one vector.
constexpr int64_t kVectorRows = STANDARD_VECTOR_SIZE;
constexpr size_t kWordsOfVector = kVectorRows / 64;

class TableEntry;

class ScanBindData final : public duckdb::TableFunctionData {
 public:
  explicit ScanBindData(duckdb::TableCatalogEntry& table_entry) : table(table_entry) {}

  duckdb::unique_ptr<duckdb::FunctionData> Copy() const override;
  bool Equals(const duckdb::FunctionData& other) const override;
  bool SupportStatementCache() const override { return false; }  // see scan.h

  duckdb::TableCatalogEntry& table;
  // How ORDER BY ... LIMIT wants the units, if it does.
  std::unique_ptr<duckdb::RowGroupOrderOptions> order;
  // The view whose units DuckDB counted if it pruned by OFFSET: the same ones must be left out
  // then. (Weak: a prepared statement keeps its bind data, and must not keep old files.)
  std::weak_ptr<const lsm::TableView> counted_view;
  // For EXPLAIN, as of planning.
  int64_t planned_rows = -1;
  int64_t planned_units = -1;
  std::string planned_index;
};

// A column that a scan reads: one of the table's, the row id, or nothing (COUNT(*) needs rows
// without columns).
struct ScanColumn {
  enum class Kind { kStored, kRowId, kEmpty };
  Kind kind = Kind::kStored;
  int position = -1;  // in the table's schema
  TypeLayout layout;
  std::string name;
  const duckdb::TableFilter* filter = nullptr;  // lives as long as the execution
};

// Statistics of a column in a unit; nullptr when nothing is known.
duckdb::unique_ptr<duckdb::BaseStatistics> UnitStatistics(const lsm::TableView& view, size_t unit,
                                                          int position, const TypeLayout& layout);
duckdb::unique_ptr<duckdb::BaseStatistics> UnitStatistics(const lsm::TableView& view, size_t unit,
                                                          const ScanColumn& column);

// Whether a visible row of the unit has this value. Reads the column.
bool HasVisibleValue(duckdb::ClientContext& context, const lsm::TableView& view, size_t unit,
                     int position, const TypeLayout& layout, const duckdb::Value& value);

// All units of the view in the order to scan them; fewer when a LIMIT certainly does not need the
// others. Nor does it need rows whose value in that order is behind `limit`, and nulls.
struct OrderedUnits {
  std::vector<size_t> units;
  std::optional<duckdb::Value> limit;
};
OrderedUnits OrderUnits(duckdb::ClientContext& context, const lsm::TableView& view,
                        const duckdb::RowGroupOrderOptions& options,
                        const catalog::TableDef& table);

struct IndexHits;

class ScanGlobalState final : public duckdb::GlobalTableFunctionState {
 public:
  ScanGlobalState(duckdb::ClientContext& context, const ScanBindData& bind,
                  const duckdb::TableFunctionInitInput& input);
  ~ScanGlobalState() override;

  duckdb::idx_t MaxThreads() const override { return std::max<size_t>(1, units.size()); }
  // Gives the next unit's place in `units`, or nothing.
  std::optional<size_t> NextUnit();
  // Whether a filter that became narrower excludes the unit.
  bool IsExcludedNow(size_t unit) const;

  lsm::TableViewPtr view;
  std::vector<ScanColumn> columns;             // as DuckDB numbers them, filters included
  std::vector<size_t> output;                  // for each output vector its place in `columns`
  std::vector<int> stored_positions;           // of the columns that are read
  std::vector<size_t> units;                   // to scan, in order
  std::unique_ptr<IndexHits> index;            // nullptr: none was of use
  std::unique_ptr<duckdb::TableFilter> limit;  // of an ORDER BY's column, may be nullptr
  size_t pruned_before_start = 0;
  std::atomic<size_t> next{0};
  std::atomic<size_t> done{0};
  std::atomic<size_t> pruned_later{0};
  std::atomic<int64_t> rows_out{0};
  std::atomic<int64_t> rows_masked{0};  // not visible, in units that were read
  std::atomic<int64_t> bytes{0};        // of the columns that were read, as they lie in memory

 private:
  void UseLimit(const duckdb::RowGroupOrderOptions& order, const duckdb::Value& limit);
  void AddColumns(const TableEntry& entry, const duckdb::TableFunctionInitInput& input);
  void Prune();
  // Leaves out units of which an index knows that no row passes the filters.
  void UseIndex(duckdb::ClientContext& context, const catalog::TableDef& table);
};

// One thread's walk through its units. A unit is filtered and emitted one vector of stored rows
// after the other; what passes of several is put together until a chunk is full or the unit ends.
class ScanLocalState final : public duckdb::LocalTableFunctionState {
 public:
  ScanLocalState(duckdb::ClientContext& context, ScanGlobalState& global);

  // Fills `out` with the next rows; leaves it empty at the end.
  void Scan(duckdb::ClientContext& context, duckdb::DataChunk& out);

  size_t batch_index() const { return place_; }
  int64_t rows_read() const { return rows_read_; }
  size_t units_read() const { return units_read_; }

 private:
  struct Column {
    const ScanColumn* column = nullptr;
    std::unique_ptr<VectorFiller> filler;  // stored columns of the output
    std::unique_ptr<RowFilter> filter;     // nullptr: every row may pass
    bool dynamic = false;                  // to be compiled again for each unit
    bool filter_needed = false;            // in this unit
    bool in_cache = false;                 // the filter has just read the vector's values
    std::shared_ptr<arrow::Array> array;   // of this unit, once needed
  };

  bool StartUnit(duckdb::ClientContext& context);
  // Hides the rows of the unit that are not among those an index found.
  void ApplyIndex();
  void StartFilters(duckdb::ClientContext& context);
  // Loads the next vector's mask; false at the end of the unit.
  bool NextVector();
  void ApplyFilters(std::span<uint64_t> mask);
  int64_t EmitUnit(duckdb::DataChunk& out);
  void EmitWhole(duckdb::DataChunk& out);
  void EmitMasked(std::span<const uint64_t> mask, int64_t first_row, duckdb::idx_t at,
                  duckdb::DataChunk& out);
  const std::shared_ptr<arrow::Array>& ArrayOf(Column& column);
  const std::shared_ptr<arrow::Array>& RowIds();

  ScanGlobalState& global_;
  std::vector<Column> columns_;            // parallel to global_.columns
  std::vector<size_t> filters_;            // columns with a filter, cheapest first
  std::shared_ptr<arrow::Array> row_ids_;  // of the vector, for filters on them
  int64_t* row_id_values_ = nullptr;

  // The unit.
  bool in_unit_ = false;
  size_t place_ = 0;  // in global_.units
  size_t unit_ = 0;
  int64_t first_row_id_ = 0;
  int64_t unit_rows_ = 0;
  bool masked_ = false;
  lsm::MaskWords visible_;  // when masked_
  int64_t next_row_ = 0;    // of the unit, behind the vector

  // The vector: rows [vector_begin_, vector_begin_ + vector_rows_) of the unit, words from
  // next_word_ on not emitted.
  int64_t vector_begin_ = 0;
  int64_t vector_rows_ = 0;
  int64_t vector_passed_ = 0;
  size_t next_word_ = 0;
  size_t vector_words_ = 0;
  std::array<uint64_t, kWordsOfVector> mask_;

  int64_t rows_read_ = 0;
  size_t units_read_ = 0;
};

}  // namespace pyralog::sql
