// Compares encoded keys (key.h) with keys that stand in the columns of a segment, without encoding
// those.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "lsm/segment_blocks.h"
#include "lsm/table_schema.h"

namespace pyralog::lsm {

// The key columns of one unit. Covers integers, dates, times, bool, fixed_size_binary, and utf8 and
// binary with 32- or 64-bit offsets; a key with any other column has none, and its candidates are
// encoded and compared.
class StoredKeys {
 public:
  // Whether keys of this schema, with columns stored under these types, can be compared here.
  static bool Supports(const TableSchema& schema, const arrow::Schema& stored);

  // `batch` is a unit as read from the mapping that `blocks` verifies; nothing of its buffers is
  // looked at.
  static arrow::Result<StoredKeys> Make(const TableSchema& schema, const arrow::RecordBatch& batch,
                                        BlockVerifier* blocks);

  // Whether the key of `row` (of the unit) is `key`. Verifies the blocks that it touches.
  arrow::Status Match(int64_t row, std::string_view key, bool* equal) const;

  // Asks for the lines that Match will touch: first of all columns' fixed-width parts, then of what
  // these refer to.
  void PrefetchFixed(int64_t row) const;
  void PrefetchReferred(int64_t row) const;

 private:
  enum class Kind : uint8_t { kUnsigned, kSigned, kBool, kFixedBytes, kBytes32, kBytes64 };
  struct Column {
    Kind kind;
    int32_t width = 0;               // bytes of a value, or of an offset
    const uint8_t* fixed = nullptr;  // values or offsets
    const uint8_t* bytes = nullptr;  // what the offsets refer to
    uint64_t bytes_size = 0;
  };

  explicit StoredKeys(BlockVerifier* blocks) : blocks_(blocks) {}
  static bool KindOf(const arrow::DataType& type, Kind* kind);
  arrow::Status MatchColumn(const Column& column, int64_t row, std::string_view* key,
                            bool* equal) const;
  arrow::Status MatchBytes(const Column& column, int64_t row, std::string_view* key,
                           bool* equal) const;
  uint64_t OffsetInFile(const uint8_t* address) const {
    return static_cast<uint64_t>(address - blocks_->data().data());
  }

  BlockVerifier* blocks_;
  std::vector<Column> columns_;
};

}  // namespace pyralog::lsm
