// The list of everything that makes up the database, as a log of edits.
//
// MANIFEST-<number> is a record log (record_log.h, kind 2). Each record of type 1 is one edit, a
// CBOR map (RFC 8949); the state is all edits applied in order. The first edit of a file is a whole
// state. Keys of the map, all optional:
//
//   "log"       number of the oldest write-ahead log that must be replayed
//   "log_from"  the last commit before that log: all commits up to "commit" that follow it are in
//               the logs
//   "commit"    everything in here is as of this commit; log records up to it bring no metadata and
//               no segment
//   "ids"       [next table id, next segment id, next pack id]
//   "meta"      { key: bytes value, or null when deleted }, with "meta_at": { key: commit that
//               wrote it }
//   "tables"    { id: { "schemas": [[commit, bytes schema] ...], "ordinal": rows below it are
//               flushed }, or null when dropped }
//   "add"       [[id, table, schema version, level, rows, arrow bytes, index bytes, index check,
//                 min birth, max birth] ...]
//               segments, in the table's order (an edit that changes a table's segments lists them
//               all: "order")
//   "order"     { table: [segment ids in row order] }
//   "remove"    [segment ids]
//   "packs"     { segment id: deletion pack that holds its deaths }
// An unknown key is refused as a newer format.
//
// CURRENT is text: "pyralog 1\n", the manifest's file name, the database id in hex, XXH3 of the
// lines before in hex. It is replaced by rename, so the switch to a new manifest is atomic.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "arrow/result.h"
#include "io/env.h"
#include "lsm/record_log.h"
#include "lsm/segment.h"
#include "lsm/version.h"

namespace pyralog::lsm {

struct ManifestTable {
  std::vector<std::pair<CommitNumber, TableSchemaPtr>> schemas;
  uint64_t flushed_ordinal = 0;
  std::vector<SegmentId> segments;  // in row order
  bool operator==(const ManifestTable&) const = default;
};

struct ManifestState {
  uint32_t log_number = 1;
  std::optional<CommitNumber> log_from;  // nullopt: of a build that did not say
  CommitNumber commit;
  uint32_t next_table = 1;
  uint64_t next_segment = 1;
  uint64_t next_pack = 1;
  std::shared_ptr<const MetaMap> meta = std::make_shared<MetaMap>();
  std::map<TableId, ManifestTable> tables;
  std::map<SegmentId, SegmentMeta> segments;
  std::map<SegmentId, uint64_t> packs;  // segment -> pack id

  std::set<uint64_t> LivePacks() const;
};

class Manifest {
 public:
  // Makes the first manifest of a new database and CURRENT.
  static arrow::Result<std::unique_ptr<Manifest>> Create(io::Env* env, std::string folder,
                                                         DatabaseId database);
  // Reads CURRENT and the manifest it names. kNotFound: there is no CURRENT. A torn tail is cut.
  static arrow::Result<std::unique_ptr<Manifest>> Open(io::Env* env, std::string folder,
                                                       bool verify_checksums);
  ~Manifest();

  const ManifestState& state() const { return state_; }
  DatabaseId database() const { return database_; }
  // False when it was opened and had not been closed: what was read may not be durable then (a sync
  // may have failed), until Apply begins a new file.
  bool durable() const { return durable_; }
  // Makes `next` the durable state: appends the difference, or begins a new file when the log has
  // grown long. kNoSpace without any effect when there is no room; after any other failure the
  // manifest is dead, and which of the two states is found when it is opened is open.
  arrow::Status Apply(ManifestState next);
  arrow::Status Close();
  std::string file_name() const;

 private:
  Manifest(io::Env* env, std::string folder, DatabaseId database, uint32_t number);
  // Begins file number_ + 1 with the whole state, and points CURRENT to it.
  arrow::Status Rotate(ManifestState next);

  io::Env* const env_;
  const std::string folder_;
  const DatabaseId database_;
  uint32_t number_;
  uint64_t full_size_ = 0;  // bytes of the file's first edit
  bool durable_ = true;
  ManifestState state_;
  std::unique_ptr<RecordLogWriter> writer_;
};

std::string ManifestFileName(uint32_t number);

}  // namespace pyralog::lsm
