#include "formats/npy/npy_writer.h"

#include <utility>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/compute/cast.h"
#include "arrow/compute/initialize.h"
#include "formats/npy/npy_elements.h"
#include "formats/npy/npy_header.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

// The digits that the row count of a header may grow to.
constexpr int64_t kAnyRows = INT64_MAX;

// The type that a column is written as: dictionaries and views as what they stand for.
std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::DICTIONARY:
      return PlainType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case arrow::Type::STRING_VIEW:
    case arrow::Type::LARGE_STRING:
      return arrow::utf8();
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::LARGE_BINARY:
      return arrow::binary();
    default:
      return type;
  }
}

class NpyWriter : public BatchWriter {
 public:
  NpyWriter(std::shared_ptr<arrow::io::OutputStream> out, std::vector<NpyElement> columns,
            std::shared_ptr<arrow::Schema> plain)
      : out_(std::move(out)),
        patchable_(dynamic_cast<PatchableOutput*>(out_.get())),
        columns_(std::move(columns)),
        plain_(std::move(plain)) {
    for (const NpyElement& column : columns_) fixed_ = fixed_ && !column.has_texts();
  }

  arrow::Status Write(const arrow::RecordBatch& batch) override {
    ARROW_ASSIGN_OR_RAISE(const arrow::ArrayVector columns, PlainColumns(batch));
    for (size_t i = 0; i < columns_.size(); ++i) {
      ARROW_RETURN_NOT_OK(WidenTexts(*columns[i], &columns_[i]));
    }
    rows_ += batch.num_rows();
    if (patchable_ == nullptr || !fixed_) {
      kept_.push_back(columns);
      return arrow::Status::OK();
    }
    if (header_size_ == 0) {
      ARROW_ASSIGN_OR_RAISE(start_, out_->Tell());
      ARROW_RETURN_NOT_OK(WriteHeader(kAnyRows));
    }
    return WriteRows(columns, batch.num_rows());
  }

  arrow::Status Finish() override {
    if (header_size_ > 0) {
      const std::string header = MakeNpyHeader(Descr(), Shape(rows_), header_size_);
      return patchable_->WriteAt(start_, header.data(), static_cast<int64_t>(header.size()));
    }
    ARROW_RETURN_NOT_OK(WriteHeader(rows_));
    for (const arrow::ArrayVector& columns : kept_) {
      ARROW_RETURN_NOT_OK(WriteRows(columns, columns.front()->length()));
    }
    kept_.clear();
    return arrow::Status::OK();
  }

 private:
  arrow::Result<arrow::ArrayVector> PlainColumns(const arrow::RecordBatch& batch) const {
    arrow::ArrayVector columns;
    for (int i = 0; i < batch.num_columns(); ++i) {
      std::shared_ptr<arrow::Array> column = batch.column(i);
      const auto& type = plain_->field(i)->type();
      if (!column->type()->Equals(*type)) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::compute::Cast(*column, type));
      }
      columns.push_back(std::move(column));
    }
    return columns;
  }

  // One column is an array of its elements; several are records.
  std::string Descr() const {
    if (columns_.size() == 1) return NpyDescr(columns_.front());
    return NpyDescr({.name = "", .type = arrow::struct_({}), .shape = {}, .fields = columns_});
  }
  std::vector<int64_t> Shape(int64_t rows) const {
    std::vector<int64_t> shape = {rows};
    if (columns_.size() == 1) {
      const std::vector<int64_t>& inner = columns_.front().shape;
      shape.insert(shape.end(), inner.begin(), inner.end());
    }
    return shape;
  }

  arrow::Status WriteHeader(int64_t rows) {
    const std::string header = MakeNpyHeader(Descr(), Shape(rows));
    if (header.size() > kMaxNpyHeader) {
      return MakeError(ErrorCode::kNotSupported,
                       "the header of this NPY file would be longer than 64 KiB: too many columns");
    }
    header_size_ = header.size();
    return out_->Write(header.data(), static_cast<int64_t>(header.size()));
  }

  arrow::Status WriteRows(const arrow::ArrayVector& columns, int64_t rows) {
    int64_t row_size = 0;
    for (const NpyElement& column : columns_) row_size += column.size();
    ARROW_ASSIGN_OR_RAISE(const auto bytes, arrow::AllocateBuffer(rows * row_size));
    int64_t offset = 0;
    for (size_t i = 0; i < columns_.size(); ++i) {
      ARROW_RETURN_NOT_OK(
          WriteElements(columns_[i], *columns[i], bytes->mutable_data() + offset, row_size));
      offset += columns_[i].size();
    }
    return out_->Write(bytes->data(), bytes->size());
  }

  const std::shared_ptr<arrow::io::OutputStream> out_;
  PatchableOutput* const patchable_;  // out_, or nullptr
  std::vector<NpyElement> columns_;
  const std::shared_ptr<arrow::Schema> plain_;
  bool fixed_ = true;
  std::vector<arrow::ArrayVector> kept_;
  int64_t rows_ = 0;
  int64_t start_ = 0;
  size_t header_size_ = 0;  // 0: not written yet
};

}  // namespace

arrow::Result<std::unique_ptr<BatchWriter>> MakeNpyWriter(
    std::shared_ptr<arrow::io::OutputStream> out, std::shared_ptr<arrow::Schema> schema) {
  if (schema->num_fields() == 0) {
    return MakeError(ErrorCode::kNotSupported, "an NPY file has at least one column");
  }
  static const arrow::Status kernels = arrow::compute::Initialize();  // for casts
  ARROW_RETURN_NOT_OK(kernels);
  std::vector<NpyElement> columns;
  arrow::FieldVector plain;
  for (const auto& field : schema->fields()) {
    plain.push_back(field->WithType(PlainType(field->type())));
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), NpyElementOf(*plain.back()));
  }
  return std::make_unique<NpyWriter>(std::move(out), std::move(columns),
                                     arrow::schema(std::move(plain)));
}

}  // namespace pyralog::formats
