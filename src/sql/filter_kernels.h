// Comparisons of stored values with constants, 64 rows to a word of the mask. Every one clears the
// bits of rows that do not pass and never sets one; words that are 0 already cost nothing. Nulls
// are not looked at.
//
// Every comparison of a number is a range or its complement, so there is one kernel for each width:
// lo <= v <= hi is, in unsigned arithmetic of any type, v - lo <= hi - lo.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace pyralog::sql {

// Keeps rows in [lo, hi], given as raw unsigned bits with lo <= hi in the type's own order; or,
// negated, the others.
template <typename Unsigned>  // uint8_t to uint64_t
void KeepInRange(const Unsigned* values, int64_t rows, Unsigned lo, Unsigned hi, bool negate,
                 std::span<uint64_t> mask);
void KeepInRange(const __int128* values, int64_t rows, __int128 lo, __int128 hi, bool negate,
                 std::span<uint64_t> mask);

// Keeps rows in [lo, hi]; NaN counts as above every number and is kept only with `nan`. lo and hi
// are no NaN.
template <typename Float>  // float, double
void KeepInRange(const Float* values, int64_t rows, Float lo, Float hi, bool nan, bool negate,
                 std::span<uint64_t> mask);

// Views of an Arrow string_view or binary_view array, and its data buffers.
struct StringViews {
  const void* views = nullptr;  // the first row's
  const uint8_t* const* buffers = nullptr;
};
void KeepEqual(const StringViews& strings, int64_t rows, std::string_view value, bool negate,
               std::span<uint64_t> mask);
// Keeps strings below `value` in byte order; with `or_equal` those equal to it too; negated, the
// others.
void KeepBelow(const StringViews& strings, int64_t rows, std::string_view value, bool or_equal,
               bool negate, std::span<uint64_t> mask);

}  // namespace pyralog::sql
