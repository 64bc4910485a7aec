#include "sql/mask.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

#define PYRALOG_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi,bmi2,popcnt")))
#define PYRALOG_BMI2 __attribute__((target("bmi,bmi2,popcnt")))

constexpr char kSimdVariable[] = "PYRALOG_SIMD";

// What PYRALOG_SIMD asks for; the highest level without it, nothing for what is none.
std::optional<SimdLevel> ChosenSimdLevel() {
  const char* const value = std::getenv(kSimdVariable);
  const std::string_view choice = value == nullptr ? "" : value;
  if (choice.empty() || choice == "avx512") return SimdLevel::kAvx512;
  if (choice == "avx2") return SimdLevel::kAvx2;
  if (choice == "scalar") return SimdLevel::kScalar;
  return std::nullopt;
}

std::atomic<SimdLevel>& Level() {
  static std::atomic<SimdLevel> level{
      std::min(ChosenSimdLevel().value_or(SimdLevel::kAvx512), MachineSimdLevel())};
  return level;
}

// Below this many of a word's 64 rows, they are moved one by one: a vector step costs about as much
// as five of them.
constexpr int kFewRows = 8;

struct Bytes16 {
  uint64_t low, high;
};

template <typename T>
int64_t CompactFew(const T* values, uint64_t word, T* out) {
  int64_t n = 0;
  for (; word != 0; word &= word - 1) out[n++] = values[std::countr_zero(word)];
  return n;
}

template <typename T>
int64_t CompactScalar(const T* values, std::span<const uint64_t> mask, T* out) {
  T* const begin = out;
  for (const uint64_t word : mask) {
    if (word == ~uint64_t{0}) {
      std::memcpy(out, values, 64 * sizeof(T));
      out += 64;
    } else {
      out += CompactFew(values, word, out);
    }
    values += 64;
  }
  return out - begin;
}

PYRALOG_AVX512 inline int CompactStep(const uint8_t* values, uint64_t bits, uint8_t* out) {
  const int n = std::popcount(bits);
  const __m512i v = _mm512_maskz_compress_epi8(bits, _mm512_maskz_loadu_epi8(bits, values));
  _mm512_mask_storeu_epi8(out, _bzhi_u64(~uint64_t{0}, n), v);
  return n;
}

PYRALOG_AVX512 inline int CompactStep(const uint16_t* values, uint64_t bits, uint16_t* out) {
  const auto m = static_cast<__mmask32>(bits);
  const int n = std::popcount(m);
  const __m512i v = _mm512_maskz_compress_epi16(m, _mm512_maskz_loadu_epi16(m, values));
  _mm512_mask_storeu_epi16(out, _bzhi_u32(~uint32_t{0}, n), v);
  return n;
}

PYRALOG_AVX512 inline int CompactStep(const uint32_t* values, uint64_t bits, uint32_t* out) {
  const auto m = static_cast<__mmask16>(bits);
  const int n = std::popcount(m);
  const __m512i v = _mm512_maskz_compress_epi32(m, _mm512_maskz_loadu_epi32(m, values));
  _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(_bzhi_u32(0xFFFF, n)), v);
  return n;
}

PYRALOG_AVX512 inline int CompactStep(const uint64_t* values, uint64_t bits, uint64_t* out) {
  const auto m = static_cast<__mmask8>(bits);
  const int n = std::popcount(m);
  const __m512i v = _mm512_maskz_compress_epi64(m, _mm512_maskz_loadu_epi64(m, values));
  _mm512_mask_storeu_epi64(out, static_cast<__mmask8>(_bzhi_u32(0xFF, n)), v);
  return n;
}

PYRALOG_AVX512 inline int CompactStep(const Bytes16* values, uint64_t bits, Bytes16* out) {
  const uint64_t pairs = _pdep_u64(bits & 0xF, 0x55) * 3;
  return CompactStep(&values->low, pairs, &out->low) / 2;
}

template <typename T>
PYRALOG_AVX512 int64_t CompactAvx512(const T* values, std::span<const uint64_t> mask, T* out) {
  constexpr int kLanes = 64 / sizeof(T);
  T* const begin = out;
  for (const uint64_t word : mask) {
    if (word == ~uint64_t{0}) {
      std::memcpy(out, values, 64 * sizeof(T));
      out += 64;
    } else if (std::popcount(word) <= kFewRows) {
      for (uint64_t bits = word; bits != 0; bits &= bits - 1) *out++ = values[_tzcnt_u64(bits)];
    } else {
      for (int lane = 0; lane < 64; lane += kLanes)
        out += CompactStep(values + lane, word >> lane, out);
    }
    values += 64;
  }
  return out - begin;
}

template <typename T>
int64_t Compact(const void* values, std::span<const uint64_t> mask, void* out) {
  if (ActiveSimdLevel() == SimdLevel::kAvx512) {
    return CompactAvx512(static_cast<const T*>(values), mask, static_cast<T*>(out));
  }
  return CompactScalar(static_cast<const T*>(values), mask, static_cast<T*>(out));
}

PYRALOG_BMI2 uint64_t ExtractBmi2(uint64_t bits, uint64_t mask) { return _pext_u64(bits, mask); }

uint64_t ExtractScalar(uint64_t bits, uint64_t mask) {
  uint64_t result = 0;
  for (int n = 0; mask != 0; mask &= mask - 1, ++n)
    result |= ((bits >> std::countr_zero(mask)) & 1) << n;
  return result;
}

PYRALOG_BMI2 uint64_t DepositBmi2(uint64_t bits, uint64_t mask) { return _pdep_u64(bits, mask); }

uint64_t DepositScalar(uint64_t bits, uint64_t mask) {
  uint64_t result = 0;
  for (; mask != 0; mask &= mask - 1, bits >>= 1) result |= (mask & -mask) * (bits & 1);
  return result;
}

// A null's view may be anything, so a buffer number is not trusted.
void ResolveScalar(const Bytes16* views, int64_t rows, const uint8_t* const* buffers,
                   size_t buffer_count, Bytes16* out) {
  for (int64_t i = 0; i < rows; ++i) {
    Bytes16 view = views[i];
    if (static_cast<uint32_t>(view.low) > 12 && static_cast<uint32_t>(view.high) < buffer_count) {
      view.high =
          reinterpret_cast<uint64_t>(buffers[static_cast<uint32_t>(view.high)]) + (view.high >> 32);
    }
    out[i] = view;
  }
}

// Four views a step. With one buffer, its address plus the offset; else the address is gathered.
PYRALOG_AVX512 void ResolveAvx512(const Bytes16* views, int64_t rows, const uint8_t* const* buffers,
                                  size_t buffer_count, Bytes16* out) {
  const __m512i inline_size = _mm512_set1_epi64(12);
  const __m512i low32 = _mm512_set1_epi64(0xFFFFFFFF);
  const __m512i base =
      _mm512_set1_epi64(buffer_count == 1 ? reinterpret_cast<int64_t>(buffers[0]) : 0);
  for (int64_t i = 0; i < rows; i += 4) {
    const auto lanes = static_cast<__mmask8>(
        _bzhi_u32(0xFF, static_cast<uint32_t>(std::min<int64_t>(8, (rows - i) * 2))));
    const __m512i v = _mm512_maskz_loadu_epi64(lanes, views + i);
    const __mmask8 longer = _mm512_cmpgt_epu64_mask(_mm512_and_si512(v, low32), inline_size) & 0x55;
    auto pointers = static_cast<__mmask8>(longer << 1);
    __m512i start = base;
    if (buffer_count > 1 && pointers != 0) {
      const __m512i index = _mm512_and_si512(v, low32);
      pointers = _mm512_mask_cmplt_epu64_mask(
          pointers, index, _mm512_set1_epi64(static_cast<int64_t>(buffer_count)));
      start = _mm512_mask_i64gather_epi64(base, pointers, index, buffers, 8);
    }
    const __m512i pointer = _mm512_add_epi64(start, _mm512_srli_epi64(v, 32));
    _mm512_mask_storeu_epi64(out + i, lanes, _mm512_mask_mov_epi64(v, pointers, pointer));
  }
}

}  // namespace

SimdLevel MachineSimdLevel() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return SimdLevel::kScalar;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vbmi2");
  return avx512 ? SimdLevel::kAvx512 : SimdLevel::kAvx2;
}

arrow::Status CheckSimdChoice() {
  if (ChosenSimdLevel()) return arrow::Status::OK();
  return MakeError(ErrorCode::kInvalidArgument, std::string(kSimdVariable) + "='" +
                                                    std::getenv(kSimdVariable) +
                                                    "': it is scalar, avx2 or avx512");
}

SimdLevel ActiveSimdLevel() { return Level().load(std::memory_order_relaxed); }

SimdLevel SetSimdLevelForTesting(SimdLevel level) {
  Level() = std::min(level, MachineSimdLevel());
  return ActiveSimdLevel();
}

int64_t CountBits(std::span<const uint64_t> mask) {
  int64_t n = 0;
  for (const uint64_t word : mask) n += std::popcount(word);
  return n;
}

void FillOnes(std::span<uint64_t> mask, int64_t rows) {
  for (size_t i = 0; i < mask.size(); ++i) {
    const int64_t left = rows - static_cast<int64_t>(i) * 64;
    mask[i] = left >= 64 ? ~uint64_t{0} : left <= 0 ? 0 : (uint64_t{1} << left) - 1;
  }
}

uint64_t BitmapWord(const uint8_t* bitmap, int64_t offset, int64_t bits) {
  if (offset >= bits) return 0;
  const int shift = static_cast<int>(offset % 8);
  const int64_t wanted = std::min<int64_t>(64, bits - offset);
  const int64_t bytes = (shift + wanted + 7) / 8;  // up to 9
  uint64_t word = 0;
  std::memcpy(&word, bitmap + offset / 8, static_cast<size_t>(std::min<int64_t>(8, bytes)));
  word >>= shift;
  if (bytes == 9) word |= static_cast<uint64_t>(bitmap[offset / 8 + 8]) << (64 - shift);
  return wanted == 64 ? word : word & ((uint64_t{1} << wanted) - 1);
}

void AndBitmap(const uint8_t* bitmap, int64_t offset, int64_t rows, std::span<uint64_t> mask) {
  for (size_t i = 0; i < mask.size(); ++i) {
    mask[i] &= BitmapWord(bitmap, offset + static_cast<int64_t>(i) * 64, offset + rows);
  }
}

void AndNotBitmap(const uint8_t* bitmap, int64_t offset, int64_t rows, std::span<uint64_t> mask) {
  for (size_t i = 0; i < mask.size(); ++i) {
    mask[i] &= ~BitmapWord(bitmap, offset + static_cast<int64_t>(i) * 64, offset + rows);
  }
}

int64_t CompactValues(const void* values, int width, std::span<const uint64_t> mask, void* out) {
  switch (width) {
    case 1:
      return Compact<uint8_t>(values, mask, out);
    case 2:
      return Compact<uint16_t>(values, mask, out);
    case 4:
      return Compact<uint32_t>(values, mask, out);
    case 8:
      return Compact<uint64_t>(values, mask, out);
    default:
      return Compact<Bytes16>(values, mask, out);
  }
}

int64_t CompactBits(const uint8_t* bitmap, int64_t offset, int64_t rows,
                    std::span<const uint64_t> mask, uint64_t* out, int64_t out_offset) {
  const auto extract = ActiveSimdLevel() == SimdLevel::kScalar ? ExtractScalar : ExtractBmi2;
  const int64_t begin = out_offset;
  for (size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] == 0) continue;
    const uint64_t bits =
        extract(BitmapWord(bitmap, offset + static_cast<int64_t>(i) * 64, offset + rows), mask[i]);
    const int shift = static_cast<int>(out_offset % 64);
    uint64_t* const word = out + out_offset / 64;
    word[0] = (shift == 0 ? 0 : word[0] & ((uint64_t{1} << shift) - 1)) | (bits << shift);
    word[1] = shift == 0 ? 0 : bits >> (64 - shift);
    out_offset += std::popcount(mask[i]);
  }
  return out_offset - begin;
}

void KeepSetRows(const uint64_t* kept, std::span<uint64_t> mask) {
  const auto deposit = ActiveSimdLevel() == SimdLevel::kScalar ? DepositScalar : DepositBmi2;
  int64_t n = 0;
  for (uint64_t& word : mask) {
    const int shift = static_cast<int>(n % 64);
    const uint64_t low = kept[n / 64] >> shift;
    const uint64_t high = shift == 0 ? 0 : kept[n / 64 + 1] << (64 - shift);
    n += std::popcount(word);
    word = deposit(low | high, word);
  }
}

int64_t SetRows(std::span<const uint64_t> mask, uint32_t base, uint32_t* out) {
  uint32_t* const begin = out;
  for (const uint64_t word : mask) {
    for (uint64_t bits = word; bits != 0; bits &= bits - 1) {
      *out++ = base + static_cast<uint32_t>(std::countr_zero(bits));
    }
    base += 64;
  }
  return out - begin;
}

void BitsToBytes(const uint8_t* bitmap, int64_t offset, int64_t rows, uint8_t* out) {
  for (int64_t i = 0; i < rows; i += 64) {
    uint64_t word = BitmapWord(bitmap, offset + i, offset + rows);
    const int64_t end = std::min<int64_t>(rows, i + 64);
    int64_t row = i;
    for (; row + 8 <= end; row += 8, word >>= 8) {
      // Eight bits to eight bytes: copy the byte to all eight, keep bit k in byte k, make it 0
      // or 1.
      const uint64_t kept = ((word & 0xFF) * 0x0101010101010101) & 0x8040201008040201;
      const uint64_t bytes = (kept + 0x7F7F7F7F7F7F7F7F) >> 7 & 0x0101010101010101;
      std::memcpy(out + row, &bytes, 8);
    }
    for (; row < end; ++row, word >>= 1) out[row] = word & 1;
  }
}

void ResolveViews(const void* views, int64_t rows, const uint8_t* const* buffers,
                  size_t buffer_count, void* out) {
  const auto* in = static_cast<const Bytes16*>(views);
  if (ActiveSimdLevel() == SimdLevel::kAvx512) {
    ResolveAvx512(in, rows, buffers, buffer_count, static_cast<Bytes16*>(out));
  } else {
    ResolveScalar(in, rows, buffers, buffer_count, static_cast<Bytes16*>(out));
  }
}

void TouchLines(const void* data, size_t bytes) {
  constexpr size_t kLine = 64;
  const auto* p = static_cast<const volatile uint8_t*>(data);
  for (size_t i = 0; i < bytes; i += kLine) (void)p[i];
}

}  // namespace pyralog::sql
