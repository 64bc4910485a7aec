#include "formats/arrow_ipc/ipc_arrays.h"

#include <algorithm>
#include <string>

#include "arrow/array.h"
#include "arrow/array/concatenate.h"
#include "arrow/array/util.h"
#include "arrow/record_batch.h"
#include "formats/foreign_arrays.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using DataPtr = std::shared_ptr<arrow::ArrayData>;
using TypePtr = std::shared_ptr<arrow::DataType>;

// Takes a message's arrays in order.
class ArrayWalk {
 public:
  explicit ArrayWalk(const IpcBatch& batch) : batch_(batch) {}

  arrow::Result<FileArray> Next(const TypePtr& type) {
    const arrow::DataType& storage = StorageOf(*type);
    const arrow::DataTypeLayout layout = storage.layout();
    FileArray array;
    array.type = type;
    if (node_ == batch_.nodes.size()) return Missing("arrays");
    const IpcNode& node = batch_.nodes[node_++];
    array.length = node.length;
    for (const auto& spec : layout.buffers) {
      FileRange& range = array.buffers.emplace_back();
      const bool is_union = arrow::is_union(storage.id());
      if (spec.kind == arrow::DataTypeLayout::ALWAYS_NULL) {
        if (!is_union || !batch_.unions_have_validity) continue;
        ARROW_ASSIGN_OR_RAISE(const FileRange validity, NextBuffer());
        if (node.nulls != 0 && validity.size > 0) {
          return MakeError(ErrorCode::kNotSupported, "a union has nulls of its own");
        }
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(range, NextBuffer());
    }
    array.has_nulls = node.nulls != 0 && layout.buffers[0].kind == arrow::DataTypeLayout::BITMAP;
    if (layout.variadic_spec) ARROW_RETURN_NOT_OK(AddViewBuffers(&array));
    for (const auto& field : storage.fields()) {
      ARROW_ASSIGN_OR_RAISE(array.children.emplace_back(), Next(field->type()));
    }
    return array;
  }

 private:
  static arrow::Status Missing(const std::string& what) {
    return MakeError(ErrorCode::kDamaged, "a message has too few " + what + " for its schema");
  }

  arrow::Result<FileRange> NextBuffer() {
    if (buffer_ == batch_.buffers.size()) return Missing("buffers");
    return batch_.buffers[buffer_++];
  }

  arrow::Status AddViewBuffers(FileArray* array) {
    if (views_ == batch_.view_buffers.size()) return Missing("counts of buffers");
    const int64_t count = batch_.view_buffers[views_++];
    if (count < 0) return Missing("counts of buffers");
    for (int64_t i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(array->buffers.emplace_back(), NextBuffer());
    }
    return arrow::Status::OK();
  }

  const IpcBatch& batch_;
  size_t node_ = 0;
  size_t buffer_ = 0;
  size_t views_ = 0;
};

bool HasDictionaries(const arrow::DataType& type) {
  const arrow::DataType& storage = StorageOf(type);
  return storage.id() == arrow::Type::DICTIONARY ||
         std::any_of(storage.fields().begin(), storage.fields().end(),
                     [](const auto& field) { return HasDictionaries(*field->type()); });
}

}  // namespace

arrow::Status IpcDictionaries::Add(IpcMessage message, bool may_replace) {
  const std::lock_guard lock(mutex_);
  Dictionary& dictionary = dictionaries_[message.dictionary];
  const std::string name = "dictionary " + std::to_string(message.dictionary);
  if (message.is_delta && dictionary.parts.empty()) {
    return MakeError(ErrorCode::kDamaged, name + " is continued, but has no beginning");
  }
  if (!message.is_delta && !dictionary.parts.empty()) {
    if (!may_replace) return MakeError(ErrorCode::kDamaged, name + " is there twice");
    dictionary = {};
  }
  dictionary.parts.push_back(std::move(message.batch));
  // Values that have dictionaries themselves may have had this one.
  for (auto& [id, other] : dictionaries_) {
    if (other.values != nullptr && HasDictionaries(*other.values->type)) {
      other.loaded = 0;
      other.values = nullptr;
    }
  }
  return arrow::Status::OK();
}

arrow::Status IpcDictionaries::Resolve(const IpcField& field, FileArray* column) {
  if (!HasDictionaries(*column->type)) return arrow::Status::OK();
  const std::lock_guard lock(mutex_);
  return ResolveLocked(field, column);
}

arrow::Status IpcDictionaries::ResolveLocked(const IpcField& field, FileArray* array) {
  const arrow::DataType& storage = StorageOf(*array->type);
  if (storage.id() == arrow::Type::DICTIONARY) {
    const auto& type = static_cast<const arrow::DictionaryType&>(storage);
    ARROW_ASSIGN_OR_RAISE(array->dictionary, Values(field, type.value_type()));
  }
  for (size_t i = 0; i < array->children.size(); ++i) {
    if (!HasDictionaries(*array->children[i].type)) continue;
    if (i >= field.children.size()) {
      return MakeError(ErrorCode::kDamaged, "its schema lacks a field");
    }
    ARROW_RETURN_NOT_OK(ResolveLocked(field.children[i], &array->children[i]));
  }
  return arrow::Status::OK();
}

arrow::Result<DataPtr> IpcDictionaries::Values(const IpcField& field, const TypePtr& type) {
  const auto found = field.dictionary ? dictionaries_.find(*field.dictionary) : dictionaries_.end();
  if (found == dictionaries_.end()) {
    return MakeError(ErrorCode::kDamaged, "a dictionary is missing");
  }
  Dictionary& dictionary = found->second;
  while (dictionary.loaded < dictionary.parts.size()) {
    ARROW_ASSIGN_OR_RAISE(auto values, Load(field, type, dictionary.parts[dictionary.loaded]));
    if (dictionary.values != nullptr) {
      if (!dictionary.values->type->Equals(*type)) break;
      ARROW_ASSIGN_OR_RAISE(const auto all, arrow::Concatenate({arrow::MakeArray(dictionary.values),
                                                                arrow::MakeArray(values)},
                                                               source_->limits().pool));
      values = all->data();
    }
    dictionary.values = std::move(values);
    ++dictionary.loaded;
  }
  if (!dictionary.values->type->Equals(*type)) {
    return MakeError(ErrorCode::kDamaged, "fields of different types share a dictionary");
  }
  return dictionary.values;
}

arrow::Result<DataPtr> IpcDictionaries::Load(const IpcField& field, const TypePtr& type,
                                             const IpcBatch& part) {
  ARROW_ASSIGN_OR_RAISE(auto columns, IpcColumns(part, {type}, {0}));
  // The dictionaries of a field whose values are nested are in the fields within.
  for (size_t i = 0; i < columns[0].children.size(); ++i) {
    if (i >= field.children.size()) break;
    ARROW_RETURN_NOT_OK(ResolveLocked(field.children[i], &columns[0].children[i]));
  }
  ARROW_ASSIGN_OR_RAISE(auto values, ReadWholeIpc(*source_, columns[0], part, big_endian_));
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("dictionary", type)}),
                                              part.rows, {std::move(values)});
  ARROW_ASSIGN_OR_RAISE(const auto checked, ValidateForeign(*batch, Dictionaries::kChecked));
  return checked->column_data(0);
}

arrow::Result<std::vector<FileArray>> IpcColumns(const IpcBatch& batch,
                                                 const std::vector<TypePtr>& types,
                                                 const std::vector<int>& positions) {
  ArrayWalk walk(batch);
  std::vector<FileArray> all;
  const int last = positions.empty() ? 0 : *std::max_element(positions.begin(), positions.end());
  for (int i = 0; i <= last && i < static_cast<int>(types.size()); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto array, walk.Next(types[static_cast<size_t>(i)]));
    all.push_back(std::move(array));
  }
  std::vector<FileArray> columns;
  for (const int at : positions) columns.push_back(all[static_cast<size_t>(at)]);
  // Without columns the first one vouches for the number of rows.
  for (const FileArray& array : positions.empty() ? all : columns) {
    if (array.length == batch.rows) continue;
    return MakeError(ErrorCode::kDamaged, "a column has " + std::to_string(array.length) +
                                              " rows, its batch " + std::to_string(batch.rows));
  }
  return columns;
}

arrow::Result<DataPtr> ReadWholeIpc(const Source& source, const FileArray& array,
                                    const IpcBatch& batch, bool big_endian) {
  std::unique_ptr<arrow::util::Codec> codec;
  if (batch.compression) {
    ARROW_ASSIGN_OR_RAISE(codec, arrow::util::Codec::Create(*batch.compression));
  }
  ARROW_ASSIGN_OR_RAISE(auto data, ReadWhole(source, array, codec.get()));
  if (!big_endian) return data;
  return arrow::internal::SwapEndianArrayData(data, source.limits().pool);
}

}  // namespace pyralog::formats
