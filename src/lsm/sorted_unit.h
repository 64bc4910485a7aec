// The rows of a unit in the order of some of its columns: what a secondary index looks values up
// in.
//
// Of each column only the first eight bytes of the value's key (key.h) are kept, so a lookup finds
// every row with the value and perhaps a few more: whoever asks filters again. Rows whose first
// column is null are not in it; a null in a later column counts as the greatest value. It is
// derived from the rows and can be made anew at any time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "arrow/array.h"
#include "arrow/result.h"

namespace pyralog::lsm {

// The first eight bytes of a key as a number: ordered like the keys, equal for equal keys.
uint64_t KeyPrefix(std::string_view key);

// Prefixes of the values wanted of one column, both ends included.
struct PrefixRange {
  uint64_t low = 0;
  uint64_t high = UINT64_MAX;
  bool is_point() const { return low == high; }
};

class SortedUnit {
 public:
  // `columns` in order of weight, of equal lengths, of types that have keys.
  static arrow::Result<std::shared_ptr<const SortedUnit>> Make(
      std::span<const std::shared_ptr<arrow::Array>> columns);

  // A unit that was made before, in memory that `owner` keeps.
  SortedUnit(std::vector<std::span<const uint64_t>> prefixes, std::span<const uint32_t> rows,
             std::shared_ptr<const void> owner)
      : prefixes_(std::move(prefixes)), rows_(rows), owner_(std::move(owner)) {}

  // Rows that may have such values, in no order; the first range is that of the first column. A
  // range that is no point is the last that is looked at.
  std::span<const uint32_t> Find(std::span<const PrefixRange> ranges) const;

  const std::vector<std::span<const uint64_t>>& prefixes() const { return prefixes_; }
  std::span<const uint32_t> rows() const { return rows_; }

 private:
  std::vector<std::span<const uint64_t>> prefixes_;  // a column each, all in the order of the rows
  std::span<const uint32_t> rows_;
  std::shared_ptr<const void> owner_;
};

}  // namespace pyralog::lsm
