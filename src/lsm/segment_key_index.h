// The key index of a segment, kind 1: an open-addressing hash table with fingerprints, made for one
// cache line a lookup.
//
//      0  4  kind (1; 2 minimal perfect hash and 3 sparse index with filter are reserved)
//      4  4  zeros                       8  8  number of keys
//     16  8  number of buckets b        24 40  zeros
//     64     b buckets of 64 bytes: 8 fingerprints (u32), 8 row numbers (u32; 0xFFFFFFFF: free)
//
// Of a key's hash (XXH3 of its bytes as in key.h, seeded with kKeyHashSeed) the high bits choose
// the bucket, (hash * b) >> 64, and the low 32 bits are the fingerprint. Slots of a bucket are used
// from the first on; a key that finds its bucket full goes to the next one, after the last to the
// first. So a search ends at the first bucket with a free slot; there always is one, since b is at
// least keys / 6, which fills three quarters. 10.7 bytes a key; the fingerprints stand together so
// that one vector comparison tests them all.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrow/result.h"
#include "base/endian.h"
#include "lsm/segment_blocks.h"

namespace pyralog::lsm {

constexpr uint32_t kKeyIndexHashTable = 1;
constexpr uint32_t kKeyIndexPerfectHash = 2;  // reserved
constexpr uint32_t kKeyIndexSparse = 3;       // reserved
constexpr size_t kKeyBucketBytes = 64;
constexpr size_t kKeyBucketSlots = 8;
constexpr size_t kKeyIndexHeaderBytes = 64;
constexpr uint32_t kFreeSlot = UINT32_MAX;

// The section for rows 0, 1, ... with these hashes. Pairs of rows with equal hashes (almost surely
// equal keys) are added to `twins`, the later row second. REQUIRES: fewer than 2^32 - 1 rows.
std::string BuildKeyIndex(std::span<const uint64_t> hashes,
                          std::vector<std::pair<uint32_t, uint32_t>>* twins);

class SegmentKeyIndex {
 public:
  // The section at [offset, offset + bytes) of the verified file. kDamaged when it does not hold
  // `rows` keys; kFormatVersion when its kind is not known here.
  static arrow::Result<SegmentKeyIndex> Open(BlockVerifier* blocks, uint64_t offset, uint64_t bytes,
                                             uint64_t rows);

  uint64_t BucketOf(uint64_t hash) const {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(hash) * buckets_) >> 64);
  }
  void Prefetch(uint64_t bucket) const { __builtin_prefetch(BucketAddress(bucket)); }

  // Looks at the bucket where a search for the hash begins. `*absent`: the search ends there, no
  // row fits. `*candidate`: the first row that fits, or kFreeSlot.
  arrow::Status Begin(uint64_t bucket, uint64_t hash, bool* absent, uint32_t* candidate) const {
    ARROW_RETURN_NOT_OK(blocks_->Ensure(table_ + bucket * kKeyBucketBytes, kKeyBucketBytes));
    const uint32_t hits = FingerprintHits(bucket, hash);
    *absent = hits == 0 && Row(bucket, kKeyBucketSlots - 1) == kFreeSlot;
    *candidate = hits == 0 ? kFreeSlot : Row(bucket, static_cast<size_t>(__builtin_ctz(hits)));
    return arrow::Status::OK();
  }

  // Calls `match` (uint32_t row, bool* equal -> arrow::Status) for rows whose fingerprint fits
  // until one is equal. `*row` becomes that row, or -1.
  template <class Match>
  arrow::Status Find(uint64_t hash, Match match, int64_t* row) const {
    *row = -1;
    uint64_t bucket = BucketOf(hash);
    for (uint64_t probes = 0; probes < buckets_; ++probes) {
      ARROW_RETURN_NOT_OK(blocks_->Ensure(table_ + bucket * kKeyBucketBytes, kKeyBucketBytes));
      for (uint32_t hits = FingerprintHits(bucket, hash); hits != 0; hits &= hits - 1) {
        const uint32_t candidate = Row(bucket, static_cast<size_t>(__builtin_ctz(hits)));
        // Free slots have fingerprint 0, which a key may have too.
        if (candidate == kFreeSlot) continue;
        if (candidate >= rows_) return RowOutOfRange(bucket);
        bool equal = false;
        ARROW_RETURN_NOT_OK(match(candidate, &equal));
        if (equal) {
          *row = candidate;
          return arrow::Status::OK();
        }
      }
      if (Row(bucket, kKeyBucketSlots - 1) == kFreeSlot) return arrow::Status::OK();
      bucket = bucket + 1 == buckets_ ? 0 : bucket + 1;
    }
    return arrow::Status::OK();
  }

  // Reads the whole table: every row below `rows` must stand in it exactly once.
  arrow::Status VerifyRows() const;

 private:
  SegmentKeyIndex(BlockVerifier* blocks, uint64_t table, uint64_t buckets, uint64_t rows)
      : blocks_(blocks), table_(table), buckets_(buckets), rows_(rows) {}

  const uint8_t* BucketAddress(uint64_t bucket) const {
    return blocks_->data().data() + table_ + bucket * kKeyBucketBytes;
  }
  uint32_t Row(uint64_t bucket, size_t slot) const {
    return LoadLittle<uint32_t>(BucketAddress(bucket) +
                                (kKeyBucketSlots + slot) * sizeof(uint32_t));
  }
  // A bit for each slot with the hash's fingerprint.
  uint32_t FingerprintHits(uint64_t bucket, uint64_t hash) const {
    const uint8_t* address = BucketAddress(bucket);
#if defined(__SSE2__)
    const __m128i wanted = _mm_set1_epi32(static_cast<int32_t>(hash));
    const __m128i low =
        _mm_cmpeq_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(address)), wanted);
    const __m128i high =
        _mm_cmpeq_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(address + 16)), wanted);
    const __m128i bytes = _mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128());
    return static_cast<uint32_t>(_mm_movemask_epi8(bytes));
#else
    uint32_t hits = 0;
    for (size_t i = 0; i < kKeyBucketSlots; ++i) {
      const auto fingerprint = LoadLittle<uint32_t>(address + i * sizeof(uint32_t));
      hits |= static_cast<uint32_t>(fingerprint == static_cast<uint32_t>(hash)) << i;
    }
    return hits;
#endif
  }
  arrow::Status RowOutOfRange(uint64_t bucket) const;

  BlockVerifier* blocks_;
  uint64_t table_;  // offset of the first bucket in the file
  uint64_t buckets_;
  uint64_t rows_;
};

}  // namespace pyralog::lsm
