#include "sql/filter_kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "sql/mask.h"

namespace pyralog::sql {
namespace {

#define PYRALOG_TARGET_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi,bmi2,popcnt")))
#define PYRALOG_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

// Calls bits(first_row) for each word of 64 rows that has a row left, and tail(first_row, rows) for
// a shorter last one. (A macro, because a function with other target attributes is not inlined.)
#define PYRALOG_EACH_WORD(rows, mask, negate, bits, tail)            \
  for (int64_t row = 0, word = 0; row < (rows); row += 64, ++word) { \
    if ((mask)[word] == 0) continue;                                 \
    const uint64_t passed = row + 64 <= (rows) ? (bits) : (tail);    \
    (mask)[word] &= (negate) ? ~passed : passed;                     \
  }

template <typename T, typename Test>
inline uint64_t TestRows(const T* values, int64_t rows, Test test) {
  uint64_t bits = 0;
  for (int64_t i = 0; i < rows; ++i) bits |= static_cast<uint64_t>(test(values[i])) << i;
  return bits;
}

template <typename U>
struct InUnsignedRange {
  U lo, span;
  bool operator()(U v) const { return static_cast<U>(v - lo) <= span; }
};

template <typename F>
struct InFloatRange {
  F lo, hi;
  bool nan;
  bool operator()(F v) const { return nan ? !(v < lo) && !(v > hi) : v >= lo && v <= hi; }
};

template <typename T, typename Test>
void KeepScalar(const T* values, int64_t rows, Test test, bool negate, std::span<uint64_t> mask){
    PYRALOG_EACH_WORD(rows, mask, negate, TestRows(values + row, 64, test),
                      TestRows(values + row, rows - row, test))}

// ---- AVX-512: one comparison gives the bits of 8 to 64 rows. ----

PYRALOG_TARGET_AVX512 inline uint64_t Bits512(const uint8_t* v, uint8_t lo, uint8_t span) {
  const __m512i d = _mm512_sub_epi8(_mm512_loadu_si512(v), _mm512_set1_epi8(static_cast<char>(lo)));
  return _mm512_cmple_epu8_mask(d, _mm512_set1_epi8(static_cast<char>(span)));
}
PYRALOG_TARGET_AVX512 inline uint64_t Bits512(const uint16_t* v, uint16_t lo, uint16_t span) {
  const __m512i l = _mm512_set1_epi16(static_cast<int16_t>(lo)),
                s = _mm512_set1_epi16(static_cast<int16_t>(span));
  uint64_t bits = 0;
  for (int i = 0; i < 2; ++i) {
    const __m512i d = _mm512_sub_epi16(_mm512_loadu_si512(v + 32 * i), l);
    bits |= static_cast<uint64_t>(_mm512_cmple_epu16_mask(d, s)) << (32 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX512 inline uint64_t Bits512(const uint32_t* v, uint32_t lo, uint32_t span) {
  const __m512i l = _mm512_set1_epi32(static_cast<int32_t>(lo)),
                s = _mm512_set1_epi32(static_cast<int32_t>(span));
  uint64_t bits = 0;
  for (int i = 0; i < 4; ++i) {
    const __m512i d = _mm512_sub_epi32(_mm512_loadu_si512(v + 16 * i), l);
    bits |= static_cast<uint64_t>(_mm512_cmple_epu32_mask(d, s)) << (16 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX512 inline uint64_t Bits512(const uint64_t* v, uint64_t lo, uint64_t span) {
  const __m512i l = _mm512_set1_epi64(static_cast<int64_t>(lo)),
                s = _mm512_set1_epi64(static_cast<int64_t>(span));
  uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    const __m512i d = _mm512_sub_epi64(_mm512_loadu_si512(v + 8 * i), l);
    bits |= static_cast<uint64_t>(_mm512_cmple_epu64_mask(d, s)) << (8 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX512 inline uint64_t Bits512(const float* v, const InFloatRange<float>& r) {
  const __m512 l = _mm512_set1_ps(r.lo), h = _mm512_set1_ps(r.hi);
  uint64_t bits = 0;
  for (int i = 0; i < 4; ++i) {
    const __m512 x = _mm512_loadu_ps(v + 16 * i);
    const uint64_t m =
        r.nan ? _mm512_cmp_ps_mask(x, l, _CMP_NLT_UQ) & _mm512_cmp_ps_mask(x, h, _CMP_NGT_UQ)
              : _mm512_cmp_ps_mask(x, l, _CMP_GE_OQ) & _mm512_cmp_ps_mask(x, h, _CMP_LE_OQ);
    bits |= m << (16 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX512 inline uint64_t Bits512(const double* v, const InFloatRange<double>& r) {
  const __m512d l = _mm512_set1_pd(r.lo), h = _mm512_set1_pd(r.hi);
  uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    const __m512d x = _mm512_loadu_pd(v + 8 * i);
    const uint64_t m =
        r.nan ? _mm512_cmp_pd_mask(x, l, _CMP_NLT_UQ) & _mm512_cmp_pd_mask(x, h, _CMP_NGT_UQ)
              : _mm512_cmp_pd_mask(x, l, _CMP_GE_OQ) & _mm512_cmp_pd_mask(x, h, _CMP_LE_OQ);
    bits |= m << (8 * i);
  }
  return bits;
}

template <typename U>
PYRALOG_TARGET_AVX512 void Keep512(const U* values, int64_t rows, InUnsignedRange<U> r, bool negate,
                                   std::span<uint64_t> mask) {
  PYRALOG_EACH_WORD(rows, mask, negate, Bits512(values + row, r.lo, r.span),
                    TestRows(values + row, rows - row, r))
}
template <typename F>
PYRALOG_TARGET_AVX512 void Keep512(const F* values, int64_t rows, InFloatRange<F> r, bool negate,
                                   std::span<uint64_t> mask){
    PYRALOG_EACH_WORD(rows, mask, negate, Bits512(values + row, r),
                      TestRows(values + row, rows - row, r))}

// ---- AVX2: comparisons give bytes, which movemask turns into bits. x <= s, unsigned, is min(x, s)
// == x. ----

PYRALOG_TARGET_AVX2 inline __m256i Load256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

PYRALOG_TARGET_AVX2 inline uint64_t Bits256(const uint8_t* v, uint8_t lo, uint8_t span) {
  const __m256i l = _mm256_set1_epi8(static_cast<char>(lo)),
                s = _mm256_set1_epi8(static_cast<char>(span));
  uint64_t bits = 0;
  for (int i = 0; i < 2; ++i) {
    const __m256i d = _mm256_sub_epi8(Load256(v + 32 * i), l);
    const auto m =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(d, s), d)));
    bits |= static_cast<uint64_t>(m) << (32 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX2 inline uint64_t Bits256(const uint16_t* v, uint16_t lo, uint16_t span) {
  const __m256i l = _mm256_set1_epi16(static_cast<int16_t>(lo)),
                s = _mm256_set1_epi16(static_cast<int16_t>(span));
  uint64_t bits = 0;
  for (int i = 0; i < 2; ++i) {
    const __m256i a = _mm256_sub_epi16(Load256(v + 32 * i), l),
                  b = _mm256_sub_epi16(Load256(v + 32 * i + 16), l);
    const __m256i both = _mm256_packs_epi16(_mm256_cmpeq_epi16(_mm256_min_epu16(a, s), a),
                                            _mm256_cmpeq_epi16(_mm256_min_epu16(b, s), b));
    const auto m =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_permute4x64_epi64(both, 0xD8)));
    bits |= static_cast<uint64_t>(m) << (32 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX2 inline uint64_t Bits256(const uint32_t* v, uint32_t lo, uint32_t span) {
  const __m256i l = _mm256_set1_epi32(static_cast<int32_t>(lo)),
                s = _mm256_set1_epi32(static_cast<int32_t>(span));
  uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    const __m256i d = _mm256_sub_epi32(Load256(v + 8 * i), l);
    const __m256i m = _mm256_cmpeq_epi32(_mm256_min_epu32(d, s), d);
    bits |= static_cast<uint64_t>(_mm256_movemask_ps(_mm256_castsi256_ps(m))) << (8 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX2 inline uint64_t Bits256(const uint64_t* v, uint64_t lo, uint64_t span) {
  // There is only a signed comparison: flip the sign bits of both sides.
  const __m256i l = _mm256_set1_epi64x(static_cast<int64_t>(lo)),
                flip = _mm256_set1_epi64x(INT64_MIN);
  const __m256i s = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<int64_t>(span)), flip);
  uint64_t above = 0;
  for (int i = 0; i < 16; ++i) {
    const __m256i d = _mm256_xor_si256(_mm256_sub_epi64(Load256(v + 4 * i), l), flip);
    above |=
        static_cast<uint64_t>(_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(d, s))))
        << (4 * i);
  }
  return ~above;
}
PYRALOG_TARGET_AVX2 inline uint64_t Bits256(const float* v, const InFloatRange<float>& r) {
  const __m256 l = _mm256_set1_ps(r.lo), h = _mm256_set1_ps(r.hi);
  uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) {
    const __m256 x = _mm256_loadu_ps(v + 8 * i);
    const __m256 m =
        r.nan ? _mm256_and_ps(_mm256_cmp_ps(x, l, _CMP_NLT_UQ), _mm256_cmp_ps(x, h, _CMP_NGT_UQ))
              : _mm256_and_ps(_mm256_cmp_ps(x, l, _CMP_GE_OQ), _mm256_cmp_ps(x, h, _CMP_LE_OQ));
    bits |= static_cast<uint64_t>(_mm256_movemask_ps(m)) << (8 * i);
  }
  return bits;
}
PYRALOG_TARGET_AVX2 inline uint64_t Bits256(const double* v, const InFloatRange<double>& r) {
  const __m256d l = _mm256_set1_pd(r.lo), h = _mm256_set1_pd(r.hi);
  uint64_t bits = 0;
  for (int i = 0; i < 16; ++i) {
    const __m256d x = _mm256_loadu_pd(v + 4 * i);
    const __m256d m =
        r.nan ? _mm256_and_pd(_mm256_cmp_pd(x, l, _CMP_NLT_UQ), _mm256_cmp_pd(x, h, _CMP_NGT_UQ))
              : _mm256_and_pd(_mm256_cmp_pd(x, l, _CMP_GE_OQ), _mm256_cmp_pd(x, h, _CMP_LE_OQ));
    bits |= static_cast<uint64_t>(_mm256_movemask_pd(m)) << (4 * i);
  }
  return bits;
}

template <typename U>
PYRALOG_TARGET_AVX2 void Keep256(const U* values, int64_t rows, InUnsignedRange<U> r, bool negate,
                                 std::span<uint64_t> mask) {
  PYRALOG_EACH_WORD(rows, mask, negate, Bits256(values + row, r.lo, r.span),
                    TestRows(values + row, rows - row, r))
}
template <typename F>
PYRALOG_TARGET_AVX2 void Keep256(const F* values, int64_t rows, InFloatRange<F> r, bool negate,
                                 std::span<uint64_t> mask) {
  PYRALOG_EACH_WORD(rows, mask, negate, Bits256(values + row, r),
                    TestRows(values + row, rows - row, r))
}

template <typename T, typename Range>
void Keep(const T* values, int64_t rows, const Range& range, bool negate,
          std::span<uint64_t> mask) {
  switch (ActiveSimdLevel()) {
    case SimdLevel::kAvx512:
      return Keep512(values, rows, range, negate, mask);
    case SimdLevel::kAvx2:
      return Keep256(values, rows, range, negate, mask);
    case SimdLevel::kScalar:
      return KeepScalar(values, rows, range, negate, mask);
  }
}

// ---- Strings: most are decided by the size and first four bytes in the view. ----

struct ViewWords {
  uint64_t size_prefix;  // size, then the first four bytes
  uint64_t rest;         // the next eight bytes, or buffer and offset

  uint32_t size() const { return static_cast<uint32_t>(size_prefix); }
  // The first four bytes as a number that orders as they do (shorter strings are padded with
  // zeros).
  uint32_t prefix() const { return __builtin_bswap32(static_cast<uint32_t>(size_prefix >> 32)); }
};
constexpr uint32_t kInlineBytes = 12;

const char* BytesOf(const ViewWords& view, const uint8_t* const* buffers) {
  if (view.size() <= kInlineBytes) return reinterpret_cast<const char*>(&view) + 4;
  return reinterpret_cast<const char*>(buffers[static_cast<uint32_t>(view.rest)] +
                                       (view.rest >> 32));
}

// The view that `value` would have; of a longer one, the first half.
ViewWords MakeView(std::string_view value) {
  uint8_t bytes[16] = {};
  const auto size = static_cast<uint32_t>(value.size());
  std::memcpy(bytes, &size, 4);
  std::memcpy(bytes + 4, value.data(),
              std::min<size_t>(value.size(), value.size() <= kInlineBytes ? kInlineBytes : 4));
  return std::bit_cast<ViewWords>(bytes);
}

}  // namespace

template <typename Unsigned>
void KeepInRange(const Unsigned* values, int64_t rows, Unsigned lo, Unsigned hi, bool negate,
                 std::span<uint64_t> mask) {
  Keep(values, rows, InUnsignedRange<Unsigned>{lo, static_cast<Unsigned>(hi - lo)}, negate, mask);
}
template void KeepInRange(const uint8_t*, int64_t, uint8_t, uint8_t, bool, std::span<uint64_t>);
template void KeepInRange(const uint16_t*, int64_t, uint16_t, uint16_t, bool, std::span<uint64_t>);
template void KeepInRange(const uint32_t*, int64_t, uint32_t, uint32_t, bool, std::span<uint64_t>);
template void KeepInRange(const uint64_t*, int64_t, uint64_t, uint64_t, bool, std::span<uint64_t>);

void KeepInRange(const __int128* values, int64_t rows, __int128 lo, __int128 hi, bool negate,
                 std::span<uint64_t> mask) {
  // The array's values need not be aligned to 16 bytes.
  struct __attribute__((packed, aligned(8))) Unaligned {
    __int128 value;
  };
  KeepScalar(
      reinterpret_cast<const Unaligned*>(values), rows,
      [=](const Unaligned& v) { return v.value >= lo && v.value <= hi; }, negate, mask);
}

template <typename Float>
void KeepInRange(const Float* values, int64_t rows, Float lo, Float hi, bool nan, bool negate,
                 std::span<uint64_t> mask) {
  Keep(values, rows, InFloatRange<Float>{lo, hi, nan}, negate, mask);
}
template void KeepInRange(const float*, int64_t, float, float, bool, bool, std::span<uint64_t>);
template void KeepInRange(const double*, int64_t, double, double, bool, bool, std::span<uint64_t>);

void KeepEqual(const StringViews& strings, int64_t rows, std::string_view value, bool negate,
               std::span<uint64_t> mask) {
  const auto* const views = static_cast<const ViewWords*>(strings.views);
  const ViewWords wanted = MakeView(value);
  if (value.size() <= kInlineBytes) {
    KeepScalar(
        views, rows,
        [=](const ViewWords& v) {
          return (v.size_prefix == wanted.size_prefix) & (v.rest == wanted.rest);
        },
        negate, mask);
    return;
  }
  for (int64_t word = 0; word < static_cast<int64_t>(mask.size()); ++word) {
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      const ViewWords& v = views[word * 64 + std::countr_zero(bits)];
      const bool equal = v.size_prefix == wanted.size_prefix &&
                         std::memcmp(BytesOf(v, strings.buffers), value.data(), value.size()) == 0;
      if (equal == negate) mask[word] &= ~(bits & -bits);
    }
  }
}

void KeepBelow(const StringViews& strings, int64_t rows, std::string_view value, bool or_equal,
               bool negate, std::span<uint64_t> mask) {
  const auto* const views = static_cast<const ViewWords*>(strings.views);
  const uint32_t prefix = MakeView(value).prefix();
  for (int64_t word = 0; word < static_cast<int64_t>(mask.size()) && word * 64 < rows; ++word) {
    for (uint64_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      const ViewWords& v = views[word * 64 + std::countr_zero(bits)];
      bool below = v.prefix() < prefix;
      if (v.prefix() == prefix) {
        const int order = std::string_view(BytesOf(v, strings.buffers), v.size()).compare(value);
        below = order < 0 || (order == 0 && or_equal);
      }
      if (below == negate) mask[word] &= ~(bits & -bits);
    }
  }
}

}  // namespace pyralog::sql
