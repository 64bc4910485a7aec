// The hot engine: tables of Arrow rows in one folder, crash-safe, versioned, with transactions.
// docs/architecture/lsm.md
//
//   db/  CURRENT  MANIFEST-00000007  LOCK  wal/00000012.wal
//        hot/<table>/00000031.arrow .idx   hot/00000044.del   tmp/
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arrow/result.h"
#include "io/env.h"
#include "lsm/segment.h"
#include "lsm/transaction.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

enum class Durability {
  kFull,    // an acknowledged commit survives power loss
  kNormal,  // survives a killed process; synced at least every second
  kOff,     // no log: the state of the last flush survives
};

struct EngineOptions {
  Durability durability = Durability::kFull;
  bool create_if_missing = true;
  bool read_only = false;              // takes no writes; still needs the lock
  uint64_t memtable_bytes = 16 << 20;  // all active memtables together, before they are flushed
  uint64_t spill_bytes = 8 << 20;      // a transaction's private rows, before they go to segments
  uint64_t wal_bytes = 64 << 20;       // log, before memtables are flushed to cut it
  uint64_t wal_preallocate_bytes = 4 << 20;
  // Kept on the disk for what frees room when it is full: an eighth of the segments, but between an
  // eighth of this and all of it.
  uint64_t reserve_bytes = 8 << 20;
  uint64_t merge_target_bytes = 256 << 20;  // merges make no file larger than this
  int merge_fanin = 8;                      // similar-sized neighbours that are merged into one
  // false: flush and merge run inside the commit that makes them due (tests)
  bool background_work = true;
  bool verify_checksums = true;  // false: the known-bad control of tests
};

struct RecoveryReport {
  uint64_t log_records = 0;  // records replayed
  uint64_t log_bytes = 0;    // bytes read
  bool torn_tail = false;    // an unsynced tail was cut ...
  std::string torn_file;     // ... of this file
  uint64_t torn_offset = 0;  // ... at this offset
  uint64_t torn_bytes = 0;   // ... of this many bytes
  CommitNumber last_commit;
};

// One file of the database.
struct FileInfo {
  std::string path;  // relative to the database folder
  std::string kind;  // "segment", "index", "deletions", "wal", "manifest"
  TableId table;     // of segments and indexes
  uint32_t level = 0;
  uint64_t rows = 0;          // stored rows, of segments
  uint64_t deleted_rows = 0;  // of segments
  uint64_t bytes = 0;
};

class Engine {
 public:
  // Opens or creates the database in folder `path` of `env` and takes its lock (kLocked names the
  // folder).
  static arrow::Result<std::unique_ptr<Engine>> Open(io::Env* env, std::string path,
                                                     EngineOptions options);
  virtual ~Engine() = default;  // closes

  virtual arrow::Result<std::unique_ptr<Transaction>> Begin() = 0;

  // Writes all memtables to segments.
  virtual arrow::Status Flush() = 0;
  // Runs flushes and merges that are due, until none is.
  virtual arrow::Status DrainBackgroundWork() = 0;
  // Reads and verifies every byte of every file. The first damage is returned.
  virtual arrow::Status Verify() = 0;
  // Flushes nothing, closes the log cleanly. Later calls fail. Open transactions must have ended.
  virtual arrow::Status Close() = 0;

  virtual CommitNumber last_durable() const = 0;
  virtual const RecoveryReport& recovery() const = 0;
  virtual std::vector<FileInfo> Files() const = 0;
  virtual uint64_t memtable_bytes() const = 0;
  virtual int64_t memtable_rows(TableId table) const = 0;
  // OK, or why the database is read-only (a failed sync, read_only option).
  virtual arrow::Status WriteState() const = 0;
};

}  // namespace pyralog::lsm
