// TableView over a list of sources.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "lsm/column_adapt.h"
#include "lsm/row_source.h"
#include "lsm/table_view.h"

namespace pyralog::lsm {

// One source as a view sees it.
struct ViewSource {
  RowSourcePtr source;
  CommitNumber snapshot;  // rows born and alive at this number are seen ...
  std::shared_ptr<const DeletionVector>
      own_deaths;           // ... unless the transaction killed them (nullptr: none)
  CommitNumber own_number;  // ... at or before this one of its own numbers
  int64_t ordinal = 0;      // upper half of its rows' ids
};

class SourceView final : public TableView {
 public:
  // Sources in row-id order: ordinals ascend.
  SourceView(TableSchemaPtr schema, std::vector<ViewSource> sources);

  const TableSchemaPtr& schema() const override { return schema_; }
  int64_t num_rows() const override;
  int64_t num_rows_bound() const override;
  const std::vector<Unit>& units() const override;
  arrow::Result<std::shared_ptr<arrow::Array>> Column(size_t unit, int column) const override;
  arrow::Result<std::shared_ptr<arrow::Array>> Encoded(size_t unit, int column) const override;
  arrow::Result<batch::ZoneMap> Zone(size_t unit, int column) const override;
  arrow::Result<const batch::ZoneMap*> SourceRange(size_t unit, int column,
                                                   size_t* end) const override;
  arrow::Result<batch::ZoneMap> ColumnRange(int column) const override;
  int64_t Mask(size_t unit, MaskWords* mask) const override;
  arrow::Result<std::shared_ptr<const SortedUnit>> Sorted(
      size_t unit, std::span<const int> columns) const override;
  void WillNeed(size_t unit, std::span<const int> columns) const override;
  arrow::Status Lookup(const KeyBatch& keys, std::vector<int64_t>* row_ids) const override;
  arrow::Result<std::shared_ptr<arrow::Array>> ColumnAt(int64_t row_id, int column,
                                                        int64_t* offset) const override;
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Fetch(
      std::span<const int64_t> row_ids, std::span<const int> columns) const override;
  bool IsVisible(int64_t row_id) const override;

  const std::vector<ViewSource>& sources() const { return sources_; }
  // The source that a row id names, or nullptr.
  const ViewSource* SourceOf(int64_t row_id) const;

 private:
  struct UnitRef {
    size_t source;
    std::shared_ptr<const SourceUnit> unit;
  };
  void MakeUnits() const;
  bool Same(const ViewSource& source) const {
    return source.source->schema()->version == schema_->version;
  }
  // ColumnAt, with texts as codes.
  arrow::Result<std::shared_ptr<arrow::Array>> EncodedAt(int64_t row_id, int column,
                                                         int64_t* offset) const;
  arrow::Result<std::shared_ptr<arrow::Array>> FetchColumn(std::span<const int64_t> row_ids,
                                                           int column) const;

  const TableSchemaPtr schema_;
  const std::vector<ViewSource> sources_;
  mutable std::once_flag units_made_;
  mutable std::vector<Unit> units_;
  mutable std::vector<UnitRef> unit_refs_;
};

constexpr int64_t MakeRowId(int64_t ordinal, int64_t row) { return ordinal << 32 | row; }
constexpr int64_t RowOf(int64_t row_id) { return row_id & 0xFFFFFFFF; }
constexpr int64_t OrdinalOf(int64_t row_id) { return row_id >> 32; }

}  // namespace pyralog::lsm
