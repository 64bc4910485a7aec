#include "formats/npy/npy_values.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "arrow/builder.h"
#include "base/endian.h"
#include "formats/npy/code_point.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;

template <class T>
T LoadItem(const uint8_t* address, bool big_endian) {
  T value = LoadLittle<T>(address);
  if (!big_endian) return value;
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
}

TypePtr NumberType(const NpyType& type) {
  const auto size_class = static_cast<size_t>(std::countr_zero(static_cast<uint64_t>(type.size)));
  const std::vector<TypePtr> types[] = {
      {arrow::int8(), arrow::int16(), arrow::int32(), arrow::int64()},
      {arrow::uint8(), arrow::uint16(), arrow::uint32(), arrow::uint64()},
      {nullptr, arrow::float16(), arrow::float32(), arrow::float64()}};
  return types[type.kind == 'i' ? 0 : type.kind == 'u' ? 1 : 2][size_class];
}

// What a unit of M and m becomes.
struct UnitPlan {
  arrow::TimeUnit::type unit = arrow::TimeUnit::SECOND;
  int64_t factor = 1;  // of the Arrow unit, or of days
};

bool IsDate(const NpyType& type) {
  return type.unit == "Y" || type.unit == "M" || type.unit == "W" || type.unit == "D";
}

UnitPlan PlanOf(const NpyType& type) {
  UnitPlan plan;
  if (type.unit == "ms") plan.unit = arrow::TimeUnit::MILLI;
  if (type.unit == "us") plan.unit = arrow::TimeUnit::MICRO;
  if (type.unit == "ns") plan.unit = arrow::TimeUnit::NANO;
  if (type.unit == "m") plan.factor = 60;
  if (type.unit == "h") plan.factor = 3600;
  if (type.unit == "D") plan.factor = type.kind == 'M' ? 1 : 86'400;
  if (type.unit == "W") plan.factor = type.kind == 'M' ? 7 : 604'800;
  return plan;
}

// Days since 1970 of the first day of a month, counted from January 1970. False outside of the
// years that date32 is sensible for.
bool DaysOfMonth(int64_t month, int64_t* days) {
  if (month < -360'000 || month > 360'000) return false;
  const int64_t year = month >= 0 ? month / 12 : -((11 - month) / 12);
  const std::chrono::year_month_day first{
      std::chrono::year(static_cast<int>(1970 + year)),
      std::chrono::month(static_cast<unsigned>(month - year * 12) + 1), std::chrono::day(1)};
  *days = std::chrono::sys_days(first).time_since_epoch().count();
  return true;
}

bool DaysOf(const NpyType& type, int64_t value, int64_t* days) {
  if (type.unit == "M") return DaysOfMonth(value, days);
  if (type.unit == "Y") {
    return !__builtin_mul_overflow(value, int64_t{12}, &value) && DaysOfMonth(value, days);
  }
  return !__builtin_mul_overflow(value, PlanOf(type).factor, days) && *days >= INT32_MIN &&
         *days <= INT32_MAX;
}

arrow::Status OutOfRange(const NpyType& type) {
  return MakeError(ErrorCode::kDamaged,
                   "a date or time in units of " + type.unit + " is out of range");
}

arrow::Status DecodeCharacters(const NpyType& type, const uint8_t* item, std::string* text) {
  int64_t length = type.size / 4;
  while (length > 0 && LoadLittle<uint32_t>(item + (length - 1) * 4) == 0) --length;
  text->clear();
  for (int64_t i = 0; i < length; ++i) {
    const auto code = LoadItem<uint32_t>(item + i * 4, type.big_endian);
    if (!IsCharacter(code)) {
      return MakeError(ErrorCode::kDamaged, "a text has a code that is no character");
    }
    AppendCharacter(code, text);
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Result<TypePtr> NpyScalarType(const NpyType& type) {
  switch (type.kind) {
    case 'b':
      return arrow::boolean();
    case 'S':
      return arrow::binary();
    case 'U':
      return arrow::utf8();
    case 'V':
      return arrow::fixed_size_binary(static_cast<int32_t>(type.size));
    case 'M':
      if (IsDate(type)) return arrow::date32();
      return arrow::timestamp(PlanOf(type).unit);
    case 'm':
      if (type.unit == "Y" || type.unit == "M") {
        return MakeError(ErrorCode::kNotSupported,
                         "time spans in units of " + type.unit + " are not read");
      }
      return arrow::duration(PlanOf(type).unit);
    default:
      return NumberType(type);
  }
}

arrow::Result<std::shared_ptr<arrow::Buffer>> SwapNpyBytes(const arrow::Buffer& items, int64_t size,
                                                           arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto swapped, arrow::AllocateBuffer(items.size(), pool));
  const uint8_t* from = items.data();
  uint8_t* to = swapped->mutable_data();
  for (int64_t at = 0; at < items.size(); at += size) {
    std::reverse_copy(from + at, from + at + size, to + at);
  }
  return std::shared_ptr<arrow::Buffer>(std::move(swapped));
}

arrow::Result<std::shared_ptr<arrow::Array>> NpyBooleans(const arrow::Buffer& items, int64_t count,
                                                         arrow::MemoryPool* pool) {
  arrow::BooleanBuilder values(pool);
  ARROW_RETURN_NOT_OK(values.Reserve(count));
  for (int64_t i = 0; i < count; ++i) values.UnsafeAppend(items[i] != 0);
  return values.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> NpyTexts(const NpyType& type,
                                                      const arrow::Buffer& items, int64_t count,
                                                      arrow::MemoryPool* pool) {
  arrow::BinaryBuilder bytes(pool);
  arrow::StringBuilder texts(pool);
  ARROW_RETURN_NOT_OK(type.kind == 'S' ? bytes.Reserve(count) : texts.Reserve(count));
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* item = items.data() + i * type.size;
    if (type.kind == 'S') {
      int64_t length = type.size;
      while (length > 0 && item[length - 1] == 0) --length;
      ARROW_RETURN_NOT_OK(bytes.Append(item, static_cast<int32_t>(length)));
    } else {
      ARROW_RETURN_NOT_OK(DecodeCharacters(type, item, &text));
      ARROW_RETURN_NOT_OK(texts.Append(text));
    }
  }
  return type.kind == 'S' ? bytes.Finish() : texts.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> NpyTimes(const NpyType& type,
                                                      const arrow::Buffer& items, int64_t count,
                                                      arrow::MemoryPool* pool) {
  const bool date = type.kind == 'M' && IsDate(type);
  const int64_t factor = PlanOf(type).factor;
  arrow::Int32Builder days(pool);
  arrow::Int64Builder times(pool);
  ARROW_RETURN_NOT_OK(date ? days.Reserve(count) : times.Reserve(count));
  for (int64_t i = 0; i < count; ++i) {
    auto value = static_cast<int64_t>(LoadItem<uint64_t>(items.data() + i * 8, type.big_endian));
    if (value == INT64_MIN) {  // NaT
      date ? days.UnsafeAppendNull() : times.UnsafeAppendNull();
      continue;
    }
    bool fits = !__builtin_mul_overflow(value, type.count, &value);
    if (date) {
      int64_t day = 0;
      fits = fits && DaysOf(type, value, &day);
      days.UnsafeAppend(static_cast<int32_t>(day));
    } else {
      fits = fits && !__builtin_mul_overflow(value, factor, &value);
      times.UnsafeAppend(value);
    }
    if (!fits) return OutOfRange(type);
  }
  std::shared_ptr<arrow::Array> array;
  ARROW_RETURN_NOT_OK(date ? days.Finish(&array) : times.Finish(&array));
  ARROW_ASSIGN_OR_RAISE(const TypePtr as, NpyScalarType(type));
  return array->View(as);
}

}  // namespace pyralog::formats
