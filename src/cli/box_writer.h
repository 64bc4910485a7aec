// A result as a drawn table.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "arrow/io/interfaces.h"
#include "arrow/type.h"
#include "formats/format.h"
#include "formats/value_text.h"

namespace pyralog::cli {

struct BoxLimits {
  int64_t max_rows = 40;  // 0: all
  int width = 0;          // columns of the terminal; 0: any
};

// Keeps the rows that are drawn, counts the others, and draws when it is finished: columns are as
// wide as what they hold, numbers stand at the right. What does not fit into the width is cut with
// "…", the widest columns first; columns that have no room at all are left out, and a line below
// says so, as it does of rows.
std::unique_ptr<formats::BatchWriter> MakeBoxWriter(
    std::shared_ptr<arrow::io::OutputStream> out,
    std::vector<std::unique_ptr<formats::ValueText>> columns, const arrow::Schema& schema,
    BoxLimits limits);

// Whether values of the type stand at the right: numbers.
bool IsRightAligned(const arrow::DataType& type);

// How wide to draw columns that want `widths`, in a table of at most `available` columns of the
// terminal (0: any). Fewer than `widths` when not all can be drawn; never fewer than one.
std::vector<int> FitWidths(std::span<const int> widths, int available);

}  // namespace pyralog::cli
