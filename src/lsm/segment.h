// A segment: rows of one table, sealed. Two files in hot/<table>/:
//
//   <id>.arrow   an Arrow IPC file, any Arrow reader opens it: record batches ("units") of
//   kUnitRows
//                rows (the last one fewer), uncompressed, every buffer 64-byte aligned
//                (segment_arrow_file.h), fields with "pyralog.field_id" metadata.
//   <id>.idx     what Pyralog adds, drawn in segment_index.h: birth commits, zone maps, the key
//                index, XXH3 of each 64 KiB block of the .arrow file.
//
// Both are written under tmp/ and renamed in; immutable from then on. No byte of either is trusted
// before the 64 KiB block that holds it was verified; that happens once per process, at first
// touch, and a bitmap remembers it. What is missing, cut, damaged or not the file that the manifest
// names is kDamaged, with a text that names file and offset.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "batch/zone_map.h"
#include "io/env.h"
#include "lsm/key.h"
#include "lsm/record_log.h"
#include "lsm/segment_blocks.h"
#include "lsm/table_schema.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

constexpr int64_t kUnitRows = 122880;  // 60 vectors of 2048 rows

// What the manifest keeps of a segment; enough to open the database without touching its files.
struct SegmentMeta {
  SegmentId id;
  TableId table;
  uint32_t schema_version = 0;  // the TableSchema version it was written under
  uint32_t level = 1;           // 1: as flushed or merged in arrival order
  uint64_t rows = 0;
  uint64_t arrow_bytes = 0;  // size of the .arrow file
  uint64_t index_bytes = 0;  // size of the .idx file
  uint64_t index_check = 0;  // XXH3 of the .idx file's header block: ties the pair to this entry
  CommitNumber min_birth;    // both equal: all rows share one birth, no births are stored
  CommitNumber max_birth;
};

// A run of rows with one birth.
struct BirthRun {
  uint64_t first_row;
  CommitNumber birth;
};

// Columns, by position, that are stored as narrower integers (batch/narrow_integers.h).
using NarrowColumns = std::map<int, std::shared_ptr<arrow::DataType>>;

class SegmentWriter {
 public:
  // `folder` is the table's folder (exists), `tmp` the database's tmp folder (exists). All values of
  // the `narrow` columns, none of which is of the key, fit these types.
  static arrow::Result<std::unique_ptr<SegmentWriter>> Create(io::Env* env, std::string folder,
                                                              std::string tmp, DatabaseId database,
                                                              SegmentId id, TableId table,
                                                              TableSchemaPtr schema,
                                                              NarrowColumns narrow = {});
  virtual ~SegmentWriter() = default;  // an unfinished segment's files are removed
  // Appends rows born at `births`: one value that all rows share, or one per row. CommitNumber 0:
  // not known yet, the meta will say. Any chunking; rows are cut into units. `batch` has the
  // schema's types in the schema's order, else kInvalidArgument. Its buffers are held, not copied,
  // until the unit is full. After any other error the segment cannot be finished: every later call
  // fails with the same error.
  virtual arrow::Status Append(const arrow::RecordBatch& batch,
                               std::span<const CommitNumber> births) = 0;
  // Ends both files, syncs them, renames them in, .idx first (the caller syncs the folder). For a
  // keyed table builds the key index; a key that occurs twice is an internal error (the caller
  // guarantees uniqueness). When it fails, destroying the writer leaves nothing behind.
  virtual arrow::Result<SegmentMeta> Finish() = 0;
  virtual uint64_t rows() const = 0;
  // About the size that the .arrow file has with the rows so far; for cutting runs into files.
  virtual uint64_t bytes() const = 0;
};

// An open segment. Thread-safe. Opening maps nothing; the first use of each file maps it, and the
// mapping stays.
class Segment {
 public:
  // `schema` is the version it was written under. verify_checksums=false is the known-bad control
  // of tests.
  static std::shared_ptr<Segment> Open(io::Env* env, std::string folder, DatabaseId database,
                                       SegmentMeta meta, TableSchemaPtr schema,
                                       bool verify_checksums = true);
  virtual ~Segment() = default;

  virtual const SegmentMeta& meta() const = 0;
  virtual const TableSchemaPtr& schema() const = 0;  // as written
  int64_t num_units() const {
    return (static_cast<int64_t>(meta().rows) + kUnitRows - 1) / kUnitRows;
  }
  int64_t UnitRows(int64_t unit) const {
    return std::min<int64_t>(kUnitRows, static_cast<int64_t>(meta().rows) - unit * kUnitRows);
  }

  // A column of a unit in the schema's type, verified. `column` is a position in schema(). A view
  // of the mapping, which it keeps alive, wherever that type is the stored one: always but for
  // dictionaries, codes and narrower integers (segment_encoding.h).
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Column(int64_t unit, int column) = 0;
  // The same, but integers in the type that they are stored in, and texts that are stored as codes
  // (string_dictionary.h) as these: dictionary(int16, utf8), or, where the schema's type is
  // utf8_view, dictionary(int16, utf8_view) over one dictionary, the same array for all units.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> Encoded(int64_t unit, int column) = 0;
  // The same in the type of the file: always a view.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> StoredColumn(int64_t unit, int column) = 0;
  // Zone map of a column of a unit. The pointer lives as long as the segment.
  virtual arrow::Result<const batch::ZoneMap*> Zone(int64_t unit, int column) = 0;
  // Zone map of a column of the whole segment, made when first asked for. The pointer lives as long
  // as the segment.
  virtual arrow::Result<const batch::ZoneMap*> Range(int column) = 0;
  // Ascending by first_row, the first one 0; lives as long as the segment. Empty when all rows
  // share meta().min_birth.
  virtual arrow::Result<std::span<const BirthRun>> Births() = 0;
  // False only when no row has a key from `low` to `high` (both inclusive), by the bounds of the first
  // key column. REQUIRES: keyed schema.
  virtual bool MayHold(std::string_view low, std::string_view high) = 0;
  // For each i in `which`: rows[i] = the row with the key keys.key(i), or -1. Other elements of
  // `rows` are left. Candidates are compared with the stored key columns, so a hit is certain.
  // After an error `rows` is unspecified. REQUIRES: keyed schema; rows.size() == keys.size(); keys
  // encoded from columns of the key's types.
  virtual arrow::Status Find(const KeyBatch& keys, std::span<const int64_t> which,
                             std::span<int64_t> rows) = 0;
  // Asks the system to read the column chunks of these units ahead. Never fails.
  virtual void WillNeed(int64_t unit, std::span<const int> columns) = 0;
  // Maps both files anew, reads and verifies every byte, whatever was verified before.
  virtual arrow::Status VerifyAll() = 0;

  static std::string ArrowPath(const std::string& folder, SegmentId id);  // <folder>/00000031.arrow
  static std::string IndexPath(const std::string& folder, SegmentId id);  // <folder>/00000031.idx
};

}  // namespace pyralog::lsm
