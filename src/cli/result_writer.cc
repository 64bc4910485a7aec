#include "cli/result_writer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/arrow_rows.h"
#include "cli/box_writer.h"
#include "cli/text_modes.h"
#include "formats/registry.h"
#include "formats/row_text.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

enum class Audience { kPeople, kPrograms };

struct KnownMode {
  OutputMode mode;
  std::string_view name;
  Audience audience;
  std::array<std::string_view, 2> other_names;
  std::array<std::string_view, 2> suffixes;
};

constexpr KnownMode kModes[] = {
    {OutputMode::kBox, "box", Audience::kPeople, {"duckbox", "table"}, {}},
    {OutputMode::kLine, "line", Audience::kPeople, {}, {}},
    {OutputMode::kMarkdown, "markdown", Audience::kPeople, {}, {".md"}},
    {OutputMode::kHtml, "html", Audience::kPrograms, {}, {".html"}},
    {OutputMode::kLatex, "latex", Audience::kPrograms, {}, {".tex"}},
    {OutputMode::kCsv, "csv", Audience::kPrograms, {}, {".csv"}},
    {OutputMode::kTsv, "tsv", Audience::kPrograms, {"tabs"}, {".tsv"}},
    {OutputMode::kList, "list", Audience::kPrograms, {}, {}},
    {OutputMode::kJson, "json", Audience::kPrograms, {}, {".json"}},
    {OutputMode::kJsonl,
     "jsonl",
     Audience::kPrograms,
     {"jsonlines", "ndjson"},
     {".jsonl", ".ndjson"}},
    {OutputMode::kInsert, "insert", Audience::kPrograms, {}, {".sql"}},
    {OutputMode::kArrow, "arrow", Audience::kPrograms, {}, {".arrows"}},
    {OutputMode::kParquet, "parquet", Audience::kPrograms, {}, {".parquet"}},
};

const KnownMode& Known(OutputMode mode) {
  return *std::find_if(std::begin(kModes), std::end(kModes),
                       [&](const KnownMode& known) { return known.mode == mode; });
}

template <class Words>
bool Holds(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

using StreamPtr = std::shared_ptr<arrow::io::OutputStream>;
using WriterPtr = std::unique_ptr<formats::BatchWriter>;

// [ objects with commas and line breaks between them ]
class JsonArrayWriter : public formats::BatchWriter {
 public:
  JsonArrayWriter(StreamPtr out, std::unique_ptr<formats::ValueText> object)
      : out_(std::move(out)), object_(std::move(object)) {}

  arrow::Status Write(const arrow::RecordBatch& batch) override {
    ARROW_ASSIGN_OR_RAISE(const auto rows, batch.ToStructArray());
    std::string text;
    for (int64_t row = 0; row < rows->length(); ++row) {
      text += is_first_ ? "[" : ",\n";
      is_first_ = false;
      object_->Append(*rows, row, &text);
    }
    return out_->Write(text.data(), static_cast<int64_t>(text.size()));
  }

  arrow::Status Finish() override { return out_->Write(is_first_ ? "[]\n" : "]\n"); }

 private:
  const StreamPtr out_;
  const std::unique_ptr<formats::ValueText> object_;
  bool is_first_ = true;
};

arrow::Result<WriterPtr> MakeFormatWriter(const char* format, const StreamPtr& out,
                                          const std::shared_ptr<arrow::Schema>& schema,
                                          const formats::Options& options) {
  ARROW_ASSIGN_OR_RAISE(const formats::Format* found, formats::FormatNamed(format));
  return found->Create(out, schema, options);
}

arrow::Result<WriterPtr> MakeJsonArrayWriter(const StreamPtr& out,
                                             const std::shared_ptr<arrow::Schema>& schema) {
  // For the error that names the column.
  ARROW_RETURN_NOT_OK(formats::ColumnTexts(*schema, formats::TextStyle::kJson));
  const auto distinct = formats::WithDistinctNames(schema);
  ARROW_ASSIGN_OR_RAISE(auto object, formats::MakeValueText(*arrow::struct_(distinct->fields()),
                                                            formats::TextStyle::kJson));
  return std::make_unique<JsonArrayWriter>(out, std::move(object));
}

std::unique_ptr<RowWriter> MakeRowWriter(const StreamPtr& out, std::vector<ColumnShape> columns,
                                         const Display& display) {
  if (display.mode == OutputMode::kBox) return MakeBoxWriter(out, std::move(columns), display);
  return MakeTextModeWriter(out, columns, display);
}

}  // namespace

std::string OutputModeNames() {
  std::string names;
  for (const KnownMode& known : kModes) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return names;
}

std::string_view OutputModeName(OutputMode mode) { return Known(mode).name; }

std::optional<OutputMode> OutputModeNamed(std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (const KnownMode& known : kModes) {
    if (known.name == name || Holds(known.other_names, name)) return known.mode;
  }
  return std::nullopt;
}

std::optional<OutputMode> OutputModeOfFile(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  for (const KnownMode& known : kModes) {
    if (Holds(known.suffixes, path.substr(dot))) return known.mode;
  }
  return std::nullopt;
}

bool IsMachineMode(OutputMode mode) { return Known(mode).audience == Audience::kPrograms; }

bool IsBinaryMode(OutputMode mode) {
  return mode == OutputMode::kArrow || mode == OutputMode::kParquet;
}

bool IsArrowMode(OutputMode mode) {
  return IsBinaryMode(mode) || mode == OutputMode::kCsv || mode == OutputMode::kTsv ||
         mode == OutputMode::kJson || mode == OutputMode::kJsonl;
}

arrow::Result<WriterPtr> MakeResultWriter(const StreamPtr& out,
                                          const std::shared_ptr<arrow::Schema>& schema,
                                          const Display& display) {
  const char* header = display.headers ? "true" : "false";
  switch (display.mode) {
    case OutputMode::kCsv:
      return MakeFormatWriter("csv", out, schema, {{"header", header}});
    case OutputMode::kTsv:
      return MakeFormatWriter("csv", out, schema, {{"header", header}, {"delim", "\t"}});
    case OutputMode::kJson:
      return MakeJsonArrayWriter(out, schema);
    case OutputMode::kJsonl:
      // An object whose keys come twice is read as one of them, so the second "a" is "a_1".
      return MakeFormatWriter("json", out, formats::WithDistinctNames(schema), {});
    case OutputMode::kArrow:
      return MakeFormatWriter("arrow_ipc", out, schema, {{"stream", "true"}});
    case OutputMode::kParquet:
      return MakeFormatWriter("parquet", out, schema, {});
    default:
      break;
  }
  ARROW_ASSIGN_OR_RAISE(auto texts, formats::ColumnTexts(*schema, formats::TextStyle::kPlain));
  return MakeArrowRows(std::move(texts), *schema, MakeRowWriter(out, ShapesOf(*schema), display));
}

arrow::Result<int64_t> WriteResult(arrow::RecordBatchReader& reader, const StreamPtr& out,
                                   const Display& display) {
  ARROW_ASSIGN_OR_RAISE(auto writer, MakeResultWriter(out, reader.schema(), display));
  int64_t rows = 0;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader.ReadNext(&batch));
    if (batch == nullptr) break;
    rows += batch->num_rows();
    ARROW_RETURN_NOT_OK(writer->Write(*batch));
  }
  ARROW_RETURN_NOT_OK(writer->Finish());
  return rows;
}

arrow::Result<int64_t> WriteResult(TextResult& result, const StreamPtr& out,
                                   const Display& display) {
  const auto writer = MakeRowWriter(out, ShapesOf(result.names(), result.types()), display);
  int64_t rows = 0;
  while (writer->wants_rows()) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, result.Next());
    if (batch == nullptr) break;
    rows += batch->num_rows();
    ARROW_RETURN_NOT_OK(writer->Write(*batch));
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t rest, result.CountRest());
  writer->Skip(rest);
  ARROW_RETURN_NOT_OK(writer->Finish());
  return rows + rest;
}

}  // namespace pyralog::cli
