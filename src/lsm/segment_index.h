// The .idx file of a segment: what Pyralog adds to the .arrow file beside it.
//
// All integers little-endian. n is the number of sections, C the offset of the check table, b the
// number of 64 KiB blocks in bytes 0..C-1 (the last one ends at C).
//
//      0  8  magic "PYRAIDX1"            8  4  format version (1)      12  4  n (at most 64)
//     16 16  database id                32  8  segment id              40  4  table id
//     44  4  schema version             48  8  rows                    56  8  bytes of the .arrow
//     64  8  C                                                                   file
//     72     n entries of 24 bytes: u32 kind, u32 zero, u64 offset, u64 bytes; kinds and offsets
//            ascend, offsets are multiples of 64
//   72+24n  8  XXH3 of bytes 0..72+24n-1; the manifest keeps it (SegmentMeta::index_check), which
//            ties the pair to it
//            sections, each followed by zeros to a multiple of 64
//      C  8*b  check table: u64 XXH3 of each block
//   C+8*b  8  XXH3 of the check table, seeded with the header's XXH3; ends the file
//
// Header and table (8 bytes for 64 KiB) are verified when the file is opened, any block when it is
// first touched.
//
// Sections by kind:
//      1  batches    per record batch message of the .arrow file: u64 offset, u64 header bytes,
//                    u64 body bytes
//      2  checks     u64 XXH3 of each 64 KiB block of the .arrow file
//      3  zone maps  u32 columns c, u32 units u; c times u64 offset (from the section's start) of a
//                    column's zones; then per column u zones (raw values as in batch/zone_map.h):
//                      u64 nulls, u8 flags (1 has range, 2 min exact, 4 max exact),
//                      u8 min bytes, u8 max bytes, min, max
//      4  births     absent when all rows share one. Runs: u64 first row (ascending, from 0),
//                    u64 commit number
//      5  key index  present when the table has a key: see segment_key_index.h
//      6  codes      present when columns are stored as codes of a dictionary: u32 position each
//   7-127 reserved for what changes the meaning of the rows: a reader that does not know one
//         refuses the file
// 128-255 reserved for what only adds to them (sketches, filters, secondary indexes): a reader that
//         does not know one skips it. Kinds above are refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/result.h"
#include "batch/zone_map.h"
#include "io/env.h"
#include "lsm/record_log.h"
#include "lsm/segment.h"
#include "lsm/segment_arrow_file.h"
#include "lsm/segment_blocks.h"
#include "lsm/segment_key_index.h"

namespace pyralog::lsm {

constexpr uint32_t kSegmentIndexVersion = 1;

enum class IndexSection : uint32_t {
  kBatches = 1,
  kChecks = 2,
  kZones = 3,
  kBirths = 4,
  kKeys = 5,
  kCodes = 6
};
constexpr uint32_t kFirstSkippableSection = 128;
constexpr uint32_t kLastSkippableSection = 255;

// A section to write: `kind`, bytes.
struct IndexSectionBytes {
  uint32_t kind;
  std::string bytes;
};

// What a writer puts into the file; empty `births` and absent `keys` leave their section out.
struct SegmentIndexContent {
  std::vector<MessagePlace> batches;
  std::vector<uint64_t> checks;
  std::vector<std::vector<batch::ZoneMap>> zones;  // by column, then unit
  std::vector<BirthRun> births;
  std::optional<std::string> keys;  // as BuildKeyIndex makes it
  std::vector<uint32_t> codes;      // positions of the columns that are codes
};

// Creates or empties the file, writes and syncs it. Takes id, table, schema version, rows and
// arrow_bytes from `meta`, sets its index_bytes and index_check. The caller removes the file after
// an error.
arrow::Status WriteSegmentIndex(io::Env* env, const std::string& path, const DatabaseId& database,
                                SegmentIndexContent content, SegmentMeta* meta);
// The same from sections, ascending by kind.
arrow::Status WriteIndexSections(io::Env* env, const std::string& path, const DatabaseId& database,
                                 const std::vector<IndexSectionBytes>& sections, SegmentMeta* meta);

// An open .idx file. Thread-safe.
class SegmentIndex {
 public:
  // Maps the file and verifies header and check table. kDamaged when it is missing, damaged or not
  // the file that `meta` names; kFormatVersion when a newer build wrote it.
  static arrow::Result<std::unique_ptr<SegmentIndex>> Open(io::Env* env, const std::string& path,
                                                           const DatabaseId& database,
                                                           const SegmentMeta& meta,
                                                           bool verify_checksums);

  arrow::Result<std::vector<MessagePlace>> Batches();
  // Valid as long as this.
  arrow::Result<std::span<const uint64_t>> ArrowChecks();
  arrow::Result<std::span<const BirthRun>> Births();
  // The zones of all units of one of `num_columns` columns.
  arrow::Result<std::vector<batch::ZoneMap>> Zones(int column, int num_columns);
  // kDamaged when there is none. Valid as long as this.
  arrow::Result<SegmentKeyIndex> Keys();
  // Positions of the columns that are codes; ascending.
  arrow::Result<std::vector<uint32_t>> Codes();
  bool has_keys() const { return Find(IndexSection::kKeys) != nullptr; }

  // Verifies every block that was not.
  arrow::Status VerifyAllBlocks() { return blocks_.Ensure(0, blocks_.data().size()); }

 private:
  struct Section {
    uint32_t kind;
    uint64_t offset;
    uint64_t bytes;
  };
  SegmentIndex(std::shared_ptr<arrow::Buffer> mapping, std::string path, const SegmentMeta& meta,
               std::vector<Section> sections, std::span<const uint8_t> data,
               std::span<const uint64_t> checks, bool verify_checksums);

  static arrow::Result<std::vector<Section>> ParseSections(const std::string& path,
                                                           const uint8_t* header, uint32_t count,
                                                           uint64_t end);
  const Section* Find(IndexSection kind) const;
  // The whole section, verified; `unit` is what its length must be a multiple of.
  arrow::Result<std::span<const uint8_t>> Read(IndexSection kind, uint64_t unit);
  arrow::Status Misshapen(const char* section) const;

  const std::shared_ptr<arrow::Buffer> mapping_;
  const SegmentMeta meta_;
  const std::vector<Section> sections_;
  BlockVerifier blocks_;
};

}  // namespace pyralog::lsm
