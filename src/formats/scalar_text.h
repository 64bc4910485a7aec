// The texts of values that hold no others. For value_text.cc.
#pragma once

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "arrow/array.h"
#include "arrow/util/base64.h"
#include "arrow/util/float16.h"
#include "formats/json_check.h"
#include "formats/number_text.h"
#include "formats/value_text.h"

namespace pyralog::formats {

using ValueTextPtr = std::unique_ptr<ValueText>;

class StyledText : public ValueText {
 public:
  explicit StyledText(TextStyle style) : json_(style == TextStyle::kJson) {}
  void AppendNull(std::string* out) const override {
    if (json_) *out += "null";
  }

 protected:
  // Puts what `write` appends in quotes in JSON. REQUIRES: it needs no escapes.
  template <class Write>
  void Quoted(std::string* out, Write write) const {
    if (json_) *out += '"';
    write();
    if (json_) *out += '"';
  }
  const bool json_;
};

class NullText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array&, int64_t, std::string* out) const override {
    AppendNull(out);
  }
};

class BooleanText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    *out += static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false";
  }
};

template <class ArrayType>
class IntegerText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    char digits[24];
    const auto value = static_cast<const ArrayType&>(array).Value(row);
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    out->append(digits, end);
  }
};

template <class ArrayType>
class FloatText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto stored = static_cast<const ArrayType&>(array).Value(row);
    if constexpr (std::is_same_v<ArrayType, arrow::HalfFloatArray>) {
      AppendFloat(arrow::util::Float16::FromBits(stored).ToFloat(), json_, out);
    } else {
      AppendFloat(stored, json_, out);
    }
  }
};

template <class ArrayType>
class DecimalText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    Quoted(out, [&] { *out += static_cast<const ArrayType&>(array).FormatValue(row); });
  }
};

template <class ArrayType>
class StringText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const std::string_view text = static_cast<const ArrayType&>(array).GetView(row);
    if (json_) {
      AppendJsonString(text, out);
    } else {
      *out += text;
    }
  }
};

template <class ArrayType>
class BinaryText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    Quoted(out, [&] {
      *out += arrow::util::base64_encode(static_cast<const ArrayType&>(array).GetView(row));
    });
  }
};

// Documents pass as they are; what is no JSON is a string.
template <class ArrayType>
class JsonDocumentText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const std::string_view text = static_cast<const ArrayType&>(array).GetView(row);
    JsonFacts facts;
    const bool document = CheckJson(text, {}, &facts).ok() && facts.documents == 1 &&
                          text.find_first_of("\r\n") == std::string_view::npos;
    if (document || !json_) {
      *out += text;
    } else {
      AppendJsonString(text, out);
    }
  }
};

class UuidText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    constexpr char kHex[] = "0123456789abcdef";
    const std::string_view bytes =
        static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row);
    Quoted(out, [&] {
      for (size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out += '-';
        *out += kHex[static_cast<unsigned char>(bytes[i]) >> 4];
        *out += kHex[static_cast<unsigned char>(bytes[i]) & 15];
      }
    });
  }
};

// Dates, times, timestamps, durations and intervals: `Write` gets the array, the row and the text.
template <class Write>
class TemporalText : public StyledText {
 public:
  TemporalText(TextStyle style, Write write) : StyledText(style), write_(std::move(write)) {}

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    Quoted(out, [&] { write_(array, row, out); });
  }

 private:
  const Write write_;
};

template <class Write>
ValueTextPtr MakeTemporal(TextStyle style, Write write) {
  return std::make_unique<TemporalText<Write>>(style, std::move(write));
}

}  // namespace pyralog::formats
