#include "formats/parquet/relation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "arrow/dataset/file_parquet.h"
#include "formats/foreign_arrays.h"
#include "formats/parquet/footer.h"
#include "formats/parquet/variant_column.h"
#include "parquet/arrow/reader.h"
#include "parquet/arrow/schema.h"
#include "parquet/exception.h"
#include "parquet/file_reader.h"

namespace pyralog::formats {
namespace {

constexpr int64_t kBatchRows = 64 * 1024;

using FooterPtr = std::shared_ptr<::parquet::FileMetaData>;
using Variants = std::vector<std::shared_ptr<const VariantColumn>>;

arrow::Result<std::shared_ptr<::parquet::arrow::FileReader>> OpenArrowReader(
    const Source& source, const FooterPtr& footer) {
  ::parquet::ReaderProperties properties(source.limits().pool);
  properties.set_page_checksum_verification(true);
  ::parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
  arrow_properties.set_batch_size(kBatchRows);
  arrow_properties.set_pre_buffer(false);
  arrow_properties.set_arrow_extensions_enabled(true);  // UUID and JSON as what they are
  BEGIN_PARQUET_CATCH_EXCEPTIONS
  auto reader = ::parquet::ParquetFileReader::Open(source.AsRandomAccess(), properties, footer);
  ARROW_ASSIGN_OR_RAISE(auto opened,
                        ::parquet::arrow::FileReader::Make(source.limits().pool, std::move(reader),
                                                           arrow_properties));
  return std::shared_ptr<::parquet::arrow::FileReader>(std::move(opened));
  END_PARQUET_CATCH_EXCEPTIONS
}

// Which leaves make the wanted columns, and where each wanted column is in what then is read: the
// file's order.
struct Projection {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<int> leaves;
  std::vector<int> order;
  // Beside each wanted column, nullptr for what is none.
  std::vector<const VariantColumn*> variants;
};

// Keeps the file's reader alive, validates each batch, and puts the path before what goes wrong.
class CheckedBatches : public arrow::RecordBatchReader {
 public:
  CheckedBatches(SourcePtr source, std::shared_ptr<::parquet::arrow::FileReader> file,
                 std::shared_ptr<arrow::RecordBatchReader> batches, int64_t rows,
                 std::shared_ptr<const Projection> projection)
      : source_(std::move(source)),
        file_(std::move(file)),
        batches_(std::move(batches)),
        rows_left_(rows),
        projection_(std::move(projection)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return projection_->schema; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    return source_->Wrap(ReadChecked(out));
  }

 private:
  arrow::Status ReadChecked(std::shared_ptr<arrow::RecordBatch>* out) {
    BEGIN_PARQUET_CATCH_EXCEPTIONS
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch));
    *out = nullptr;
    rows_left_ -= batch == nullptr ? 0 : batch->num_rows();
    if (rows_left_ < 0 || (batch == nullptr && rows_left_ > 0)) {
      return MakeError(ErrorCode::kDamaged, "a column has not the rows of its row group");
    }
    if (batch == nullptr) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(batch, ValidateForeign(*batch));
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (size_t i = 0; i < projection_->order.size(); ++i) {
      std::shared_ptr<arrow::Array> column = batch->column(projection_->order[i]);
      if (const VariantColumn* variant = projection_->variants[i]) {
        ARROW_ASSIGN_OR_RAISE(column, variant->ToJson(*column, source_->limits().pool));
      }
      columns.push_back(std::move(column));
    }
    *out = arrow::RecordBatch::Make(projection_->schema, batch->num_rows(), std::move(columns));
    return arrow::Status::OK();
    END_PARQUET_CATCH_EXCEPTIONS
  }

  const SourcePtr source_;
  const std::shared_ptr<::parquet::arrow::FileReader> file_;  // batches_ reads through it
  const std::shared_ptr<arrow::RecordBatchReader> batches_;
  int64_t rows_left_;  // of the row group; a column that ends early would end it quietly
  const std::shared_ptr<const Projection> projection_;
};

void CollectLeaves(const ::parquet::arrow::SchemaField& field, std::vector<int>* out) {
  if (field.is_leaf()) out->push_back(field.column_index);
  for (const auto& child : field.children) CollectLeaves(child, out);
}

class RowGroupTask : public ScanTask {
 public:
  RowGroupTask(SourcePtr source, FooterPtr footer, int row_group,
               std::shared_ptr<const Projection> projection)
      : source_(std::move(source)),
        footer_(std::move(footer)),
        row_group_(row_group),
        projection_(std::move(projection)) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    auto opened = OpenBatches();
    if (!opened.ok()) return source_->Wrap(opened.status());
    return opened;
  }

 private:
  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> OpenBatches() {
    ARROW_ASSIGN_OR_RAISE(auto file, OpenArrowReader(*source_, footer_));
    BEGIN_PARQUET_CATCH_EXCEPTIONS
    ARROW_ASSIGN_OR_RAISE(auto batches,
                          file->GetRecordBatchReader({row_group_}, projection_->leaves));
    return std::make_shared<CheckedBatches>(source_, std::move(file), std::move(batches),
                                            footer_->RowGroup(row_group_)->num_rows(), projection_);
    END_PARQUET_CATCH_EXCEPTIONS
  }

  const SourcePtr source_;
  const FooterPtr footer_;
  const int row_group_;
  const std::shared_ptr<const Projection> projection_;
};

class ParquetRelation : public Relation {
 public:
  ParquetRelation(SourcePtr source, FooterPtr footer,
                  std::shared_ptr<::parquet::arrow::FileReader> reader,
                  std::shared_ptr<arrow::Schema> schema, Variants variants)
      : source_(std::move(source)),
        footer_(std::move(footer)),
        reader_(std::move(reader)),
        schema_(std::move(schema)),
        variants_(std::move(variants)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  std::optional<int64_t> row_count() const override { return ParquetRows(*footer_); }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns, ColumnPositions(*schema_, request));
    const auto projection = Project(columns);
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> groups, RowGroupsFor(request.filter));
    ScanPlan plan;
    plan.schema = projection->schema;
    int64_t rows = 0;
    for (const int group : groups) {
      if (request.limit && rows >= *request.limit &&
          request.filter == arrow::compute::literal(true)) {
        break;
      }
      rows += footer_->RowGroup(group)->num_rows();
      plan.tasks.push_back(std::make_shared<RowGroupTask>(source_, footer_, group, projection));
    }
    return plan;
  }

 private:
  std::shared_ptr<const Projection> Project(const std::vector<int>& columns) const {
    auto projection = std::make_shared<Projection>();
    projection->schema = ProjectSchema(*schema_, columns);
    std::vector<int> in_file_order = columns;
    std::sort(in_file_order.begin(), in_file_order.end());
    in_file_order.erase(std::unique(in_file_order.begin(), in_file_order.end()),
                        in_file_order.end());
    for (const int column : in_file_order) {
      CollectLeaves(reader_->manifest().schema_fields[static_cast<size_t>(column)],
                    &projection->leaves);
    }
    for (const int column : columns) {
      const auto at = std::lower_bound(in_file_order.begin(), in_file_order.end(), column);
      projection->order.push_back(static_cast<int>(at - in_file_order.begin()));
      projection->variants.push_back(variants_[static_cast<size_t>(column)].get());
    }
    return projection;
  }

  // The row groups whose statistics leave it possible that a row satisfies the filter.
  arrow::Result<std::vector<int>> RowGroupsFor(const arrow::compute::Expression& filter) const {
    std::vector<int> all;
    for (int g = 0; g < footer_->num_row_groups(); ++g) all.push_back(g);
    if (filter == arrow::compute::literal(true)) return all;
    const auto bound = BindFilter(filter, *schema_);
    if (!bound.ok())
      return all;  // names a column that is not the file's own, or compares what cannot be
    auto format = std::make_shared<arrow::dataset::ParquetFileFormat>();
    arrow::dataset::FileSource file(source_->AsRandomAccess(),
                                    static_cast<int64_t>(source_->size()));
    ARROW_ASSIGN_OR_RAISE(
        auto whole, format->MakeFragment(std::move(file), arrow::compute::literal(true), nullptr,
                                         std::move(all)));
    ARROW_RETURN_NOT_OK(source_->Wrap(whole->EnsureCompleteMetadata(reader_.get())));
    ARROW_ASSIGN_OR_RAISE(auto subset, whole->Subset(*bound));
    return static_cast<const arrow::dataset::ParquetFileFragment&>(*subset).row_groups();
  }

  const SourcePtr source_;
  const FooterPtr footer_;
  const std::shared_ptr<::parquet::arrow::FileReader> reader_;  // for its schema only
  const std::shared_ptr<arrow::Schema> schema_;
  const Variants variants_;  // beside each column
};

// Makes the readers of variant columns and gives these columns their type.
arrow::Result<Variants> FindVariants(const ::parquet::FileMetaData& footer,
                                     std::shared_ptr<arrow::Schema>* schema) {
  const auto& root = *footer.schema()->group_node();
  Variants variants(static_cast<size_t>((*schema)->num_fields()));
  for (int i = 0; i < (*schema)->num_fields(); ++i) {
    const auto& type = root.field(i)->logical_type();
    if (type == nullptr || !type->is_variant()) continue;
    const auto& field = (*schema)->field(i);
    ARROW_ASSIGN_OR_RAISE(auto variant, MakeVariantColumn(field->type()));
    variants[static_cast<size_t>(i)] = std::move(variant);
    ARROW_ASSIGN_OR_RAISE(*schema, (*schema)->SetField(i, field->WithType(VariantJsonType())));
  }
  return variants;
}

}  // namespace

arrow::Result<std::shared_ptr<Relation>> OpenParquetRelation(const SourcePtr& source,
                                                             const FooterPtr& footer) {
  auto opened = OpenArrowReader(*source, footer);
  std::shared_ptr<arrow::Schema> schema;
  if (opened.ok()) {
    const arrow::Status status = (*opened)->GetSchema(&schema);
    if (!status.ok()) opened = status;
  }
  if (!opened.ok()) {
    if (opened.status().IsInvalid() || opened.status().IsNotImplemented()) return nullptr;
    return source->Wrap(opened.status());
  }
  auto variants = FindVariants(*footer, &schema);
  if (!variants.ok()) return source->Wrap(variants.status());
  return std::make_shared<ParquetRelation>(source, footer, *opened, WithDistinctNames(schema),
                                           std::move(*variants));
}

}  // namespace pyralog::formats
