#include "catalog/dictionary_entries.h"

#include <cmath>
#include <utility>

#include "arrow/array/util.h"
#include "arrow/buffer.h"
#include "arrow/extension_type.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "arrow/scalar.h"
#include "arrow/util/base64.h"
#include "lsm/row_codec.h"
#include "lsm/segment_encoding.h"
#include "pyralog/error.h"

namespace pyralog::catalog {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;

template <class Array>
std::vector<std::string> BytesOfEach(const arrow::Array& values) {
  std::vector<std::string> bytes;
  const auto& texts = static_cast<const Array&>(values);
  for (int64_t i = 0; i < texts.length(); ++i) {
    bytes.emplace_back(texts.IsValid(i) ? texts.GetView(i) : std::string_view());
  }
  return bytes;
}

template <class Array>
void MakeNaNsEqual(const arrow::Array& values, std::vector<std::string>* bytes) {
  const auto& numbers = static_cast<const Array&>(values);
  for (int64_t i = 0; i < numbers.length(); ++i) {
    if (numbers.IsValid(i) && std::isnan(numbers.Value(i))) (*bytes)[i] = "NaN";
  }
}

// Bytes that two values share when they are equal. What a null has is not said.
arrow::Result<std::vector<std::string>> BytesOf(const ArrayPtr& values) {
  switch (values->type_id()) {
    case arrow::Type::EXTENSION:
      return BytesOf(static_cast<const arrow::ExtensionArray&>(*values).storage());
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return BytesOfEach<arrow::BinaryArray>(*values);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return BytesOfEach<arrow::LargeBinaryArray>(*values);
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW:
      return BytesOfEach<arrow::BinaryViewArray>(*values);
    default:
      break;
  }
  ARROW_ASSIGN_OR_RAISE(const auto stored, lsm::ToStorage(values));
  const auto rows = arrow::RecordBatch::Make(arrow::schema({arrow::field("", stored->type())}),
                                             stored->length(), {stored});
  std::vector<std::string> bytes(stored->length());
  for (int64_t i = 0; i < stored->length(); ++i) {
    ARROW_RETURN_NOT_OK(lsm::EncodeRows(*rows->Slice(i, 1), &bytes[i]));
  }
  if (values->type_id() == arrow::Type::FLOAT) MakeNaNsEqual<arrow::FloatArray>(*values, &bytes);
  if (values->type_id() == arrow::Type::DOUBLE) MakeNaNsEqual<arrow::DoubleArray>(*values, &bytes);
  return bytes;
}

std::string TextOf(const arrow::Array& values, int64_t i) {
  const auto scalar = values.GetScalar(i);
  return scalar.ok() ? (*scalar)->ToString() : "?";
}

arrow::Result<std::string> ToStream(const ArrayPtr& values) {
  const auto schema = arrow::schema({arrow::field("", values->type())});
  ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeStreamWriter(sink, schema));
  ARROW_RETURN_NOT_OK(
      writer->WriteRecordBatch(*arrow::RecordBatch::Make(schema, values->length(), {values})));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto bytes, sink->Finish());
  return arrow::util::base64_encode(std::string_view(*bytes));
}

arrow::Result<ArrayPtr> FromStream(const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(std::string bytes, arrow::util::base64_decode(text));
  ARROW_ASSIGN_OR_RAISE(
      const auto reader,
      arrow::ipc::RecordBatchStreamReader::Open(
          std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(bytes)))));
  std::shared_ptr<arrow::RecordBatch> batch;
  ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
  if (batch == nullptr || batch->num_columns() != 1)
    return arrow::Status::Invalid("they are no batch of one column");
  ARROW_RETURN_NOT_OK(batch->ValidateFull());
  return batch->column(0);
}

}  // namespace

arrow::Result<DictionaryEntriesPtr> DictionaryEntries::Make(ArrayPtr values) {
  ARROW_ASSIGN_OR_RAISE(std::string text, ToStream(values));
  return Make(std::move(values), std::move(text));
}

arrow::Result<DictionaryEntriesPtr> DictionaryEntries::Make(ArrayPtr values, std::string text) {
  std::shared_ptr<DictionaryEntries> made(new DictionaryEntries(std::move(values)));
  made->text_ = std::move(text);
  ARROW_ASSIGN_OR_RAISE(std::vector<std::string> bytes, BytesOf(made->values_));
  for (int64_t i = 0; i < made->size(); ++i) {
    if (made->values_->IsNull(i))
      return MakeError(ErrorCode::kInvalidArgument, "entry " + std::to_string(i) + " is null");
    if (!made->positions_.emplace(std::move(bytes[i]), i).second) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "entry '" + TextOf(*made->values_, i) + "' is there twice");
    }
  }
  return made;
}

arrow::Result<DictionaryEntriesPtr> DictionaryEntries::FromText(const std::string& text) {
  const auto values = FromStream(text);
  auto made = values.ok() ? Make(*values, text) : values.status();
  if (made.ok()) return made;
  return MakeError(ErrorCode::kDamaged,
                   "the entries of a dictionary cannot be read: " + made.status().message());
}

arrow::Result<std::vector<int64_t>> DictionaryEntries::PositionsOf(const ArrayPtr& values) const {
  std::vector<int64_t> positions(values->length(), -1);
  if (values == values_) {
    for (int64_t i = 0; i < size(); ++i) positions[i] = i;
    return positions;
  }
  ARROW_ASSIGN_OR_RAISE(const std::vector<std::string> bytes, BytesOf(values));
  for (int64_t i = 0; i < values->length(); ++i) {
    const auto found = positions_.find(bytes[i]);
    if (found != positions_.end() && values->IsValid(i)) positions[i] = found->second;
  }
  return positions;
}

bool DictionaryEntries::Equals(const arrow::Array& values) const {
  return values_->Equals(values, arrow::EqualOptions().signed_zeros_equal(false));
}

}  // namespace pyralog::catalog
