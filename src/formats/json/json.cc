// JSON and JSON Lines. README.md beside this file is its page for users.
#include <utility>

#include "formats/format.h"
#include "formats/json_check.h"
#include "formats/row_text.h"
#include "formats/text_head.h"

namespace pyralog::formats {

// The name in formats.def.
const Format& json_format();

namespace {

// How much of a file is checked before the SQL engine's reader, which is laxer, takes all of it.
constexpr int64_t kCheckedBytes = 64 << 20;

FormatInfo MakeJsonInfo() {
  FormatInfo info;
  info.name = "json";
  info.title = "JSON and JSON Lines";
  info.aliases = {"jsonl", "ndjson"};
  info.suffixes = {".json", ".jsonl", ".ndjson"};
  info.compressions = {".gz", ".zst"};
  info.can = {.read = true, .write = true, .chunked = true};
  info.sql_reader = "read_json";
  info.sql_copy = "json";
  info.readers = "everything";
  info.concurrency =
      "a file is written whole and moved into place; the last writer of one name wins";
  return info;
}

class JsonDataset : public Dataset {
 public:
  JsonDataset(const FormatInfo& info, SourcePtr source, JsonFacts facts, Options compression)
      : info_(info),
        source_(std::move(source)),
        facts_(facts),
        compression_(std::move(compression)) {}

  const FormatInfo& format() const override { return info_; }

  arrow::Result<std::shared_ptr<Relation>> OpenRelation(const std::string& member) override {
    if (member.empty()) return nullptr;
    return source_->Error(ErrorCode::kNotFound, "it has no member '" + member + "'");
  }

  Options sql_reader_options() const override {
    // Objects that name a key twice cannot become columns: each document then is one value.
    Options options = compression_;
    if (facts_.duplicate_keys) options.insert({{"records", "false"}, {"maximum_depth", "0"}});
    return options;
  }

  std::vector<std::pair<std::string, std::string>> Describe() const override {
    return {{"form", facts_.documents > 1 && facts_.lines ? "lines" : "document"}};
  }

 private:
  const FormatInfo& info_;
  const SourcePtr source_;
  const JsonFacts facts_;
  const Options compression_;
};

class JsonLinesWriter : public RowTextWriter {
 public:
  JsonLinesWriter(std::shared_ptr<arrow::io::OutputStream> out,
                  std::vector<std::unique_ptr<ValueText>> columns, const arrow::Schema& schema)
      : RowTextWriter(std::move(out), std::move(columns)) {
    for (const auto& field : schema.fields()) {
      std::string key = keys_.empty() ? "" : ",";
      AppendJsonString(field->name(), &key);
      keys_.push_back(key + ':');
    }
  }

 protected:
  void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) override {
    *out += '{';
    for (int i = 0; i < batch.num_columns(); ++i) {
      *out += keys_[static_cast<size_t>(i)];
      column(i).Append(*batch.column(i), row, out);
    }
    *out += "}\n";
  }

 private:
  std::vector<std::string> keys_;  // with what stands before them and the colon behind
};

class JsonFormat : public Format {
 public:
  const FormatInfo& info() const override { return info_; }

  arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source,
                                               const Options& options) const override {
    const auto head = ReadTextHead(*source, kCheckedBytes);
    if (!head.ok()) return source->Wrap(head.status());
    JsonCheckOptions check;
    check.whole = head->whole;
    check.may_be_empty = !source->path().ends_with(".json");
    if (!head->whole) ARROW_RETURN_NOT_OK(CheckCompressed(*source));
    JsonFacts facts;
    ARROW_RETURN_NOT_OK(source->Wrap(CheckJson(std::string_view(*head->text), check, &facts)));
    return std::make_shared<JsonDataset>(info_, source, facts, CompressionOption(*source, *head));
  }

  arrow::Result<std::unique_ptr<BatchWriter>> Create(
      const std::shared_ptr<arrow::io::OutputStream>& out,
      const std::shared_ptr<arrow::Schema>& schema, const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(info_, options, {}));
    ARROW_ASSIGN_OR_RAISE(auto columns, ColumnTexts(*schema, TextStyle::kJson));
    return std::make_unique<JsonLinesWriter>(out, std::move(columns), *schema);
  }

 private:
  const FormatInfo info_ = MakeJsonInfo();
};

}  // namespace

const Format& json_format() {
  static const JsonFormat& format = *new JsonFormat();
  return format;
}

}  // namespace pyralog::formats
