#include "formats/parquet/variant_column.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "arrow/array/builder_binary.h"
#include "arrow/extension/json.h"
#include "arrow/extension_type.h"
#include "formats/parquet/variant_value.h"
#include "formats/value_text.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

arrow::Status Contradiction(const std::string& what) {
  return MakeError(ErrorCode::kDamaged, "a shredded variant is damaged: " + what);
}

std::string_view BytesOf(const arrow::Array& array, int64_t row) {
  if (array.type_id() == arrow::Type::LARGE_BINARY) {
    return static_cast<const arrow::LargeBinaryArray&>(array).GetView(row);
  }
  return static_cast<const arrow::BinaryArray&>(array).GetView(row);
}

// What a place in the variant holds.
enum class Found { kMissing, kPresent };

// One place of the shredding: the struct of `value` and `typed_value` for the whole, an object's
// field or an array's item.
class ShreddedPlace {
 public:
  static arrow::Result<std::unique_ptr<ShreddedPlace>> Make(const arrow::DataType& type);

  // Appends what is at `row` of the place's struct. Nothing is appended when both parts are null.
  arrow::Result<Found> Append(const VariantNames& names, const arrow::StructArray& place,
                              int64_t row, std::string* out) const;

 private:
  enum class Kind { kNone, kPrimitive, kObject, kArray };

  arrow::Status MakeTyped(const arrow::DataType& type);
  arrow::Status AppendTyped(const VariantNames& names, const arrow::Array& typed, int64_t row,
                            const std::string_view* rest, std::string* out) const;
  arrow::Status AppendObject(const VariantNames& names, const arrow::StructArray& object,
                             int64_t row, const std::string_view* rest, std::string* out) const;
  arrow::Status AppendList(const VariantNames& names, const arrow::Array& list, int64_t row,
                           std::string* out) const;

  int value_ = -1;  // positions in the struct; -1: there is none
  int typed_ = -1;
  Kind kind_ = Kind::kNone;
  std::unique_ptr<ValueText> primitive_;
  std::vector<std::string> names_;                     // of the object's fields
  std::vector<std::unique_ptr<ShreddedPlace>> parts_;  // the object's fields, or the array's item
};

// The types that a variant has (VariantShredding.md, "Shredded Value Types").
bool IsVariantPrimitive(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DATE32:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::TIME64:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
      return true;
    case arrow::Type::EXTENSION:
      return static_cast<const arrow::ExtensionType&>(type).extension_name() == "arrow.uuid";
    default:
      return false;
  }
}

arrow::Result<std::unique_ptr<ShreddedPlace>> ShreddedPlace::Make(const arrow::DataType& type) {
  auto place = std::make_unique<ShreddedPlace>();
  for (int i = 0; i < type.num_fields(); ++i) {
    if (type.field(i)->name() == "value") place->value_ = i;
    if (type.field(i)->name() == "typed_value") place->typed_ = i;
  }
  if (type.id() != arrow::Type::STRUCT || (place->value_ < 0 && place->typed_ < 0)) {
    return Contradiction("a place has neither value nor typed_value");
  }
  if (place->value_ >= 0 && !arrow::is_binary_like(type.field(place->value_)->type()->id()) &&
      !arrow::is_large_binary_like(type.field(place->value_)->type()->id())) {
    return Contradiction("its value is no binary column");
  }
  if (place->typed_ >= 0) {
    ARROW_RETURN_NOT_OK(place->MakeTyped(*type.field(place->typed_)->type()));
  }
  return place;
}

arrow::Status ShreddedPlace::MakeTyped(const arrow::DataType& type) {
  if (type.id() == arrow::Type::STRUCT) {
    kind_ = Kind::kObject;
    for (const auto& field : type.fields()) {
      names_.push_back(field->name());
      ARROW_ASSIGN_OR_RAISE(parts_.emplace_back(), Make(*field->type()));
    }
    return arrow::Status::OK();
  }
  if (type.id() == arrow::Type::LIST || type.id() == arrow::Type::LARGE_LIST) {
    kind_ = Kind::kArray;
    return Make(*type.field(0)->type()).Value(&parts_.emplace_back());
  }
  if (!IsVariantPrimitive(type)) {
    return MakeError(ErrorCode::kNotSupported, "a variant is shredded into " + type.ToString() +
                                                   ", which variants do not have");
  }
  kind_ = Kind::kPrimitive;
  return MakeValueText(type, TextStyle::kJson).Value(&primitive_);
}

arrow::Result<Found> ShreddedPlace::Append(const VariantNames& names,
                                           const arrow::StructArray& place, int64_t row,
                                           std::string* out) const {
  const arrow::Array* value = value_ < 0 ? nullptr : place.field(value_).get();
  const arrow::Array* typed = typed_ < 0 ? nullptr : place.field(typed_).get();
  const bool has_value = value != nullptr && value->IsValid(row);
  const bool has_typed = typed != nullptr && typed->IsValid(row);
  if (!has_value && !has_typed) return Found::kMissing;
  if (!has_typed) {
    ARROW_RETURN_NOT_OK(AppendVariant(names, BytesOf(*value, row), out));
    return Found::kPresent;
  }
  const std::string_view rest = has_value ? BytesOf(*value, row) : std::string_view();
  if (has_value && kind_ != Kind::kObject) {
    return Contradiction("value and typed_value are both set");
  }
  if (has_value && !IsVariantObject(rest)) {
    return Contradiction("value is no object, but there are shredded fields");
  }
  ARROW_RETURN_NOT_OK(AppendTyped(names, *typed, row, has_value ? &rest : nullptr, out));
  return Found::kPresent;
}

arrow::Status ShreddedPlace::AppendTyped(const VariantNames& names, const arrow::Array& typed,
                                         int64_t row, const std::string_view* rest,
                                         std::string* out) const {
  switch (kind_) {
    case Kind::kObject:
      return AppendObject(names, static_cast<const arrow::StructArray&>(typed), row, rest, out);
    case Kind::kArray:
      return AppendList(names, typed, row, out);
    default:
      primitive_->Append(typed, row, out);
      return arrow::Status::OK();
  }
}

arrow::Status ShreddedPlace::AppendObject(const VariantNames& names,
                                          const arrow::StructArray& object, int64_t row,
                                          const std::string_view* rest, std::string* out) const {
  *out += '{';
  bool first = true;
  std::set<std::string_view> shredded;
  for (size_t i = 0; i < parts_.size(); ++i) {
    shredded.insert(names_[i]);
    const auto& field = static_cast<const arrow::StructArray&>(*object.field(static_cast<int>(i)));
    const size_t before = out->size();
    if (!first) *out += ',';
    AppendJsonString(names_[i], out);
    *out += ':';
    Found found = Found::kMissing;
    if (field.IsValid(row)) {
      ARROW_ASSIGN_OR_RAISE(found, parts_[i]->Append(names, field, row, out));
    }
    if (found == Found::kMissing) {
      out->resize(before);
    } else {
      first = false;
    }
  }
  if (rest != nullptr) {
    ARROW_RETURN_NOT_OK(VisitVariantObject(
        names, *rest, [&](std::string_view name, std::string_view value) -> arrow::Status {
          // Of a field that is in both the shredded value counts.
          if (shredded.contains(name)) return arrow::Status::OK();
          if (!first) *out += ',';
          first = false;
          AppendJsonString(name, out);
          *out += ':';
          return AppendVariant(names, value, out);
        }));
  }
  *out += '}';
  return arrow::Status::OK();
}

arrow::Status ShreddedPlace::AppendList(const VariantNames& names, const arrow::Array& list,
                                        int64_t row, std::string* out) const {
  const auto range = [&](const auto& typed) {
    return std::make_pair(static_cast<int64_t>(typed.value_offset(row)),
                          static_cast<int64_t>(typed.value_length(row)));
  };
  const bool large = list.type_id() == arrow::Type::LARGE_LIST;
  const auto [begin, count] = large ? range(static_cast<const arrow::LargeListArray&>(list))
                                    : range(static_cast<const arrow::ListArray&>(list));
  const auto& items = large ? *static_cast<const arrow::LargeListArray&>(list).values()
                            : *static_cast<const arrow::ListArray&>(list).values();
  *out += '[';
  for (int64_t i = begin; i < begin + count; ++i) {
    if (i > begin) *out += ',';
    Found found = Found::kMissing;
    if (items.IsValid(i)) {
      ARROW_ASSIGN_OR_RAISE(
          found,
          parts_.front()->Append(names, static_cast<const arrow::StructArray&>(items), i, out));
    }
    // An array's item cannot be missing: readers take it for a null.
    if (found == Found::kMissing) *out += "null";
  }
  *out += ']';
  return arrow::Status::OK();
}

class ShreddedColumn : public VariantColumn {
 public:
  ShreddedColumn(int metadata, std::unique_ptr<ShreddedPlace> place)
      : metadata_(metadata), place_(std::move(place)) {}

  arrow::Result<std::shared_ptr<arrow::Array>> ToJson(const arrow::Array& column,
                                                      arrow::MemoryPool* pool) const override {
    const bool wrapped = column.type_id() == arrow::Type::EXTENSION;
    const arrow::Array& storage =
        wrapped ? *static_cast<const arrow::ExtensionArray&>(column).storage() : column;
    const auto& group = static_cast<const arrow::StructArray&>(storage);
    const auto metadata = group.field(metadata_);
    arrow::StringBuilder texts(pool);
    std::string text;
    for (int64_t row = 0; row < group.length(); ++row) {
      if (group.IsNull(row)) {
        ARROW_RETURN_NOT_OK(texts.AppendNull());
        continue;
      }
      if (metadata->IsNull(row)) return Contradiction("its metadata is null");
      text.clear();
      ARROW_ASSIGN_OR_RAISE(const VariantNames names, VariantNames::Parse(BytesOf(*metadata, row)));
      ARROW_ASSIGN_OR_RAISE(const Found found, place_->Append(names, group, row, &text));
      if (found == Found::kMissing) text = "null";
      ARROW_RETURN_NOT_OK(texts.Append(text));
    }
    ARROW_ASSIGN_OR_RAISE(auto json, texts.Finish());
    return arrow::ExtensionType::WrapArray(VariantJsonType(), json);
  }

 private:
  const int metadata_;
  const std::unique_ptr<ShreddedPlace> place_;
};

}  // namespace

std::shared_ptr<arrow::DataType> VariantJsonType() { return arrow::extension::json(arrow::utf8()); }

arrow::Result<std::unique_ptr<VariantColumn>> MakeVariantColumn(
    const std::shared_ptr<arrow::DataType>& type) {
  const bool wrapped = type->id() == arrow::Type::EXTENSION;
  const arrow::DataType& group =
      wrapped ? *static_cast<const arrow::ExtensionType&>(*type).storage_type() : *type;
  int metadata = -1;
  for (int i = 0; i < group.num_fields(); ++i) {
    if (group.field(i)->name() == "metadata") metadata = i;
  }
  if (metadata < 0 || !arrow::is_base_binary_like(group.field(metadata)->type()->id())) {
    return Contradiction("it has no binary metadata");
  }
  ARROW_ASSIGN_OR_RAISE(auto place, ShreddedPlace::Make(group));
  return std::make_unique<ShreddedColumn>(metadata, std::move(place));
}

}  // namespace pyralog::formats
