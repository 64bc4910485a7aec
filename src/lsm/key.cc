#include "lsm/key.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "arrow/array/array_base.h"
#include "arrow/array/data.h"
#include "arrow/extension_type.h"
#include "arrow/type.h"
#include "arrow/type_traits.h"
#include "arrow/util/bit_util.h"
#include "base/endian.h"
#include "base/hash.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

using arrow::ArrayData;
using arrow::DataType;
using arrow::Type;

constexpr char kChildPresent = 0x01;
constexpr char kChildNull = 0x02;
constexpr char kListEnd = 0x01;
constexpr char kListElement = 0x02;
constexpr int64_t kIntervalKeyWidth = 17;
constexpr int64_t kNanosPerDay = int64_t{86400} * 1000 * 1000 * 1000;
constexpr int64_t kDaysPerMonth = 30;

// --- Values of one width ------------------------------------------------------------------------

template <class T>
T SwapBytes(T value) {
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  return value;
}

template <class Unsigned>
constexpr Unsigned kSignBit = static_cast<Unsigned>(Unsigned{1} << (sizeof(Unsigned) * 8 - 1));

template <class Unsigned>
void PutUnsigned(Unsigned value, uint8_t* to) {
  StoreLittle(to, SwapBytes(value));
}

template <class Signed>
void PutSigned(Signed value, uint8_t* to) {
  using Unsigned = std::make_unsigned_t<Signed>;
  PutUnsigned<Unsigned>(static_cast<Unsigned>(value) ^ kSignBit<Unsigned>, to);
}

// The bits of an IEEE 754 number whose infinity has the bits `infinity`.
template <class Unsigned, Unsigned infinity>
void PutFloat(Unsigned bits, uint8_t* to) {
  constexpr Unsigned kSign = kSignBit<Unsigned>;
  constexpr Unsigned kQuietNan = static_cast<Unsigned>(infinity | (infinity >> 1));
  const Unsigned magnitude = static_cast<Unsigned>(bits & ~kSign);
  if (magnitude == 0) bits = 0;
  if (magnitude > infinity) bits = kQuietNan;
  PutUnsigned<Unsigned>(static_cast<Unsigned>((bits & kSign) != 0 ? ~bits : bits ^ kSign), to);
}

void PutInterval(int64_t months, int64_t days, int64_t nanos, uint8_t* to) {
  days += nanos / kNanosPerDay;
  months += days / kDaysPerMonth;
  PutSigned<int64_t>(months, to);
  PutSigned<int8_t>(static_cast<int8_t>(days % kDaysPerMonth), to + 8);
  PutSigned<int64_t>(nanos % kNanosPerDay, to + 9);
}

void PutDecimal(const uint8_t* from, int64_t width, uint8_t* to) {
  std::reverse_copy(from, from + width, to);
  to[0] ^= 0x80;
}

// Where the keys of `count` values go: to[0], to[stride], ...
struct KeySlots {
  uint8_t* to;
  int64_t stride;
  int64_t count;
};

template <class T, class Put>
void PutEach(const uint8_t* values, KeySlots slots, Put put) {
  for (int64_t i = 0; i < slots.count; ++i) {
    put(LoadLittle<T>(values + i * sizeof(T)), slots.to + i * slots.stride);
  }
}

template <class T>
void PutIntegers(const uint8_t* values, KeySlots slots) {
  if constexpr (std::is_signed_v<T>) {
    PutEach<T>(values, slots, PutSigned<T>);
  } else {
    PutEach<T>(values, slots, PutUnsigned<T>);
  }
}

void PutIntervals(const uint8_t* values, Type::type id, KeySlots slots) {
  if (id == Type::INTERVAL_MONTHS) {
    PutEach<int32_t>(values, slots, [](int32_t v, uint8_t* to) { PutInterval(v, 0, 0, to); });
  } else if (id == Type::INTERVAL_DAY_TIME) {
    using Value = arrow::DayTimeIntervalType::c_type;
    PutEach<Value>(values, slots, [](Value v, uint8_t* to) {
      PutInterval(0, v.days, int64_t{v.milliseconds} * 1000 * 1000, to);
    });
  } else {
    using Value = arrow::MonthDayNanoIntervalType::c_type;
    PutEach<Value>(values, slots,
                   [](Value v, uint8_t* to) { PutInterval(v.months, v.days, v.nanoseconds, to); });
  }
}

void PutBytes(const uint8_t* values, const DataType& type, KeySlots slots) {
  const int64_t width = type.byte_width();
  for (int64_t i = 0; i < slots.count; ++i) {
    const uint8_t* from = values + i * width;
    uint8_t* to = slots.to + i * slots.stride;
    if (type.id() != Type::FIXED_SIZE_BINARY) {
      PutDecimal(from, width, to);
    } else if (width > 0) {
      std::memcpy(to, from, width);
    }
  }
}

// The width of every key of this type (storage types only), or -1 when they differ.
int64_t FixedKeyWidth(const DataType& type) {
  switch (type.id()) {
    case Type::BOOL:
      return 1;
    case Type::INTERVAL_MONTHS:
    case Type::INTERVAL_DAY_TIME:
    case Type::INTERVAL_MONTH_DAY_NANO:
      return kIntervalKeyWidth;
    case Type::DICTIONARY:
      return -1;
    default:
      return arrow::is_fixed_width(type.id()) ? type.byte_width() : -1;
  }
}

// Keys of the values at `index` and after it, counted from the start of the buffers. REQUIRES: a
// type with a FixedKeyWidth.
void PutFixed(const ArrayData& data, const DataType& type, int64_t index, KeySlots slots) {
  if (slots.count == 0 || data.buffers[1] == nullptr) return;
  const uint8_t* start = data.buffers[1]->data();
  if (type.id() == Type::BOOL) {
    for (int64_t i = 0; i < slots.count; ++i) {
      slots.to[i * slots.stride] = arrow::bit_util::GetBit(start, index + i) ? 1 : 0;
    }
    return;
  }
  const uint8_t* values = start + index * type.byte_width();
  switch (type.id()) {
    case Type::INT8:
      return PutIntegers<int8_t>(values, slots);
    case Type::INT16:
      return PutIntegers<int16_t>(values, slots);
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32:
      return PutIntegers<int32_t>(values, slots);
    case Type::INT64:
    case Type::DATE64:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION:
      return PutIntegers<int64_t>(values, slots);
    case Type::UINT8:
      return PutIntegers<uint8_t>(values, slots);
    case Type::UINT16:
      return PutIntegers<uint16_t>(values, slots);
    case Type::UINT32:
      return PutIntegers<uint32_t>(values, slots);
    case Type::UINT64:
      return PutIntegers<uint64_t>(values, slots);
    case Type::HALF_FLOAT:
      return PutEach<uint16_t>(values, slots, PutFloat<uint16_t, 0x7C00>);
    case Type::FLOAT:
      return PutEach<uint32_t>(values, slots, PutFloat<uint32_t, 0x7F80'0000>);
    case Type::DOUBLE:
      return PutEach<uint64_t>(values, slots, PutFloat<uint64_t, 0x7FF0'0000'0000'0000>);
    case Type::INTERVAL_MONTHS:
    case Type::INTERVAL_DAY_TIME:
    case Type::INTERVAL_MONTH_DAY_NANO:
      return PutIntervals(values, type.id(), slots);
    default:
      return PutBytes(values, type, slots);
  }
}

// --- Values of any width ------------------------------------------------------------------------

void AppendEscaped(std::string_view value, std::string* out) {
  for (size_t zero; (zero = value.find('\0')) != std::string_view::npos;) {
    out->append(value.substr(0, zero + 1));
    out->push_back('\xFF');
    value.remove_prefix(zero + 1);
  }
  out->append(value);
  out->append(2, '\0');
}

template <class Offset>
std::string_view BinaryAt(const ArrayData& data, int64_t index) {
  const Offset* offsets = data.GetValues<Offset>(1, index);
  if (offsets[1] == offsets[0]) return {};
  return {reinterpret_cast<const char*>(data.buffers[2]->data()) + offsets[0],
          static_cast<size_t>(offsets[1] - offsets[0])};
}

std::string_view ViewAt(const ArrayData& data, int64_t index) {
  const auto& view = data.GetValues<arrow::BinaryViewType::c_type>(1, 0)[index];
  const uint8_t* bytes = view.is_inline()
                             ? view.inline_data()
                             : data.buffers[2 + view.ref.buffer_index]->data() + view.ref.offset;
  return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(view.size())};
}

const DataType& KeyStorageType(const DataType& type) {
  // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): types outlive the call.
  if (type.id() != Type::EXTENSION) return type;
  return KeyStorageType(*static_cast<const arrow::ExtensionType&>(type).storage_type());
}

// A value behind an encoding: its array and its place, counted from the start of that one's
// buffers.
struct KeyValueAt {
  const ArrayData* data;
  const DataType* type;
  int64_t index;
};

int64_t KeyRunOf(const ArrayData& ends, int64_t index) {
  const auto find = [&]<class T>(T) {
    const T* begin = ends.GetValues<T>(1);
    return std::upper_bound(begin, begin + ends.length, index) - begin;
  };
  switch (ends.type->id()) {
    case Type::INT16:
      return find(int16_t{});
    case Type::INT32:
      return find(int32_t{});
    default:
      return find(int64_t{});
  }
}

int64_t KeyIndexAt(const ArrayData& data, const DataType& index_type, int64_t index) {
  switch (index_type.byte_width()) {
    case 1:
      return data.GetValues<uint8_t>(1, 0)[index];
    case 2:
      return data.GetValues<uint16_t>(1, 0)[index];
    case 4:
      return data.GetValues<uint32_t>(1, 0)[index];
    default:
      return data.GetValues<int64_t>(1, 0)[index];
  }
}

bool IsNullSlot(const KeyValueAt& at) {
  const auto& validity = at.data->buffers[0];
  return validity != nullptr && !arrow::bit_util::GetBit(validity->data(), at.index);
}

// Follows dictionaries and runs to the value. False: it is null.
bool ResolveKeyValue(KeyValueAt* at) {
  while (true) {
    at->type = &KeyStorageType(*at->type);
    if (at->type->id() == Type::RUN_END_ENCODED) {
      const ArrayData& values = *at->data->child_data[1];
      const int64_t run = KeyRunOf(*at->data->child_data[0], at->index);
      *at = {&values, at->type->field(1)->type().get(), values.offset + run};
      continue;
    }
    if (IsNullSlot(*at)) return false;
    if (at->type->id() != Type::DICTIONARY) return true;
    const auto& type = static_cast<const arrow::DictionaryType&>(*at->type);
    const ArrayData& dictionary = *at->data->dictionary;
    const int64_t index = KeyIndexAt(*at->data, *type.index_type(), at->index);
    *at = {&dictionary, type.value_type().get(), dictionary.offset + index};
  }
}

void AppendKey(const KeyValueAt& at, std::string* out);

void AppendChild(KeyValueAt child, std::string* out) {
  const bool present = ResolveKeyValue(&child);
  out->push_back(present ? kChildPresent : kChildNull);
  if (present) AppendKey(child, out);
}

void AppendElements(const KeyValueAt& list, int64_t begin, int64_t count, std::string* out) {
  const ArrayData& elements = *list.data->child_data[0];
  for (int64_t i = 0; i < count; ++i) {
    out->push_back(kListElement);
    AppendChild({&elements, list.type->field(0)->type().get(), elements.offset + begin + i}, out);
  }
  out->push_back(kListEnd);
}

template <class Offset>
void AppendList(const KeyValueAt& at, std::string* out) {
  const Offset* offsets = at.data->GetValues<Offset>(1, at.index);
  AppendElements(at, offsets[0], offsets[1] - offsets[0], out);
}

template <class Offset>
void AppendListView(const KeyValueAt& at, std::string* out) {
  AppendElements(at, *at.data->GetValues<Offset>(1, at.index),
                 *at.data->GetValues<Offset>(2, at.index), out);
}

void AppendStruct(const KeyValueAt& at, std::string* out) {
  for (int i = 0; i < at.type->num_fields(); ++i) {
    const ArrayData& child = *at.data->child_data[i];
    AppendChild({&child, at.type->field(i)->type().get(), child.offset + at.index}, out);
  }
}

void AppendFixed(const KeyValueAt& at, std::string* out) {
  const size_t start = out->size();
  out->resize(start + FixedKeyWidth(*at.type));
  PutFixed(*at.data, *at.type, at.index, {reinterpret_cast<uint8_t*>(out->data()) + start, 0, 1});
}

// REQUIRES: ResolveKeyValue said that the value is not null.
void AppendKey(const KeyValueAt& at, std::string* out) {
  switch (at.type->id()) {
    case Type::STRING:
    case Type::BINARY:
      return AppendEscaped(BinaryAt<int32_t>(*at.data, at.index), out);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return AppendEscaped(BinaryAt<int64_t>(*at.data, at.index), out);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      return AppendEscaped(ViewAt(*at.data, at.index), out);
    case Type::LIST:
    case Type::MAP:
      return AppendList<int32_t>(at, out);
    case Type::LARGE_LIST:
      return AppendList<int64_t>(at, out);
    case Type::LIST_VIEW:
      return AppendListView<int32_t>(at, out);
    case Type::LARGE_LIST_VIEW:
      return AppendListView<int64_t>(at, out);
    case Type::FIXED_SIZE_LIST: {
      const int64_t size = static_cast<const arrow::FixedSizeListType&>(*at.type).list_size();
      return AppendElements(at, at.index * size, size, out);
    }
    case Type::STRUCT:
      return AppendStruct(at, out);
    default:
      return AppendFixed(at, out);
  }
}

// --- Columns ------------------------------------------------------------------------------------

arrow::Status CheckNoNull(const arrow::Array& column, size_t position) {
  const ArrayData& data = *column.data();
  const Type::type id = KeyStorageType(*column.type()).id();
  const bool encoded = id == Type::DICTIONARY || id == Type::RUN_END_ENCODED;
  if (!encoded && column.null_count() == 0) return arrow::Status::OK();
  for (int64_t i = 0; i < column.length(); ++i) {
    KeyValueAt at{&data, column.type().get(), data.offset + i};
    if (ResolveKeyValue(&at)) continue;
    return MakeError(ErrorCode::kConstraint, "key column " + std::to_string(position) +
                                                 " is null in row " + std::to_string(i) +
                                                 "; give every key column a value");
  }
  return arrow::Status::OK();
}

arrow::Status CheckKeyColumns(std::span<const std::shared_ptr<arrow::Array>> columns) {
  if (columns.empty()) return MakeError(ErrorCode::kInvalidArgument, "a key needs a column");
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]->length() != columns[0]->length()) {
      return MakeError(ErrorCode::kInvalidArgument, "key columns have different lengths");
    }
    RETURN_NOT_OK(CheckKeyType(*columns[i]->type()));
    RETURN_NOT_OK(CheckNoNull(*columns[i], i));
  }
  return arrow::Status::OK();
}

// Sum of the columns' widths, or -1 when one has none.
int64_t FixedKeyWidth(std::span<const std::shared_ptr<arrow::Array>> columns) {
  int64_t sum = 0;
  for (const auto& column : columns) {
    const int64_t width = FixedKeyWidth(KeyStorageType(*column->type()));
    if (width < 0) return -1;
    sum += width;
  }
  return sum;
}

arrow::Status UnsupportedKeyType(const DataType& type) {
  return MakeError(ErrorCode::kNotSupported, "type " + type.ToString() + " cannot be in a key");
}

}  // namespace

void KeyBatch::Clear() {
  bytes_.clear();
  offsets_.resize(1);
  hashes_.clear();
}

void KeyBatch::AppendEncoded(std::string_view key) {
  bytes_.append(key);
  offsets_.push_back(static_cast<int64_t>(bytes_.size()));
  hashes_.push_back(Hash64(key, kKeyHashSeed));
}

arrow::Status KeyBatch::Append(std::span<const std::shared_ptr<arrow::Array>> columns) {
  RETURN_NOT_OK(CheckKeyColumns(columns));
  const int64_t rows = columns[0]->length();
  const size_t before = hashes_.size();
  const int64_t width = FixedKeyWidth(columns);
  if (width >= 0) {
    const int64_t start = offsets_.back();
    bytes_.resize(start + rows * width);
    uint8_t* to = reinterpret_cast<uint8_t*>(bytes_.data()) + start;
    for (const auto& column : columns) {
      const DataType& type = KeyStorageType(*column->type());
      PutFixed(*column->data(), type, column->offset(), {to, width, rows});
      to += FixedKeyWidth(type);
    }
    for (int64_t i = 1; i <= rows; ++i) offsets_.push_back(start + i * width);
  } else {
    for (int64_t i = 0; i < rows; ++i) {
      for (const auto& column : columns) {
        KeyValueAt at{column->data().get(), column->type().get(), column->offset() + i};
        ResolveKeyValue(&at);
        AppendKey(at, &bytes_);
      }
      offsets_.push_back(static_cast<int64_t>(bytes_.size()));
    }
  }
  hashes_.resize(before + rows);
  for (int64_t i = 0; i < rows; ++i) {
    hashes_[before + i] = Hash64(key(static_cast<int64_t>(before) + i), kKeyHashSeed);
  }
  return arrow::Status::OK();
}

arrow::Status CheckKeyType(const DataType& type) {
  switch (type.id()) {
    case Type::NA:
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION:
      return UnsupportedKeyType(type);
    case Type::EXTENSION:
      return CheckKeyType(KeyStorageType(type));
    case Type::DICTIONARY:
      return CheckKeyType(*static_cast<const arrow::DictionaryType&>(type).value_type());
    default:
      for (const auto& field : type.fields()) RETURN_NOT_OK(CheckKeyType(*field->type()));
      return arrow::Status::OK();
  }
}

std::vector<std::shared_ptr<arrow::Array>> KeyColumns(const arrow::RecordBatch& batch,
                                                      const std::vector<int>& key) {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  columns.reserve(key.size());
  for (int position : key) columns.push_back(batch.column(position));
  return columns;
}

}  // namespace pyralog::lsm
