#include "cli/result_writer.h"

#include <algorithm>
#include <utility>

#include "cli/box_writer.h"
#include "cli/display_width.h"
#include "formats/registry.h"
#include "formats/row_text.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

struct NamedMode {
  std::string_view name;
  OutputMode mode;
};

constexpr NamedMode kModes[] = {
    {"box", OutputMode::kBox},           {"csv", OutputMode::kCsv},
    {"jsonl", OutputMode::kJsonl},       {"arrow", OutputMode::kArrow},
    {"markdown", OutputMode::kMarkdown}, {"line", OutputMode::kLine},
};

using StreamPtr = std::shared_ptr<arrow::io::OutputStream>;
using TextPtrs = std::vector<std::unique_ptr<formats::ValueText>>;
using WriterPtr = std::unique_ptr<formats::BatchWriter>;

std::string ShownValue(const formats::ValueText& text, const arrow::Array& array, int64_t row) {
  std::string value;
  if (array.IsNull(row)) return "NULL";
  text.Append(array, row, &value);
  return Printable(value, LineBreaks::kEscape);
}

class MarkdownWriter : public formats::RowTextWriter {
 public:
  MarkdownWriter(StreamPtr out, TextPtrs columns, const arrow::Schema& schema)
      : RowTextWriter(std::move(out), std::move(columns)) {
    for (const auto& field : schema.fields()) {
      AppendCell(Printable(field->name(), LineBreaks::kEscape));
    }
    *pending() += "|\n";
    for (const auto& field : schema.fields()) {
      *pending() += IsRightAligned(*field->type()) ? "| ---: " : "| --- ";
    }
    *pending() += "|\n";
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    for (int i = 0; i < batch.num_columns(); ++i) {
      AppendCell(ShownValue(column(i), *batch.column(i), row));
    }
    *out += "|\n";
  }

 private:
  void AppendCell(std::string_view text) {
    *pending() += "| ";
    for (const char c : text) {
      if (c == '|') *pending() += '\\';
      *pending() += c;
    }
    *pending() += ' ';
  }
};

class LineWriter : public formats::RowTextWriter {
 public:
  LineWriter(StreamPtr out, TextPtrs columns, const arrow::Schema& schema)
      : RowTextWriter(std::move(out), std::move(columns)) {
    int widest = 0;
    for (const auto& field : schema.fields()) {
      labels_.push_back(Printable(field->name(), LineBreaks::kEscape));
      widest = std::max(widest, DisplayWidth(labels_.back()));
    }
    for (std::string& label : labels_) {
      label.insert(0, static_cast<size_t>(widest - DisplayWidth(label)), ' ');
      label += " = ";
    }
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    if (!is_first_) *out += '\n';
    is_first_ = false;
    for (int i = 0; i < batch.num_columns(); ++i) {
      *out += labels_[static_cast<size_t>(i)] + ShownValue(column(i), *batch.column(i), row) + '\n';
    }
  }

 private:
  std::vector<std::string> labels_;
  bool is_first_ = true;
};

arrow::Result<WriterPtr> MakeFormatWriter(const char* format, const StreamPtr& out,
                                          const std::shared_ptr<arrow::Schema>& schema,
                                          const formats::Options& options) {
  ARROW_ASSIGN_OR_RAISE(const formats::Format* found, formats::FormatNamed(format));
  return found->Create(out, schema, options);
}

}  // namespace

std::string OutputModeNames() {
  std::string names;
  for (const NamedMode& known : kModes) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return names;
}

std::string_view OutputModeName(OutputMode mode) {
  for (const NamedMode& known : kModes) {
    if (known.mode == mode) return known.name;
  }
  return "";
}

std::optional<OutputMode> OutputModeNamed(std::string_view name) {
  for (const NamedMode& known : kModes) {
    if (known.name == name) return known.mode;
  }
  return std::nullopt;
}

bool IsMachineMode(OutputMode mode) {
  return mode == OutputMode::kCsv || mode == OutputMode::kJsonl || mode == OutputMode::kArrow;
}

arrow::Result<WriterPtr> MakeResultWriter(const StreamPtr& out,
                                          const std::shared_ptr<arrow::Schema>& schema,
                                          const Display& display) {
  switch (display.mode) {
    case OutputMode::kCsv:
      return MakeFormatWriter("csv", out, schema, {});
    case OutputMode::kJsonl:
      // An object whose keys come twice is read as one of them, so the second "a" is "a_1".
      return MakeFormatWriter("json", out, formats::WithDistinctNames(schema), {});
    case OutputMode::kArrow:
      return MakeFormatWriter("arrow_ipc", out, schema, {{"stream", "true"}});
    default:
      break;
  }
  ARROW_ASSIGN_OR_RAISE(auto columns, formats::ColumnTexts(*schema, formats::TextStyle::kPlain));
  if (display.mode == OutputMode::kMarkdown) {
    return std::make_unique<MarkdownWriter>(out, std::move(columns), *schema);
  }
  if (display.mode == OutputMode::kLine) {
    return std::make_unique<LineWriter>(out, std::move(columns), *schema);
  }
  return MakeBoxWriter(out, std::move(columns), *schema, {display.max_rows, display.width});
}

arrow::Status WriteResult(arrow::RecordBatchReader& reader, const StreamPtr& out,
                          const Display& display) {
  ARROW_ASSIGN_OR_RAISE(auto writer, MakeResultWriter(out, reader.schema(), display));
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader.ReadNext(&batch));
    if (batch == nullptr) break;
    ARROW_RETURN_NOT_OK(writer->Write(*batch));
  }
  return writer->Finish();
}

}  // namespace pyralog::cli
