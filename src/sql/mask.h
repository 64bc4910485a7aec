// Bitmaps of rows, 64 to a word, least significant bit first, and what scans do with them: select
// and compact.
//
// A mask belongs to consecutive rows of an array. Bits past the last row are 0 in every mask here.
// Loads never touch a row whose bit is 0 beyond the last set bit's 64-row word, and never one past
// the last set row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "arrow/status.h"

namespace pyralog::sql {

// Which instructions the kernels may use. Each level gives the same results.
enum class SimdLevel {
  kScalar,  // x86-64-v2, the baseline; everything has this version
  kAvx2,    // and BMI2
  kAvx512,  // F, BW, DQ, VL, VBMI2
};
// The best level of this machine, unless a lower one was chosen: by PYRALOG_SIMD in the environment
// (scalar, avx2, avx512), or by a test.
SimdLevel ActiveSimdLevel();
// The best level of this machine.
SimdLevel MachineSimdLevel();
// kInvalidArgument when PYRALOG_SIMD has another value than those.
arrow::Status CheckSimdChoice();
// Never raises the level above what the machine has; returns what is now active.
SimdLevel SetSimdLevelForTesting(SimdLevel level);

int64_t CountBits(std::span<const uint64_t> mask);
// Bits [0, rows) set, the others of the span cleared.
void FillOnes(std::span<uint64_t> mask, int64_t rows);

// 64 bits of an Arrow bitmap of `bits` bits, starting at bit `offset`; those at and past `bits` are
// 0.
uint64_t BitmapWord(const uint8_t* bitmap, int64_t offset, int64_t bits);
// mask &= the `rows` bits of `bitmap` from bit `offset`.
void AndBitmap(const uint8_t* bitmap, int64_t offset, int64_t rows, std::span<uint64_t> mask);
// mask &= ~those bits.
void AndNotBitmap(const uint8_t* bitmap, int64_t offset, int64_t rows, std::span<uint64_t> mask);

// Moves the values of set rows together: `values` are of 1, 2, 4, 8 or 16 bytes, bit 0 is the
// first. Returns how many. REQUIRES: room for them at `out`.
int64_t CompactValues(const void* values, int width, std::span<const uint64_t> mask, void* out);
// Moves the bits of set rows together, from a bitmap starting at bit `offset` to words starting at
// bit `out_offset` (bits before that are kept, bits after the last are unspecified). Returns how
// many. REQUIRES: out has room for out_offset + set bits + 64 bits.
int64_t CompactBits(const uint8_t* bitmap, int64_t offset, int64_t rows,
                    std::span<const uint64_t> mask, uint64_t* out, int64_t out_offset);
// Keeps the n-th set row of the mask only if bit n of `kept` is set. REQUIRES: room in `kept` for a
// word behind the last.
void KeepSetRows(const uint64_t* kept, std::span<uint64_t> mask);
// The numbers of the set rows, plus `base`. Returns how many.
int64_t SetRows(std::span<const uint64_t> mask, uint32_t base, uint32_t* out);

// Spreads `rows` bits from bit `offset` to bytes 0 and 1.
void BitsToBytes(const uint8_t* bitmap, int64_t offset, int64_t rows, uint8_t* out);

// Turns Arrow views into DuckDB's string_t: the longer ones get a pointer in place of buffer and
// offset. `buffers` are the array's data buffers. `out` may be `views`.
void ResolveViews(const void* views, int64_t rows, const uint8_t* const* buffers,
                  size_t buffer_count, void* out);

// Reads every cache line, so that the operator that comes next finds the bytes in the cache: its
// loops would restart the hardware prefetcher at each page.
void TouchLines(const void* data, size_t bytes);

}  // namespace pyralog::sql
