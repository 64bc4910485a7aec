#include "formats/value_text.h"

#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrow/extension_type.h"
#include "arrow/util/base64.h"
#include "arrow/util/float16.h"
#include "arrow/visit_type_inline.h"
#include "formats/json/json_check.h"
#include "formats/temporal_text.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

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

// The shortest text that reads back as the same number, always with a point or an exponent.
template <class Float>
void AppendFinite(Float value, std::string* out) {
  // Where Python's repr changes to an exponent too.
  constexpr Float kFixedFrom = static_cast<Float>(1e-4);
  constexpr Float kFixedBelow = static_cast<Float>(1e16);
  const Float magnitude = std::abs(value);
  const bool fixed = magnitude == 0 || (magnitude >= kFixedFrom && magnitude < kFixedBelow);
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  const std::string_view text(digits, static_cast<size_t>(end - digits));
  *out += text;
  if (fixed && text.find('.') == std::string_view::npos) *out += ".0";
}

template <class ArrayType>
class FloatText : public StyledText {
 public:
  using StyledText::StyledText;

 protected:
  void AppendValue(const arrow::Array& array, int64_t row, std::string* out) const override {
    const auto stored = static_cast<const ArrayType&>(array).Value(row);
    if constexpr (std::is_same_v<ArrayType, arrow::HalfFloatArray>) {
      Write(arrow::util::Float16::FromBits(stored).ToFloat(), out);
    } else {
      Write(stored, out);
    }
  }

 private:
  template <class Float>
  void Write(Float value, std::string* out) const {
    if (std::isnan(value)) {
      Quoted(out, [&] { *out += "NaN"; });
    } else if (std::isinf(value)) {
      Quoted(out, [&] { *out += value < 0 ? "-Infinity" : "Infinity"; });
    } else {
      AppendFinite(value, out);
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
    for (int64_t i = map.value_offset(row); i < map.value_offset(row) + map.value_length(row); ++i) {
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

// Chooses the class for a type.
class TextMaker {
 public:
  explicit TextMaker(TextStyle style) : style_(style) {}
  ValueTextPtr Take() { return std::move(made_); }

  arrow::Status Visit(const arrow::NullType&) { return Make<NullText>(); }
  arrow::Status Visit(const arrow::BooleanType&) { return Make<BooleanText>(); }
  template <class T>
  arrow::enable_if_integer<T, arrow::Status> Visit(const T&) {
    return Make<IntegerText<typename arrow::TypeTraits<T>::ArrayType>>();
  }
  template <class T>
  arrow::enable_if_floating_point<T, arrow::Status> Visit(const T&) {
    return Make<FloatText<typename arrow::TypeTraits<T>::ArrayType>>();
  }
  template <class T>
  arrow::enable_if_decimal<T, arrow::Status> Visit(const T&) {
    return Make<DecimalText<typename arrow::TypeTraits<T>::ArrayType>>();
  }
  arrow::Status Visit(const arrow::StringType&) { return Make<StringText<arrow::StringArray>>(); }
  arrow::Status Visit(const arrow::LargeStringType&) {
    return Make<StringText<arrow::LargeStringArray>>();
  }
  arrow::Status Visit(const arrow::StringViewType&) {
    return Make<StringText<arrow::StringViewArray>>();
  }
  arrow::Status Visit(const arrow::BinaryType&) { return Make<BinaryText<arrow::BinaryArray>>(); }
  arrow::Status Visit(const arrow::LargeBinaryType&) {
    return Make<BinaryText<arrow::LargeBinaryArray>>();
  }
  arrow::Status Visit(const arrow::BinaryViewType&) {
    return Make<BinaryText<arrow::BinaryViewArray>>();
  }
  arrow::Status Visit(const arrow::FixedSizeBinaryType&) {
    return Make<BinaryText<arrow::FixedSizeBinaryArray>>();
  }

  arrow::Status Visit(const arrow::Date32Type&) {
    return Temporal([](const arrow::Array& array, int64_t row, std::string* out) {
      AppendDate(static_cast<const arrow::Date32Array&>(array).Value(row), out);
    });
  }
  arrow::Status Visit(const arrow::Date64Type&) {
    return Temporal([](const arrow::Array& array, int64_t row, std::string* out) {
      constexpr int64_t kMillisPerDay = 86'400'000;
      const int64_t value = static_cast<const arrow::Date64Array&>(array).Value(row);
      if (value % kMillisPerDay == 0) return AppendDate(value / kMillisPerDay, out);
      AppendTimestamp(value, arrow::TimeUnit::MILLI, 'T', out);
    });
  }
  arrow::Status Visit(const arrow::Time32Type& type) {
    return Temporal([unit = type.unit()](const arrow::Array& array, int64_t row, std::string* out) {
      AppendTime(static_cast<const arrow::Time32Array&>(array).Value(row), unit, out);
    });
  }
  arrow::Status Visit(const arrow::Time64Type& type) {
    return Temporal([unit = type.unit()](const arrow::Array& array, int64_t row, std::string* out) {
      AppendTime(static_cast<const arrow::Time64Array&>(array).Value(row), unit, out);
    });
  }
  arrow::Status Visit(const arrow::TimestampType& type) {
    const bool json = style_ == TextStyle::kJson;
    const char* zone = type.timezone().empty() ? "" : json ? "Z" : "+00";
    return Temporal([unit = type.unit(), json, zone](const arrow::Array& array, int64_t row,
                                                     std::string* out) {
      AppendTimestamp(static_cast<const arrow::TimestampArray&>(array).Value(row), unit,
                      json ? 'T' : ' ', out);
      *out += zone;
    });
  }
  arrow::Status Visit(const arrow::DurationType& type) {
    return Temporal([unit = type.unit()](const arrow::Array& array, int64_t row, std::string* out) {
      AppendDuration(static_cast<const arrow::DurationArray&>(array).Value(row), unit, out);
    });
  }
  arrow::Status Visit(const arrow::MonthIntervalType&) {
    return Temporal([](const arrow::Array& array, int64_t row, std::string* out) {
      AppendInterval(static_cast<const arrow::MonthIntervalArray&>(array).Value(row), 0, 0, out);
    });
  }
  arrow::Status Visit(const arrow::DayTimeIntervalType&) {
    return Temporal([](const arrow::Array& array, int64_t row, std::string* out) {
      constexpr int64_t kNanosPerMilli = 1'000'000;
      const auto value = static_cast<const arrow::DayTimeIntervalArray&>(array).Value(row);
      AppendInterval(0, value.days, value.milliseconds * kNanosPerMilli, out);
    });
  }
  arrow::Status Visit(const arrow::MonthDayNanoIntervalType&) {
    return Temporal([](const arrow::Array& array, int64_t row, std::string* out) {
      const auto value = static_cast<const arrow::MonthDayNanoIntervalArray&>(array).Value(row);
      AppendInterval(value.months, value.days, value.nanoseconds, out);
    });
  }

  arrow::Status Visit(const arrow::ListType& type) { return List<arrow::ListArray>(type); }
  arrow::Status Visit(const arrow::LargeListType& type) {
    return List<arrow::LargeListArray>(type);
  }
  arrow::Status Visit(const arrow::FixedSizeListType& type) {
    return List<arrow::FixedSizeListArray>(type);
  }
  arrow::Status Visit(const arrow::ListViewType& type) { return List<arrow::ListViewArray>(type); }
  arrow::Status Visit(const arrow::LargeListViewType& type) {
    return List<arrow::LargeListViewArray>(type);
  }
  arrow::Status Visit(const arrow::MapType& type) {
    const bool nested_key = type.key_type()->num_fields() > 0;
    ARROW_ASSIGN_OR_RAISE(
        auto key, MakeValueText(*type.key_type(), nested_key ? TextStyle::kJson : TextStyle::kPlain));
    ARROW_ASSIGN_OR_RAISE(auto item, MakeValueText(*type.item_type(), TextStyle::kJson));
    made_ = std::make_unique<MapText>(style_, std::move(key), std::move(item));
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::StructType& type) {
    std::vector<std::string> keys;
    std::vector<ValueTextPtr> fields;
    for (const auto& field : type.fields()) {
      std::string key = keys.empty() ? "" : ",";
      AppendJsonString(field->name(), &key);
      keys.push_back(key + ':');
      ARROW_ASSIGN_OR_RAISE(fields.emplace_back(),
                            MakeValueText(*field->type(), TextStyle::kJson));
    }
    made_ = std::make_unique<StructText>(style_, std::move(keys), std::move(fields));
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::UnionType& type) {
    std::vector<ValueTextPtr> children;
    for (const auto& field : type.fields()) {
      ARROW_ASSIGN_OR_RAISE(children.emplace_back(), MakeValueText(*field->type(), style_));
    }
    made_ = std::make_unique<UnionText>(style_, std::move(children));
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::DictionaryType& type) {
    return Wrap<DictionaryText>(*type.value_type());
  }
  arrow::Status Visit(const arrow::RunEndEncodedType& type) {
    return Wrap<RunEndText>(*type.value_type());
  }
  arrow::Status Visit(const arrow::ExtensionType& type) {
    ValueTextPtr storage;
    const arrow::Type::type stored = type.storage_type()->id();
    if (type.extension_name() == "arrow.json" && stored == arrow::Type::STRING) {
      storage = std::make_unique<JsonDocumentText<arrow::StringArray>>(style_);
    } else if (type.extension_name() == "arrow.json" && stored == arrow::Type::STRING_VIEW) {
      storage = std::make_unique<JsonDocumentText<arrow::StringViewArray>>(style_);
    } else if (type.extension_name() == "arrow.uuid" && stored == arrow::Type::FIXED_SIZE_BINARY) {
      storage = std::make_unique<UuidText>(style_);
    } else {
      ARROW_ASSIGN_OR_RAISE(storage, MakeValueText(*type.storage_type(), style_));
    }
    made_ = std::make_unique<ExtensionText>(style_, std::move(storage));
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::DataType& type) {
    return MakeError(ErrorCode::kNotSupported, "values of type " + type.ToString() + " have no text");
  }

 private:
  template <class Text>
  arrow::Status Make() {
    made_ = std::make_unique<Text>(style_);
    return arrow::Status::OK();
  }
  template <class Write>
  arrow::Status Temporal(Write write) {
    made_ = MakeTemporal(style_, std::move(write));
    return arrow::Status::OK();
  }
  template <class ArrayType>
  arrow::Status List(const arrow::BaseListType& type) {
    ARROW_ASSIGN_OR_RAISE(auto item, MakeValueText(*type.value_type(), TextStyle::kJson));
    made_ = std::make_unique<ListText<ArrayType>>(style_, std::move(item));
    return arrow::Status::OK();
  }
  template <class Text>
  arrow::Status Wrap(const arrow::DataType& value_type) {
    ARROW_ASSIGN_OR_RAISE(auto value, MakeValueText(value_type, style_));
    made_ = std::make_unique<Text>(style_, std::move(value));
    return arrow::Status::OK();
  }

  const TextStyle style_;
  ValueTextPtr made_;
};

}  // namespace

arrow::Result<std::unique_ptr<ValueText>> MakeValueText(const arrow::DataType& type,
                                                        TextStyle style) {
  TextMaker maker(style);
  ARROW_RETURN_NOT_OK(arrow::VisitTypeInline(type, &maker));
  return maker.Take();
}

void AppendJsonString(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  *out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          *out += "\\u00";
          *out += kHex[static_cast<unsigned char>(c) >> 4];
          *out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          *out += c;
        }
    }
  }
  *out += '"';
}

}  // namespace pyralog::formats
