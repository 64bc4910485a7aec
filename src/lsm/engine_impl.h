// The engine's state and its parts. engine_impl.cc: opening, snapshots, statistics; commit.cc: the
// commit path; flush.cc and merge.cc: background work; recovery.cc: from files to state.
//
// Locks, in the order they are taken: flush_mutex_ (one flush or merge at a time), commit_mutex_
// (one commit or install at a time), state_mutex_ (what snapshots copy; held for moments), the
// log's own.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_annotations.h"
#include "lsm/commit_log.h"
#include "lsm/commit_record.h"
#include "lsm/engine.h"
#include "lsm/key_set.h"
#include "lsm/manifest.h"
#include "lsm/space_reserve.h"
#include "lsm/version.h"

namespace pyralog::lsm {

class TransactionImpl;

// What a transaction reads from; registered until released, so that nothing it needs is forgotten.
struct Snapshot {
  CommitNumber commit;
  std::shared_ptr<const TableMap> tables;
  MetaState meta;
};

// The writes of one table of a transaction, made ready outside the commit mutex.
struct PreparedTable {
  TableId table;
  TableSchemaPtr schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::vector<KeyBatch> keys;        // a batch each, for keyed tables
  std::vector<std::string> encoded;  // EncodeRows of each batch
  // Spilled; their deaths are the transaction's own.
  std::vector<std::shared_ptr<SegmentSource>> segments;
  struct Deletions {
    RowSourcePtr source;
    RowSet rows;
  };
  std::vector<Deletions> deletions;

  bool Deletes(const RowSource* source, int64_t row) const {
    return std::any_of(deletions.begin(), deletions.end(), [&](const Deletions& d) {
      return d.source.get() == source && d.rows.Contains(static_cast<uint32_t>(row));
    });
  }
};

struct PreparedCommit {
  CommitNumber snapshot;
  std::vector<MetaChange> meta;
  std::set<std::string> guarded;
  std::set<std::string> offered;  // keys of `meta` that are left out where they conflict
  std::vector<TableChange> table_changes;
  std::vector<PreparedTable> tables;
  // By the table whose keys they are: keys that new references are to, and keys that are gone.
  std::vector<std::pair<TableId, KeyBatch>> needed_keys;
  std::vector<std::pair<TableId, KeySet>> lost_keys;
};

class EngineImpl final : public Engine {
 public:
  EngineImpl(io::Env* env, std::string path, EngineOptions options);
  ~EngineImpl() override;
  arrow::Status Recover();  // recovery.cc; first call after construction
  void StartBackground();

  arrow::Result<std::unique_ptr<Transaction>> Begin() override;
  arrow::Status Flush() override;
  arrow::Status DrainBackgroundWork() override;
  arrow::Status Verify() override;
  arrow::Status Close() override;
  CommitNumber last_durable() const override { return log_.durable(); }
  const RecoveryReport& recovery() const override { return recovery_; }
  std::vector<FileInfo> Files() const override;
  uint64_t memtable_bytes() const override;
  int64_t memtable_rows(TableId table) const override;
  arrow::Status WriteState() const override;

  // ---- For transactions ----
  Snapshot TakeSnapshot() EXCLUDES(state_mutex_);
  void ReleaseSnapshot(CommitNumber commit) EXCLUDES(state_mutex_);
  // The whole commit: checks, log, memtables, waiting for durability. commit.cc
  arrow::Result<CommitNumber> Commit(PreparedCommit prepared) EXCLUDES(commit_mutex_, state_mutex_);
  TableId NextTableId() { return TableId(next_table_.fetch_add(1)); }
  // Whether any table ever referred to another.
  bool has_references() const { return has_references_; }
  const EngineOptions& options() const { return options_; }
  // A writer for a new, unlisted segment of the table; makes its folder.
  arrow::Result<std::unique_ptr<SegmentWriter>> NewSegment(TableId table, TableSchemaPtr schema,
                                                           NarrowColumns narrow = {});
  // Opens a finished segment and makes its name durable.
  arrow::Result<std::shared_ptr<SegmentSource>> AdoptSegment(const SegmentMeta& meta,
                                                             TableSchemaPtr schema);

 private:
  // ---- Commit (commit.cc) ----
  // Takes away what was only offered and conflicts.
  arrow::Status CheckMeta(PreparedCommit* prepared) const REQUIRES(commit_mutex_);
  arrow::Status CheckTables(const PreparedCommit& prepared) const REQUIRES(commit_mutex_);
  // Follows relocations of the rows to delete; kConflict when one is dead.
  arrow::Status ResolveDeletions(PreparedTable* table) const REQUIRES(commit_mutex_);
  arrow::Status CheckKeys(const PreparedCommit& prepared, const PreparedTable& table) const
      REQUIRES(commit_mutex_);
  arrow::Status CheckKeysAgainst(const KeyBatch& keys, const PreparedTable& table,
                                 const TableVersion& version, CommitNumber snapshot) const
      REQUIRES(commit_mutex_);
  // Of a table that was made, or altered from `before`.
  void NoteReferences(const TableChange& change, const TableVersion* before, CommitNumber commit)
      REQUIRES(commit_mutex_);
  // References between what this commit changes and what was committed since its snapshot.
  // commit_references.cc
  arrow::Status CheckReferences(const PreparedCommit& prepared) const REQUIRES(commit_mutex_);
  arrow::Status CheckReferredTables(const PreparedCommit& prepared) const REQUIRES(commit_mutex_);
  arrow::Status CheckNeeded(TableId table, const KeyBatch& keys, CommitNumber snapshot) const
      REQUIRES(commit_mutex_);
  arrow::Status CheckLost(const PreparedCommit& prepared, TableId table, const KeySet& keys) const
      REQUIRES(commit_mutex_);
  arrow::Status CheckNoneBorn(const PreparedCommit& prepared, const TableVersion& child,
                              const Reference& reference, const KeySet& keys) const
      REQUIRES(commit_mutex_);
  arrow::Result<EncodedCommit> EncodeRecord(const PreparedCommit& prepared, CommitNumber commit)
      REQUIRES(commit_mutex_);
  arrow::Status ApplyCommit(PreparedCommit prepared, CommitNumber commit) REQUIRES(commit_mutex_);
  void ApplyTableChanges(const PreparedCommit& prepared, CommitNumber commit, TableMap* tables)
      REQUIRES(commit_mutex_);
  void ApplyMeta(std::vector<MetaChange> changes, CommitNumber commit) REQUIRES(commit_mutex_);
  arrow::Status ApplyRows(PreparedTable* table, const TableVersion& version, CommitNumber commit)
      REQUIRES(commit_mutex_);
  TableVersionPtr WithSegments(const PreparedTable& table, const TableVersion& version,
                               CommitNumber commit) REQUIRES(commit_mutex_);
  arrow::Result<CommitNumber> CommitLocked(PreparedCommit* prepared) REQUIRES(commit_mutex_);
  arrow::Status WaitForRoom();

  // ---- Background work (flush.cc, merge.cc) ----
  struct FlushJob;
  struct MergeJob;
  bool FlushDue() const;
  arrow::Status FlushOnce() REQUIRES(flush_mutex_);
  arrow::Status Freeze(FlushJob* job) REQUIRES(commit_mutex_);
  arrow::Status WriteFrozen(FlushJob* job) REQUIRES(flush_mutex_);
  arrow::Status InstallFlush(FlushJob* job) REQUIRES(commit_mutex_);
  // One merge if one is due; *did says whether.
  arrow::Status MergeOnce(bool* did) REQUIRES(flush_mutex_);
  // The mostly dead segment of which the least is left.
  bool PickRewrite(MergeJob* job) const;
  bool PickMerge(MergeJob* job) const;
  // Columns of which all values of the inputs fit narrower integers.
  static arrow::Result<NarrowColumns> NarrowColumnsOf(const MergeJob& job);
  arrow::Status WriteMerge(MergeJob* job) REQUIRES(flush_mutex_);
  arrow::Status InstallMerge(MergeJob* job) REQUIRES(commit_mutex_);
  // Rows of `from` that died after they were copied die in the copy too, where those that were kept
  // stand from row `first` on.
  void KillKept(const DeletionVector& from, const KeptRows& kept, int64_t first,
                DeletionVector* copy) REQUIRES(commit_mutex_);
  // Writes a pack with all deaths of these segments and notes it in `next`. nullptr entries are not
  // allowed.
  arrow::Status WritePack(const std::vector<std::shared_ptr<SegmentSource>>& segments,
                          CommitNumber at, ManifestState* next);
  // The manifest state that describes `tables` now.
  ManifestState Describe(const TableMap& tables, uint32_t log_number,
                         std::optional<CommitNumber> log_from) const REQUIRES(commit_mutex_);
  // Makes `next` durable. Those of the new segments that it lists are no longer obsolete, unless
  // nothing was changed.
  arrow::Status ApplyManifest(ManifestState next,
                              const std::vector<std::shared_ptr<SegmentSource>>& fresh = {})
      REQUIRES(commit_mutex_);
  void RemoveUnneededFiles() REQUIRES(commit_mutex_);
  arrow::Status RunDueWork() EXCLUDES(flush_mutex_, commit_mutex_);
  arrow::Status MergeAllDue() REQUIRES(flush_mutex_);
  // For a full disk: gives back the room of what is dead, by help of the reserve. `use_reserve`:
  // the room that was kept may be used up by the caller; otherwise it is kept again, or kNoSpace.
  arrow::Status MakeRoom(bool use_reserve) EXCLUDES(flush_mutex_, commit_mutex_);
  // Whether a rewrite or a flush gives back more room than it takes.
  bool HoldsDeadRows() const EXCLUDES(commit_mutex_);
  arrow::Status DropTheDead() REQUIRES(flush_mutex_);
  void BackgroundLoop();
  void WakeBackground();

  // ---- Recovery (recovery.cc) ----
  // A new database, or nothing that was not there before. creation.cc
  arrow::Status CreateFresh() REQUIRES(commit_mutex_);
  // Refuses a folder with foreign files, or with a database whose CURRENT is lost.
  arrow::Status CheckFresh() REQUIRES(commit_mutex_);
  arrow::Status MakeFresh() REQUIRES(commit_mutex_);
  void RemoveFresh() REQUIRES(commit_mutex_);
  arrow::Status LoadManifest() REQUIRES(commit_mutex_);
  arrow::Status LoadPacks() REQUIRES(commit_mutex_);
  arrow::Status CheckFiles() REQUIRES(commit_mutex_);
  struct ReplayedLog {
    uint32_t number;
    LogEnd end;
    uint64_t records;
  };
  // All logs, in order; at least one.
  arrow::Result<std::vector<ReplayedLog>> ReplayLogs() REQUIRES(commit_mutex_);
  arrow::Result<LogEnd> ReplayLog(uint32_t number, TableMap* tables, MetaMap* meta,
                                  uint64_t* records) REQUIRES(commit_mutex_);
  arrow::Status CheckLogsReachManifest(uint32_t last) const REQUIRES(commit_mutex_);
  // Makes the log that takes new commits, and ends those before it for good.
  arrow::Result<std::unique_ptr<RecordLogWriter>> NextLog(const std::vector<ReplayedLog>& logs)
      REQUIRES(commit_mutex_);
  arrow::Status Replay(std::string_view body, TableMap* tables, MetaMap* meta)
      REQUIRES(commit_mutex_);
  arrow::Status ReplayRows(const LoggedRows& rows, CommitNumber commit, TableMap* tables)
      REQUIRES(commit_mutex_);
  arrow::Status ReplayDeletions(const LoggedDeletions& deletions, CommitNumber commit,
                                const TableMap& tables) REQUIRES(commit_mutex_);
  // Whether the manifest tells of the segments that this commit spilled: all but those behind rows
  // that were in memory.
  bool IsInManifest(CommitNumber commit, TableId table, const TableMap& tables) const
      REQUIRES(commit_mutex_);
  arrow::Status ReplaySegments(const CommitRecord& record, TableMap* tables)
      REQUIRES(commit_mutex_);
  arrow::Status StartLog(const std::vector<ReplayedLog>& logs) REQUIRES(commit_mutex_);
  arrow::Status RemoveOrphans() REQUIRES(commit_mutex_);
  arrow::Status ClearScratch() REQUIRES(commit_mutex_);

  std::string PathOf(std::string_view name) const { return io::JoinPath(path_, name); }
  std::string WalPath(uint32_t number) const;
  std::string PackPath(uint64_t pack) const;
  std::string TableFolder(TableId table) const;
  std::shared_ptr<SegmentSource> OpenSegment(const SegmentMeta& meta, TableSchemaPtr schema) const;
  // A log file of this number, with room for about as many bytes as are expected.
  arrow::Result<std::unique_ptr<RecordLogWriter>> CreateWal(uint32_t number, uint64_t expected);
  uint64_t ReserveWanted() const;
  arrow::Status MakeTableFolder(TableId table) EXCLUDES(folders_mutex_);
  struct TableDrop {
    CommitNumber commit;
    TableVersionPtr table;
  };
  std::vector<TableDrop> ForgetDurableDrops(CommitNumber durable) REQUIRES(state_mutex_);
  std::shared_ptr<const TableMap> CurrentTables() const EXCLUDES(state_mutex_);
  MetaState CurrentMeta() const EXCLUDES(state_mutex_);
  void Publish(std::shared_ptr<const TableMap> tables) EXCLUDES(state_mutex_);
  CommitNumber OldestSnapshot() const EXCLUDES(state_mutex_);
  // The database takes no writes from here on.
  void Fail(const arrow::Status& reason, const char* during);

  // Constant after Recover.
  io::Env* const env_;
  const std::string path_;
  const EngineOptions options_;
  DatabaseId database_{};
  std::unique_ptr<io::FileLock> lock_;
  RecoveryReport recovery_;

  CommitLog log_;
  SpaceReserve reserve_;
  Mutex folders_mutex_;
  std::set<TableId> folders_ GUARDED_BY(folders_mutex_);  // of tables, known to be durable

  std::atomic<uint32_t> next_table_{1};
  std::atomic<uint64_t> next_segment_{1};
  std::atomic<uint64_t> next_pack_{1};

  Mutex flush_mutex_;
  mutable Mutex commit_mutex_;
  CommitNumber last_commit_ GUARDED_BY(commit_mutex_);
  std::unique_ptr<Manifest> manifest_ GUARDED_BY(commit_mutex_);
  uint32_t log_number_ GUARDED_BY(commit_mutex_) = 0;  // of the file being written
  uint32_t oldest_log_ GUARDED_BY(commit_mutex_) = 0;  // first file not removed yet
  std::map<TableId, CommitNumber> last_write_ GUARDED_BY(commit_mutex_);
  // The last commit that made a reference to the table.
  std::map<TableId, CommitNumber> referred_since_ GUARDED_BY(commit_mutex_);
  // Segments of dropped tables: their files stay until no manifest lists them.
  std::vector<std::shared_ptr<SegmentSource>> dropped_ GUARDED_BY(commit_mutex_);
  std::atomic<bool> closed_{false};

  mutable Mutex state_mutex_;
  std::shared_ptr<const TableMap> tables_ GUARDED_BY(state_mutex_);
  // Ascending; the first is the oldest anybody needs.
  std::deque<MetaState> meta_ GUARDED_BY(state_mutex_);
  std::multiset<CommitNumber> snapshots_ GUARDED_BY(state_mutex_);
  // Drops that may not be durable yet: snapshots from before them still see the tables.
  std::vector<TableDrop> drops_ GUARDED_BY(state_mutex_);

  std::atomic<uint64_t> log_bytes_total_{0};  // logged since the last flush
  std::atomic<uint64_t> active_bytes_{0};     // of active memtables
  std::atomic<uint64_t> frozen_bytes_{0};     // of memtables that wait for a flush
  std::atomic<bool> has_references_{false};
  std::atomic<bool> reclaim_due_{false};  // a flush would free files of dropped tables

  Mutex background_mutex_;
  CondVar background_wake_;
  CondVar background_done_;
  bool wake_ GUARDED_BY(background_mutex_) = false;
  bool stop_ GUARDED_BY(background_mutex_) = false;
  arrow::Status background_error_ GUARDED_BY(background_mutex_);
  std::thread background_;
};

}  // namespace pyralog::lsm
