#include "formats/parquet/variant_value.h"

#include <algorithm>
#include <type_traits>

#include "arrow/util/base64.h"
#include "arrow/util/decimal.h"
#include "arrow/util/utf8.h"
#include "base/endian.h"
#include "formats/number_text.h"
#include "formats/temporal_text.h"
#include "formats/value_text.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

constexpr int kMaxVariantDepth = 200;

enum BasicType { kPrimitive = 0, kShortString = 1, kObject = 2, kArray = 3 };

arrow::Status DamagedVariant(const std::string& what) {
  return MakeError(ErrorCode::kDamaged, "a variant is damaged: " + what);
}

// Takes pieces off the front of a value, never more than there is.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}

  arrow::Result<std::string_view> Take(uint64_t size) {
    if (size > left_.size()) return DamagedVariant("it ends too early");
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  template <class T>
  arrow::Result<T> Number() {
    ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, Take(sizeof(T)));
    return LoadLittle<T>(bytes.data());
  }
  // An unsigned number of 1 to 4 bytes.
  arrow::Result<uint32_t> Unsigned(int width) {
    ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, Take(static_cast<uint64_t>(width)));
    return LoadUnsigned(bytes, 0, width);
  }
  std::string_view left() const { return left_; }

  // The number at position `index` of a table of numbers of `width` bytes.
  static uint32_t LoadUnsigned(std::string_view table, uint64_t index, int width) {
    uint32_t value = 0;
    for (int i = width - 1; i >= 0; --i) {
      const auto at =
          static_cast<size_t>(index * static_cast<uint64_t>(width)) + static_cast<size_t>(i);
      value = value << 8 | static_cast<unsigned char>(table[at]);
    }
    return value;
  }

 private:
  std::string_view left_;
};

// Objects and arrays: ids of names (objects only), offsets of values, and the values' bytes.
struct Container {
  uint32_t count = 0;
  int id_width = 0;
  int offset_width = 0;
  std::string_view ids;
  std::string_view offsets;
  std::string_view values;

  // The bytes from the value's start; a value says itself where it ends.
  arrow::Result<std::string_view> Value(uint32_t index) const {
    const uint32_t begin = ByteReader::LoadUnsigned(offsets, index, offset_width);
    if (begin >= values.size()) return DamagedVariant("a value lies outside its container");
    return values.substr(begin);
  }
};

arrow::Result<Container> ReadContainer(std::string_view value) {
  ByteReader reader(value);
  ARROW_ASSIGN_OR_RAISE(const auto head, reader.Number<uint8_t>());
  const int header = head >> 2;
  const bool object = (head & 3) == kObject;
  Container container;
  container.offset_width = (header & 3) + 1;
  container.id_width = object ? ((header >> 2) & 3) + 1 : 0;
  const bool large = ((header >> (object ? 4 : 2)) & 1) != 0;
  ARROW_ASSIGN_OR_RAISE(container.count, reader.Unsigned(large ? 4 : 1));
  const uint64_t count = container.count;
  ARROW_ASSIGN_OR_RAISE(container.ids,
                        reader.Take(count * static_cast<uint64_t>(container.id_width)));
  ARROW_ASSIGN_OR_RAISE(container.offsets,
                        reader.Take((count + 1) * static_cast<uint64_t>(container.offset_width)));
  const uint32_t size = ByteReader::LoadUnsigned(container.offsets, count, container.offset_width);
  ARROW_ASSIGN_OR_RAISE(container.values, reader.Take(size));
  return container;
}

arrow::Status AppendText(std::string_view text, std::string* out) {
  if (!arrow::util::ValidateUTF8(text)) return DamagedVariant("a text is not UTF-8");
  AppendJsonString(text, out);
  return arrow::Status::OK();
}

template <class T>
arrow::Status AppendDecimal(ByteReader* reader, std::string* out) {
  constexpr int kMaxScale = 38;
  ARROW_ASSIGN_OR_RAISE(const auto scale, reader->Number<uint8_t>());
  if (scale > kMaxScale) return DamagedVariant("a decimal's scale is above 38");
  arrow::Decimal128 number;
  if constexpr (std::is_same_v<T, arrow::Decimal128>) {
    ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, reader->Take(16));
    number = arrow::Decimal128(reinterpret_cast<const uint8_t*>(bytes.data()));
  } else {
    ARROW_ASSIGN_OR_RAISE(const T value, reader->Number<T>());
    number = arrow::Decimal128(static_cast<int64_t>(value));
  }
  *out += '"' + number.ToString(scale) + '"';
  return arrow::Status::OK();
}

template <class T>
arrow::Status AppendInteger(ByteReader* reader, std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const T value, reader->Number<T>());
  *out += std::to_string(value);
  return arrow::Status::OK();
}

arrow::Status AppendInstant(ByteReader* reader, arrow::TimeUnit::type unit, bool zoned,
                            std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const auto value, reader->Number<int64_t>());
  *out += '"';
  AppendTimestamp(value, unit, 'T', out);
  *out += zoned ? "Z\"" : "\"";
  return arrow::Status::OK();
}

arrow::Status AppendUuid(ByteReader* reader, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, reader->Take(16));
  *out += '"';
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out += '-';
    *out += kHex[static_cast<unsigned char>(bytes[i]) >> 4];
    *out += kHex[static_cast<unsigned char>(bytes[i]) & 15];
  }
  *out += '"';
  return arrow::Status::OK();
}

arrow::Status AppendSized(ByteReader* reader, bool text, std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const auto size, reader->Number<uint32_t>());
  ARROW_ASSIGN_OR_RAISE(const std::string_view bytes, reader->Take(size));
  if (text) return AppendText(bytes, out);
  *out += '"' + arrow::util::base64_encode(bytes) + '"';
  return arrow::Status::OK();
}

// `type` as in the encoding's table of primitive types.
arrow::Status AppendPrimitive(int type, ByteReader* reader, std::string* out) {
  switch (type) {
    case 0:
      *out += "null";
      return arrow::Status::OK();
    case 1:
    case 2:
      *out += type == 1 ? "true" : "false";
      return arrow::Status::OK();
    case 3:
      return AppendInteger<int8_t>(reader, out);
    case 4:
      return AppendInteger<int16_t>(reader, out);
    case 5:
      return AppendInteger<int32_t>(reader, out);
    case 6:
      return AppendInteger<int64_t>(reader, out);
    case 7: {
      ARROW_ASSIGN_OR_RAISE(const auto value, reader->Number<double>());
      AppendFloat(value, true, out);
      return arrow::Status::OK();
    }
    case 8:
      return AppendDecimal<int32_t>(reader, out);
    case 9:
      return AppendDecimal<int64_t>(reader, out);
    case 10:
      return AppendDecimal<arrow::Decimal128>(reader, out);
    case 11: {
      ARROW_ASSIGN_OR_RAISE(const auto days, reader->Number<int32_t>());
      *out += '"';
      AppendDate(days, out);
      *out += '"';
      return arrow::Status::OK();
    }
    case 12:
    case 13:
      return AppendInstant(reader, arrow::TimeUnit::MICRO, type == 12, out);
    case 14: {
      ARROW_ASSIGN_OR_RAISE(const auto value, reader->Number<float>());
      AppendFloat(value, true, out);
      return arrow::Status::OK();
    }
    case 15:
    case 16:
      return AppendSized(reader, type == 16, out);
    case 17: {
      ARROW_ASSIGN_OR_RAISE(const auto micros, reader->Number<int64_t>());
      *out += '"';
      AppendTime(micros, arrow::TimeUnit::MICRO, out);
      *out += '"';
      return arrow::Status::OK();
    }
    case 18:
    case 19:
      return AppendInstant(reader, arrow::TimeUnit::NANO, type == 18, out);
    case 20:
      return AppendUuid(reader, out);
    default:
      return MakeError(ErrorCode::kNotSupported,
                       "a variant has the unknown type " + std::to_string(type));
  }
}

arrow::Status AppendAt(const VariantNames& names, std::string_view value, int depth,
                       std::string* out) {
  if (value.empty()) return DamagedVariant("it is empty");
  if (depth > kMaxVariantDepth) return DamagedVariant("it is nested too deeply");
  const auto head = static_cast<unsigned char>(value.front());
  ByteReader reader(value.substr(1));
  switch (head & 3) {
    case kPrimitive:
      return AppendPrimitive(head >> 2, &reader, out);
    case kShortString: {
      ARROW_ASSIGN_OR_RAISE(const std::string_view text, reader.Take(head >> 2));
      return AppendText(text, out);
    }
    case kObject: {
      *out += '{';
      bool first = true;
      ARROW_RETURN_NOT_OK(VisitVariantObject(
          names, value, [&](std::string_view name, std::string_view field) -> arrow::Status {
            if (!first) *out += ',';
            first = false;
            ARROW_RETURN_NOT_OK(AppendText(name, out));
            *out += ':';
            return AppendAt(names, field, depth + 1, out);
          }));
      *out += '}';
      return arrow::Status::OK();
    }
    default: {
      ARROW_ASSIGN_OR_RAISE(const Container array, ReadContainer(value));
      *out += '[';
      for (uint32_t i = 0; i < array.count; ++i) {
        if (i > 0) *out += ',';
        ARROW_ASSIGN_OR_RAISE(const std::string_view item, array.Value(i));
        ARROW_RETURN_NOT_OK(AppendAt(names, item, depth + 1, out));
      }
      *out += ']';
      return arrow::Status::OK();
    }
  }
}

}  // namespace

arrow::Result<VariantNames> VariantNames::Parse(std::string_view metadata) {
  ByteReader reader(metadata);
  ARROW_ASSIGN_OR_RAISE(const auto header, reader.Number<uint8_t>());
  if ((header & 15) != 1) {
    return MakeError(ErrorCode::kFormatVersion,
                     "a variant has version " + std::to_string(header & 15) + ", known is 1");
  }
  VariantNames names;
  names.width_ = (header >> 6) + 1;
  ARROW_ASSIGN_OR_RAISE(names.size_, reader.Unsigned(names.width_));
  ARROW_ASSIGN_OR_RAISE(names.offsets_, reader.Take((uint64_t{names.size_} + 1) *
                                                    static_cast<uint64_t>(names.width_)));
  names.bytes_ = reader.left();
  return names;
}

arrow::Result<std::string_view> VariantNames::Name(uint32_t id) const {
  if (id >= size_) return DamagedVariant("it names a key that its dictionary has not");
  const uint32_t begin = ByteReader::LoadUnsigned(offsets_, id, width_);
  const uint32_t end = ByteReader::LoadUnsigned(offsets_, uint64_t{id} + 1, width_);
  if (begin > end || end > bytes_.size()) return DamagedVariant("its dictionary is out of order");
  return bytes_.substr(begin, end - begin);
}

arrow::Status AppendVariant(const VariantNames& names, std::string_view value, std::string* out) {
  return AppendAt(names, value, 0, out);
}

bool IsVariantObject(std::string_view value) {
  return !value.empty() && (value.front() & 3) == kObject;
}

arrow::Status VisitVariantObject(const VariantNames& names, std::string_view value,
                                 const VariantField& field) {
  if (!IsVariantObject(value)) return DamagedVariant("an object is expected");
  ARROW_ASSIGN_OR_RAISE(const Container object, ReadContainer(value));
  for (uint32_t i = 0; i < object.count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const std::string_view name,
                          names.Name(ByteReader::LoadUnsigned(object.ids, i, object.id_width)));
    ARROW_ASSIGN_OR_RAISE(const std::string_view item, object.Value(i));
    ARROW_RETURN_NOT_OK(field(name, item));
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::formats
