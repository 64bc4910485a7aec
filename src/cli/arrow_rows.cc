#include "cli/arrow_rows.h"

#include <string>
#include <utility>

#include "arrow/array/builder_binary.h"
#include "arrow/type_traits.h"

namespace pyralog::cli {
namespace {

class ArrowRows : public formats::BatchWriter {
 public:
  ArrowRows(std::vector<std::unique_ptr<formats::ValueText>> texts, const arrow::Schema& schema,
            std::unique_ptr<RowWriter> writer)
      : texts_(std::move(texts)), writer_(std::move(writer)) {
    arrow::FieldVector fields;
    for (const auto& field : schema.fields()) {
      fields.push_back(arrow::field(field->name(), arrow::large_utf8()));
    }
    schema_ = arrow::schema(std::move(fields));
  }

  arrow::Status Write(const arrow::RecordBatch& batch) override {
    for (int64_t row = 0; row < batch.num_rows(); row += kRowsAtOnce) {
      const int64_t rows = std::min(kRowsAtOnce, batch.num_rows() - row);
      if (!writer_->wants_rows()) {
        writer_->Skip(batch.num_rows() - row);
        break;
      }
      ARROW_RETURN_NOT_OK(WriteSlice(batch, row, rows));
    }
    return arrow::Status::OK();
  }

  arrow::Status Finish() override { return writer_->Finish(); }

 private:
  static constexpr int64_t kRowsAtOnce = 1024;

  arrow::Status WriteSlice(const arrow::RecordBatch& batch, int64_t begin, int64_t rows) {
    arrow::ArrayVector columns;
    std::string value;
    for (size_t i = 0; i < texts_.size(); ++i) {
      const arrow::Array& array = *batch.column(static_cast<int>(i));
      arrow::LargeStringBuilder builder;
      for (int64_t row = begin; row < begin + rows; ++row) {
        if (array.IsNull(row)) {
          ARROW_RETURN_NOT_OK(builder.AppendNull());
          continue;
        }
        value.clear();
        texts_[i]->Append(array, row, &value);
        ARROW_RETURN_NOT_OK(builder.Append(value));
      }
      ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), builder.Finish());
    }
    return writer_->Write(*arrow::RecordBatch::Make(schema_, rows, std::move(columns)));
  }

  const std::vector<std::unique_ptr<formats::ValueText>> texts_;
  const std::unique_ptr<RowWriter> writer_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

std::vector<ColumnShape> ShapesOf(const arrow::Schema& schema) {
  std::vector<ColumnShape> shapes;
  for (const auto& field : schema.fields()) {
    const arrow::Type::type id = field->type()->id();
    shapes.push_back(
        {field->name(), field->type()->ToString(), arrow::is_numeric(id) || arrow::is_decimal(id)});
  }
  return shapes;
}

std::unique_ptr<formats::BatchWriter> MakeArrowRows(
    std::vector<std::unique_ptr<formats::ValueText>> texts, const arrow::Schema& schema,
    std::unique_ptr<RowWriter> writer) {
  return std::make_unique<ArrowRows>(std::move(texts), schema, std::move(writer));
}

}  // namespace pyralog::cli
