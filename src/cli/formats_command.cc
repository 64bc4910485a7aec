#include "cli/formats_command.h"

#include <string>
#include <vector>

#include "arrow/builder.h"
#include "cli/commands.h"
#include "formats/registry.h"

namespace pyralog::cli {
namespace {

using FormatRow = std::vector<std::string>;

std::string JoinWords(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

const char* YesOrNo(bool value) { return value ? "yes" : "no"; }

FormatRow RowOf(const formats::FormatInfo& info) {
  return {info.name,
          info.title,
          YesOrNo(info.can.read),
          YesOrNo(info.can.write),
          YesOrNo(info.can.projection),
          YesOrNo(info.can.filter),
          YesOrNo(info.can.zero_copy),
          YesOrNo(info.can.chunked),
          YesOrNo(info.can.nulls),
          JoinWords(info.suffixes),
          JoinWords(info.compressions),
          info.readers,
          info.concurrency};
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> FormatsTable() {
  const std::vector<std::string> names = {
      "name",    "title", "read",     "write",        "projection", "filter",     "zero_copy",
      "chunked", "nulls", "suffixes", "compressions", "readers",    "concurrency"};
  std::vector<arrow::StringBuilder> builders(names.size());
  for (const formats::Format* format : formats::AllFormats()) {
    const FormatRow row = RowOf(format->info());
    for (size_t i = 0; i < row.size(); ++i) ARROW_RETURN_NOT_OK(builders[i].Append(row[i]));
  }
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (size_t i = 0; i < names.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto column, builders[i].Finish());
    fields.push_back(arrow::field(names[i], arrow::utf8()));
    columns.push_back(std::move(column));
  }
  const auto schema = arrow::schema(fields);
  const int64_t rows = columns.front()->length();
  return arrow::RecordBatchReader::Make(
      {arrow::RecordBatch::Make(schema, rows, std::move(columns))}, schema);
}

ExitCode RunFormats(const FormatsArguments& arguments) {
  const auto out = std::make_shared<StandardOutput>();
  const auto table = FormatsTable();
  if (!table.ok()) return ReportWritten(table.status(), *out);
  return ReportWritten(WriteResult(**table, out, DisplayOf(arguments.mode)).status(), *out);
}

}  // namespace pyralog::cli
