#include "batch/zone_map.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow/array/array_binary.h"
#include "arrow/array/array_dict.h"
#include "arrow/extension_type.h"
#include "arrow/util/bit_run_reader.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/checked_cast.h"
#include "arrow/util/decimal.h"
#include "base/endian.h"
#include "batch/zone_map_order.h"

namespace pyralog::batch {
namespace {

using arrow::internal::checked_cast;

// g++ 12 vectorises reductions of unknown length at -O3 only; clang does at -O2.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif
template <class Order>
void WidenRange(const typename Order::Stored* values, int64_t count, typename Order::Key* min,
                typename Order::Key* max) {
  auto low = *min;
  auto high = *max;
  for (int64_t i = 0; i < count; ++i) {
    const auto key = Order::ToKey(values[i]);
    low = key < low ? key : low;
    high = key > high ? key : high;
  }
  *min = low;
  *max = high;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

// Calls visit(position, length) for each run of valid slots; positions count from the slice's
// start.
template <class Visit>
void VisitValidRuns(const arrow::ArrayData& data, Visit visit) {
  const uint8_t* bitmap =
      data.GetNullCount() == 0 || data.buffers[0] == nullptr ? nullptr : data.buffers[0]->data();
  arrow::internal::VisitSetBitRunsVoid(bitmap, data.offset, data.length, visit);
}

template <class T>
std::string RawBytes(const T& value) {
  std::string raw;
  AppendLittle(&raw, value);
  return raw;
}

void SetExact(ZoneMap* zone, std::string min, std::string max) {
  zone->has_range = zone->min_exact = zone->max_exact = true;
  zone->min = std::move(min);
  zone->max = std::move(max);
}

template <class Order>
void FixedWidthRange(const arrow::ArrayData& data, ZoneMap* zone) {
  using Key = typename Order::Key;
  Key min = std::numeric_limits<Key>::max();
  Key max = std::numeric_limits<Key>::lowest();
  const auto* values = data.GetValues<typename Order::Stored>(1);
  VisitValidRuns(data, [&](int64_t position, int64_t length) {
    WidenRange<Order>(values + position, length, &min, &max);
  });
  SetExact(zone, RawBytes(Order::FromKey(min)), RawBytes(Order::FromKey(max)));
}

void BoolRange(const arrow::ArrayData& data, ZoneMap* zone) {
  bool seen[2] = {false, false};
  const uint8_t* bits = data.buffers[1]->data();
  VisitValidRuns(data, [&](int64_t position, int64_t length) {
    for (int64_t i = position; i < position + length && !(seen[0] && seen[1]); ++i) {
      seen[arrow::bit_util::GetBit(bits, data.offset + i)] = true;
    }
  });
  SetExact(zone, std::string(1, seen[0] ? 0 : 1), std::string(1, seen[1] ? 1 : 0));
}

void Decimal128Range(const arrow::ArrayData& data, ZoneMap* zone) {
  constexpr int64_t kWidth = 16;
  const uint8_t* values = data.buffers[1]->data() + data.offset * kWidth;
  bool any = false;
  arrow::Decimal128 min;
  arrow::Decimal128 max;
  VisitValidRuns(data, [&](int64_t position, int64_t length) {
    for (int64_t i = position; i < position + length; ++i) {
      const arrow::Decimal128 value(values + i * kWidth);
      if (!any || value < min) min = value;
      if (!any || value > max) max = value;
      any = true;
    }
  });
  const auto raw = [](const arrow::Decimal128& value) {
    const auto bytes = value.ToBytes();
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  SetExact(zone, raw(min), raw(max));
}

// The first 8 bytes as an integer that compares as they do; shorter strings are filled up with
// zeros.
uint64_t OrderedPrefix(std::string_view value) {
  uint64_t prefix = 0;
  std::memcpy(&prefix, value.data(), std::min(value.size(), sizeof(prefix)));
  return __builtin_bswap64(prefix);
}

bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// `text` (valid UTF-8, cut anywhere) without a character that was cut in two.
void DropCutCharacter(std::string_view whole, std::string* text) {
  size_t end = text->size();
  while (end > 0 && end < whole.size() && IsContinuation(whole[end])) --end;
  text->resize(end);
}

bool IncrementLastByte(std::string* bytes) {
  while (!bytes->empty() && static_cast<uint8_t>(bytes->back()) == 0xFF) bytes->pop_back();
  if (bytes->empty()) return false;
  bytes->back() = static_cast<char>(bytes->back() + 1);
  return true;
}

// The last character becomes the next one, so that a bound on text stays text. A character whose
// successor has no room in its last byte is dropped and the one before it grows: still above every
// string that had the prefix.
bool IncrementLastCharacter(std::string* text) {
  while (!text->empty()) {
    const uint8_t last = static_cast<uint8_t>(text->back());
    if (last < 0x7F || (last >= 0x80 && last < 0xBF)) {
      text->back() = static_cast<char>(last + 1);
      return true;
    }
    while (!text->empty() && IsContinuation(text->back())) text->pop_back();
    if (!text->empty()) text->pop_back();
  }
  return false;
}

void SetBytesRange(std::string_view min, std::string_view max, bool text, ZoneMap* zone) {
  zone->min = std::string(min.substr(0, kZonePrefixBytes));
  zone->max = std::string(max.substr(0, kZonePrefixBytes));
  zone->min_exact = min.size() <= kZonePrefixBytes;
  zone->max_exact = max.size() <= kZonePrefixBytes;
  zone->has_range = true;
  if (text && !zone->min_exact) DropCutCharacter(min, &zone->min);
  if (zone->max_exact) return;
  if (text) DropCutCharacter(max, &zone->max);
  zone->has_range = text ? IncrementLastCharacter(&zone->max) : IncrementLastByte(&zone->max);
}

template <class ArrayType>
void BytesRange(const arrow::Array& array, bool text, ZoneMap* zone) {
  const auto& values = checked_cast<const ArrayType&>(array);
  bool any = false;
  std::string_view min;
  std::string_view max;
  uint64_t min_prefix = 0;
  uint64_t max_prefix = 0;
  VisitValidRuns(*array.data(), [&](int64_t position, int64_t length) {
    for (int64_t i = position; i < position + length; ++i) {
      const std::string_view value = values.GetView(i);
      const uint64_t prefix = OrderedPrefix(value);
      if (!any || (prefix <= min_prefix && value < min)) {
        min = value;
        min_prefix = prefix;
      }
      if (!any || (prefix >= max_prefix && value > max)) {
        max = value;
        max_prefix = prefix;
      }
      any = true;
    }
  });
  SetBytesRange(min, max, text, zone);
}

void AnyBytesRange(const arrow::Array& array, ZoneMap* zone) {
  switch (array.type_id()) {
    case arrow::Type::STRING:
      return BytesRange<arrow::StringArray>(array, true, zone);
    case arrow::Type::LARGE_STRING:
      return BytesRange<arrow::LargeStringArray>(array, true, zone);
    case arrow::Type::STRING_VIEW:
      return BytesRange<arrow::StringViewArray>(array, true, zone);
    case arrow::Type::BINARY:
      return BytesRange<arrow::BinaryArray>(array, false, zone);
    case arrow::Type::LARGE_BINARY:
      return BytesRange<arrow::LargeBinaryArray>(array, false, zone);
    case arrow::Type::BINARY_VIEW:
      return BytesRange<arrow::BinaryViewArray>(array, false, zone);
    default:
      return BytesRange<arrow::FixedSizeBinaryArray>(array, false, zone);
  }
}

void FillRange(const arrow::Array& array, ZoneMap* zone) {
  const RawKind kind = RawKindOf(*array.type());
  const arrow::ArrayData& data = *array.data();
  if (VisitOrder(kind, [&]<class Order>(Order) { FixedWidthRange<Order>(data, zone); })) return;
  if (kind == RawKind::kBool) BoolRange(data, zone);
  if (kind == RawKind::kDecimal128) Decimal128Range(data, zone);
  if (kind == RawKind::kBytes) AnyBytesRange(array, zone);
}

// The dictionary with every value that does not occur in `array` made null.
std::shared_ptr<arrow::Array> OccurringValues(const arrow::DictionaryArray& array) {
  const arrow::Array& values = *array.dictionary();
  const int64_t bits = values.offset() + values.length();
  std::string bitmap(static_cast<size_t>(arrow::bit_util::BytesForBits(bits)), '\0');
  auto* bytes = reinterpret_cast<uint8_t*>(bitmap.data());
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) continue;
    const int64_t value = array.GetValueIndex(i);
    if (values.IsValid(value)) arrow::bit_util::SetBit(bytes, values.offset() + value);
  }
  auto data = values.data()->Copy();
  data->buffers[0] = arrow::Buffer::FromString(std::move(bitmap));
  data->null_count = arrow::kUnknownNullCount;
  return arrow::MakeArray(data);
}

}  // namespace

arrow::Result<ZoneMap> ComputeZoneMap(const arrow::Array& array) {
  if (array.type_id() == arrow::Type::EXTENSION) {
    return ComputeZoneMap(*checked_cast<const arrow::ExtensionArray&>(array).storage());
  }
  ZoneMap zone;
  zone.rows = array.length();
  zone.nulls = array.ComputeLogicalNullCount();
  if (zone.nulls == zone.rows) return zone;
  if (array.type_id() == arrow::Type::DICTIONARY) {
    const auto values = OccurringValues(checked_cast<const arrow::DictionaryArray&>(array));
    if (RawKindOf(*values->type()) != RawKind::kNone && values->null_count() < values->length()) {
      FillRange(*values, &zone);
    }
    return zone;
  }
  FillRange(array, &zone);
  return zone;
}

}  // namespace pyralog::batch
