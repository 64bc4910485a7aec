#include "lsm/segment_unit_file.h"

#include <utility>

#include "arrow/array/array_dict.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/util/checked_cast.h"
#include "batch/narrow_integers.h"

namespace pyralog::lsm {

using arrow::internal::checked_cast;

SegmentUnitFile::SegmentUnitFile(io::Env* env, const std::string& path,
                                 std::shared_ptr<arrow::Schema> schema,
                                 const std::vector<int>& plain, NarrowColumns narrow)
    : env_(env),
      paths_{path, path + ".again"},
      plain_(std::move(schema)),
      narrow_(std::move(narrow)),
      schema_(plain_) {
  for (const auto& field : plain_->fields()) may_encode_.push_back(MayBeDictionary(*field->type()));
  for (const int column : plain) may_encode_[static_cast<size_t>(column)] = false;
  dictionaries_.resize(may_encode_.size());
}

arrow::Status SegmentUnitFile::Create() {
  arrow::FieldVector fields = plain_->fields();
  for (const auto& [column, type] : narrow_) fields[column] = fields[column]->WithType(type);
  for (const uint32_t column : code_columns()) {
    fields[column] = fields[column]->WithType(DictionaryStorageType());
  }
  schema_ = arrow::schema(std::move(fields), plain_->metadata());
  ARROW_ASSIGN_OR_RAISE(file_, ArrowFileWriter::Create(env_, path(), schema_));
  return arrow::Status::OK();
}

arrow::Status SegmentUnitFile::Start(const arrow::RecordBatch* first) {
  for (size_t i = 0; first != nullptr && i < may_encode_.size(); ++i) {
    if (may_encode_[i])
      dictionaries_[i] = StringDictionary::TryMake(*first->column(static_cast<int>(i)));
  }
  return Create();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> SegmentUnitFile::Encoded(
    const arrow::RecordBatch& unit, int* too_many) {
  *too_many = -1;
  arrow::ArrayVector columns = unit.columns();
  for (const auto& [column, type] : narrow_) {
    ARROW_ASSIGN_OR_RAISE(columns[column], batch::NarrowIntegers(*columns[column], type));
  }
  for (const uint32_t column : code_columns()) {
    ARROW_ASSIGN_OR_RAISE(columns[column], dictionaries_[column]->Encode(*columns[column]));
    if (columns[column] == nullptr) {
      *too_many = static_cast<int>(column);
      return nullptr;
    }
  }
  return arrow::RecordBatch::Make(schema_, unit.num_rows(), std::move(columns));
}

arrow::Status SegmentUnitFile::WriteUnit(const arrow::RecordBatch& unit) {
  if (file_ == nullptr) ARROW_RETURN_NOT_OK(Start(&unit));
  for (;;) {
    int too_many = -1;
    ARROW_ASSIGN_OR_RAISE(const auto encoded, Encoded(unit, &too_many));
    if (encoded != nullptr) return file_->WriteBatch(*encoded);
    ARROW_RETURN_NOT_OK(StopEncoding(too_many));
  }
}

arrow::Status SegmentUnitFile::StopEncoding(int column) {
  ARROW_RETURN_NOT_OK(Finish());
  ARROW_ASSIGN_OR_RAISE(auto mapping, env_->Map(path()));
  ARROW_ASSIGN_OR_RAISE(auto written, arrow::ipc::RecordBatchFileReader::Open(
                                          std::make_shared<arrow::io::BufferReader>(mapping)));
  const std::string before = path();
  dictionaries_[static_cast<size_t>(column)] = nullptr;
  current_ = 1 - current_;
  ARROW_RETURN_NOT_OK(Create());
  for (int i = 0; i < written->num_record_batches(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto unit, written->ReadRecordBatch(i));
    arrow::ArrayVector columns = unit->columns();
    ARROW_ASSIGN_OR_RAISE(
        columns[static_cast<size_t>(column)],
        DecodeStrings(checked_cast<const arrow::DictionaryArray&>(*unit->column(column)),
                      plain_->field(column)->type()));
    ARROW_RETURN_NOT_OK(file_->WriteBatch(
        *arrow::RecordBatch::Make(schema_, unit->num_rows(), std::move(columns))));
  }
  return env_->RemoveFile(before);
}

arrow::Status SegmentUnitFile::Finish() {
  if (file_ == nullptr) ARROW_RETURN_NOT_OK(Start(nullptr));
  for (const uint32_t column : code_columns()) {
    ARROW_ASSIGN_OR_RAISE(const auto values, dictionaries_[column]->Values());
    ARROW_RETURN_NOT_OK(file_->WriteDictionary(static_cast<int>(column), values));
  }
  return file_->Finish();
}

std::vector<uint32_t> SegmentUnitFile::code_columns() const {
  std::vector<uint32_t> columns;
  for (size_t i = 0; i < dictionaries_.size(); ++i) {
    if (dictionaries_[i] != nullptr) columns.push_back(static_cast<uint32_t>(i));
  }
  return columns;
}

}  // namespace pyralog::lsm
