#include "batch/zone_map_order.h"

#include <cstring>
#include <string>

#include "arrow/extension_type.h"
#include "arrow/util/checked_cast.h"
#include "arrow/util/decimal.h"
#include "base/endian.h"
#include "batch/zone_map.h"
#include "pyralog/error.h"

namespace pyralog::batch {

using arrow::internal::checked_cast;

RawKind RawKindOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return RawKind::kBool;
    case arrow::Type::INT8:
      return RawKind::kInt8;
    case arrow::Type::INT16:
      return RawKind::kInt16;
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
    case arrow::Type::DECIMAL32:
      return RawKind::kInt32;
    case arrow::Type::INT64:
    case arrow::Type::DATE64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::DURATION:
    case arrow::Type::DECIMAL64:
      return RawKind::kInt64;
    case arrow::Type::UINT8:
      return RawKind::kUInt8;
    case arrow::Type::UINT16:
      return RawKind::kUInt16;
    case arrow::Type::UINT32:
      return RawKind::kUInt32;
    case arrow::Type::UINT64:
      return RawKind::kUInt64;
    case arrow::Type::HALF_FLOAT:
      return RawKind::kHalf;
    case arrow::Type::FLOAT:
      return RawKind::kFloat;
    case arrow::Type::DOUBLE:
      return RawKind::kDouble;
    case arrow::Type::DECIMAL128:
      return RawKind::kDecimal128;
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
      return RawKind::kBytes;
    case arrow::Type::DICTIONARY:
      return RawKindOf(*checked_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::EXTENSION:
      return RawKindOf(*checked_cast<const arrow::ExtensionType&>(type).storage_type());
    default:
      return RawKind::kNone;
  }
}

namespace {

template <class T>
int ThreeWay(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

arrow::Status NotARawValue(const std::string& raw, const arrow::DataType& type) {
  return MakeError(ErrorCode::kInvalidArgument, "zone map: " + std::to_string(raw.size()) +
                                                    " bytes cannot be a value of type " +
                                                    type.ToString());
}

}  // namespace

int CompareRaw(const std::string& a, const std::string& b, const arrow::DataType& type) {
  const RawKind kind = RawKindOf(type);
  int result = 0;
  bool compared = false;
  VisitOrder(kind, [&]<class Order>(Order) {
    using Stored = typename Order::Stored;
    if (a.size() != sizeof(Stored) || b.size() != sizeof(Stored)) return;
    result = ThreeWay(Order::ToKey(LoadLittle<Stored>(a.data())),
                      Order::ToKey(LoadLittle<Stored>(b.data())));
    compared = true;
  });
  if (compared) return result;
  if (kind == RawKind::kDecimal128 && a.size() == 16 && b.size() == 16) {
    return ThreeWay(arrow::Decimal128(reinterpret_cast<const uint8_t*>(a.data())),
                    arrow::Decimal128(reinterpret_cast<const uint8_t*>(b.data())));
  }
  return ThreeWay(a, b);
}

void ZoneMap::Merge(const ZoneMap& other, const arrow::DataType& type) {
  const bool this_has_values = nulls < rows;
  const bool other_has_values = other.nulls < other.rows;
  rows += other.rows;
  nulls += other.nulls;
  if (!other_has_values) return;
  if (!this_has_values) {
    has_range = other.has_range;
    min_exact = other.min_exact;
    max_exact = other.max_exact;
    min = other.min;
    max = other.max;
    return;
  }
  has_range = has_range && other.has_range;
  if (!has_range) return;
  // Of two equal bounds an exact one wins: it is a value that occurs.
  const int below = CompareRaw(other.min, min, type);
  if (below < 0 || (below == 0 && other.min_exact)) {
    min = other.min;
    min_exact = other.min_exact;
  }
  const int above = CompareRaw(other.max, max, type);
  if (above > 0 || (above == 0 && other.max_exact)) {
    max = other.max;
    max_exact = other.max_exact;
  }
}

arrow::Result<std::shared_ptr<arrow::Scalar>> RawToScalar(
    const std::string& raw, const std::shared_ptr<arrow::DataType>& type) {
  if (type->id() == arrow::Type::DICTIONARY) {
    return RawToScalar(raw, checked_cast<const arrow::DictionaryType&>(*type).value_type());
  }
  if (type->id() == arrow::Type::EXTENSION) {
    ARROW_ASSIGN_OR_RAISE(
        auto storage,
        RawToScalar(raw, checked_cast<const arrow::ExtensionType&>(*type).storage_type()));
    return std::make_shared<arrow::ExtensionScalar>(std::move(storage), type);
  }
  const RawKind kind = RawKindOf(*type);
  if (kind == RawKind::kNone) return NotARawValue(raw, *type);
  if (kind == RawKind::kBytes && type->id() != arrow::Type::FIXED_SIZE_BINARY) {
    return arrow::MakeScalar(type, arrow::Buffer::FromString(raw));
  }
  const auto width = static_cast<size_t>(kind == RawKind::kBool ? 1 : type->byte_width());
  const bool cut = type->id() == arrow::Type::FIXED_SIZE_BINARY && width > kZonePrefixBytes;
  if (raw.size() > width || (raw.size() < width && !cut)) return NotARawValue(raw, *type);
  std::string value = raw;
  value.resize(width, '\0');
  auto data =
      arrow::ArrayData::Make(type, 1, {nullptr, arrow::Buffer::FromString(std::move(value))}, 0);
  return arrow::MakeArray(data)->GetScalar(0);
}

}  // namespace pyralog::batch
