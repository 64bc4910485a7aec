#include "sql/stored_parts.h"

#include <cstring>

namespace pyralog::sql {

ArrayPtr Assembled(const TypePtr& type, int64_t length,
                   std::vector<std::shared_ptr<arrow::Buffer>> buffers,
                   arrow::ArrayDataVector children) {
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, length, std::move(buffers), std::move(children)));
}

arrow::Decimal256 DecimalAt(const arrow::Array& array, int64_t row) {
  const uint8_t* const value = static_cast<const arrow::FixedSizeBinaryArray&>(array).GetValue(row);
  switch (array.type_id()) {
    case arrow::Type::DECIMAL32: {
      int32_t digits = 0;
      std::memcpy(&digits, value, sizeof(digits));
      return arrow::Decimal256(int64_t{digits});
    }
    case arrow::Type::DECIMAL64: {
      int64_t digits = 0;
      std::memcpy(&digits, value, sizeof(digits));
      return arrow::Decimal256(digits);
    }
    case arrow::Type::DECIMAL128:
      return arrow::Decimal256(arrow::Decimal128(value));
    default:
      return arrow::Decimal256(value);
  }
}

void SetDecimal(const arrow::Decimal256& value, int width, uint8_t* out) {
  const auto bytes = value.ToBytes();  // little-endian
  std::memcpy(out, bytes.data(), width);
}

std::string_view BytesAt(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::LARGE_STRING:
      return static_cast<const arrow::LargeBinaryArray&>(array).GetView(row);
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::STRING_VIEW:
      return static_cast<const arrow::BinaryViewArray&>(array).GetView(row);
    case arrow::Type::FIXED_SIZE_BINARY:
      return static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row);
    default:
      return static_cast<const arrow::BinaryArray&>(array).GetView(row);
  }
}

ListRange RangeAt(const arrow::Array& array, int64_t row) {
  const auto of = [row](const auto& list) -> ListRange {
    return {list.value_offset(row), list.value_length(row)};
  };
  switch (array.type_id()) {
    case arrow::Type::LARGE_LIST:
      return of(static_cast<const arrow::LargeListArray&>(array));
    case arrow::Type::LIST_VIEW:
      return of(static_cast<const arrow::ListViewArray&>(array));
    case arrow::Type::LARGE_LIST_VIEW:
      return of(static_cast<const arrow::LargeListViewArray&>(array));
    case arrow::Type::FIXED_SIZE_LIST:
      return of(static_cast<const arrow::FixedSizeListArray&>(array));
    default:
      return of(static_cast<const arrow::ListArray&>(array));
  }
}

ArrayPtr ElementsOf(const arrow::Array& array) {
  return arrow::MakeArray(array.data()->child_data[0]);
}

}  // namespace pyralog::sql
