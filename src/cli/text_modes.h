// The modes that write rows of text: line, list, markdown, html, latex and insert.
#pragma once

#include <memory>
#include <vector>

#include "arrow/io/interfaces.h"
#include "cli/result_writer.h"
#include "cli/row_writer.h"

namespace pyralog::cli {

// REQUIRES: display.mode is one of these.
std::unique_ptr<RowWriter> MakeTextModeWriter(std::shared_ptr<arrow::io::OutputStream> out,
                                              const std::vector<ColumnShape>& columns,
                                              const Display& display);

}  // namespace pyralog::cli
