#include "lsm/batch_rows.h"

#include "lsm/column_adapt.h"
#include "lsm/row_selection.h"

namespace pyralog::lsm {

arrow::Result<std::shared_ptr<arrow::RecordBatch>> FilterBatch(
    const std::shared_ptr<arrow::RecordBatch>& batch, const MaskWords& mask, int64_t kept) {
  if (kept == batch->num_rows()) return batch;
  arrow::ArrayVector columns;
  for (const auto& column : batch->columns()) {
    ARROW_ASSIGN_OR_RAISE(auto filtered, FilterRows(column, mask, kept));
    columns.push_back(std::move(filtered));
  }
  return arrow::RecordBatch::Make(batch->schema(), kept, std::move(columns));
}

arrow::Result<std::shared_ptr<arrow::Array>> AdaptedColumn(const SourceUnit& unit,
                                                           const ColumnMap& map,
                                                           int wanted_column) {
  const int stored = map.stored(wanted_column);
  if (stored < 0) return map.Missing(wanted_column, unit.rows);
  ARROW_ASSIGN_OR_RAISE(auto column, unit.Column(stored));
  return map.Adapt(wanted_column, std::move(column));
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> AdaptBatch(
    const std::shared_ptr<arrow::RecordBatch>& batch, const TableSchemaPtr& from,
    const TableSchemaPtr& to) {
  if (from->version == to->version) return batch;
  const ColumnMap map(from, to);
  arrow::ArrayVector columns;
  for (int i = 0; i < to->num_fields(); ++i) {
    if (map.stored(i) < 0) {
      ARROW_ASSIGN_OR_RAISE(auto column, map.Missing(i, batch->num_rows()));
      columns.push_back(std::move(column));
    } else {
      ARROW_ASSIGN_OR_RAISE(auto column, map.Adapt(i, batch->column(map.stored(i))));
      columns.push_back(std::move(column));
    }
  }
  return arrow::RecordBatch::Make(to->arrow, batch->num_rows(), std::move(columns));
}

arrow::Result<std::unique_ptr<KeptRows>> CopyLiveRows(const RowSource& source,
                                                      const TableSchemaPtr& schema,
                                                      CommitNumber snapshot, CommitNumber birth,
                                                      SegmentWriter* writer) {
  const int64_t rows = source.BornAt(snapshot);
  MaskWords all((rows + 63) / 64, ~uint64_t{0});
  if (rows % 64 != 0) all.back() = (uint64_t{1} << (rows % 64)) - 1;
  source.deaths().ClearDead(0, rows, snapshot, all.data());
  for (const auto& unit : source.Units(rows)) {
    // Units begin anywhere, so their bits are picked one by one into a mask of their own.
    MaskWords mask((unit->rows + 63) / 64, 0);
    int64_t kept = 0;
    for (int64_t i = 0; i < unit->rows; ++i) {
      const int64_t row = unit->first + i;
      const uint64_t alive = (all[row >> 6] >> (row & 63)) & 1;
      mask[i >> 6] |= alive << (i & 63);
      kept += static_cast<int64_t>(alive);
    }
    if (kept == 0) continue;
    arrow::ArrayVector columns;
    for (int c = 0; c < source.schema()->num_fields(); ++c) {
      ARROW_ASSIGN_OR_RAISE(auto column, unit->Column(c));
      columns.push_back(std::move(column));
    }
    auto batch = arrow::RecordBatch::Make(source.schema()->arrow, unit->rows, std::move(columns));
    ARROW_ASSIGN_OR_RAISE(batch, FilterBatch(batch, mask, kept));
    ARROW_ASSIGN_OR_RAISE(batch, AdaptBatch(batch, source.schema(), schema));
    ARROW_RETURN_NOT_OK(writer->Append(*batch, {&birth, 1}));
  }
  return std::make_unique<KeptRows>(std::move(all), rows);
}

}  // namespace pyralog::lsm
