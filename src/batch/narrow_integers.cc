#include "batch/narrow_integers.h"

#include <concepts>
#include <limits>
#include <utility>

#include "arrow/util/bitmap_ops.h"
#include "base/endian.h"
#include "pyralog/error.h"

namespace pyralog::batch {
namespace {

using arrow::Type;

int WidthOf(Type::type type) {
  switch (type) {
    case Type::INT8:
    case Type::UINT8:
      return 1;
    case Type::INT16:
    case Type::UINT16:
      return 2;
    case Type::INT32:
    case Type::UINT32:
      return 4;
    default:
      return 8;
  }
}

// Constant lengths become vector instructions.
constexpr int64_t kBlock = 64;

template <typename From, typename To>
void WidenTo(const void* from, int64_t count, void* to) {
  const auto* values = static_cast<const From*>(from);
  auto* out = static_cast<To*>(to);
  int64_t i = 0;
  for (; i + kBlock <= count; i += kBlock, values += kBlock, out += kBlock) {
    for (int64_t k = 0; k < kBlock; ++k) out[k] = To{values[k]};
  }
  for (; i < count; ++i) *out++ = To{*values++};
}

// The three have the sign of `From`.
template <typename From, typename Two, typename Four, typename Eight>
void WidenFrom(const void* values, int64_t count, int width, void* out) {
  if (width == 8) return WidenTo<From, Eight>(values, count, out);
  if constexpr (sizeof(From) < 4) {
    if (width == 4) return WidenTo<From, Four>(values, count, out);
  }
  if constexpr (sizeof(From) < 2) {
    if (width == 2) return WidenTo<From, Two>(values, count, out);
  }
}

// The values in the smaller type; what stands under a null becomes 0. False when one does not fit.
template <typename From, typename To>
bool NarrowTo(const arrow::ArrayData& data, uint8_t* to) {
  const auto* const values = data.GetValues<From>(1);
  auto* const out = reinterpret_cast<To*>(to);
  const bool nulls = data.MayHaveNulls();
  bool fits = true;
  for (int64_t i = 0; i < data.length; ++i) {
    const From value = nulls && data.IsNull(i) ? From{0} : values[i];
    out[i] = static_cast<To>(value);
    fits &= static_cast<From>(out[i]) == value;
  }
  return fits;
}

template <typename From, typename One, typename Two, typename Four>
bool NarrowFrom(const arrow::ArrayData& data, int width, uint8_t* out) {
  if (width == 1) return NarrowTo<From, One>(data, out);
  if constexpr (sizeof(From) > 2) {
    if (width == 2) return NarrowTo<From, Two>(data, out);
  }
  if constexpr (sizeof(From) > 4) {
    if (width == 4) return NarrowTo<From, Four>(data, out);
  }
  return false;
}

bool NarrowAny(const arrow::ArrayData& data, int width, uint8_t* out) {
  switch (data.type->id()) {
    case Type::INT16:
      return NarrowFrom<int16_t, int8_t, int16_t, int32_t>(data, width, out);
    case Type::INT32:
      return NarrowFrom<int32_t, int8_t, int16_t, int32_t>(data, width, out);
    case Type::INT64:
      return NarrowFrom<int64_t, int8_t, int16_t, int32_t>(data, width, out);
    case Type::UINT16:
      return NarrowFrom<uint16_t, uint8_t, uint16_t, uint32_t>(data, width, out);
    case Type::UINT32:
      return NarrowFrom<uint32_t, uint8_t, uint16_t, uint32_t>(data, width, out);
    case Type::UINT64:
      return NarrowFrom<uint64_t, uint8_t, uint16_t, uint32_t>(data, width, out);
    default:
      return false;
  }
}

// Both bounds of a zone map within a type's.
template <typename Integer>
bool Within(const ZoneMap& bounds, std::integral auto least, std::integral auto greatest) {
  const auto low = LoadLittle<Integer>(bounds.min.data());
  const auto high = LoadLittle<Integer>(bounds.max.data());
  return std::cmp_greater_equal(low, least) && std::cmp_less_equal(high, greatest);
}

template <typename Narrow>
bool Holds(Type::type type, const ZoneMap& bounds) {
  if (!bounds.has_range) return true;
  constexpr Narrow kLeast = std::numeric_limits<Narrow>::min();
  constexpr Narrow kGreatest = std::numeric_limits<Narrow>::max();
  switch (type) {
    case Type::INT16:
      return Within<int16_t>(bounds, kLeast, kGreatest);
    case Type::INT32:
      return Within<int32_t>(bounds, kLeast, kGreatest);
    case Type::INT64:
      return Within<int64_t>(bounds, kLeast, kGreatest);
    case Type::UINT16:
      return Within<uint16_t>(bounds, kLeast, kGreatest);
    case Type::UINT32:
      return Within<uint32_t>(bounds, kLeast, kGreatest);
    case Type::UINT64:
      return Within<uint64_t>(bounds, kLeast, kGreatest);
    default:
      return false;
  }
}

// The array's nulls, from bit 0 on.
arrow::Result<std::shared_ptr<arrow::Buffer>> ValidityOf(const arrow::ArrayData& data) {
  if (data.GetNullCount() == 0) return nullptr;
  return arrow::internal::CopyBitmap(arrow::default_memory_pool(), data.buffers[0]->data(),
                                     data.offset, data.length);
}

arrow::Result<std::shared_ptr<arrow::Array>> ArrayOf(const std::shared_ptr<arrow::DataType>& type,
                                                     const arrow::ArrayData& from,
                                                     std::shared_ptr<arrow::Buffer> values) {
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(from));
  return arrow::MakeArray(arrow::ArrayData::Make(
      type, from.length, {std::move(validity), std::move(values)}, from.GetNullCount()));
}

}  // namespace

bool IsNarrowerInteger(const arrow::DataType& narrow, const arrow::DataType& wide) {
  if (!arrow::is_integer(narrow.id()) || !arrow::is_integer(wide.id())) return false;
  return arrow::is_signed_integer(narrow.id()) == arrow::is_signed_integer(wide.id()) &&
         WidthOf(narrow.id()) < WidthOf(wide.id());
}

std::shared_ptr<arrow::DataType> NarrowestInteger(const std::shared_ptr<arrow::DataType>& type,
                                                  const ZoneMap& bounds) {
  if (!arrow::is_integer(type->id())) return type;
  if (!bounds.has_range && bounds.nulls < bounds.rows) return type;
  const bool is_signed = arrow::is_signed_integer(type->id());
  const auto id = type->id();
  std::shared_ptr<arrow::DataType> narrow = type;
  if (is_signed ? Holds<int8_t>(id, bounds) : Holds<uint8_t>(id, bounds)) {
    narrow = is_signed ? arrow::int8() : arrow::uint8();
  } else if (is_signed ? Holds<int16_t>(id, bounds) : Holds<uint16_t>(id, bounds)) {
    narrow = is_signed ? arrow::int16() : arrow::uint16();
  } else if (is_signed ? Holds<int32_t>(id, bounds) : Holds<uint32_t>(id, bounds)) {
    narrow = is_signed ? arrow::int32() : arrow::uint32();
  }
  return IsNarrowerInteger(*narrow, *type) ? narrow : type;
}

arrow::Result<std::shared_ptr<arrow::Array>> NarrowIntegers(
    const arrow::Array& array, const std::shared_ptr<arrow::DataType>& narrow) {
  const int width = WidthOf(narrow->id());
  ARROW_ASSIGN_OR_RAISE(auto values, arrow::AllocateBuffer(array.length() * width));
  if (!IsNarrowerInteger(*narrow, *array.type()) ||
      !NarrowAny(*array.data(), width, values->mutable_data())) {
    return MakeError(ErrorCode::kUnknown, "a value of type " + array.type()->ToString() +
                                              " does not fit " + narrow->ToString() +
                                              " (internal error; please report it)");
  }
  return ArrayOf(narrow, *array.data(), std::move(values));
}

arrow::Result<std::shared_ptr<arrow::Array>> WidenIntegers(
    const arrow::Array& array, const std::shared_ptr<arrow::DataType>& wide) {
  const int width = WidthOf(wide->id());
  const auto& data = *array.data();
  ARROW_ASSIGN_OR_RAISE(auto values, arrow::AllocateBuffer(array.length() * width));
  if (array.length() > 0) {
    WidenValues(data.buffers[1]->data() + data.offset * WidthOf(array.type_id()), array.type_id(),
                array.length(), width, values->mutable_data());
  }
  return ArrayOf(wide, data, std::move(values));
}

void WidenValues(const void* values, arrow::Type::type narrow, int64_t count, int width,
                 void* out) {
  switch (narrow) {
    case Type::INT8:
      return WidenFrom<int8_t, int16_t, int32_t, int64_t>(values, count, width, out);
    case Type::INT16:
      return WidenFrom<int16_t, int16_t, int32_t, int64_t>(values, count, width, out);
    case Type::INT32:
      return WidenFrom<int32_t, int16_t, int32_t, int64_t>(values, count, width, out);
    case Type::UINT8:
      return WidenFrom<uint8_t, uint16_t, uint32_t, uint64_t>(values, count, width, out);
    case Type::UINT16:
      return WidenFrom<uint16_t, uint16_t, uint32_t, uint64_t>(values, count, width, out);
    case Type::UINT32:
      return WidenFrom<uint32_t, uint16_t, uint32_t, uint64_t>(values, count, width, out);
    default:
      return;
  }
}

}  // namespace pyralog::batch
