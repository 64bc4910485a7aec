// Results as text or Arrow, in the modes that --out and .mode name.
//
//   mode      is                                                     for
//   --------  -----------------------------------------------------  ----------------------------
//   box       a drawn table, cut to the terminal                     people (a terminal's default)
//   line      a line for each value, "name = value"                  people, wide rows
//   markdown  a table as GitHub draws it                             people, documents
//   html      a <table>                                              documents
//   latex     a tabular                                              documents
//   csv       RFC 4180 with a header, LF; NULL is nothing            programs (default elsewhere)
//   tsv       the same with tabs                                     programs
//   list      values with | between them, as they are                programs
//   json      an array of objects for each result                    programs
//   jsonl     one JSON object a row                                  programs
//   insert    an INSERT statement a row                              programs
//   arrow     an Arrow IPC stream for each result, one after the other  programs
//   parquet   a Parquet file; one result                             programs
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/io/interfaces.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "cli/row_writer.h"
#include "formats/format.h"
#include "pyralog/database.h"

namespace pyralog::cli {

enum class OutputMode {
  kBox,
  kLine,
  kMarkdown,
  kHtml,
  kLatex,
  kCsv,
  kTsv,
  kList,
  kJson,
  kJsonl,
  kInsert,
  kArrow,
  kParquet,
};

// "box, line, ..."
std::string OutputModeNames();
std::string_view OutputModeName(OutputMode mode);
// By name or by another name that shells of the field give it: table, ndjson, tabs ...
std::optional<OutputMode> OutputModeNamed(std::string_view name);
// What a file of this name should hold: by its suffix.
std::optional<OutputMode> OutputModeOfFile(std::string_view path);
// Whether a program reads it: then nothing but rows is written.
bool IsMachineMode(OutputMode mode);
// Whether it is no text: not for a terminal.
bool IsBinaryMode(OutputMode mode);
// Whether its values are written as Arrow's types say, not as SQL writes them.
bool IsArrowMode(OutputMode mode);

struct Display {
  OutputMode mode = OutputMode::kCsv;
  int64_t max_rows = 40;                   // of a box; 0: all
  int width = 0;                           // of a box in a terminal's columns; 0: any
  bool headers = true;                     // of box, csv, tsv, list, html and latex
  bool styled = false;                     // a terminal that knows bold and faint
  std::optional<std::string> null_text{};  // unless it is the mode's own
  std::string separator = "|";             // of list
  std::string insert_table = "table";      // of insert
  std::vector<int> widths{};               // of a box's columns at most; 0: any
};

// Writes one result. kNotSupported names a column whose type has no text.
arrow::Result<std::unique_ptr<formats::BatchWriter>> MakeResultWriter(
    const std::shared_ptr<arrow::io::OutputStream>& out,
    const std::shared_ptr<arrow::Schema>& schema, const Display& display);

// Reads to the end and writes; the number of rows.
arrow::Result<int64_t> WriteResult(arrow::RecordBatchReader& reader,
                                   const std::shared_ptr<arrow::io::OutputStream>& out,
                                   const Display& display);

// The same for values as SQL writes them. REQUIRES: !IsArrowMode(display.mode).
arrow::Result<int64_t> WriteResult(TextResult& rows,
                                   const std::shared_ptr<arrow::io::OutputStream>& out,
                                   const Display& display);

}  // namespace pyralog::cli
