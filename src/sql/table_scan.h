// A scan of a hot table without SQL: chosen columns, an exact filter, a limit. Units that the
// filter cannot match are skipped by their zone maps.
#pragma once

#include <memory>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "lsm/table_view.h"
#include "pyralog/database.h"

namespace pyralog::sql {

// Reads unit by unit as the reader is asked; the view keeps the snapshot. kNotFound names a column
// that is not there, kInvalidArgument a filter that is not boolean or does not fit the types.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ScanTable(lsm::TableViewPtr view,
                                                                   const ScanOptions& options);

// `rows` in batches whose columns have the types of its schema, which those of a view may lack (see
// lsm::FromStorage): one batch, unless dictionaries have more entries than their indices count, or run ends do not reach.
arrow::Status AppendOfSchema(const std::shared_ptr<arrow::RecordBatch>& rows,
                             arrow::RecordBatchVector* parts);

// The position of a column by its name, which compares as SQL does, without case; kNotFound names
// it.
arrow::Result<int> FindColumn(const arrow::Schema& schema, std::string_view name);

}  // namespace pyralog::sql
