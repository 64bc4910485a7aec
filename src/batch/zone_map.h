// What a run of rows of one column is known to hold: rows, nulls, smallest and greatest value. Used
// to skip.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "arrow/array.h"
#include "arrow/result.h"
#include "arrow/scalar.h"

namespace pyralog::batch {

// A longer string is cut to this many bytes.
constexpr size_t kZonePrefixBytes = 32;

// Values are raw: for fixed-width types up to 16 bytes the little-endian bytes as Arrow stores them
// (bool: 1 byte, 0 or 1; -0.0 as 0.0; NaN as the positive quiet NaN without payload), for utf8,
// binary and fixed_size_binary of every kind up to 32 bytes of prefix. Order is SQL's: NaN above
// every number, -0.0 equals 0.0, strings by bytes. Extension types are ordered as their storage,
// dictionaries as their values. Types without an order here (nested, union, run-end encoded, null,
// interval, decimal256) have no range.
struct ZoneMap {
  int64_t rows = 0;
  int64_t nulls = 0;
  bool has_range = false;  // min and max are set; false also when all rows are null
  bool min_exact = false;  // `min` is a value of the column, not a cut prefix (a lower bound)
  // The same; a cut maximum is rounded up, and when it cannot be, has_range is false.
  bool max_exact = false;
  std::string min;
  std::string max;

  // Widens this to cover `other` too (same type).
  void Merge(const ZoneMap& other, const arrow::DataType& type);

  bool operator==(const ZoneMap&) const = default;
};

// One pass over the array (any slice). Nested, dictionary: see above; a dictionary counts the
// values that occur, and a null in the dictionary as a null.
arrow::Result<ZoneMap> ComputeZoneMap(const arrow::Array& array);

// <0, 0, >0 as `a` sorts before, with or after `b`; both raw values of `type` as above. Types
// without an order, and a value whose size does not fit the type, compare by bytes.
int CompareRaw(const std::string& a, const std::string& b, const arrow::DataType& type);

// A raw value as a scalar of `type`; for cut prefixes too (a cut fixed_size_binary is filled up
// with zeros). For a dictionary the scalar has the value type. kInvalidArgument when `raw` cannot
// be one of `type`.
arrow::Result<std::shared_ptr<arrow::Scalar>> RawToScalar(
    const std::string& raw, const std::shared_ptr<arrow::DataType>& type);

}  // namespace pyralog::batch
