// Results as text or Arrow, in the modes that --out and .mode name.
//
//   mode      is                                                          for
//   --------  ----------------------------------------------------------  --------------------
//   box       a drawn table, at most so many rows, cut to the terminal    people (a terminal's
//   default) csv       RFC 4180 with a header, lines end in LF; NULL is nothing    programs (the
//   default otherwise) jsonl     one JSON object a row programs arrow     an Arrow IPC stream for
//   each result, one behind the other   programs markdown  a table as GitHub draws it people line
//   a line for each value, "name = value"                       people, wide rows
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "arrow/io/interfaces.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "formats/format.h"

namespace pyralog::cli {

enum class OutputMode { kBox, kCsv, kJsonl, kArrow, kMarkdown, kLine };

// "box, csv, ..."
std::string OutputModeNames();
std::string_view OutputModeName(OutputMode mode);
std::optional<OutputMode> OutputModeNamed(std::string_view name);
// Whether a program reads it: then nothing but rows is written.
bool IsMachineMode(OutputMode mode);

struct Display {
  OutputMode mode = OutputMode::kCsv;
  int64_t max_rows = 40;  // of a box; 0: all
  int width = 0;          // columns of the terminal; 0: as wide as the values
};

// Writes one result. kNotSupported names a column whose type has no text.
arrow::Result<std::unique_ptr<formats::BatchWriter>> MakeResultWriter(
    const std::shared_ptr<arrow::io::OutputStream>& out,
    const std::shared_ptr<arrow::Schema>& schema, const Display& display);

// Reads to the end and writes.
arrow::Status WriteResult(arrow::RecordBatchReader& reader,
                          const std::shared_ptr<arrow::io::OutputStream>& out,
                          const Display& display);

}  // namespace pyralog::cli
