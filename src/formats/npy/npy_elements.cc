#include "formats/npy/npy_elements.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "arrow/array/concatenate.h"
#include "arrow/util/utf8.h"
#include "base/endian.h"
#include "formats/npy/npy_header.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using arrow::Type;

arrow::Status NotInNpy(const arrow::Field& field, const std::string& why) {
  return MakeError(ErrorCode::kNotSupported, "column '" + field.name() + "' is " +
                                                 field.type()->ToString() +
                                                 ", which NPY does not have: " + why);
}

arrow::Status BadValue(const NpyElement& element, const std::string& what) {
  return MakeError(ErrorCode::kInvalidArgument, "column '" + element.name + "' has " + what);
}

bool IsTime(Type::type id) {
  return id == Type::DATE32 || id == Type::TIMESTAMP || id == Type::DURATION;
}

bool IsText(Type::type id) { return id == Type::STRING || id == Type::BINARY; }

std::string UnitName(const arrow::DataType& type) {
  if (type.id() == Type::DATE32) return "D";
  const auto unit = type.id() == Type::TIMESTAMP
                        ? static_cast<const arrow::TimestampType&>(type).unit()
                        : static_cast<const arrow::DurationType&>(type).unit();
  static constexpr const char* kNames[] = {"s", "ms", "us", "ns"};
  return kNames[static_cast<int>(unit)];
}

// The type's letter and the bytes of one element.
arrow::Status SetWidth(const arrow::Field& field, NpyElement* element) {
  const arrow::DataType& type = *element->type;
  if (type.id() == Type::BOOL) {
    element->width = 1;
  } else if (IsTime(type.id())) {
    element->width = 8;
    const bool zoned = type.id() == Type::TIMESTAMP &&
                       !static_cast<const arrow::TimestampType&>(type).timezone().empty();
    if (zoned) return NotInNpy(field, "its times have no zone; cast it to TIMESTAMP");
  } else if (IsText(type.id())) {
    element->width = type.id() == Type::STRING ? 4 : 1;
  } else if (arrow::is_integer(type.id()) || arrow::is_floating(type.id())) {
    element->width = type.byte_width();
  } else if (type.id() == Type::FIXED_SIZE_BINARY && type.byte_width() > 0) {
    element->width = type.byte_width();
  } else if (type.id() == Type::LIST || type.id() == Type::MAP || type.id() == Type::LARGE_LIST) {
    return NotInNpy(field, "its values all have one size; cast it to an array of fixed size");
  } else {
    return NotInNpy(field, "cast it to a number, a text or a timestamp");
  }
  return arrow::Status::OK();
}

// Elements that are no lists: row's values [begin, begin + count) of a flat array.
arrow::Status CheckNulls(const NpyElement& element, const arrow::Array& array) {
  if (array.null_count() == 0 || IsTime(element.type->id())) return arrow::Status::OK();
  return BadValue(element, "a null, which NPY does not have; coalesce() it to a value");
}

void WriteBooleans(const arrow::Array& array, uint8_t* out, int64_t stride) {
  const auto& values = static_cast<const arrow::BooleanArray&>(array);
  for (int64_t i = 0; i < values.length(); ++i) out[i * stride] = values.Value(i) ? 1 : 0;
}

void WriteFixed(const arrow::Array& array, int64_t width, uint8_t* out, int64_t stride) {
  const uint8_t* values = array.data()->buffers[1]->data() + array.offset() * width;
  if (stride == width) {
    std::memcpy(out, values, static_cast<size_t>(array.length() * width));
    return;
  }
  for (int64_t i = 0; i < array.length(); ++i) {
    std::memcpy(out + i * stride, values + i * width, static_cast<size_t>(width));
  }
}

arrow::Status WriteTimes(const NpyElement& element, const arrow::Array& array, uint8_t* out,
                         int64_t stride) {
  const bool days = element.type->id() == Type::DATE32;
  const uint8_t* values = array.length() > 0 ? array.data()->buffers[1]->data() : nullptr;
  for (int64_t i = 0; i < array.length(); ++i) {
    int64_t value = INT64_MIN;  // NaT
    const int64_t at = array.offset() + i;
    if (array.IsValid(i)) {
      value = days ? LoadLittle<int32_t>(values + at * 4) : LoadLittle<int64_t>(values + at * 8);
      if (value == INT64_MIN) return BadValue(element, "a time that NPY takes for none (NaT)");
    }
    StoreLittle(out + i * stride, value);
  }
  return arrow::Status::OK();
}

// The characters of UTF-8 text that is known to be valid.
int64_t CountCharacters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

void WriteCharacters(std::string_view text, uint8_t* out) {
  for (size_t at = 0; at < text.size(); out += 4) {
    const auto lead = static_cast<uint8_t>(text[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = length == 1 ? lead : lead & (0x7f >> length);
    for (size_t i = 1; i < length; ++i) {
      code = (code << 6) | (static_cast<uint8_t>(text[at + i]) & 0x3f);
    }
    StoreLittle(out, code);
    at += length;
  }
}

arrow::Status WriteTexts(const NpyElement& element, const arrow::Array& array, uint8_t* out,
                         int64_t stride) {
  const auto& texts = static_cast<const arrow::BinaryArray&>(array);
  for (int64_t i = 0; i < texts.length(); ++i) {
    const std::string_view text = texts.GetView(i);
    if (!text.empty() && text.back() == '\0') {
      return BadValue(element, "a value that ends in NUL, which NPY cuts");
    }
    std::memset(out + i * stride, 0, static_cast<size_t>(element.width));
    if (element.type->id() == Type::STRING) {
      WriteCharacters(text, out + i * stride);
    } else {
      std::memcpy(out + i * stride, text.data(), text.size());
    }
  }
  return arrow::Status::OK();
}

// The lists' items, for lists that are not null.
arrow::Result<std::shared_ptr<arrow::Array>> ItemsOf(const NpyElement& element,
                                                     const arrow::Array& array) {
  if (array.null_count() > 0) {
    return BadValue(element, "a null, which NPY does not have; coalesce() it to a value");
  }
  const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
  return list.values()->Slice(list.value_offset(0), list.length() * list.value_length());
}

arrow::Status WriteFlat(const NpyElement& element, const arrow::Array& array, uint8_t* out,
                        int64_t stride) {
  if (array.length() == 0) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(CheckNulls(element, array));
  const Type::type id = element.type->id();
  if (id == Type::STRUCT) {
    const auto& record = static_cast<const arrow::StructArray&>(array);
    for (size_t i = 0; i < element.fields.size(); ++i) {
      const NpyElement& field = element.fields[i];
      ARROW_RETURN_NOT_OK(WriteElements(field, *record.field(static_cast<int>(i)), out, stride));
      out += field.size();
    }
    return arrow::Status::OK();
  }
  if (IsTime(id)) return WriteTimes(element, array, out, stride);
  if (IsText(id)) return WriteTexts(element, array, out, stride);
  if (id == Type::BOOL) {
    WriteBooleans(array, out, stride);
  } else {
    WriteFixed(array, element.width, out, stride);
  }
  return arrow::Status::OK();
}

std::string ScalarDescr(const NpyElement& element) {
  const arrow::DataType& type = *element.type;
  const std::string size = std::to_string(element.width);
  switch (type.id()) {
    case Type::BOOL:
      return "'|b1'";
    case Type::STRING:
      return "'<U" + std::to_string(element.width / 4) + "'";
    case Type::BINARY:
      return "'|S" + size + "'";
    case Type::FIXED_SIZE_BINARY:
      return "'|V" + size + "'";
    case Type::DATE32:
    case Type::TIMESTAMP:
      return "'<M8[" + UnitName(type) + "]'";
    case Type::DURATION:
      return "'<m8[" + UnitName(type) + "]'";
    default:
      break;
  }
  const char letter = arrow::is_floating(type.id())           ? 'f'
                      : arrow::is_unsigned_integer(type.id()) ? 'u'
                                                              : 'i';
  return std::string("'") + (element.width == 1 ? '|' : '<') + letter + size + "'";
}

int64_t ItemsOfShape(const std::vector<int64_t>& shape) {
  int64_t items = 1;
  for (const int64_t size : shape) items *= size;
  return items;
}

}  // namespace

bool NpyElement::has_texts() const {
  return IsText(type->id()) ||
         std::any_of(fields.begin(), fields.end(), [](const auto& f) { return f.has_texts(); });
}

int64_t NpyElement::size() const {
  int64_t element = width;
  for (const NpyElement& field : fields) element += field.size();
  return element * ItemsOfShape(shape);
}

arrow::Result<NpyElement> NpyElementOf(const arrow::Field& field) {
  NpyElement element;
  element.name = field.name();
  element.type = field.type();
  int64_t items = 1;
  while (element.type->id() == Type::FIXED_SIZE_LIST) {
    const auto& list = static_cast<const arrow::FixedSizeListType&>(*element.type);
    if (list.list_size() == 0) return NotInNpy(field, "its values have at least one element");
    element.shape.push_back(list.list_size());
    if (__builtin_mul_overflow(items, int64_t{list.list_size()}, &items) || items > INT32_MAX) {
      return NotInNpy(field, "its values have too many elements");
    }
    element.type = list.value_type();
  }
  if (element.type->id() != Type::STRUCT) {
    ARROW_RETURN_NOT_OK(SetWidth(field, &element));
    return element;
  }
  if (element.type->num_fields() == 0) return NotInNpy(field, "records have at least one field");
  for (const auto& child : element.type->fields()) {
    ARROW_ASSIGN_OR_RAISE(element.fields.emplace_back(), NpyElementOf(*child));
  }
  return element;
}

arrow::Status WidenTexts(const arrow::Array& array, NpyElement* element) {
  if (!element->has_texts()) return arrow::Status::OK();
  if (array.type_id() == Type::FIXED_SIZE_LIST) {
    ARROW_ASSIGN_OR_RAISE(const auto items, ItemsOf(*element, array));
    return WidenTexts(*items, element);
  }
  if (array.type_id() == Type::STRUCT) {
    const auto& record = static_cast<const arrow::StructArray&>(array);
    for (size_t i = 0; i < element->fields.size(); ++i) {
      ARROW_RETURN_NOT_OK(WidenTexts(*record.field(static_cast<int>(i)), &element->fields[i]));
    }
    return arrow::Status::OK();
  }
  const auto& texts = static_cast<const arrow::BinaryArray&>(array);
  for (int64_t i = 0; i < texts.length(); ++i) {
    if (texts.IsNull(i)) continue;
    const std::string_view text = texts.GetView(i);
    const bool wide = array.type_id() == Type::STRING;
    const int64_t width = wide ? 4 * CountCharacters(text) : static_cast<int64_t>(text.size());
    if (width > INT32_MAX) return BadValue(*element, "a value of more than 2 GiB");
    element->width = std::max(element->width, width);
  }
  return arrow::Status::OK();
}

std::string NpyDescr(const NpyElement& element) {
  if (element.fields.empty()) return ScalarDescr(element);
  std::string descr = "[";
  for (const NpyElement& field : element.fields) {
    descr += (descr.size() > 1 ? ", (" : "(") + PythonText(field.name) + ", " + NpyDescr(field);
    if (!field.shape.empty()) {
      descr += ", (";
      for (const int64_t size : field.shape) descr += std::to_string(size) + ",";
      descr += ")";
    }
    descr += ")";
  }
  return descr + "]";
}

arrow::Status WriteElements(const NpyElement& element, const arrow::Array& array, uint8_t* out,
                            int64_t stride) {
  if (element.shape.empty() || array.length() == 0) return WriteFlat(element, array, out, stride);
  // The lists' items in order, however deep.
  const arrow::Array* lists = &array;
  std::shared_ptr<arrow::Array> items;
  for (size_t depth = 0; depth < element.shape.size(); ++depth) {
    ARROW_ASSIGN_OR_RAISE(items, ItemsOf(element, *lists));
    lists = items.get();
  }
  const int64_t in_row = ItemsOfShape(element.shape);
  const int64_t width = element.size() / in_row;
  if (stride == in_row * width) return WriteFlat(element, *items, out, width);
  for (int64_t row = 0; row < array.length(); ++row) {
    ARROW_RETURN_NOT_OK(
        WriteFlat(element, *items->Slice(row * in_row, in_row), out + row * stride, width));
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::formats
