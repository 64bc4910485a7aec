// Parts of arrays, for the ways between stored types and SQL's. Inside stored_*.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/buffer_builder.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "arrow/util/decimal.h"
#include "lsm/row_selection.h"

namespace pyralog::sql {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using TypePtr = std::shared_ptr<arrow::DataType>;
using lsm::ValidityOf;
using MonthDayNanos = arrow::MonthDayNanoIntervalType::MonthDayNanos;
using DayMillis = arrow::DayTimeIntervalType::DayMilliseconds;

// An array of these parts, from their first rows.
ArrayPtr Assembled(const TypePtr& type, int64_t length,
                   std::vector<std::shared_ptr<arrow::Buffer>> buffers,
                   arrow::ArrayDataVector children = {});

// The same rows as type `to`, each value by `convert(from, &out)`, which returns false for one that
// has no place there: then the result is what `error()` says. Nulls are not looked at.
template <class From, class To, class Convert, class Error>
arrow::Result<ArrayPtr> MapValues(const arrow::Array& array, const TypePtr& to, Convert convert,
                                  Error error) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer(array.length() * static_cast<int64_t>(sizeof(To))));
  auto* const out = reinterpret_cast<To*>(buffer->mutable_data());
  const From* const in = array.data()->template GetValues<From>(1);
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) {
      out[i] = To{};
    } else if (!convert(in[i], out + i)) {
      return error();
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(to, array.length(), {std::move(validity), std::move(buffer)});
}

// A value of any decimal type.
arrow::Decimal256 DecimalAt(const arrow::Array& array, int64_t row);
// Writes a decimal that fits in the type's width.
void SetDecimal(const arrow::Decimal256& value, int width, uint8_t* out);

// Decimals of one scale as those of another type. `error()` for a value that needs more digits.
template <class Error>
arrow::Result<ArrayPtr> DecimalsTo(const arrow::Array& array, int scale, const TypePtr& to,
                                   const arrow::DecimalType& decimal, Error error) {
  const int width = decimal.byte_width();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer(array.length() * width));
  for (int64_t i = 0; i < array.length(); ++i) {
    arrow::Decimal256 value;
    if (array.IsValid(i)) {
      const auto rescaled = DecimalAt(array, i).Rescale(scale, decimal.scale());
      if (!rescaled.ok() || !rescaled->FitsInPrecision(decimal.precision())) return error();
      value = *rescaled;
    }
    SetDecimal(value, width, buffer->mutable_data() + i * width);
  }
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(to, array.length(), {std::move(validity), std::move(buffer)});
}

// A value of any binary or text type.
std::string_view BytesAt(const arrow::Array& array, int64_t row);

// Where a row's elements stand in ElementsOf(array), of any list type or map.
struct ListRange {
  int64_t begin;
  int64_t length;
};
ListRange RangeAt(const arrow::Array& array, int64_t row);
ArrayPtr ElementsOf(const arrow::Array& array);

}  // namespace pyralog::sql
