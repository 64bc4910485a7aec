#include "lsm/engine_impl.h"

#include <algorithm>
#include <cstdio>

#include "lsm/deletion_pack.h"
#include "lsm/transaction_impl.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// Bytes that a log file is given at first, at the least.
constexpr uint64_t kSmallestLog = 256 << 10;

std::string Numbered(const char* format, unsigned long long number) {
  char name[48];
  std::snprintf(name, sizeof(name), format, number);
  return name;
}

// Damage that is found when a database is opened ends with what to do about it.
arrow::Status WithRemedy(const arrow::Status& status) {
  if (GetErrorCode(status) != ErrorCode::kDamaged ||
      status.message().find("restore") != std::string::npos)
    return status;
  return MakeError(ErrorCode::kDamaged, status.message() + "; restore the database from a backup");
}

}  // namespace

arrow::Result<std::unique_ptr<Engine>> Engine::Open(io::Env* env, std::string path,
                                                    EngineOptions options) {
  auto engine = std::make_unique<EngineImpl>(env, std::move(path), options);
  ARROW_RETURN_NOT_OK(WithRemedy(engine->Recover()));
  engine->StartBackground();
  return engine;
}

EngineImpl::EngineImpl(io::Env* env, std::string path, EngineOptions options)
    : env_(env),
      path_(std::move(path)),
      options_(options),
      log_(options.durability),
      reserve_(env, PathOf("tmp/reserve")) {}

EngineImpl::~EngineImpl() { (void)Close(); }

arrow::Result<std::unique_ptr<Transaction>> EngineImpl::Begin() {
  if (closed_) return MakeError(ErrorCode::kTransaction, path_ + ": the database was closed");
  return std::make_unique<TransactionImpl>(this, TakeSnapshot());
}

// ---- Snapshots ----

Snapshot EngineImpl::TakeSnapshot() {
  std::vector<TableDrop> forgotten;  // ends outside the lock
  MutexLock lock(state_mutex_);
  Snapshot snapshot;
  snapshot.commit = log_.durable();
  snapshot.tables = tables_;
  forgotten = ForgetDurableDrops(snapshot.commit);
  if (!drops_.empty()) {
    auto tables = std::make_shared<TableMap>(*tables_);
    for (const TableDrop& drop : drops_) tables->insert_or_assign(drop.table->id, drop.table);
    snapshot.tables = std::move(tables);
  }
  for (const MetaState& state : meta_) {
    if (state.commit <= snapshot.commit) snapshot.meta = state;
  }
  snapshots_.insert(snapshot.commit);
  return snapshot;
}

std::vector<EngineImpl::TableDrop> EngineImpl::ForgetDurableDrops(CommitNumber durable) {
  const auto first = std::partition(drops_.begin(), drops_.end(), [durable](const TableDrop& drop) {
    return drop.commit > durable;
  });
  std::vector<TableDrop> forgotten(std::make_move_iterator(first),
                                   std::make_move_iterator(drops_.end()));
  drops_.erase(first, drops_.end());
  return forgotten;
}

void EngineImpl::ReleaseSnapshot(CommitNumber commit) {
  MutexLock lock(state_mutex_);
  if (const auto it = snapshots_.find(commit); it != snapshots_.end()) snapshots_.erase(it);
  const CommitNumber oldest =
      snapshots_.empty() ? log_.durable() : std::min(*snapshots_.begin(), log_.durable());
  while (meta_.size() > 1 && meta_[1].commit <= oldest) meta_.pop_front();
}

CommitNumber EngineImpl::OldestSnapshot() const {
  MutexLock lock(state_mutex_);
  return snapshots_.empty() ? log_.durable() : std::min(*snapshots_.begin(), log_.durable());
}

std::shared_ptr<const TableMap> EngineImpl::CurrentTables() const {
  MutexLock lock(state_mutex_);
  return tables_;
}

MetaState EngineImpl::CurrentMeta() const {
  MutexLock lock(state_mutex_);
  return meta_.back();
}

void EngineImpl::Publish(std::shared_ptr<const TableMap> tables) {
  std::shared_ptr<const TableMap> old;  // its sources may end here, outside the lock
  MutexLock lock(state_mutex_);
  old = std::exchange(tables_, std::move(tables));
}

// ---- Files ----

std::string EngineImpl::WalPath(uint32_t number) const {
  return PathOf(Numbered("wal/%08llu.wal", number));
}
std::string EngineImpl::PackPath(uint64_t pack) const {
  return PathOf(Numbered("hot/%08llu.del", pack));
}
std::string EngineImpl::TableFolder(TableId table) const {
  return PathOf(Numbered("hot/%llu", table.value()));
}

arrow::Result<std::unique_ptr<RecordLogWriter>> EngineImpl::CreateWal(uint32_t number,
                                                                      uint64_t expected) {
  const uint64_t preallocate =
      std::clamp(expected, std::min(kSmallestLog, options_.wal_preallocate_bytes),
                 options_.wal_preallocate_bytes);
  // A failed attempt may have left one that was never used.
  ARROW_ASSIGN_OR_RAISE(
      auto writer, RecordLogWriter::Create(env_, WalPath(number), LogKind::kWriteAhead, database_,
                                           number, preallocate, /*replace=*/true));
  ARROW_RETURN_NOT_OK(env_->SyncDir(PathOf("wal")));
  return writer;
}

arrow::Status EngineImpl::MakeTableFolder(TableId table) {
  MutexLock lock(folders_mutex_);
  if (folders_.contains(table)) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(io::CreateDirIfMissing(env_, TableFolder(table)));
  const arrow::Status synced = env_->SyncDir(PathOf("hot"));
  if (synced.ok()) {
    folders_.insert(table);
  } else if (!env_->RemoveDir(TableFolder(table)).ok()) {
    // A name whose sync failed may never become durable, so it must not be there for the next
    // attempt.
    Fail(synced, "making the folder of a table");
  }
  return synced;
}

arrow::Result<std::unique_ptr<SegmentWriter>> EngineImpl::NewSegment(TableId table,
                                                                     TableSchemaPtr schema,
                                                                     NarrowColumns narrow) {
  ARROW_RETURN_NOT_OK(MakeTableFolder(table));
  return SegmentWriter::Create(env_, TableFolder(table), PathOf("tmp"), database_,
                               SegmentId(next_segment_.fetch_add(1)), table, std::move(schema),
                               std::move(narrow));
}

std::shared_ptr<SegmentSource> EngineImpl::OpenSegment(const SegmentMeta& meta,
                                                       TableSchemaPtr schema) const {
  const std::string folder = TableFolder(meta.table);
  return std::make_shared<SegmentSource>(
      env_, folder,
      Segment::Open(env_, folder, database_, meta, std::move(schema), options_.verify_checksums));
}

arrow::Result<std::shared_ptr<SegmentSource>> EngineImpl::AdoptSegment(const SegmentMeta& meta,
                                                                       TableSchemaPtr schema) {
  ARROW_RETURN_NOT_OK(env_->SyncDir(TableFolder(meta.table)));
  return OpenSegment(meta, std::move(schema));
}

uint64_t EngineImpl::ReserveWanted() const {
  uint64_t stored = 0;
  for (const auto& [id, version] : *CurrentTables()) {
    for (const SourceEntry& entry : version->sources) {
      if (entry.segment) stored += entry.segment->meta().arrow_bytes;
    }
  }
  const uint64_t most = options_.reserve_bytes;
  return std::clamp(stored / 8, most / 8, most);
}

// ---- The manifest ----

ManifestState EngineImpl::Describe(const TableMap& tables, uint32_t log_number,
                                   std::optional<CommitNumber> log_from) const {
  ManifestState state;
  state.log_number = log_number;
  state.log_from = log_from;
  state.commit = last_commit_;
  state.next_table = next_table_;
  state.next_segment = next_segment_;
  state.next_pack = next_pack_;
  state.meta = CurrentMeta().entries;
  const ManifestState& old = manifest_->state();
  for (const auto& [id, version] : tables) {
    ManifestTable& table = state.tables[id];
    table.schemas = version->schemas;
    for (const SourceEntry& entry : version->sources) {
      if (entry.memtable) {
        // From here on, rows in memory and segments that were spilled behind them, all comes back
        // from the log.
        table.flushed_ordinal = entry.memtable->first_ordinal();
        break;
      }
      SegmentMeta meta = entry.segment->meta();
      meta.min_birth = meta.max_birth = entry.segment->birth();
      table.segments.push_back(meta.id);
      state.segments[meta.id] = meta;
      if (const auto pack = old.packs.find(meta.id); pack != old.packs.end())
        state.packs[meta.id] = pack->second;
    }
  }
  return state;
}

arrow::Status EngineImpl::ApplyManifest(ManifestState next,
                                        const std::vector<std::shared_ptr<SegmentSource>>& fresh) {
  std::vector<std::shared_ptr<SegmentSource>> listed;
  for (const auto& segment : fresh) {
    if (segment && next.segments.contains(segment->meta().id)) listed.push_back(segment);
  }
  for (const auto& segment : listed) segment->MarkObsolete(false);
  const arrow::Status status = manifest_->Apply(std::move(next));
  // After another error nobody knows whether the manifest lists them: their files stay.
  if (GetErrorCode(status) == ErrorCode::kNoSpace) {
    for (const auto& segment : listed) segment->MarkObsolete();
  }
  return status;
}

void EngineImpl::RemoveUnneededFiles() {
  // What cannot be removed now is found when the database is opened next.
  for (; oldest_log_ < manifest_->state().log_number; ++oldest_log_)
    (void)env_->RemoveFile(WalPath(oldest_log_));
  std::vector<TableDrop> forgotten;
  {
    MutexLock lock(state_mutex_);
    forgotten = ForgetDurableDrops(log_.durable());
  }
  for (const auto& segment : dropped_) segment->MarkObsolete();
  dropped_.clear();
  reclaim_due_ = false;
  const std::set<uint64_t> live = manifest_->state().LivePacks();
  auto entries = env_->List(PathOf("hot"));
  if (!entries.ok()) return;
  for (const io::DirEntry& entry : *entries) {
    unsigned long long pack = 0;
    if (std::sscanf(entry.name.c_str(), "%8llu.del", &pack) != 1 || !entry.name.ends_with(".del"))
      continue;
    if (!live.contains(pack)) (void)env_->RemoveFile(PackPath(pack));
  }
}

// ---- State ----

void EngineImpl::Fail(const arrow::Status& reason, const char* during) {
  log_.Kill(
      MakeError(ErrorCode::kReadOnly, std::string(during) + " failed (" + reason.message() +
                                          "); the database is read-only until it is opened again"));
}

arrow::Status EngineImpl::WriteState() const {
  if (options_.read_only) return MakeError(ErrorCode::kReadOnly, path_ + " was opened read-only");
  return log_.state();
}

uint64_t EngineImpl::memtable_bytes() const { return active_bytes_ + frozen_bytes_; }

int64_t EngineImpl::memtable_rows(TableId table) const {
  const auto tables = CurrentTables();
  const auto it = tables->find(table);
  if (it == tables->end()) return 0;
  int64_t rows = 0;
  for (const SourceEntry& entry : it->second->sources) {
    if (entry.memtable) rows += entry.memtable->rows() - entry.memtable->deaths().CountDead();
  }
  return rows;
}

std::vector<FileInfo> EngineImpl::Files() const {
  std::vector<FileInfo> files;
  const auto tables = CurrentTables();
  std::map<TableId, TableId> owners;  // of tables that are indexes
  for (const auto& [id, version] : *tables) {
    for (const UniqueSet& set : version->current_schema()->unique) owners[set.index] = id;
  }
  for (const auto& [id, version] : *tables) {
    const auto owner = owners.find(id);
    const bool is_index = owner != owners.end();
    const TableId table = is_index ? owner->second : id;
    for (const SourceEntry& entry : version->sources) {
      if (!entry.segment) continue;
      const SegmentMeta& m = entry.segment->meta();
      const auto dead = static_cast<uint64_t>(entry.segment->deaths().CountDead());
      const std::string folder = Numbered("hot/%llu", id.value());
      files.push_back({Segment::ArrowPath(folder, m.id), is_index ? "index" : "segment", table,
                       m.level, is_index ? 0 : m.rows, is_index ? 0 : dead, m.arrow_bytes});
      files.push_back(
          {Segment::IndexPath(folder, m.id), "index", table, m.level, 0, 0, m.index_bytes});
    }
  }
  auto list = [&](const char* folder, const char* suffix, const char* kind) {
    auto entries = env_->List(folder[0] == '\0' ? path_ : PathOf(folder));
    if (!entries.ok()) return;
    for (const io::DirEntry& entry : *entries) {
      const bool match =
          entry.kind == io::EntryKind::kFile &&
          (entry.name.ends_with(suffix) || (folder[0] == '\0' && entry.name.starts_with(suffix)));
      if (!match) continue;
      const std::string name = folder[0] == '\0' ? entry.name : io::JoinPath(folder, entry.name);
      files.push_back({name, kind, TableId{}, 0, 0, 0, entry.size});
    }
  };
  list("hot", ".del", "deletions");
  list("wal", ".wal", "wal");
  list("", "MANIFEST-", "manifest");
  return files;
}

arrow::Status EngineImpl::Verify() {
  MutexLock flush(flush_mutex_);
  MutexLock lock(commit_mutex_);
  if (!options_.read_only) ARROW_RETURN_NOT_OK(log_.Drain());
  for (const auto& [id, version] : *CurrentTables()) {
    for (const SourceEntry& entry : version->sources) {
      if (entry.segment) ARROW_RETURN_NOT_OK(entry.segment->segment()->VerifyAll());
    }
  }
  for (uint64_t pack : manifest_->state().LivePacks()) {
    ARROW_RETURN_NOT_OK(ReadDeletionPack(env_, PackPath(pack), database_, pack).status());
  }
  auto ignore = [](const LogRecord&) { return arrow::Status::OK(); };
  for (uint32_t number = oldest_log_; number <= log_number_; ++number) {
    ARROW_RETURN_NOT_OK(
        ReadRecordLog(env_, WalPath(number), LogKind::kWriteAhead, database_, number, ignore)
            .status());
  }
  return Manifest::Open(env_, path_, true).status();
}

arrow::Status EngineImpl::Close() {
  {
    MutexLock lock(background_mutex_);
    stop_ = true;
    background_wake_.NotifyAll();
    background_done_.NotifyAll();
  }
  if (background_.joinable()) background_.join();
  arrow::Status status;
  MutexLock flush(flush_mutex_);
  {
    MutexLock lock(commit_mutex_);
    if (closed_ || manifest_ == nullptr) return status;
  }
  // Without a log, what is in memory survives by being flushed.
  if (options_.durability == Durability::kOff && WriteState().ok()) status = FlushOnce();
  MutexLock lock(commit_mutex_);
  closed_ = true;
  if (!options_.read_only && log_.state().ok()) {
    status &= log_.CloseWriter(/*goes_on=*/false);
    status &= manifest_->Close();
  }
  lock_.reset();
  return status;
}

}  // namespace pyralog::lsm
