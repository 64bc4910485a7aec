#include "formats/row_text.h"

#include <utility>

#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

constexpr size_t kFlushBytes = 256 << 10;

}  // namespace

RowTextWriter::RowTextWriter(std::shared_ptr<arrow::io::OutputStream> out,
                             std::vector<std::unique_ptr<ValueText>> columns)
    : out_(std::move(out)), columns_(std::move(columns)) {}

arrow::Status RowTextWriter::Write(const arrow::RecordBatch& batch) {
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    AppendRow(batch, row, &pending_);
    if (pending_.size() >= kFlushBytes) ARROW_RETURN_NOT_OK(Flush());
  }
  return arrow::Status::OK();
}

arrow::Status RowTextWriter::Finish() { return Flush(); }

arrow::Status RowTextWriter::Flush() {
  if (pending_.empty()) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(out_->Write(pending_.data(), static_cast<int64_t>(pending_.size())));
  pending_.clear();
  return arrow::Status::OK();
}

arrow::Result<std::vector<std::unique_ptr<ValueText>>> ColumnTexts(const arrow::Schema& schema,
                                                                   TextStyle style) {
  std::vector<std::unique_ptr<ValueText>> texts;
  for (const auto& field : schema.fields()) {
    auto text = MakeValueText(*field->type(), style);
    if (!text.ok()) {
      return MakeError(GetErrorCode(text.status()),
                       "column '" + field->name() + "': " + text.status().message());
    }
    texts.push_back(std::move(*text));
  }
  return texts;
}

}  // namespace pyralog::formats
