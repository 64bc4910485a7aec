#include "formats/value_text.h"

#include <limits>
#include <utility>
#include <vector>

#include "arrow/extension_type.h"
#include "arrow/visit_type_inline.h"
#include "formats/nested_text.h"
#include "formats/scalar_text.h"
#include "formats/temporal_text.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

// SQL's infinite dates and times are the greatest value and its negation.
bool AppendInfinity(int64_t value, int64_t infinity, std::string* out) {
  if (value != infinity && value != -infinity) return false;
  *out += value > 0 ? "infinity" : "-infinity";
  return true;
}

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
      const int32_t days = static_cast<const arrow::Date32Array&>(array).Value(row);
      if (!AppendInfinity(days, std::numeric_limits<int32_t>::max(), out)) AppendDate(days, out);
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
    return Temporal(
        [unit = type.unit(), json, zone](const arrow::Array& array, int64_t row, std::string* out) {
          const int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(row);
          // In nanoseconds the greatest value is a time that others use as one.
          const bool has_infinity = unit != arrow::TimeUnit::NANO;
          if (has_infinity && AppendInfinity(value, std::numeric_limits<int64_t>::max(), out)) {
            return;
          }
          AppendTimestamp(value, unit, json ? 'T' : ' ', out);
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
        auto key,
        MakeValueText(*type.key_type(), nested_key ? TextStyle::kJson : TextStyle::kPlain));
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
      ARROW_ASSIGN_OR_RAISE(fields.emplace_back(), MakeValueText(*field->type(), TextStyle::kJson));
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
    return MakeError(ErrorCode::kNotSupported,
                     "values of type " + type.ToString() + " have no text");
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
