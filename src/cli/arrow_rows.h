// Arrow batches as rows of text.
#pragma once

#include <memory>
#include <vector>

#include "arrow/type.h"
#include "cli/row_writer.h"
#include "formats/format.h"
#include "formats/value_text.h"

namespace pyralog::cli {

// The shapes of columns that have no SQL type: types are Arrow's.
std::vector<ColumnShape> ShapesOf(const arrow::Schema& schema);

// Turns each batch into text for the writer. `texts` are those of the columns.
std::unique_ptr<formats::BatchWriter> MakeArrowRows(
    std::vector<std::unique_ptr<formats::ValueText>> texts, const arrow::Schema& schema,
    std::unique_ptr<RowWriter> writer);

}  // namespace pyralog::cli
