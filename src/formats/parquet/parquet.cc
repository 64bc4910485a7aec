// Apache Parquet: columnar tables. README.md beside this file is its page for users.
#include <utility>

#include "arrow/util/compression.h"
#include "formats/format.h"
#include "formats/option_values.h"
#include "formats/parquet/footer.h"
#include "formats/parquet/relation.h"
#include "parquet/arrow/writer.h"
#include "parquet/properties.h"

namespace pyralog::formats {

// The name in formats.def.
const Format& parquet_format();

namespace {

FormatInfo MakeParquetInfo() {
  FormatInfo info;
  info.name = "parquet";
  info.title = "Apache Parquet";
  info.suffixes = {".parquet", ".pq"};
  info.signatures = {{0, "PAR1", "PAR1"}, {0, "PARE", "PARE"}};
  info.can = {.read = true, .write = true, .projection = true, .filter = true, .chunked = true};
  info.sql_reader = "read_parquet";
  info.sql_copy = "parquet";
  info.readers = "pyarrow, pandas, Polars, DuckDB, Spark, Trino, ClickHouse";
  info.concurrency =
      "a file is written whole and moved into place; the last writer of one name wins";
  return info;
}

class ParquetDataset : public Dataset {
 public:
  ParquetDataset(const FormatInfo& info, SourcePtr source,
                 std::shared_ptr<::parquet::FileMetaData> footer,
                 std::shared_ptr<Relation> relation, std::string obstacle)
      : info_(info),
        source_(std::move(source)),
        footer_(std::move(footer)),
        relation_(std::move(relation)),
        obstacle_(std::move(obstacle)) {}

  const FormatInfo& format() const override { return info_; }

  arrow::Result<std::shared_ptr<Relation>> OpenRelation(const std::string& member) override {
    if (!member.empty()) {
      return source_->Error(ErrorCode::kNotFound, "it has no member '" + member + "'");
    }
    return relation_;
  }

  std::string sql_reader_obstacle() const override { return obstacle_; }

  Options sql_reader_options() const override {
    // NaN is the greatest of numbers in SQL, and most writers leave it out of a column's bounds. DuckDB
    // gives no bounds where there is one.
    if (footer_->created_by().starts_with("DuckDB")) return {};
    const ::parquet::SchemaDescriptor& schema = *footer_->schema();
    for (int i = 0; i < schema.num_columns(); ++i) {
      const auto type = schema.Column(i)->physical_type();
      if (type == ::parquet::Type::FLOAT || type == ::parquet::Type::DOUBLE)
        return {{"can_have_nan", "true"}};
    }
    return {};
  }

  std::vector<std::pair<std::string, std::string>> Describe() const override {
    std::vector<std::pair<std::string, std::string>> facts = {
        {"row groups", std::to_string(footer_->num_row_groups())},
        {"created by", footer_->created_by()},
    };
    if (footer_->num_row_groups() > 0 && footer_->num_columns() > 0) {
      facts.emplace_back("compression", arrow::util::Codec::GetCodecAsString(
                                            footer_->RowGroup(0)->ColumnChunk(0)->compression()));
    }
    if (!obstacle_.empty()) facts.emplace_back("read by", "Arrow, because " + obstacle_);
    return facts;
  }

 private:
  const FormatInfo& info_;
  const SourcePtr source_;
  const std::shared_ptr<::parquet::FileMetaData> footer_;
  const std::shared_ptr<Relation> relation_;  // nullptr: Arrow cannot express the schema
  const std::string obstacle_;
};

class ParquetWriter : public BatchWriter {
 public:
  explicit ParquetWriter(std::unique_ptr<::parquet::arrow::FileWriter> writer)
      : writer_(std::move(writer)) {}

  arrow::Status Write(const arrow::RecordBatch& batch) override {
    return writer_->WriteRecordBatch(batch);
  }
  arrow::Status Finish() override { return writer_->Close(); }

 private:
  const std::unique_ptr<::parquet::arrow::FileWriter> writer_;
};

class ParquetFormat : public Format {
 public:
  const FormatInfo& info() const override { return info_; }

  arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source,
                                               const Options& options) const override {
    ARROW_ASSIGN_OR_RAISE(auto footer, ReadParquetFooter(*source));
    ARROW_ASSIGN_OR_RAISE(auto relation, OpenParquetRelation(source, footer));
    ARROW_ASSIGN_OR_RAISE(ParquetObstacle obstacle, ParquetSqlObstacle(*source, *footer));
    if (relation == nullptr && !obstacle.reason.empty()) {
      if (obstacle.hard) {
        return source->Error(ErrorCode::kNotSupported,
                             obstacle.reason + ", and Arrow cannot express its schema");
      }
      obstacle.reason.clear();
    }
    return std::make_shared<ParquetDataset>(info_, source, std::move(footer), std::move(relation),
                                            std::move(obstacle.reason));
  }

  arrow::Result<std::unique_ptr<BatchWriter>> Create(
      const std::shared_ptr<arrow::io::OutputStream>& out,
      const std::shared_ptr<arrow::Schema>& schema, const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(
        info_, options, {"compression", "compression_level", "row_group_size", "page_checksum"}));
    ARROW_ASSIGN_OR_RAISE(const std::string codec, TextOption(options, "compression", "zstd"));
    ARROW_ASSIGN_OR_RAISE(const int64_t rows,
                          IntegerOption(options, "row_group_size", 122'880, 1, int64_t{1} << 31));
    ARROW_ASSIGN_OR_RAISE(const bool checksum, BoolOption(options, "page_checksum", false));
    ARROW_ASSIGN_OR_RAISE(auto compression, CompressionNamed(codec));
    ::parquet::WriterProperties::Builder properties;
    properties.compression(compression)->max_row_group_length(rows);
    if (checksum) properties.enable_page_checksum();
    if (options.contains("compression_level")) {
      ARROW_ASSIGN_OR_RAISE(const int64_t level,
                            IntegerOption(options, "compression_level", 0, -131'072, 22));
      properties.compression_level(static_cast<int>(level));
    }
    ARROW_ASSIGN_OR_RAISE(auto writer,
                          ::parquet::arrow::FileWriter::Open(
                              *schema, arrow::default_memory_pool(), out, properties.build(),
                              ::parquet::ArrowWriterProperties::Builder().store_schema()->build()));
    return std::make_unique<ParquetWriter>(std::move(writer));
  }

 private:
  static arrow::Result<arrow::Compression::type> CompressionNamed(const std::string& name) {
    const auto found = arrow::util::Codec::GetCompressionType(name == "lz4_raw" ? "lz4" : name);
    if (found.ok()) return found;
    return MakeError(
        ErrorCode::kInvalidArgument,
        "compression '" + name + "' is none of zstd, snappy, gzip, brotli, lz4, uncompressed");
  }

  const FormatInfo info_ = MakeParquetInfo();
};

}  // namespace

const Format& parquet_format() {
  static const ParquetFormat& format = *new ParquetFormat();
  return format;
}

}  // namespace pyralog::formats
