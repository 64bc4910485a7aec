#include "lsm/segment_key_index.h"

#include <algorithm>

#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint64_t kKeysPerBucket = 6;  // of 8 slots: one lookup in seven looks at a second line

// The table while it is filled.
class KeyTable {
 public:
  KeyTable(std::span<const uint64_t> hashes, uint8_t* buckets, uint64_t count)
      : hashes_(hashes), buckets_(buckets), count_(count) {}

  uint8_t* Home(uint64_t hash) const {
    return buckets_ + static_cast<uint64_t>((static_cast<unsigned __int128>(hash) * count_) >> 64) *
                          kKeyBucketBytes;
  }

  void Insert(uint32_t row, std::vector<std::pair<uint32_t, uint32_t>>* twins) {
    const uint64_t hash = hashes_[row];
    for (uint8_t* bucket = Home(hash);; bucket = Next(bucket)) {
      for (size_t slot = 0; slot < kKeyBucketSlots; ++slot) {
        uint8_t* fingerprint = bucket + slot * sizeof(uint32_t);
        uint8_t* number = fingerprint + kKeyBucketSlots * sizeof(uint32_t);
        const uint32_t other = LoadLittle<uint32_t>(number);
        if (other == kFreeSlot) {
          StoreLittle<uint32_t>(fingerprint, static_cast<uint32_t>(hash));
          StoreLittle<uint32_t>(number, row);
          return;
        }
        if (LoadLittle<uint32_t>(fingerprint) == static_cast<uint32_t>(hash) &&
            hashes_[other] == hash) {
          twins->emplace_back(other, row);
        }
      }
    }
  }

 private:
  uint8_t* Next(uint8_t* bucket) const {
    bucket += kKeyBucketBytes;
    return bucket == buckets_ + count_ * kKeyBucketBytes ? buckets_ : bucket;
  }

  const std::span<const uint64_t> hashes_;
  uint8_t* const buckets_;
  const uint64_t count_;
};

}  // namespace

std::string BuildKeyIndex(std::span<const uint64_t> hashes,
                          std::vector<std::pair<uint32_t, uint32_t>>* twins) {
  const uint64_t buckets =
      std::max<uint64_t>(1, (hashes.size() + kKeysPerBucket - 1) / kKeysPerBucket);
  std::string section(kKeyIndexHeaderBytes + buckets * kKeyBucketBytes, '\0');
  StoreLittle<uint32_t>(section.data(), kKeyIndexHashTable);
  StoreLittle<uint64_t>(section.data() + 8, hashes.size());
  StoreLittle<uint64_t>(section.data() + 16, buckets);
  auto* first = reinterpret_cast<uint8_t*>(section.data()) + kKeyIndexHeaderBytes;
  for (uint64_t i = 0; i < buckets; ++i) {
    std::fill_n(first + i * kKeyBucketBytes + kKeyBucketBytes / 2, kKeyBucketBytes / 2,
                uint8_t{0xFF});  // kFreeSlot
  }
  // A bucket is a cache miss; those ahead are fetched meanwhile.
  constexpr size_t kAhead = 16;
  KeyTable table(hashes, first, buckets);
  for (size_t row = 0; row < hashes.size(); ++row) {
    if (row + kAhead < hashes.size()) __builtin_prefetch(table.Home(hashes[row + kAhead]), 1);
    table.Insert(static_cast<uint32_t>(row), twins);
  }
  return section;
}

arrow::Result<SegmentKeyIndex> SegmentKeyIndex::Open(BlockVerifier* blocks, uint64_t offset,
                                                     uint64_t bytes, uint64_t rows) {
  ARROW_RETURN_NOT_OK(blocks->Ensure(offset, std::min<uint64_t>(bytes, kKeyIndexHeaderBytes)));
  const uint8_t* header = blocks->data().data() + offset;
  if (bytes >= sizeof(uint32_t) && LoadLittle<uint32_t>(header) != kKeyIndexHashTable) {
    return MakeError(ErrorCode::kFormatVersion,
                     blocks->path() + ": key index of kind " +
                         std::to_string(LoadLittle<uint32_t>(header)) +
                         " is not known to this build; open it with a newer one");
  }
  const bool whole =
      bytes >= kKeyIndexHeaderBytes + kKeyBucketBytes && bytes % kKeyBucketBytes == 0;
  const uint64_t buckets = whole ? bytes / kKeyBucketBytes - 1 : 0;
  if (!whole || LoadLittle<uint64_t>(header + 16) != buckets ||
      LoadLittle<uint64_t>(header + 8) != rows || rows > buckets * kKeysPerBucket) {
    return SegmentFileDamaged(blocks->path(), "key index at offset " + std::to_string(offset) +
                                                  " does not hold the segment's " +
                                                  std::to_string(rows) + " keys");
  }
  return SegmentKeyIndex(blocks, offset + kKeyIndexHeaderBytes, buckets, rows);
}

arrow::Status SegmentKeyIndex::VerifyRows() const {
  ARROW_RETURN_NOT_OK(blocks_->Ensure(table_, buckets_ * kKeyBucketBytes));
  std::vector<bool> seen(rows_);
  uint64_t count = 0;
  for (uint64_t bucket = 0; bucket < buckets_; ++bucket) {
    for (size_t slot = 0; slot < kKeyBucketSlots; ++slot) {
      const uint32_t row = Row(bucket, slot);
      if (row == kFreeSlot) continue;
      if (row >= rows_ || seen[row]) return RowOutOfRange(bucket);
      seen[row] = true;
      ++count;
    }
  }
  if (count == rows_) return arrow::Status::OK();
  return SegmentFileDamaged(blocks_->path(), "key index holds " + std::to_string(count) + " of " +
                                                 std::to_string(rows_) + " rows");
}

arrow::Status SegmentKeyIndex::RowOutOfRange(uint64_t bucket) const {
  return SegmentFileDamaged(blocks_->path(),
                            "key index bucket at offset " +
                                std::to_string(table_ + bucket * kKeyBucketBytes) +
                                " names a row twice, or one that the segment does not have");
}

}  // namespace pyralog::lsm
