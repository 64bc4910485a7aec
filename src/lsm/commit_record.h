// What one commit writes to the write-ahead log: record type 1, or 2 when a bitmap (3) is in it; all
// integers little-endian.
//
//    u64 commit number
//    u32 n metadata changes   n x { u8 op (1 put, 2 delete); string key; string value (put) }
//    u32 n table changes      n x { u8 op (1 create, 2 drop, 3 alter); u32 table;
//                                   string schema (create, alter) }
//    u32 n row batches        n x { u32 table; u32 schema version; u64 first ordinal;
//                                   string rows (row_codec.h) }
//    u32 n segments           n x SegmentMeta as 10 u64 in declaration order (spilled by a big
//                                 transaction)
//    u32 n deletions          n x { u32 table; u8 where (1 memtables, 2 and 3 segment);
//                                   u64 segment id (0 for 1);
//                                   u32 n; n x u64 ordinal (1) or u32 row (2), ascending; or (3)
//                                   u32 words, words x u64: n bits, bit r % 64 of word r / 64 }
//   A string is u32 length + bytes.
//
// Order of effect: table changes, metadata, deletions, segments, rows. A row in a memtable is named
// by its ordinal in the table's order of all rows ever put into memtables; it keeps that name until
// a flush gives it a place in a segment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "lsm/row_set.h"
#include "lsm/segment.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

constexpr uint32_t kCommitRecord = 1;
constexpr uint32_t kBigCommitRecord = 2;  // it holds bitmaps; not known to the first builds

struct MetaChange {
  std::string key;
  std::optional<std::string> value;  // nullopt: deleted
};

enum class TableOp : uint8_t { kCreate = 1, kDrop = 2, kAlter = 3 };
struct TableChange {
  TableOp op;
  TableId table;
  TableSchemaPtr schema;  // of create and alter
};

struct LoggedRows {
  TableId table;
  uint32_t schema_version = 0;
  uint64_t first_ordinal = 0;
  std::string_view encoded;  // EncodeRows
};

struct LoggedDeletions {
  TableId table;
  std::optional<SegmentId> segment;  // nullopt: in memtables
  RowSet rows;                       // of the segment
  std::vector<uint64_t> ordinals;    // of rows in memtables; ascending
};

struct CommitRecord {
  CommitNumber commit;
  std::vector<MetaChange> meta;
  std::vector<TableChange> tables;
  std::vector<LoggedRows> rows;
  std::vector<SegmentMeta> segments;
  std::vector<LoggedDeletions> deletions;
};

arrow::Result<std::string> EncodeCommitRecord(const CommitRecord& record);
// The type of the record that it makes: kCommitRecord or kBigCommitRecord.
uint32_t CommitRecordType(const CommitRecord& record);
// `body` must outlive the result, which points into it. kDamaged when the bytes are not what
// EncodeCommitRecord makes.
arrow::Result<CommitRecord> DecodeCommitRecord(std::string_view body);

}  // namespace pyralog::lsm
