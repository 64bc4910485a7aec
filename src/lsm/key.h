// Keys as bytes whose order under memcmp is the order of the key columns' values, and whose
// equality is SQL's.
//
// Part of the on-disk format (hashes of these bytes are stored), so it never changes without a new
// version. A composite key is its columns' keys one after the other; key columns are never null. No
// key is the beginning of another key of the same columns. By type:
//
//   bool          1 byte, 0 or 1
//   intN, dates, times, timestamps, durations
//                 big-endian, sign bit flipped
//   uintN         big-endian
//   floatN        -0.0 as 0.0, every NaN as one positive quiet NaN (the greatest, equal to itself);
//                 then of a negative number all bits flipped, of others the sign bit; big-endian
//   decimalN      the unscaled integer in N bits (a column has one scale): big-endian, sign bit
//                 flipped
//   utf8, binary  all widths and views: each 0x00 becomes 0x00 0xFF; then 0x00 0x00 as end
//   fixed_size_binary(n)
//                 the n bytes as they are
//   intervals     as the SQL engine compares them: days of 24 h are carried from the nanoseconds to
//                 the days, months of 30 days from the days to the months (both towards zero); then
//                 i64 months, i8 days (-29..29), i64 nanoseconds, each big-endian with the sign bit
//                 flipped: 17 bytes
//   dictionary, run-end encoded
//                 as the value type
//   struct        each child: 0x01 and its key, or 0x02 when it is null
//   lists, map    each element: 0x02, then as a child of a struct; then 0x01 as end
//   extension     as its storage
//   union, null   refused, also inside others
//
// So a null inside a value is greater than all else, as the SQL engine sorts it, and a list that
// ends is smaller than one that goes on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"

namespace pyralog::lsm {

// Seed of key hashes on disk and in memory.
constexpr uint64_t kKeyHashSeed = 0x70797261;  // "pyra"

// Many keys, one buffer. Reusable: Clear keeps the capacity.
class KeyBatch {
 public:
  int64_t size() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  // Valid until the next Append or Clear.
  std::string_view key(int64_t i) const {
    return {bytes_.data() + offsets_[i], static_cast<size_t>(offsets_[i + 1] - offsets_[i])};
  }
  // Hash64 of key(i), seeded with kKeyHashSeed.
  uint64_t hash(int64_t i) const { return hashes_[i]; }
  void Clear();

  // Appends the keys of all rows of `columns` (the key columns in key order, equal lengths). A null
  // in one is kConstraint naming column and row, a type without keys kNotSupported; then nothing
  // was appended. REQUIRES: each column's Validate() is OK.
  arrow::Status Append(std::span<const std::shared_ptr<arrow::Array>> columns);
  // Appends one key that is encoded already.
  void AppendEncoded(std::string_view key);

 private:
  std::string bytes_;
  std::vector<int64_t> offsets_{0};
  std::vector<uint64_t> hashes_;
};

// OK when KeyBatch takes columns of this type; else kNotSupported naming the type.
arrow::Status CheckKeyType(const arrow::DataType& type);

// The key columns of a batch, by position.
std::vector<std::shared_ptr<arrow::Array>> KeyColumns(const arrow::RecordBatch& batch,
                                                      const std::vector<int>& key);

}  // namespace pyralog::lsm
