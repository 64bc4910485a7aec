// A deletion pack: hot/<id>.del, the deaths that one flush, merge or big transaction found in any
// number of segments.
//
// All integers little-endian. n is the number of entries.
//      0  8  magic "PYRADEL1"            8  4  format version (1)      12  4  n
//     16 16  database id                32  8  pack id                 40  8  XXH3 of bytes 0..39
//     48     n entries of 48 bytes, segment ids ascending:
//               0  8  segment id        8  8  offset of its body in the file
//              16  8  bytes of its rows, unpadded
//              24  4  encoding: 1 list, u32 row numbers ascending;
//                               2 bitmap, bit r % 64 of word r / 64 is set: row r is dead
//              28  4  death runs       32  8  deaths                   40  8  XXH3 of the body
//   48+48n  8  XXH3 of all entries
//            bodies in the order of the entries, without gaps up to the end of the file: the rows
//            as encoded, zeros to a multiple of 8, then the death runs: u64 index (from 0, in row
//            order) of the run's first death, u64 commit number of all deaths up to the next run
// The encoding is the shorter one. Rows and births are not known here; whoever reads checks rows
// against its segment.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "arrow/result.h"
#include "io/env.h"
#include "lsm/record_log.h"
#include "lsm/row_set.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

constexpr uint32_t kDeletionPackVersion = 1;

// The dead rows of one segment, and since when.
struct SegmentDeaths {
  // In row order: the deaths from this one on, up to the next run, are of this commit.
  struct Run {
    uint64_t first;
    CommitNumber commit;
    bool operator==(const Run&) const = default;
  };

  RowSet rows;
  std::vector<Run> runs;  // ascending from 0; empty when there are no rows

  // Calls visit(row, commit) in row order.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    size_t run = 0;
    uint64_t i = 0;
    rows.ForEach([&](uint32_t row) {
      if (run + 1 < runs.size() && runs[run + 1].first == i) ++run;
      visit(row, runs[run].commit);
      ++i;
    });
  }
  bool operator==(const SegmentDeaths&) const = default;
};
using Deaths = std::map<SegmentId, SegmentDeaths>;

// Writes and syncs the file under tmp, then renames it to `path` (the caller syncs the folder).
// Returns its size. Segments without deaths are left out. kInvalidArgument when runs do not fit the
// rows; after any error no file is left.
arrow::Result<uint64_t> WriteDeletionPack(io::Env* env, const std::string& path,
                                          const std::string& tmp, DatabaseId database,
                                          uint64_t pack_id, const Deaths& deaths);
// kDamaged names file and offset; also for a missing file and one of another database or pack.
// kFormatVersion when a newer build wrote it.
arrow::Result<Deaths> ReadDeletionPack(io::Env* env, const std::string& path, DatabaseId database,
                                       uint64_t pack_id, bool verify_checksums = true);

}  // namespace pyralog::lsm
