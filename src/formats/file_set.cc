#include "formats/file_set.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <optional>
#include <utility>

#include "arrow/array/util.h"
#include "arrow/scalar.h"
#include "formats/registry.h"
#include "io/glob.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

// Values of the partition columns, for one file.
using Values = std::vector<std::shared_ptr<arrow::Scalar>>;

struct PartitionColumns {
  arrow::FieldVector fields;
  std::vector<Values> values;  // one for each file
};

std::optional<int64_t> WholeNumber(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool padded = text.size() > 1 && text.front() == '0';
  if (error != std::errc() || end != text.data() + text.size() || padded) return std::nullopt;
  return value;
}

bool SameKeys(const std::vector<io::HivePart>& a, const std::vector<io::HivePart>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.key == y.key; });
}

std::shared_ptr<arrow::Scalar> PartitionValue(const io::HivePart& part, bool whole) {
  if (whole && !part.value) return std::make_shared<arrow::Int64Scalar>();
  if (whole) return std::make_shared<arrow::Int64Scalar>(*WholeNumber(*part.value));
  if (!part.value) return std::make_shared<arrow::StringScalar>();
  return std::make_shared<arrow::StringScalar>(*part.value);
}

PartitionColumns FindPartitions(const std::vector<std::string>& paths) {
  PartitionColumns columns;
  columns.values.resize(paths.size());
  std::vector<std::vector<io::HivePart>> parts;
  for (const std::string& path : paths) {
    parts.push_back(io::HivePartitions(path));
    if (!SameKeys(parts.front(), parts.back())) return columns;
  }
  for (size_t key = 0; key < parts.front().size(); ++key) {
    const bool whole = std::all_of(parts.begin(), parts.end(), [&](const auto& of_file) {
      return !of_file[key].value || WholeNumber(*of_file[key].value);
    });
    columns.fields.push_back(
        arrow::field(parts.front()[key].key, whole ? arrow::int64() : arrow::utf8()));
    for (size_t file = 0; file < paths.size(); ++file) {
      columns.values[file].push_back(PartitionValue(parts[file][key], whole));
    }
  }
  return columns;
}

// The request without the partition columns, and where each wanted column comes from.
struct SplitRequest {
  batch::ScanRequest files;
  std::shared_ptr<arrow::Schema> schema;  // what is wanted, in order
  std::vector<int> from;  // >= 0: column of a file's batches; < 0: partition column -1 - from
};

// In SplitRequest::from: a column that the file has not got.
constexpr int kMissingColumn = INT_MAX;

class PartitionedBatches : public arrow::RecordBatchReader {
 public:
  PartitionedBatches(std::shared_ptr<arrow::RecordBatchReader> batches,
                     std::shared_ptr<const SplitRequest> request, const Values& values,
                     arrow::MemoryPool* pool)
      : batches_(std::move(batches)), request_(std::move(request)), values_(values), pool_(pool) {}

  std::shared_ptr<arrow::Schema> schema() const override { return request_->schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch));
    *out = nullptr;
    if (batch == nullptr) return arrow::Status::OK();
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (const int from : request_->from) {
      if (from == kMissingColumn) {
        const auto& type = request_->schema->field(static_cast<int>(columns.size()))->type();
        ARROW_ASSIGN_OR_RAISE(auto nulls, arrow::MakeArrayOfNull(type, batch->num_rows(), pool_));
        columns.push_back(std::move(nulls));
        continue;
      }
      if (from >= 0) {
        columns.push_back(batch->column(from));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(auto constant,
                            arrow::MakeArrayFromScalar(*values_[static_cast<size_t>(-1 - from)],
                                                       batch->num_rows(), pool_));
      columns.push_back(std::move(constant));
    }
    *out = arrow::RecordBatch::Make(request_->schema, batch->num_rows(), std::move(columns));
    return arrow::Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> batches_;
  const std::shared_ptr<const SplitRequest> request_;
  const Values values_;
  arrow::MemoryPool* const pool_;
};

// The batches of several tasks, one after the other.
class ChainedBatches : public arrow::RecordBatchReader {
 public:
  explicit ChainedBatches(ScanPlan plan) : plan_(std::move(plan)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return plan_.schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    while (true) {
      if (current_ != nullptr) {
        ARROW_RETURN_NOT_OK(current_->ReadNext(out));
        if (*out != nullptr) return arrow::Status::OK();
        current_ = nullptr;
      }
      if (next_ == plan_.tasks.size()) return arrow::Status::OK();
      ARROW_ASSIGN_OR_RAISE(current_, plan_.tasks[next_++]->Open());
    }
  }

 private:
  const ScanPlan plan_;
  size_t next_ = 0;
  std::shared_ptr<arrow::RecordBatchReader> current_;
};

arrow::Result<std::shared_ptr<Relation>> OpenOne(io::Env* env, const std::string& path,
                                                 const FileSetOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto source, Source::Open(env, path, options.limits));
  ARROW_ASSIGN_OR_RAISE(auto dataset, OpenDataset(source, options.format, options.options));
  ARROW_ASSIGN_OR_RAISE(auto relation, dataset->OpenRelation(options.member));
  if (relation != nullptr) return relation;
  return source->Error(ErrorCode::kNotSupported,
                       dataset->format().title + " is read by the SQL engine only");
}

// The fields of all files, each where it comes first.
arrow::Result<arrow::FieldVector> UnionOfFields(io::Env* env, const std::vector<std::string>& paths,
                                                const FileSetOptions& options,
                                                const arrow::Schema& first) {
  arrow::FieldVector fields = first.fields();
  for (size_t file = 1; file < paths.size(); ++file) {
    ARROW_ASSIGN_OR_RAISE(const auto relation, OpenOne(env, paths[file], options));
    for (const auto& field : relation->schema()->fields()) {
      const bool known = std::any_of(fields.begin(), fields.end(), [&](const auto& other) {
        return other->name() == field->name();
      });
      if (!known) fields.push_back(field);
    }
  }
  return fields;
}

class FileSet : public Relation, public std::enable_shared_from_this<FileSet> {
 public:
  FileSet(io::Env* env, std::vector<std::string> paths, FileSetOptions options,
          std::shared_ptr<Relation> first, arrow::FieldVector file_fields,
          PartitionColumns partitions)
      : env_(env),
        paths_(std::move(paths)),
        options_(std::move(options)),
        first_(std::move(first)),
        file_schema_(arrow::schema(std::move(file_fields))),
        partitions_(std::move(partitions)) {
    arrow::FieldVector fields;
    for (const auto& field : file_schema_->fields()) {
      if (PartitionNamed(field->name()) < 0) fields.push_back(field);
    }
    fields.insert(fields.end(), partitions_.fields.begin(), partitions_.fields.end());
    schema_ = arrow::schema(std::move(fields), first_->schema()->metadata());
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::optional<int64_t> row_count() const override {
    return paths_.size() == 1 ? first_->row_count() : std::nullopt;
  }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override;

  // The batches of one file, its schema checked against the first file's.
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> OpenFile(
      size_t file, const std::shared_ptr<const SplitRequest>& request);

 private:
  int PartitionNamed(const std::string& name) const {
    for (size_t i = 0; i < partitions_.fields.size(); ++i) {
      if (partitions_.fields[i]->name() == name) return static_cast<int>(i);
    }
    return -1;
  }

  std::shared_ptr<const SplitRequest> Split(const batch::ScanRequest& request,
                                            const std::vector<int>& columns) const {
    auto split = std::make_shared<SplitRequest>();
    split->schema = ProjectSchema(*schema_, columns);
    split->files = request;
    split->files.columns.emplace();
    for (const auto& field : split->schema->fields()) {
      if (const int partition = PartitionNamed(field->name()); partition >= 0) {
        split->from.push_back(-1 - partition);
      } else {
        split->from.push_back(static_cast<int>(split->files.columns->size()));
        split->files.columns->push_back(field->name());
      }
    }
    return split;
  }

  arrow::Status CheckSchema(const std::string& path, const arrow::Schema& schema) const {
    for (const auto& field : file_schema_->fields()) {
      const auto other = schema.GetFieldByName(field->name());
      const std::string column = path + ": column '" + field->name() + "' ";
      if (other == nullptr && options_.union_by_name) continue;
      if (other == nullptr) {
        return MakeError(ErrorCode::kInvalidArgument,
                         column + "is missing, but is in " + paths_.front());
      }
      if (other->type()->Equals(*field->type())) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       column + "has type " + other->type()->ToString() + ", but " +
                           field->type()->ToString() +
                           (options_.union_by_name ? " in another file" : " in " + paths_.front()));
    }
    return arrow::Status::OK();
  }

  // The request without the columns that this file has not got.
  static std::shared_ptr<const SplitRequest> WithoutMissing(
      const std::shared_ptr<const SplitRequest>& request, const arrow::Schema& schema);

  io::Env* const env_;
  const std::vector<std::string> paths_;
  const FileSetOptions options_;
  const std::shared_ptr<Relation> first_;
  const std::shared_ptr<arrow::Schema> file_schema_;  // without partition columns
  const PartitionColumns partitions_;
  std::shared_ptr<arrow::Schema> schema_;
};

// One task of the only file, with its partition columns.
class PartOfFile : public ScanTask {
 public:
  PartOfFile(std::shared_ptr<ScanTask> task, std::shared_ptr<const SplitRequest> request,
             Values values, arrow::MemoryPool* pool)
      : task_(std::move(task)),
        request_(std::move(request)),
        values_(std::move(values)),
        pool_(pool) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    ARROW_ASSIGN_OR_RAISE(auto batches, task_->Open());
    return std::make_shared<PartitionedBatches>(std::move(batches), request_, values_, pool_);
  }

 private:
  const std::shared_ptr<ScanTask> task_;
  const std::shared_ptr<const SplitRequest> request_;
  const Values values_;
  arrow::MemoryPool* const pool_;
};

class WholeFile : public ScanTask {
 public:
  WholeFile(std::shared_ptr<FileSet> set, size_t file, std::shared_ptr<const SplitRequest> request)
      : set_(std::move(set)), file_(file), request_(std::move(request)) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    return set_->OpenFile(file_, request_);
  }

 private:
  const std::shared_ptr<FileSet> set_;
  const size_t file_;
  const std::shared_ptr<const SplitRequest> request_;
};

std::shared_ptr<const SplitRequest> FileSet::WithoutMissing(
    const std::shared_ptr<const SplitRequest>& request, const arrow::Schema& schema) {
  auto own = std::make_shared<SplitRequest>(*request);
  own->files.columns->clear();
  for (int& from : own->from) {
    if (from < 0) continue;
    const std::string& name = (*request->files.columns)[static_cast<size_t>(from)];
    const bool there = schema.GetFieldIndex(name) >= 0;
    from = there ? static_cast<int>(own->files.columns->size()) : kMissingColumn;
    if (there) own->files.columns->push_back(name);
  }
  // A filter over what is not there skips nothing.
  for (const arrow::FieldRef& field : arrow::compute::FieldsInExpression(request->files.filter)) {
    if (field.FindOneOrNone(schema).ValueOr(arrow::FieldPath()).empty()) {
      own->files.filter = arrow::compute::literal(true);
    }
  }
  return own;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> FileSet::OpenFile(
    size_t file, const std::shared_ptr<const SplitRequest>& wanted) {
  std::shared_ptr<Relation> relation = first_;
  if (file > 0) {
    ARROW_ASSIGN_OR_RAISE(relation, OpenOne(env_, paths_[file], options_));
    ARROW_RETURN_NOT_OK(CheckSchema(paths_[file], *relation->schema()));
  }
  const auto request =
      options_.union_by_name ? WithoutMissing(wanted, *relation->schema()) : wanted;
  ARROW_ASSIGN_OR_RAISE(ScanPlan plan, relation->Scan(request->files));
  return std::make_shared<PartitionedBatches>(std::make_shared<ChainedBatches>(std::move(plan)),
                                              request, partitions_.values[file],
                                              options_.limits.pool);
}

// Whether a file with these partition values can have a row that satisfies the filter.
bool CanMatch(const arrow::compute::Expression& bound, const arrow::FieldVector& fields,
              const Values& values) {
  std::vector<arrow::compute::Expression> known;
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto column = arrow::compute::field_ref(fields[i]->name());
    known.push_back(values[i]->is_valid
                        ? arrow::compute::equal(column, arrow::compute::literal(values[i]))
                        : arrow::compute::is_null(column));
  }
  const auto left = arrow::compute::SimplifyWithGuarantee(bound, arrow::compute::and_(known));
  return !left.ok() || left->IsSatisfiable();
}

arrow::Result<ScanPlan> FileSet::Scan(const batch::ScanRequest& request) {
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns, ColumnPositions(*schema_, request));
  const auto split = Split(request, columns);
  ScanPlan plan;
  plan.schema = split->schema;
  if (paths_.size() == 1) {
    ARROW_ASSIGN_OR_RAISE(const ScanPlan inner, first_->Scan(split->files));
    for (const auto& task : inner.tasks) {
      plan.tasks.push_back(std::make_shared<PartOfFile>(task, split, partitions_.values.front(),
                                                        options_.limits.pool));
    }
    return plan;
  }
  const auto bound = BindFilter(request.filter, *schema_);
  for (size_t file = 0; file < paths_.size(); ++file) {
    if (bound.ok() && !CanMatch(*bound, partitions_.fields, partitions_.values[file])) continue;
    plan.tasks.push_back(std::make_shared<WholeFile>(shared_from_this(), file, split));
  }
  return plan;
}

}  // namespace

arrow::Result<std::shared_ptr<Relation>> OpenFileSet(io::Env* env,
                                                     const std::vector<std::string>& paths,
                                                     const FileSetOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto first, OpenOne(env, paths.front(), options));
  PartitionColumns partitions;
  partitions.values.resize(paths.size());
  if (options.hive_columns) partitions = FindPartitions(paths);
  if (options.file_column) {
    partitions.fields.push_back(arrow::field("filename", arrow::utf8()));
    for (size_t i = 0; i < paths.size(); ++i) {
      partitions.values[i].push_back(std::make_shared<arrow::StringScalar>(paths[i]));
    }
  }
  if (paths.size() == 1 && partitions.fields.empty()) return first;
  arrow::FieldVector fields = first->schema()->fields();
  if (options.union_by_name) {
    ARROW_ASSIGN_OR_RAISE(fields, UnionOfFields(env, paths, options, *first->schema()));
  }
  return std::make_shared<FileSet>(env, paths, options, std::move(first), std::move(fields),
                                   std::move(partitions));
}

}  // namespace pyralog::formats
