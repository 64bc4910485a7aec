#include "formats/arrow_ipc/ipc_relation.h"

#include <algorithm>
#include <mutex>
#include <optional>
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
};

// `read_all`: all columns are read and the wanted ones are taken of them.
IpcProjection ProjectIpc(const arrow::Schema& schema, const std::vector<int>& columns,
                         bool read_all) {
  IpcProjection projection;
  projection.schema = ProjectSchema(schema, columns);
  projection.order = columns;
  if (read_all) return projection;
  std::vector<int> sorted = columns;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  // The reader takes an empty list as "all", and cannot read none: the first column then stands for
  // the rows.
  if (columns.empty() && schema.num_fields() > 0) sorted = {0};
  projection.fields = sorted;
  for (int& column : projection.order) {
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), column);
    column = static_cast<int>(at - sorted.begin());
  }
  return projection;
}

// Puts the wanted columns in the wanted order and validates them.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> Checked(const arrow::RecordBatch& batch,
                                                           const IpcProjection& projection) {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  columns.reserve(projection.order.size());
  for (const int at : projection.order) columns.push_back(batch.column_data(at));
  return ValidateForeign(
      *arrow::RecordBatch::Make(projection.schema, batch.num_rows(), std::move(columns)));
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
    ARROW_RETURN_NOT_OK(source_->CheckSize());
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
  ARROW_RETURN_NOT_OK(source.CheckSize());
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
    ARROW_RETURN_NOT_OK(source_->CheckSize());
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
    ARROW_RETURN_NOT_OK(source_->CheckSize());
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
    ARROW_ASSIGN_OR_RAISE(const bool views, GivesViews());
    const auto projection =
        std::make_shared<const IpcProjection>(ProjectIpc(*schema_, columns, views));
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
  // Whether a batch is made of views of the mapping, so that columns that nobody wants cost
  // nothing. Asked to read only some columns, Arrow's reader copies them; it pays only where
  // buffers are compressed. The first batch tells.
  arrow::Result<bool> GivesViews() {
    const std::lock_guard lock(mutex_);
    if (!views_.has_value()) {
      views_ = true;
      if (batches_ > 0) {
        ARROW_ASSIGN_OR_RAISE(const auto file, OpenIpcFile(*source_, bytes_, {}));
        const auto batch = file->ReadRecordBatch(0);
        if (!batch.ok()) return source_->Wrap(batch.status());
        for (int i = 0; i < (*batch)->num_columns(); ++i) {
          *views_ = *views_ && IsView(*(*batch)->column_data(i));
        }
      }
    }
    return *views_;
  }

  bool IsView(const arrow::ArrayData& data) const {
    for (const auto& buffer : data.buffers) {
      if (buffer == nullptr || buffer->size() == 0) continue;
      const uint8_t* const end = bytes_->data() + bytes_->size();
      if (buffer->data() < bytes_->data() || buffer->data() >= end) return false;
    }
    return std::all_of(data.child_data.begin(), data.child_data.end(),
                       [&](const auto& child) { return child == nullptr || IsView(*child); });
  }

  const SourcePtr source_;
  const std::shared_ptr<arrow::Buffer> bytes_;
  const std::shared_ptr<arrow::Schema> schema_;
  const int batches_;
  std::mutex mutex_;
  std::optional<bool> views_;  // guarded by mutex_
};

class StreamRelation : public Relation {
 public:
  StreamRelation(SourcePtr source, std::shared_ptr<arrow::Buffer> bytes,
                 std::shared_ptr<arrow::Schema> schema)
      : source_(std::move(source)), bytes_(std::move(bytes)), schema_(std::move(schema)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns, ColumnPositions(*schema_, request));
    auto projection =
        std::make_shared<const IpcProjection>(ProjectIpc(*schema_, columns, /*read_all=*/false));
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
