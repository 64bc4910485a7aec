// Rows of batches: picked by a mask, brought to another version of their schema, copied from a
// source to a segment.
#pragma once

#include <memory>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "lsm/column_adapt.h"
#include "lsm/row_source.h"
#include "lsm/segment.h"
#include "lsm/table_view.h"

namespace pyralog::lsm {

// The rows of `batch` whose bit is set in `mask`; `kept` of them. The batch itself when all are.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> FilterBatch(
    const std::shared_ptr<arrow::RecordBatch>& batch, const MaskWords& mask, int64_t kept);

// A column of a unit as a newer schema wants it.
arrow::Result<std::shared_ptr<arrow::Array>> AdaptedColumn(const SourceUnit& unit,
                                                           const ColumnMap& map, int wanted_column);

// The batch in another version of its table's schema.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> AdaptBatch(
    const std::shared_ptr<arrow::RecordBatch>& batch, const TableSchemaPtr& from,
    const TableSchemaPtr& to);

// Appends the rows of `source` that are alive at `snapshot` to the writer, in the columns of
// `schema` (the writer's), all born at `birth`. Says which rows those were. Nothing is appended
// when there are none.
arrow::Result<std::unique_ptr<KeptRows>> CopyLiveRows(const RowSource& source,
                                                      const TableSchemaPtr& schema,
                                                      CommitNumber snapshot, CommitNumber birth,
                                                      SegmentWriter* writer);

}  // namespace pyralog::lsm
