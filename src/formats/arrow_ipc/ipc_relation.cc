#include "formats/arrow_ipc/ipc_relation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "formats/foreign_arrays.h"

namespace pyralog::formats {
namespace {

// Each task opens the file's footer (and its dictionaries) again, so there are no more of them than
// threads can use.
constexpr int kMaxTasks = 64;

arrow::ipc::IpcReadOptions ReadOptions(const Source& source, std::vector<int> fields) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.max_recursion_depth = source.limits().max_depth;
  options.memory_pool = source.limits().pool;
  options.included_fields = std::move(fields);
  options.use_threads = false;
  // Misaligned buffers are legal in the format and undefined behaviour in C++: they are copied.
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  return options;
}

// The wanted columns as the reader takes them (file order) and where each is in what then comes.
struct IpcProjection {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<int> fields;  // empty: all
  std::vector<int> order;
  bool none = false;  // no column at all: only the number of rows matters
};

IpcProjection ProjectIpc(const arrow::Schema& schema, const std::vector<int>& columns) {
  IpcProjection projection;
  projection.schema = ProjectSchema(schema, columns);
  projection.none = columns.empty();
  std::vector<int> sorted = columns;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  // The reader takes an empty list as "all", and cannot read none: the first column then stands for
  // the rows.
  if (projection.none && schema.num_fields() > 0) sorted = {0};
  projection.fields = sorted;
  for (const int column : columns) {
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), column);
    projection.order.push_back(static_cast<int>(at - sorted.begin()));
  }
  return projection;
}

// Validates what comes and puts the wanted columns in the wanted order.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> Checked(const arrow::RecordBatch& batch,
                                                           const IpcProjection& projection) {
  ARROW_ASSIGN_OR_RAISE(const auto valid, ValidateForeign(batch));
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  columns.reserve(projection.order.size());
  for (const int at : projection.order) columns.push_back(valid->column_data(at));
  return arrow::RecordBatch::Make(projection.schema, batch.num_rows(), std::move(columns));
}

class FileBatches : public arrow::RecordBatchReader {
 public:
  FileBatches(SourcePtr source, std::shared_ptr<arrow::ipc::RecordBatchFileReader> file, int begin,
              int end, std::shared_ptr<const IpcProjection> projection)
      : source_(std::move(source)),
        file_(std::move(file)),
        next_(begin),
        end_(end),
        projection_(std::move(projection)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return projection_->schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    if (next_ == end_) {
      *out = nullptr;
      return arrow::Status::OK();
    }
    auto batch = file_->ReadRecordBatch(next_++);
    if (!batch.ok()) return source_->Wrap(batch.status());
    auto checked = Checked(**batch, *projection_);
    if (!checked.ok()) return source_->Wrap(checked.status());
    *out = std::move(*checked);
    return arrow::Status::OK();
  }

 private:
  const SourcePtr source_;
  const std::shared_ptr<arrow::ipc::RecordBatchFileReader> file_;
  int next_;
  const int end_;
  const std::shared_ptr<const IpcProjection> projection_;
};

arrow::Result<std::shared_ptr<arrow::ipc::RecordBatchFileReader>> OpenIpcFile(
    const Source& source, const std::shared_ptr<arrow::Buffer>& bytes, std::vector<int> fields) {
  auto file = arrow::ipc::RecordBatchFileReader::Open(
      std::make_shared<arrow::io::BufferReader>(bytes), ReadOptions(source, std::move(fields)));
  if (!file.ok()) return source.Wrap(file.status());
  return file;
}

class FileTask : public ScanTask {
 public:
  FileTask(SourcePtr source, std::shared_ptr<arrow::Buffer> bytes, int begin, int end,
           std::shared_ptr<const IpcProjection> projection)
      : source_(std::move(source)),
        bytes_(std::move(bytes)),
        begin_(begin),
        end_(end),
        projection_(std::move(projection)) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    ARROW_ASSIGN_OR_RAISE(auto file, OpenIpcFile(*source_, bytes_, projection_->fields));
    return std::make_shared<FileBatches>(source_, std::move(file), begin_, end_, projection_);
  }

 private:
  const SourcePtr source_;
  const std::shared_ptr<arrow::Buffer> bytes_;
  const int begin_;
  const int end_;
  const std::shared_ptr<const IpcProjection> projection_;
};

class StreamBatches : public arrow::RecordBatchReader {
 public:
  StreamBatches(SourcePtr source, std::shared_ptr<arrow::RecordBatchReader> stream,
                std::shared_ptr<const IpcProjection> projection)
      : source_(std::move(source)),
        stream_(std::move(stream)),
        projection_(std::move(projection)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return projection_->schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(source_->Wrap(stream_->ReadNext(&batch)));
    *out = nullptr;
    if (batch == nullptr) return arrow::Status::OK();
    auto checked = Checked(*batch, *projection_);
    if (!checked.ok()) return source_->Wrap(checked.status());
    *out = std::move(*checked);
    return arrow::Status::OK();
  }

 private:
  const SourcePtr source_;
  const std::shared_ptr<arrow::RecordBatchReader> stream_;
  const std::shared_ptr<const IpcProjection> projection_;
};

class StreamTask : public ScanTask {
 public:
  StreamTask(SourcePtr source, std::shared_ptr<arrow::Buffer> bytes,
             std::shared_ptr<const IpcProjection> projection)
      : source_(std::move(source)), bytes_(std::move(bytes)), projection_(std::move(projection)) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    auto stream =
        arrow::ipc::RecordBatchStreamReader::Open(std::make_shared<arrow::io::BufferReader>(bytes_),
                                                  ReadOptions(*source_, projection_->fields));
    if (!stream.ok()) return source_->Wrap(stream.status());
    return std::make_shared<StreamBatches>(source_, std::move(*stream), projection_);
  }

 private:
  const SourcePtr source_;
  const std::shared_ptr<arrow::Buffer> bytes_;
  const std::shared_ptr<const IpcProjection> projection_;
};

class FileRelation : public Relation {
 public:
  FileRelation(SourcePtr source, std::shared_ptr<arrow::Buffer> bytes,
               std::shared_ptr<arrow::Schema> schema, int batches)
      : source_(std::move(source)),
        bytes_(std::move(bytes)),
        schema_(std::move(schema)),
        batches_(batches) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  int batches() const { return batches_; }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns, ColumnPositions(*schema_, request));
    const auto projection = std::make_shared<const IpcProjection>(ProjectIpc(*schema_, columns));
    ScanPlan plan;
    plan.schema = projection->schema;
    const int step = std::max(1, (batches_ + kMaxTasks - 1) / kMaxTasks);
    for (int begin = 0; begin < batches_; begin += step) {
      plan.tasks.push_back(std::make_shared<FileTask>(
          source_, bytes_, begin, std::min(batches_, begin + step), projection));
    }
    return plan;
  }

 private:
  const SourcePtr source_;
  const std::shared_ptr<arrow::Buffer> bytes_;
  const std::shared_ptr<arrow::Schema> schema_;
  const int batches_;
};

class StreamRelation : public Relation {
 public:
  StreamRelation(SourcePtr source, std::shared_ptr<arrow::Buffer> bytes,
                 std::shared_ptr<arrow::Schema> schema)
      : source_(std::move(source)), bytes_(std::move(bytes)), schema_(std::move(schema)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns, ColumnPositions(*schema_, request));
    auto projection = std::make_shared<const IpcProjection>(ProjectIpc(*schema_, columns));
    ScanPlan plan;
    plan.schema = projection->schema;
    plan.tasks.push_back(std::make_shared<StreamTask>(source_, bytes_, std::move(projection)));
    return plan;
  }

 private:
  const SourcePtr source_;
  const std::shared_ptr<arrow::Buffer> bytes_;
  const std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

arrow::Result<IpcKind> IpcKindOf(const Source& source) {
  ARROW_ASSIGN_OR_RAISE(const std::string head, source.Head(6));
  if (head == "ARROW1") return IpcKind::kFile;
  if (head.starts_with("FEA1")) return IpcKind::kFeather1;
  return IpcKind::kStream;
}

arrow::Result<std::shared_ptr<Relation>> OpenIpcRelation(const SourcePtr& source, IpcKind kind) {
  if (source->size() == 0) {
    return source->Error(ErrorCode::kDamaged, "it is empty; an Arrow file has at least a schema");
  }
  ARROW_ASSIGN_OR_RAISE(auto bytes, source->Map());
  if (kind == IpcKind::kFile) {
    ARROW_ASSIGN_OR_RAISE(auto file, OpenIpcFile(*source, bytes, {}));
    return std::make_shared<FileRelation>(
        source, std::move(bytes), WithDistinctNames(file->schema()), file->num_record_batches());
  }
  auto stream = arrow::ipc::RecordBatchStreamReader::Open(
      std::make_shared<arrow::io::BufferReader>(bytes), ReadOptions(*source, {}));
  if (!stream.ok()) return source->Wrap(stream.status());
  return std::make_shared<StreamRelation>(source, std::move(bytes),
                                          WithDistinctNames((*stream)->schema()));
}

std::optional<int64_t> IpcBatchCount(const Relation& relation) {
  const auto* file = dynamic_cast<const FileRelation*>(&relation);
  if (file == nullptr) return std::nullopt;
  return file->batches();
}

}  // namespace pyralog::formats
