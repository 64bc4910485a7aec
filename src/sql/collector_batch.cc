#include <utility>

#include "arrow/array/util.h"
#include "lsm/segment_encoding.h"
#include "pyralog/error.h"
#include "sql/arrow_vectors.h"
#include "sql/collector_columns.h"
#include "sql/stored_values.h"

namespace pyralog::sql {
namespace {

// As lsm::FromStorage gives it: the values may need more than the type's indices or run ends reach.
arrow::Result<std::shared_ptr<arrow::Array>> Stored(const std::shared_ptr<arrow::Array>& array,
                                                    const std::shared_ptr<arrow::DataType>& type) {
  if (array->type()->Equals(*type)) return array;
  ARROW_ASSIGN_OR_RAISE(const auto values, SqlToStored(array, lsm::StorageType(type)));
  return lsm::FromStorage(values, type);
}

class ColumnsCollector final : public BatchCollector {
 public:
  explicit ColumnsCollector(const std::vector<catalog::ColumnDef>& columns) {
    arrow::FieldVector fields;
    for (const auto& column : columns)
      fields.push_back(arrow::field(column.name, column.type, column.nullable));
    schema_ = arrow::schema(std::move(fields));
  }
  arrow::Status Add(const catalog::ColumnDef& column) {
    ARROW_ASSIGN_OR_RAISE(auto layout, LayoutOfColumn(column));
    const bool is_stored = layout.layout == Layout::kStored;
    columns_.push_back(MakeColumnCollector(is_stored ? layout.children[0] : layout));
    return arrow::Status::OK();
  }

  arrow::Status Append(duckdb::DataChunk& chunk, duckdb::idx_t first_vector) override {
    for (size_t i = 0; i < columns_.size(); ++i) {
      auto status = columns_[i]->Append(chunk.data[first_vector + i], nullptr, chunk.size());
      if (!status.ok()) {
        return MakeError(
            GetErrorCode(status),
            "column \"" + schema_->field(static_cast<int>(i))->name() + "\": " + status.message());
      }
    }
    rows_ += static_cast<int64_t>(chunk.size());
    return arrow::Status::OK();
  }
  int64_t rows() const override { return rows_; }

  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Finish() override {
    arrow::ArrayVector arrays;
    for (size_t i = 0; i < columns_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto data, columns_[i]->Finish());
      const auto& field = schema_->field(static_cast<int>(i));
      auto stored = Stored(arrow::MakeArray(data), field->type());
      if (!stored.ok()) {
        return MakeError(GetErrorCode(stored.status()),
                         "column \"" + field->name() + "\": " + stored.status().message());
      }
      arrays.push_back(*std::move(stored));
    }
    return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(arrays));
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::unique_ptr<ColumnCollector>> columns_;
  int64_t rows_ = 0;
};

}  // namespace

arrow::Result<std::unique_ptr<BatchCollector>> MakeBatchCollector(
    const std::vector<catalog::ColumnDef>& columns, duckdb::ClientContext&) {
  auto collector = std::make_unique<ColumnsCollector>(columns);
  for (const auto& column : columns) ARROW_RETURN_NOT_OK(collector->Add(column));
  return collector;
}

}  // namespace pyralog::sql
