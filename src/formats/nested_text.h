// The texts of values that hold others. For value_text.cc.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "formats/scalar_text.h"
#include "formats/value_text.h"

namespace pyralog::formats {

template <class ArrayType>
class ListText : public StyledText {
 public:
  ListText(TextStyle style, ValueTextPtr item) : StyledText(style), item_(std::move(item)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto& list = static_cast<const ArrayType&>(array);
    const int64_t begin = list.value_offset(row);
    *out += '[';
    for (int64_t i = 0; i < list.value_length(row); ++i) {
      if (i > 0) *out += ',';
      item_->Append(*list.values(), begin + i, out);
    }
    *out += ']';
  }

 private:
  const ValueTextPtr item_;
};

class StructText : public StyledText {
 public:
  StructText(TextStyle style, std::vector<std::string> keys, std::vector<ValueTextPtr> fields)
      : StyledText(style), keys_(std::move(keys)), fields_(std::move(fields)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto& record = static_cast<const arrow::StructArray&>(array);
    *out += '{';
    for (size_t i = 0; i < fields_.size(); ++i) {
      *out += keys_[i];
      fields_[i]->Append(*record.field(static_cast<int>(i)), row, out);
    }
    *out += '}';
  }

 private:
  const std::vector<std::string> keys_;  // with what stands before them and the colon behind
  const std::vector<ValueTextPtr> fields_;
};

class MapText : public StyledText {
 public:
  MapText(TextStyle style, ValueTextPtr key, ValueTextPtr item)
      : StyledText(style), key_(std::move(key)), item_(std::move(item)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto& map = static_cast<const arrow::MapArray&>(array);
    *out += '{';
    std::string key;
    for (int64_t i = map.value_offset(row); i < map.value_offset(row) + map.value_length(row);
         ++i) {
      if (i > map.value_offset(row)) *out += ',';
      key.clear();
      key_->Append(*map.keys(), i, &key);
      AppendJsonString(key, out);
      *out += ':';
      item_->Append(*map.items(), i, out);
    }
    *out += '}';
  }

 private:
  const ValueTextPtr key_;  // in plain style
  const ValueTextPtr item_;
};

class UnionText : public StyledText {
 public:
  UnionText(TextStyle style, std::vector<ValueTextPtr> children)
      : StyledText(style), children_(std::move(children)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto& u = static_cast<const arrow::UnionArray&>(array);
    const int child = u.child_id(row);
    const bool dense = array.type_id() == arrow::Type::DENSE_UNION;
    const int64_t at =
        dense ? static_cast<const arrow::DenseUnionArray&>(array).value_offset(row) : row;
    children_[static_cast<size_t>(child)]->Append(*u.field(child), at, out);
  }

 private:
  const std::vector<ValueTextPtr> children_;
};

class DictionaryText : public StyledText {
 public:
  DictionaryText(TextStyle style, ValueTextPtr value)
      : StyledText(style), value_(std::move(value)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
    value_->Append(*dictionary.dictionary(), dictionary.GetValueIndex(row), out);
  }

 private:
  const ValueTextPtr value_;
};

class RunEndText : public StyledText {
 public:
  RunEndText(TextStyle style, ValueTextPtr value) : StyledText(style), value_(std::move(value)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto& runs = static_cast<const arrow::RunEndEncodedArray&>(array);
    const auto slice = std::static_pointer_cast<arrow::RunEndEncodedArray>(runs.Slice(row, 1));
    value_->Append(*slice->values(), slice->FindPhysicalOffset(), out);
  }

 private:
  const ValueTextPtr value_;
};

class ExtensionText : public StyledText {
 public:
  ExtensionText(TextStyle style, ValueTextPtr storage)
      : StyledText(style), storage_(std::move(storage)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    storage_->Append(*static_cast<const arrow::ExtensionArray&>(array).storage(), row, out);
  }

 private:
  const ValueTextPtr storage_;
};

}  // namespace pyralog::formats
