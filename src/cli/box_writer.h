// A result as a drawn table.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "arrow/io/interfaces.h"
#include "cli/result_writer.h"
#include "cli/row_writer.h"

namespace pyralog::cli {

// Keeps the rows that are drawn, counts the others, and draws when it is finished: columns are as
// wide as what they hold, numbers stand at the right, the types below the names. What does not fit
// into the width is cut with "…", the widest columns first; columns that have no room at all are
// left out, and a line below says so, as it does of rows.
std::unique_ptr<RowWriter> MakeBoxWriter(std::shared_ptr<arrow::io::OutputStream> out,
                                         std::vector<ColumnShape> columns, const Display& display);

// How wide to draw columns that want `widths`, in a table of at most `available` columns of the
// terminal (0: any). Fewer than `widths` when not all can be drawn; never fewer than one.
std::vector<int> FitWidths(std::span<const int> widths, int available);

}  // namespace pyralog::cli
