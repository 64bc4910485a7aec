// Arrow IPC files and streams (Feather version 2 is the file), and Feather version 1. README.md beside this file is its
// page for users.
#include <utility>

#include "arrow/ipc/writer.h"
#include "arrow/util/compression.h"
#include "formats/arrow_ipc/feather1.h"
#include "formats/arrow_ipc/ipc_relation.h"
#include "formats/format.h"
#include "formats/option_values.h"

namespace pyralog::formats {

// The name in formats.def.
const Format& arrow_ipc_format();

namespace {

FormatInfo MakeArrowIpcInfo() {
  FormatInfo info;
  info.name = "arrow_ipc";
  info.title = "Arrow IPC file and stream";
  info.aliases = {"arrow", "ipc", "feather", "arrows"};
  info.suffixes = {".arrow", ".feather", ".ipc", ".arrows", ".arrow_file", ".stream"};
  // A stream starts with a continuation mark.
  info.signatures = {
      {0, "ARROW1", "ARROW1"}, {0, "FEA1", "FEA1"}, {0, std::string("\xff\xff\xff\xff", 4), ""}};
  info.can = {.read = true, .write = true, .projection = true, .zero_copy = true, .chunked = true};
  info.sql_copy = "arrow";
  info.sql_batch_rows = true;
  info.readers = "pyarrow, pandas, Polars, DuckDB, ClickHouse, every Arrow library";
  info.concurrency =
      "a file is written whole and moved into place; the last writer of one name wins";
  return info;
}

class ArrowIpcDataset : public Dataset {
 public:
  ArrowIpcDataset(const FormatInfo& info, SourcePtr source, IpcKind kind,
                  std::shared_ptr<Relation> relation)
      : info_(info), source_(std::move(source)), kind_(kind), relation_(std::move(relation)) {}

  const FormatInfo& format() const override { return info_; }

  arrow::Result<std::shared_ptr<Relation>> OpenRelation(const std::string& member) override {
    if (member.empty()) return relation_;
    return source_->Error(ErrorCode::kNotFound, "it has no member '" + member + "'");
  }

  std::vector<std::pair<std::string, std::string>> Describe() const override {
    std::vector<std::pair<std::string, std::string>> facts = {
        {"form", kind_ == IpcKind::kFile       ? "file"
                 : kind_ == IpcKind::kFeather1 ? "Feather version 1"
                                               : "stream"}};
    if (const auto batches = IpcBatchCount(*relation_)) {
      facts.emplace_back("record batches", std::to_string(*batches));
    }
    return facts;
  }

 private:
  const FormatInfo& info_;
  const SourcePtr source_;
  const IpcKind kind_;
  const std::shared_ptr<Relation> relation_;
};

class ArrowIpcWriter : public BatchWriter {
 public:
  explicit ArrowIpcWriter(std::shared_ptr<arrow::ipc::RecordBatchWriter> writer)
      : writer_(std::move(writer)) {}

  arrow::Status Write(const arrow::RecordBatch& batch) override {
    return writer_->WriteRecordBatch(batch);
  }
  arrow::Status Finish() override { return writer_->Close(); }

 private:
  const std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

class ArrowIpcFormat : public Format {
 public:
  const FormatInfo& info() const override { return info_; }

  arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source,
                                               const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(info_, options, {}));
    ARROW_ASSIGN_OR_RAISE(const IpcKind kind, IpcKindOf(*source));
    ARROW_ASSIGN_OR_RAISE(auto relation, kind == IpcKind::kFeather1
                                             ? OpenFeather1Relation(source)
                                             : OpenIpcRelation(source, kind));
    return std::make_shared<ArrowIpcDataset>(info_, source, kind, std::move(relation));
  }

  arrow::Result<std::unique_ptr<BatchWriter>> Create(
      const std::shared_ptr<arrow::io::OutputStream>& out,
      const std::shared_ptr<arrow::Schema>& schema, const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(info_, options, {"stream", "compression"}));
    ARROW_ASSIGN_OR_RAISE(const bool stream, BoolOption(options, "stream", false));
    ARROW_ASSIGN_OR_RAISE(const std::string codec, TextOption(options, "compression", "none"));
    auto write_options = arrow::ipc::IpcWriteOptions::Defaults();
    write_options.use_threads = false;
    if (codec == "zstd" || codec == "lz4") {
      const auto type = codec == "zstd" ? arrow::Compression::ZSTD : arrow::Compression::LZ4_FRAME;
      ARROW_ASSIGN_OR_RAISE(write_options.codec, arrow::util::Codec::Create(type));
    } else if (codec != "none" && codec != "uncompressed") {
      return MakeError(ErrorCode::kInvalidArgument,
                       "compression '" + codec + "' is none of none, lz4, zstd");
    }
    auto writer = stream ? arrow::ipc::MakeStreamWriter(out, schema, write_options)
                         : arrow::ipc::MakeFileWriter(out, schema, write_options);
    ARROW_RETURN_NOT_OK(writer.status());
    return std::make_unique<ArrowIpcWriter>(std::move(*writer));
  }

 private:
  const FormatInfo info_ = MakeArrowIpcInfo();
};

}  // namespace

const Format& arrow_ipc_format() {
  static const ArrowIpcFormat& format = *new ArrowIpcFormat();
  return format;
}

}  // namespace pyralog::formats
