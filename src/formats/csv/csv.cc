// Comma-separated values and their kin. README.md beside this file is its page for users.
#include <utility>

#include "formats/format.h"
#include "formats/option_values.h"
#include "formats/row_text.h"
#include "formats/text_head.h"

namespace pyralog::formats {

// The name in formats.def.
const Format& csv_format();

namespace {

// Text files have no NUL bytes; what has one this early is something else.
constexpr int64_t kLookedAtBytes = 64 << 10;

FormatInfo MakeCsvInfo() {
  FormatInfo info;
  info.name = "csv";
  info.title = "Comma-separated values";
  info.aliases = {"tsv"};
  info.suffixes = {".csv", ".tsv"};
  info.compressions = {".gz", ".zst"};
  info.can = {.read = true, .write = true, .chunked = true};
  info.sql_reader = "read_csv";
  info.sql_copy = "csv";
  info.readers = "everything";
  info.concurrency =
      "a file is written whole and moved into place; the last writer of one name wins";
  return info;
}

class CsvDataset : public Dataset {
 public:
  CsvDataset(const FormatInfo& info, SourcePtr source, Options compression)
      : info_(info), source_(std::move(source)), compression_(std::move(compression)) {}

  const FormatInfo& format() const override { return info_; }

  arrow::Result<std::shared_ptr<Relation>> OpenRelation(const std::string& member) override {
    if (member.empty()) return nullptr;
    return source_->Error(ErrorCode::kNotFound, "it has no member '" + member + "'");
  }

  Options sql_reader_options() const override {
    Options options = compression_;
    // Commas in a file of tabs are text, however many there are.
    if (HasTabs(source_->path())) options["delim"] = "\t";
    return options;
  }

 private:
  static bool HasTabs(std::string_view path) {
    for (const std::string_view suffix : {".tsv", ".tsv.gz", ".tsv.zst"}) {
      if (path.ends_with(suffix)) return true;
    }
    return false;
  }

  const FormatInfo& info_;
  const SourcePtr source_;
  const Options compression_;
};

// RFC 4180 with LF: quotes where they are needed, doubled inside. A null is nothing, an empty text
// is "".
class CsvWriter : public RowTextWriter {
 public:
  CsvWriter(std::shared_ptr<arrow::io::OutputStream> out,
            std::vector<std::unique_ptr<ValueText>> columns, char delimiter)
      : RowTextWriter(std::move(out), std::move(columns)), delimiter_(delimiter) {}

  void AppendHeader(const arrow::Schema& schema) {
    for (int i = 0; i < schema.num_fields(); ++i) {
      if (i > 0) *pending() += delimiter_;
      AppendField(schema.field(i)->name(), pending());
    }
    *pending() += '\n';
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    for (int i = 0; i < batch.num_columns(); ++i) {
      if (i > 0) *out += delimiter_;
      const arrow::Array& array = *batch.column(i);
      if (array.IsNull(row)) continue;
      field_.clear();
      column(i).Append(array, row, &field_);
      AppendField(field_, out);
    }
    // A row of one null would be an empty line, which readers skip.
    if (batch.num_columns() == 1 && batch.column(0)->IsNull(row)) *out += "\"\"";
    *out += '\n';
  }

 private:
  void AppendField(std::string_view text, std::string* out) const {
    const bool plain = !text.empty() && text.find_first_of("\"\r\n") == std::string_view::npos &&
                       text.find(delimiter_) == std::string_view::npos && text.front() != ' ' &&
                       text.back() != ' ';
    if (plain) {
      *out += text;
      return;
    }
    *out += '"';
    for (const char c : text) {
      if (c == '"') *out += '"';
      *out += c;
    }
    *out += '"';
  }

  const char delimiter_;
  std::string field_;
};

class CsvFormat : public Format {
 public:
  const FormatInfo& info() const override { return info_; }

  arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source,
                                               const Options& options) const override {
    const auto head = ReadTextHead(*source, kLookedAtBytes);
    if (!head.ok()) return source->Wrap(head.status());
    const size_t nul = std::string_view(*head->text).find('\0');
    if (nul != std::string_view::npos && !options.contains("encoding")) {
      return source->Error(ErrorCode::kDamaged, "it is not text: byte " + std::to_string(nul) +
                                                    " is NUL (for UTF-16 set the option encoding)");
    }
    if (!head->whole) ARROW_RETURN_NOT_OK(CheckCompressed(*source));
    return std::make_shared<CsvDataset>(info_, source, CompressionOption(*source, *head));
  }

  arrow::Result<std::unique_ptr<BatchWriter>> Create(
      const std::shared_ptr<arrow::io::OutputStream>& out,
      const std::shared_ptr<arrow::Schema>& schema, const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(info_, options, {"delim", "header"}));
    ARROW_ASSIGN_OR_RAISE(const std::string delimiter, TextOption(options, "delim", ","));
    ARROW_ASSIGN_OR_RAISE(const bool header, BoolOption(options, "header", true));
    if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\n" || delimiter == "\r") {
      return MakeError(ErrorCode::kInvalidArgument, "option delim takes one character");
    }
    ARROW_ASSIGN_OR_RAISE(auto columns, ColumnTexts(*schema, TextStyle::kPlain));
    auto writer = std::make_unique<CsvWriter>(out, std::move(columns), delimiter.front());
    if (header) writer->AppendHeader(*schema);
    return writer;
  }

 private:
  const FormatInfo info_ = MakeCsvInfo();
};

}  // namespace

const Format& csv_format() {
  static const CsvFormat& format = *new CsvFormat();
  return format;
}

}  // namespace pyralog::formats
