// NPY, NumPy's file of one array. README.md beside this file is its page for users.
#include <algorithm>
#include <utility>

#include "formats/format.h"
#include "formats/npy/npy_columns.h"
#include "formats/npy/npy_header.h"
#include "formats/npy/npy_writer.h"

namespace pyralog::formats {

// The name in formats.def.
const Format& npy_format();

namespace {

constexpr int64_t kMaxBatchRows = 122'880;
constexpr int64_t kBatchBytes = 16 << 20;  // unless a row is larger

FormatInfo MakeNpyInfo() {
  FormatInfo info;
  info.name = "npy";
  info.title = "NumPy array";
  info.suffixes = {".npy"};
  info.signatures = {{0, std::string(kNpyMagic), ""}};
  info.can = {.read = true,
              .write = true,
              .projection = true,
              .zero_copy = true,
              .chunked = true,
              .nulls = false};
  info.sql_copy = "npy";
  info.readers = "NumPy, PyTorch, JAX, Julia, R, MATLAB, every language with an NPY library";
  info.concurrency =
      "a file is written whole and moved into place; the last writer of one name wins";
  return info;
}

// Rows [begin, end) as one batch.
class NpyTask : public ScanTask, public arrow::RecordBatchReader {
 public:
  NpyTask(SourcePtr source, const NpyRows& rows,
          std::shared_ptr<const std::vector<NpyColumn>> columns,
          std::shared_ptr<arrow::Schema> schema, int64_t begin, int64_t end)
      : source_(std::move(source)),
        rows_(rows),
        columns_(std::move(columns)),
        schema_(std::move(schema)),
        begin_(begin),
        end_(end) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    return std::make_shared<NpyTask>(source_, rows_, columns_, schema_, begin_, end_);
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (begin_ == end_) return arrow::Status::OK();
    auto batch = Read(end_ - begin_);
    if (!batch.ok()) return source_->Wrap(batch.status());
    *out = std::move(*batch);
    begin_ = end_;
    return arrow::Status::OK();
  }

 private:
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Read(int64_t count) const {
    arrow::ArrayVector arrays;
    if (!columns_->empty()) {
      ARROW_ASSIGN_OR_RAISE(const auto elements, ReadNpyRows(*source_, rows_, begin_, count));
      for (const NpyColumn& column : *columns_) {
        ARROW_ASSIGN_OR_RAISE(arrays.emplace_back(),
                              ReadNpyColumn(ColumnOfRows(column, rows_, count), elements, count,
                                            source_->limits().pool));
      }
    }
    ARROW_RETURN_NOT_OK(source_->CheckUnchanged());
    return arrow::RecordBatch::Make(schema_, count, std::move(arrays));
  }

  const SourcePtr source_;
  const NpyRows rows_;
  const std::shared_ptr<const std::vector<NpyColumn>> columns_;
  const std::shared_ptr<arrow::Schema> schema_;
  int64_t begin_;
  const int64_t end_;
};

class NpyRelation : public Relation {
 public:
  NpyRelation(SourcePtr source, const NpyRows& rows, std::vector<NpyColumn> columns)
      : source_(std::move(source)), rows_(rows), columns_(std::move(columns)) {
    arrow::FieldVector fields;
    for (const NpyColumn& column : columns_) fields.push_back(column.field);
    schema_ = arrow::schema(std::move(fields));
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::optional<int64_t> row_count() const override { return rows_.count; }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> positions, ColumnPositions(*schema_, request));
    auto columns = std::make_shared<std::vector<NpyColumn>>();
    for (const int at : positions) columns->push_back(columns_[static_cast<size_t>(at)]);
    // The fields of a record lie side by side, so that all of them are read.
    const int64_t row_bytes = std::max<int64_t>(1, rows_.row_size());
    const int64_t step = std::clamp<int64_t>(kBatchBytes / row_bytes, 1, kMaxBatchRows);
    ScanPlan plan;
    plan.schema = ProjectSchema(*schema_, positions);
    for (int64_t begin = 0; begin < rows_.count; begin += step) {
      plan.tasks.push_back(std::make_shared<NpyTask>(source_, rows_, columns, plan.schema, begin,
                                                     std::min(rows_.count, begin + step)));
    }
    return plan;
  }

 private:
  const SourcePtr source_;
  const NpyRows rows_;
  const std::vector<NpyColumn> columns_;
  std::shared_ptr<arrow::Schema> schema_;
};

std::string ShapeText(const NpyHeader& header) {
  std::string text = "(";
  for (const int64_t size : header.shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + (header.shape.size() == 1 ? ",)" : ")");
}

class NpyDataset : public Dataset {
 public:
  NpyDataset(const FormatInfo& info, SourcePtr source, NpyHeader header,
             std::shared_ptr<Relation> relation)
      : info_(info),
        source_(std::move(source)),
        header_(std::move(header)),
        relation_(std::move(relation)) {}

  const FormatInfo& format() const override { return info_; }

  arrow::Result<std::shared_ptr<Relation>> OpenRelation(const std::string& member) override {
    if (member.empty()) return relation_;
    return source_->Error(ErrorCode::kNotFound, "it has no member '" + member + "'");
  }

  std::vector<std::pair<std::string, std::string>> Describe() const override {
    return {{"version", std::to_string(header_.version) + ".0"},
            {"descr", header_.descr},
            {"fortran_order", header_.fortran_order ? "True" : "False"},
            {"shape", ShapeText(header_)}};
  }

 private:
  const FormatInfo& info_;
  const SourcePtr source_;
  const NpyHeader header_;
  const std::shared_ptr<Relation> relation_;
};

class NpyFormat : public Format {
 public:
  const FormatInfo& info() const override { return info_; }

  arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source,
                                               const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(info_, options, {}));
    ARROW_ASSIGN_OR_RAISE(const std::string head, source->Head(kMaxNpyHeader));
    auto header = ParseNpyHeader(head, source->size());
    if (!header.ok()) return source->Wrap(header.status());
    auto columns = NpyColumns(*header);
    if (!columns.ok()) return source->Wrap(columns.status());
    auto relation = std::make_shared<NpyRelation>(source, NpyRowsOf(*header), std::move(*columns));
    return std::make_shared<NpyDataset>(info_, source, std::move(*header), std::move(relation));
  }

  arrow::Result<std::unique_ptr<BatchWriter>> Create(
      const std::shared_ptr<arrow::io::OutputStream>& out,
      const std::shared_ptr<arrow::Schema>& schema, const Options& options) const override {
    ARROW_RETURN_NOT_OK(CheckOptionNames(info_, options, {}));
    return MakeNpyWriter(out, schema);
  }

 private:
  const FormatInfo info_ = MakeNpyInfo();
};

}  // namespace

const Format& npy_format() {
  static const NpyFormat& format = *new NpyFormat();
  return format;
}

}  // namespace pyralog::formats
