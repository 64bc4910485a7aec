#include "formats/arrow_ipc/ipc_relation.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrow/ipc/reader.h"
#include "formats/arrow_ipc/ipc_arrays.h"
#include "formats/arrow_ipc/ipc_message.h"
#include "formats/foreign_arrays.h"

namespace pyralog::formats {
namespace {

// Enough for the threads there are; more would only cost their opening.
constexpr int kMaxTasks = 64;

using ReadResult = arrow::Result<std::shared_ptr<arrow::RecordBatch>>;

// What all tasks of a scan share.
struct IpcScan {
  SourcePtr source;
  IpcSchema file;
  std::vector<std::shared_ptr<arrow::DataType>> types;  // of all of the file's fields
  std::vector<int> columns;                             // the wanted ones, in the wanted order
  std::shared_ptr<arrow::Schema> schema;                // of these
  std::shared_ptr<IpcDictionaries> dictionaries;
};

// Rows of one record batch, slice by slice.
class BatchRows {
 public:
  // Nothing when the rows are at their end.
  ReadResult Next(const IpcScan& scan) {
    if (next_ >= end_) return nullptr;
    arrow::ArrayDataVector data;
    const int64_t count = std::min(slice_, end_ - next_);
    for (const FileArray& column : columns_) {
      ARROW_ASSIGN_OR_RAISE(data.emplace_back(),
                            whole_
                                ? ReadWholeIpc(*scan.source, column, batch_, scan.file.big_endian)
                                : ReadRows(*scan.source, column, next_, count));
    }
    next_ += count;
    // Whoever cut the file or wrote another one over it has changed what was read above, too.
    ARROW_RETURN_NOT_OK(scan.source->CheckUnchanged());
    return ValidateForeign(*arrow::RecordBatch::Make(scan.schema, count, std::move(data)),
                           Dictionaries::kChecked);
  }

  arrow::Status Open(const IpcScan& scan, IpcBatch batch, int64_t begin, int64_t end) {
    ARROW_ASSIGN_OR_RAISE(columns_, IpcColumns(batch, scan.types, scan.columns));
    for (size_t i = 0; i < columns_.size(); ++i) {
      const auto at = static_cast<size_t>(scan.columns[i]);
      if (at >= scan.file.fields.size()) {
        return MakeError(ErrorCode::kDamaged, "its schema lacks a field");
      }
      ARROW_RETURN_NOT_OK(scan.dictionaries->Resolve(scan.file.fields[at], &columns_[i]));
    }
    slice_ = SliceOf(scan, batch, columns_);
    whole_ = slice_ == 0;
    next_ = begin;
    end_ = std::min(end, batch.rows);
    if (whole_) slice_ = std::max<int64_t>(1, batch.rows);
    batch_ = std::move(batch);
    return arrow::Status::OK();
  }

  // Rows that are read at once; 0 when the batch can only be read whole: it is compressed, its bytes
  // are swapped, or a wanted column has a type whose rows may lie anywhere.
  static int64_t SliceOf(const IpcScan& scan, const IpcBatch& batch,
                         const std::vector<FileArray>& columns) {
    if (batch.compression || scan.file.big_endian) return 0;
    int64_t bytes = 0;
    bool backed = false;
    for (const FileArray& column : columns) {
      if (!CanReadRows(*column.type)) return 0;
      backed = backed || RowsTakeBytes(column);
      bytes += std::min(BytesOf(column), INT64_MAX - bytes);
    }
    // A batch that takes no bytes can claim any number of rows.
    return backed ? RowsPerSlice(batch.rows, bytes) : 0;
  }

 private:
  IpcBatch batch_;
  std::vector<FileArray> columns_;
  bool whole_ = false;
  int64_t slice_ = 1;
  int64_t next_ = 0;
  int64_t end_ = 0;
};

// Batches one behind the other.
class IpcReader : public arrow::RecordBatchReader {
 public:
  explicit IpcReader(std::shared_ptr<const IpcScan> scan) : scan_(std::move(scan)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return scan_->schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    auto rows = Read();
    if (!rows.ok()) return scan_->source->Wrap(rows.status());
    *out = std::move(*rows);
    return arrow::Status::OK();
  }

 protected:
  // Opens the next batch; false at the end.
  virtual arrow::Result<bool> OpenNext(BatchRows* rows) = 0;
  const IpcScan& scan() const { return *scan_; }

 private:
  ReadResult Read() {
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto rows, rows_.Next(*scan_));
      if (rows != nullptr) return rows;
      ARROW_ASSIGN_OR_RAISE(const bool more, OpenNext(&rows_));
      if (!more) return nullptr;
    }
  }

  const std::shared_ptr<const IpcScan> scan_;
  BatchRows rows_;
};

// Some batches of a file, or some rows of one.
struct FilePart {
  std::vector<IpcPlace> batches;
  int64_t begin = 0;
  int64_t end = INT64_MAX;
};

arrow::Result<IpcBatch> ReadBatchHeader(const Source& source, const IpcPlace& place) {
  ARROW_ASSIGN_OR_RAISE(auto message, ReadIpcMessage(source, place));
  if (!message || message->kind != IpcKindOfMessage::kBatch) {
    return MakeError(ErrorCode::kDamaged, "its footer names a record batch that is none");
  }
  return std::move(message->batch);
}

class FileReader : public IpcReader {
 public:
  FileReader(std::shared_ptr<const IpcScan> scan, FilePart part)
      : IpcReader(std::move(scan)), part_(std::move(part)) {}

 protected:
  arrow::Result<bool> OpenNext(BatchRows* rows) override {
    if (next_ == part_.batches.size()) return false;
    ARROW_RETURN_NOT_OK(scan().source->CheckUnchanged());
    ARROW_ASSIGN_OR_RAISE(auto batch, ReadBatchHeader(*scan().source, part_.batches[next_++]));
    ARROW_RETURN_NOT_OK(rows->Open(scan(), std::move(batch), part_.begin, part_.end));
    return true;
  }

 private:
  const FilePart part_;
  size_t next_ = 0;
};

class StreamReader : public IpcReader {
 public:
  StreamReader(std::shared_ptr<const IpcScan> scan, uint64_t begin)
      : IpcReader(std::move(scan)), next_(begin) {}

 protected:
  arrow::Result<bool> OpenNext(BatchRows* rows) override {
    ARROW_RETURN_NOT_OK(scan().source->CheckUnchanged());
    while (true) {
      ARROW_ASSIGN_OR_RAISE(auto message, ReadIpcMessage(*scan().source, {next_, std::nullopt}));
      if (!message) return false;
      next_ = message->end;
      if (message->kind == IpcKindOfMessage::kSchema) {
        return MakeError(ErrorCode::kDamaged, "a second schema follows its rows");
      }
      if (message->kind == IpcKindOfMessage::kBatch) {
        ARROW_RETURN_NOT_OK(rows->Open(scan(), std::move(message->batch), 0, INT64_MAX));
        return true;
      }
      ARROW_RETURN_NOT_OK(scan().dictionaries->Add(std::move(*message), /*may_replace=*/true));
    }
  }

 private:
  uint64_t next_;
};

class FileTask : public ScanTask {
 public:
  FileTask(std::shared_ptr<const IpcScan> scan, FilePart part)
      : scan_(std::move(scan)), part_(std::move(part)) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    ARROW_RETURN_NOT_OK(scan_->source->CheckUnchanged());
    return std::make_shared<FileReader>(scan_, part_);
  }

 private:
  const std::shared_ptr<const IpcScan> scan_;
  const FilePart part_;
};

class StreamTask : public ScanTask {
 public:
  StreamTask(std::shared_ptr<const IpcScan> scan, uint64_t begin)
      : scan_(std::move(scan)), begin_(begin) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    ARROW_RETURN_NOT_OK(scan_->source->CheckUnchanged());
    return std::make_shared<StreamReader>(scan_, begin_);
  }

 private:
  const std::shared_ptr<const IpcScan> scan_;
  const uint64_t begin_;
};

class IpcRelation : public Relation {
 public:
  IpcRelation(SourcePtr source, IpcSchema file, const std::shared_ptr<arrow::Schema>& schema)
      : source_(std::move(source)), file_(std::move(file)), schema_(WithDistinctNames(schema)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    auto scan = std::make_shared<IpcScan>();
    ARROW_ASSIGN_OR_RAISE(scan->columns, ColumnPositions(*schema_, request));
    scan->source = source_;
    scan->file = file_;
    for (const auto& field : schema_->fields()) scan->types.push_back(field->type());
    scan->schema = ProjectSchema(*schema_, scan->columns);
    scan->dictionaries = std::make_shared<IpcDictionaries>(source_, file_.big_endian);
    ScanPlan plan;
    plan.schema = scan->schema;
    ARROW_RETURN_NOT_OK(source_->Wrap(AddTasks(scan, &plan)));
    return plan;
  }

 protected:
  virtual arrow::Status AddTasks(const std::shared_ptr<const IpcScan>& scan, ScanPlan* plan) = 0;

 private:
  const SourcePtr source_;
  const IpcSchema file_;
  const std::shared_ptr<arrow::Schema> schema_;
};

class FileRelation : public IpcRelation {
 public:
  FileRelation(SourcePtr source, IpcFooter footer, const std::shared_ptr<arrow::Schema>& schema)
      : IpcRelation(std::move(source), std::move(footer.schema), schema),
        dictionaries_(std::move(footer.dictionaries)),
        batches_(std::move(footer.batches)) {}

  int64_t batches() const { return static_cast<int64_t>(batches_.size()); }

 protected:
  arrow::Status AddTasks(const std::shared_ptr<const IpcScan>& scan, ScanPlan* plan) override {
    for (const IpcPlace& place : dictionaries_) {
      ARROW_ASSIGN_OR_RAISE(auto message, ReadIpcMessage(*scan->source, place));
      if (!message || message->kind != IpcKindOfMessage::kDictionary) {
        return MakeError(ErrorCode::kDamaged, "its footer names a dictionary that is none");
      }
      ARROW_RETURN_NOT_OK(scan->dictionaries->Add(std::move(*message), /*may_replace=*/false));
    }
    const size_t step = (batches_.size() + kMaxTasks - 1) / kMaxTasks;
    if (step == 1) return AddParts(scan, plan);
    for (size_t begin = 0; begin < batches_.size(); begin += step) {
      FilePart part;
      for (size_t i = begin; i < std::min(batches_.size(), begin + step); ++i) {
        part.batches.push_back(batches_[i]);
      }
      plan->tasks.push_back(std::make_shared<FileTask>(scan, std::move(part)));
    }
    return arrow::Status::OK();
  }

 private:
  // Cuts batches into parts of equal rows, so that a file of one batch keeps all threads busy.
  arrow::Status AddParts(const std::shared_ptr<const IpcScan>& scan, ScanPlan* plan) const {
    const auto parts = static_cast<int64_t>(kMaxTasks / batches_.size());
    for (const IpcPlace& place : batches_) {
      ARROW_ASSIGN_OR_RAISE(const IpcBatch batch, ReadBatchHeader(*scan->source, place));
      ARROW_ASSIGN_OR_RAISE(const auto columns, IpcColumns(batch, scan->types, scan->columns));
      const int64_t slice = BatchRows::SliceOf(*scan, batch, columns);
      int64_t step = std::max<int64_t>(1, batch.rows);
      if (slice > 0) step = (step / slice / parts + 1) * slice;
      int64_t begin = 0;
      do {
        const int64_t end = begin + std::min(step, batch.rows - begin);
        plan->tasks.push_back(std::make_shared<FileTask>(
            scan, FilePart{.batches = {place}, .begin = begin, .end = end}));
        begin = end;
      } while (begin < batch.rows);
    }
    return arrow::Status::OK();
  }

  const std::vector<IpcPlace> dictionaries_;
  const std::vector<IpcPlace> batches_;
};

class StreamRelation : public IpcRelation {
 public:
  StreamRelation(SourcePtr source, IpcMessage head, const std::shared_ptr<arrow::Schema>& schema)
      : IpcRelation(std::move(source), std::move(head.schema), schema), begin_(head.end) {}

 protected:
  arrow::Status AddTasks(const std::shared_ptr<const IpcScan>& scan, ScanPlan* plan) override {
    plan->tasks.push_back(std::make_shared<StreamTask>(scan, begin_));
    return arrow::Status::OK();
  }

 private:
  const uint64_t begin_;
};

arrow::Result<std::shared_ptr<Relation>> OpenFileRelation(const SourcePtr& source) {
  ARROW_ASSIGN_OR_RAISE(auto footer, ReadIpcFooter(*source));
  const auto columns = footer.columns;
  return std::make_shared<FileRelation>(source, std::move(footer), columns);
}

arrow::Result<std::shared_ptr<Relation>> OpenStreamRelation(const SourcePtr& source) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.memory_pool = source->limits().pool;
  ARROW_ASSIGN_OR_RAISE(const auto stream, arrow::ipc::RecordBatchStreamReader::Open(
                                               source->AsRandomAccess(), options));
  ARROW_ASSIGN_OR_RAISE(auto head, ReadIpcMessage(*source, {}));
  if (!head || head->kind != IpcKindOfMessage::kSchema) {
    return MakeError(ErrorCode::kDamaged, "it does not start with a schema");
  }
  return std::make_shared<StreamRelation>(source, std::move(*head), stream->schema());
}

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
  ARROW_RETURN_NOT_OK(source->CheckUnchanged());
  auto relation = kind == IpcKind::kFile ? OpenFileRelation(source) : OpenStreamRelation(source);
  if (!relation.ok()) return source->Wrap(relation.status());
  return relation;
}

std::optional<int64_t> IpcBatchCount(const Relation& relation) {
  const auto* file = dynamic_cast<const FileRelation*>(&relation);
  if (file == nullptr) return std::nullopt;
  return file->batches();
}

}  // namespace pyralog::formats
