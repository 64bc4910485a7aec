// From files to state: manifest, segments' names and sizes, deletion packs, then the log.
//
// Nothing is trusted that does not fit: a file that the manifest names must be there with its size,
// log files must follow each other without a gap and, but for the last one with records, be closed;
// commits must be numbered without a gap. Files that nothing names are left-overs of a crash and
// are removed. Crashing during recovery changes nothing that a second recovery needs.
#include <algorithm>
#include <cstdio>

#include "lsm/batch_rows.h"
#include "lsm/deletion_pack.h"
#include "lsm/engine_impl.h"
#include "lsm/row_codec.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint32_t kMostLogs = 8;  // log files at opening above which a flush is due

arrow::Status Damaged(const std::string& what) { return MakeError(ErrorCode::kDamaged, what); }

// Removes the files of a folder whose names begin so, but for those that are wanted.
arrow::Status Sweep(io::Env* env, const std::string& folder, const char* prefix,
                    const std::set<std::string>& wanted) {
  ARROW_ASSIGN_OR_RAISE(const auto entries, env->List(folder));
  for (const io::DirEntry& entry : entries) {
    const std::string path = io::JoinPath(folder, entry.name);
    if (entry.kind != io::EntryKind::kFile || !entry.name.starts_with(prefix) ||
        wanted.contains(path))
      continue;
    ARROW_RETURN_NOT_OK(env->RemoveFile(path));
  }
  return arrow::Status::OK();
}

}  // namespace

arrow::Status EngineImpl::LoadManifest() {
  const ManifestState& state = manifest_->state();
  database_ = manifest_->database();
  next_table_ = state.next_table;
  next_segment_ = state.next_segment;
  next_pack_ = state.next_pack;
  last_commit_ = state.commit;
  auto tables = std::make_shared<TableMap>();
  for (const auto& [id, table] : state.tables) {
    auto version = std::make_shared<TableVersion>();
    version->id = id;
    version->schemas = table.schemas;
    for (SegmentId segment : table.segments) {
      const auto meta = state.segments.find(segment);
      const TableSchemaPtr schema = meta == state.segments.end()
                                        ? nullptr
                                        : version->SchemaOfVersion(meta->second.schema_version);
      if (!schema)
        return Damaged(PathOf(manifest_->file_name()) +
                       ": does not describe all segments that it lists");
      version->sources.push_back({nullptr, OpenSegment(meta->second, schema)});
    }
    version->sources.push_back(
        {std::make_shared<MemTable>(id, version->current_schema(), table.flushed_ordinal),
         nullptr});
    (*tables)[id] = std::move(version);
  }
  Publish(std::move(tables));
  MutexLock lock(state_mutex_);
  meta_.push_back({state.commit, state.meta});
  return arrow::Status::OK();
}

arrow::Status EngineImpl::LoadPacks() {
  std::map<SegmentId, std::shared_ptr<SegmentSource>> segments;
  for (const auto& [id, version] : *CurrentTables()) {
    for (const SourceEntry& entry : version->sources) {
      if (entry.segment) segments[entry.segment->meta().id] = entry.segment;
    }
  }
  const ManifestState& state = manifest_->state();
  for (uint64_t pack : state.LivePacks()) {
    ARROW_ASSIGN_OR_RAISE(const Deaths deaths, ReadDeletionPack(env_, PackPath(pack), database_,
                                                                pack, options_.verify_checksums));
    for (const auto& [id, named] : state.packs) {
      if (named != pack) continue;
      const auto rows = deaths.find(id);
      if (rows == deaths.end())
        return Damaged(PackPath(pack) + ": lacks the deletions of a segment it should hold");
      SegmentSource& segment = *segments.at(id);
      const RowSet& dead = rows->second.rows;
      if (!dead.empty() && dead.max() >= segment.meta().rows)
        return Damaged(PackPath(pack) + ": deletes rows that do not exist");
      dead.ForEach([&](uint32_t row) { segment.deaths().Kill(row, state.commit); });
      segment.deaths().Rebase(state.commit);
      segment.SetPacked(state.commit);
    }
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CheckFiles() {
  for (const auto& [id, version] : *CurrentTables()) {
    const bool has_segments =
        std::any_of(version->sources.begin(), version->sources.end(),
                    [](const SourceEntry& entry) { return entry.segment != nullptr; });
    if (!has_segments) continue;
    std::map<std::string, uint64_t> sizes;
    auto entries = env_->List(TableFolder(id));
    if (!entries.ok())
      return Damaged(TableFolder(id) + ": cannot be read (" + entries.status().message() + ")");
    for (const io::DirEntry& entry : *entries)
      sizes[io::JoinPath(TableFolder(id), entry.name)] = entry.size;
    for (const SourceEntry& entry : version->sources) {
      if (!entry.segment) continue;
      const SegmentMeta& meta = entry.segment->meta();
      for (const auto& [path, bytes] :
           {std::pair{Segment::ArrowPath(TableFolder(id), meta.id), meta.arrow_bytes},
            std::pair{Segment::IndexPath(TableFolder(id), meta.id), meta.index_bytes}}) {
        const auto size = sizes.find(path);
        if (size == sizes.end()) return Damaged(path + ": is missing");
        if (size->second == bytes) continue;
        return Damaged(path + ": has " + std::to_string(size->second) + " bytes and should have " +
                       std::to_string(bytes));
      }
    }
  }
  return arrow::Status::OK();
}

// ---- The log ----

arrow::Status EngineImpl::ReplayRows(const LoggedRows& rows, CommitNumber commit,
                                     TableMap* tables) {
  const auto table = tables->find(rows.table);
  if (table == tables->end()) {
    // A table that the manifest knows to be dropped already.
    if (commit <= manifest_->state().commit) return arrow::Status::OK();
    return Damaged("the log holds rows of table " + std::to_string(rows.table.value()) +
                   ", which does not exist");
  }
  const TableVersion& version = *table->second;
  const TableSchemaPtr schema = version.SchemaOfVersion(rows.schema_version);
  const auto& active = version.active();
  if (!schema) return Damaged("the log holds rows under an unknown definition of their table");
  size_t consumed = 0;
  ARROW_ASSIGN_OR_RAISE(auto batch, DecodeRows(schema->arrow, rows.encoded, &consumed));
  const uint64_t next = active->first_ordinal() + active->rows();
  if (rows.first_ordinal + batch->num_rows() <= next && commit <= manifest_->state().commit) {
    return arrow::Status::OK();
  }
  if (rows.first_ordinal != next || consumed != rows.encoded.size()) {
    return Damaged("the log's rows do not follow each other");
  }
  ARROW_ASSIGN_OR_RAISE(batch, AdaptBatch(batch, schema, active->schema()));
  KeyBatch keys;
  if (active->schema()->keyed())
    ARROW_RETURN_NOT_OK(keys.Append(KeyColumns(*batch, active->schema()->key)));
  return active->Append(std::move(batch), &keys, commit);
}

arrow::Status EngineImpl::ReplayDeletions(const LoggedDeletions& deletions, CommitNumber commit,
                                          const TableMap& tables) {
  const bool known = commit <= manifest_->state().commit;
  const auto table = tables.find(deletions.table);
  if (table == tables.end()) {
    return known ? arrow::Status::OK()
                 : Damaged("the log deletes rows of a table that does not exist");
  }
  // Rows that were flushed or merged meanwhile: the manifest's packs hold their deaths.
  const auto unknown = [&] {
    return known ? arrow::Status::OK() : Damaged("the log deletes a row that does not exist");
  };
  const auto& sources = table->second->sources;
  if (deletions.segment) {
    const auto named = std::ranges::find_if(sources, [&](const SourceEntry& entry) {
      return entry.segment && entry.segment->meta().id == *deletions.segment;
    });
    if (named == sources.end()) return unknown();
    SegmentSource& segment = *named->segment;
    if (!deletions.rows.empty() && deletions.rows.max() >= segment.meta().rows) return unknown();
    bool fresh = false;
    deletions.rows.ForEach(
        [&](uint32_t row) { fresh = segment.deaths().Kill(row, commit) || fresh; });
    // The manifest may be younger than the pack it names, which does not hold these deaths then.
    if (fresh) segment.SetPacked(std::min(segment.packed(), CommitNumber(commit.value() - 1)));
    return arrow::Status::OK();
  }
  for (const uint64_t ordinal : deletions.ordinals) {
    const auto holder = std::ranges::find_if(sources, [&](const SourceEntry& entry) {
      return entry.memtable && ordinal >= entry.memtable->first_ordinal() &&
             ordinal < entry.memtable->first_ordinal() + entry.memtable->rows();
    });
    if (holder == sources.end()) {
      ARROW_RETURN_NOT_OK(unknown());
      continue;
    }
    const MemTable& memtable = *holder->memtable;
    holder->memtable->deaths().Kill(static_cast<int64_t>(ordinal - memtable.first_ordinal()),
                                    commit);
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::Replay(std::string_view body, TableMap* tables, MetaMap* meta) {
  ARROW_ASSIGN_OR_RAISE(const CommitRecord record, DecodeCommitRecord(body));
  const CommitNumber flushed = manifest_->state().commit;
  const bool known = record.commit <= flushed;
  const bool follows = recovery_.log_records == 0 ? record.commit <= flushed.Next()
                                                  : record.commit == recovery_.last_commit.Next();
  if (!follows) {
    return Damaged("commit " + std::to_string(record.commit.value()) + " does not follow commit " +
                   std::to_string(std::max(recovery_.last_commit, flushed).value()) +
                   ": commits are missing");
  }
  recovery_.last_commit = record.commit;
  for (const TableChange& change : record.tables) {
    next_table_ = std::max(next_table_.load(), change.table.value() + 1);
    if (known) continue;
    if (change.op == TableOp::kDrop) {
      const auto it = tables->find(change.table);
      if (it == tables->end()) return Damaged("the log drops a table that does not exist");
      for (const SourceEntry& entry : it->second->sources) {
        if (entry.segment) dropped_.push_back(entry.segment);
      }
      tables->erase(it);
      continue;
    }
    auto version = std::make_shared<TableVersion>();
    uint64_t ordinal = 0;
    if (change.op == TableOp::kAlter) {
      const auto it = tables->find(change.table);
      if (it == tables->end()) return Damaged("the log changes a table that does not exist");
      *version = *it->second;
      ordinal = version->active()->first_ordinal() + version->active()->rows();
      if (version->active()->rows() == 0) version->sources.pop_back();
    }
    version->id = change.table;
    version->schemas.emplace_back(record.commit, change.schema);
    version->sources.push_back(
        {std::make_shared<MemTable>(change.table, change.schema, ordinal), nullptr});
    (*tables)[change.table] = std::move(version);
  }
  for (const MetaChange& change : record.meta) {
    if (known) continue;
    if (change.value) {
      (*meta)[change.key] = {*change.value, record.commit};
    } else {
      meta->erase(change.key);
    }
  }
  for (const LoggedDeletions& d : record.deletions) {
    if (!d.segment || std::none_of(record.segments.begin(), record.segments.end(),
                                   [&](const SegmentMeta& m) { return m.id == *d.segment; })) {
      ARROW_RETURN_NOT_OK(ReplayDeletions(d, record.commit, *tables));
    }
  }
  ARROW_RETURN_NOT_OK(ReplaySegments(record, tables));
  for (const LoggedRows& rows : record.rows)
    ARROW_RETURN_NOT_OK(ReplayRows(rows, record.commit, tables));
  return arrow::Status::OK();
}

bool EngineImpl::IsInManifest(CommitNumber commit, TableId id, const TableMap& tables) const {
  if (commit > manifest_->state().commit) return false;
  const auto described = manifest_->state().tables.find(id);
  if (described == manifest_->state().tables.end()) return true;  // dropped since
  const MemTable& active = *tables.at(id)->active();
  return active.first_ordinal() + active.rows() <= described->second.flushed_ordinal;
}

arrow::Status EngineImpl::ReplaySegments(const CommitRecord& record, TableMap* tables) {
  for (const SegmentMeta& meta : record.segments) {
    next_segment_ = std::max(next_segment_.load(), meta.id.value() + 1);
    const auto it = tables->find(meta.table);
    if (IsInManifest(record.commit, meta.table, *tables)) continue;
    const TableSchemaPtr schema =
        it == tables->end() ? nullptr : it->second->SchemaOfVersion(meta.schema_version);
    if (!schema) return Damaged("the log names a segment of a table that does not exist");
    auto version = std::make_shared<TableVersion>(*it->second);
    const MemTable& active = *version->active();
    auto next = std::make_shared<MemTable>(meta.table, version->current_schema(),
                                           active.first_ordinal() + active.rows());
    if (active.rows() == 0) version->sources.pop_back();
    version->sources.push_back({nullptr, OpenSegment(meta, schema)});
    version->sources.push_back({std::move(next), nullptr});
    it->second = std::move(version);
  }
  for (const LoggedDeletions& d : record.deletions) {
    const bool own =
        d.segment && std::any_of(record.segments.begin(), record.segments.end(),
                                 [&](const SegmentMeta& m) { return m.id == *d.segment; });
    if (own) ARROW_RETURN_NOT_OK(ReplayDeletions(d, record.commit, *tables));
  }
  return arrow::Status::OK();
}

arrow::Result<LogEnd> EngineImpl::ReplayLog(uint32_t number, TableMap* tables, MetaMap* meta,
                                            uint64_t* records) {
  const std::string path = WalPath(number);
  auto visit = [&](const LogRecord& record) REQUIRES(commit_mutex_) -> arrow::Status {
    if (record.type != kCommitRecord && record.type != kBigCommitRecord) {
      return MakeError(ErrorCode::kFormatVersion,
                       path + ": holds a record of type " + std::to_string(record.type) +
                           ", which this build does not know; open it with a newer one");
    }
    ARROW_RETURN_NOT_OK(Replay(record.body, tables, meta));
    ++*records;
    ++recovery_.log_records;
    return arrow::Status::OK();
  };
  auto end = ReadRecordLog(env_, path, LogKind::kWriteAhead, database_, number, visit,
                           options_.verify_checksums);
  if (!end.ok() && IsDamaged(end.status()) &&
      end.status().message().find(path) == std::string::npos) {
    return MakeError(ErrorCode::kDamaged, path + ": " + end.status().message());
  }
  if (!end.ok()) return end;
  recovery_.log_bytes += end->offset;
  if (end->kind == LogEnd::Kind::kTorn) {
    recovery_.torn_tail = true;
    recovery_.torn_file = path;
    recovery_.torn_offset = end->offset;
    recovery_.torn_bytes = end->torn_bytes;
  }
  return end;
}

arrow::Result<std::vector<EngineImpl::ReplayedLog>> EngineImpl::ReplayLogs() {
  const uint32_t first = manifest_->state().log_number;
  ARROW_ASSIGN_OR_RAISE(const auto entries, env_->List(PathOf("wal")));
  std::set<uint32_t> numbers;
  for (const io::DirEntry& entry : entries) {
    unsigned number = 0;
    const bool log =
        std::sscanf(entry.name.c_str(), "%8u.wal", &number) == 1 && entry.name.ends_with(".wal");
    if (log) numbers.insert(number);
  }
  // Older ones were cut by a flush already.
  for (uint32_t number : numbers) {
    if (number < first && !options_.read_only)
      ARROW_RETURN_NOT_OK(env_->RemoveFile(WalPath(number)));
  }
  numbers.erase(numbers.begin(), numbers.lower_bound(first));
  uint32_t expected = first;
  for (uint32_t number : numbers) {
    if (number != expected++) break;
  }
  if (numbers.empty() || *numbers.rbegin() != first + numbers.size() - 1) {
    const uint32_t missing = numbers.empty() || *numbers.begin() != first ? first : expected - 1;
    return Damaged(WalPath(missing) + ": is missing");
  }
  TableMap tables = *CurrentTables();
  auto meta = std::make_shared<MetaMap>(*CurrentMeta().entries);
  std::optional<uint32_t> open;  // a log without a closing record: nothing may follow it
  std::vector<ReplayedLog> logs;
  for (uint32_t number : numbers) {
    ReplayedLog log{number, {}, 0};
    ARROW_ASSIGN_OR_RAISE(log.end, ReplayLog(number, &tables, meta.get(), &log.records));
    if (open && log.records > 0)
      return Damaged(WalPath(*open) + ": ends too early, commits after it exist");
    if (!open && log.end.kind != LogEnd::Kind::kClosed) open = number;
    logs.push_back(log);
  }
  if (logs.back().end.goes_on) return Damaged(WalPath(logs.back().number + 1) + ": is missing");
  ARROW_RETURN_NOT_OK(CheckLogsReachManifest(logs.back().number));
  oldest_log_ = first;
  log_number_ = logs.back().number;
  last_commit_ = std::max(recovery_.last_commit, manifest_->state().commit);
  recovery_.last_commit = last_commit_;
  Publish(std::make_shared<const TableMap>(std::move(tables)));
  MutexLock lock(state_mutex_);
  meta_.clear();
  meta_.push_back({last_commit_, std::move(meta)});
  return logs;
}

arrow::Status EngineImpl::CheckLogsReachManifest(uint32_t last) const {
  // The manifest tells of commits whose rows are in the logs: logs that end before them lost their
  // end.
  const ManifestState& state = manifest_->state();
  const CommitNumber reached =
      recovery_.log_records > 0 ? recovery_.last_commit : state.log_from.value_or(state.commit);
  if (reached >= state.commit) return arrow::Status::OK();
  return Damaged(WalPath(last) + ": ends after commit " + std::to_string(reached.value()) +
                 ", but commit " + std::to_string(state.commit.value()) + " was made");
}

arrow::Result<std::unique_ptr<RecordLogWriter>> EngineImpl::NextLog(
    const std::vector<ReplayedLog>& logs) {
  // An empty log at the end is made anew, in one step, under its number.
  if (logs.back().records > 0) ++log_number_;
  ARROW_ASSIGN_OR_RAISE(auto writer, CreateWal(log_number_, 0));
  // Those before it are closed, durably; which of them were is known only of those that records
  // follow.
  auto log = logs.end();
  while (log != logs.begin() && (log == logs.end() || log->records == 0)) --log;
  for (; log != logs.end() && log->number < log_number_; ++log) {
    ARROW_RETURN_NOT_OK(SealRecordLog(env_, WalPath(log->number), LogKind::kWriteAhead, database_,
                                      log->number, log->end, log->records, /*goes_on=*/true));
  }
  return writer;
}

arrow::Status EngineImpl::StartLog(const std::vector<ReplayedLog>& logs) {
  ARROW_ASSIGN_OR_RAISE(auto writer, NextLog(logs));
  if (options_.durability != Durability::kOff) log_.SetWriter(std::move(writer));
  log_.StartAt(last_commit_);
  uint64_t bytes = 0;
  for (const auto& [id, version] : *CurrentTables()) {
    for (const SourceEntry& entry : version->sources) {
      if (entry.memtable) bytes += entry.memtable->memory_bytes();
    }
    last_write_[id] = last_commit_;
  }
  active_bytes_ = bytes;
  log_bytes_total_ = recovery_.log_bytes;
  // Each opening leaves a log behind; a flush removes them.
  reclaim_due_ = reclaim_due_ || log_number_ - oldest_log_ > kMostLogs;
  if (recovery_.log_records > 0 || log_number_ == oldest_log_) return arrow::Status::OK();
  // Nothing in the logs: they end here, so that opening and closing leaves one file.
  ManifestState state = Describe(*CurrentTables(), log_number_, last_commit_);
  ARROW_RETURN_NOT_OK(ApplyManifest(std::move(state)));
  RemoveUnneededFiles();
  return arrow::Status::OK();
}

arrow::Status EngineImpl::ClearScratch() {
  // A copy of a database may lack the folders that were empty.
  for (const char* folder : {"hot", "tmp"})
    ARROW_RETURN_NOT_OK(io::CreateDirIfMissing(env_, PathOf(folder)));
  return Sweep(env_, PathOf("tmp"), "", {});
}

arrow::Status EngineImpl::RemoveOrphans() {
  std::set<std::string> wanted = {PathOf(manifest_->file_name())};
  for (const auto& [id, version] : *CurrentTables()) {
    for (const SourceEntry& entry : version->sources) {
      if (!entry.segment) continue;
      wanted.insert(Segment::ArrowPath(TableFolder(id), entry.segment->meta().id));
      wanted.insert(Segment::IndexPath(TableFolder(id), entry.segment->meta().id));
    }
  }
  for (const auto& [id, meta] : manifest_->state().segments) {
    wanted.insert(Segment::ArrowPath(TableFolder(meta.table), id));
    wanted.insert(Segment::IndexPath(TableFolder(meta.table), id));
  }
  for (uint64_t pack : manifest_->state().LivePacks()) wanted.insert(PackPath(pack));
  ARROW_RETURN_NOT_OK(Sweep(env_, path_, "MANIFEST-", wanted));
  ARROW_RETURN_NOT_OK(Sweep(env_, PathOf("hot"), "", wanted));
  ARROW_ASSIGN_OR_RAISE(const auto tables, env_->List(PathOf("hot")));
  for (const io::DirEntry& entry : tables) {
    if (entry.kind != io::EntryKind::kDirectory) continue;
    ARROW_RETURN_NOT_OK(Sweep(env_, PathOf("hot/" + entry.name), "", wanted));
    // Empty folders go, too: those whose name may never have become durable are made anew when they
    // are needed.
    (void)env_->RemoveDir(PathOf("hot/" + entry.name));
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::Recover() {
  MutexLock lock(commit_mutex_);
  ARROW_ASSIGN_OR_RAISE(const bool exists, env_->Exists(path_));
  if (!exists) {
    if (!options_.create_if_missing || options_.read_only) {
      return MakeError(ErrorCode::kNotFound, path_ + ": there is no database of this name");
    }
    ARROW_RETURN_NOT_OK(env_->CreateDir(path_));
  } else if (const auto entries = env_->List(path_); !entries.ok()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     path_ + ": is no folder that can be read, so no database (" +
                         entries.status().message() + "); to query a file, use FROM 'file'");
  }
  auto held = env_->Lock(PathOf("LOCK"));
  if (!held.ok() && GetErrorCode(held.status()) == ErrorCode::kLocked) {
    return MakeError(ErrorCode::kLocked,
                     path_ + ": is in use by another process; close it there, or open another");
  }
  ARROW_ASSIGN_OR_RAISE(lock_, std::move(held));
  ARROW_ASSIGN_OR_RAISE(const bool has_current, env_->Exists(PathOf("CURRENT")));
  if (has_current) {
    ARROW_ASSIGN_OR_RAISE(manifest_, Manifest::Open(env_, path_, options_.verify_checksums));
  } else if (!options_.create_if_missing || options_.read_only) {
    return MakeError(ErrorCode::kNotFound, path_ + ": there is no database in this folder");
  } else {
    ARROW_RETURN_NOT_OK(CreateFresh());
  }
  // What keeps room, and what queries left, goes before anything needs room.
  if (!options_.read_only) ARROW_RETURN_NOT_OK(ClearScratch());
  ARROW_RETURN_NOT_OK(LoadManifest());
  ARROW_RETURN_NOT_OK(CheckFiles());
  ARROW_RETURN_NOT_OK(LoadPacks());
  // What was read of a manifest that was not closed may not be durable. It must be before anything
  // relies on it.
  if (!options_.read_only && !manifest_->durable())
    ARROW_RETURN_NOT_OK(ApplyManifest(manifest_->state()));
  ARROW_ASSIGN_OR_RAISE(const std::vector<ReplayedLog> logs, ReplayLogs());
  ARROW_RETURN_NOT_OK(CheckFiles());  // and of the segments that the log names
  for (const auto& [id, version] : *CurrentTables())
    has_references_ = has_references_ || !version->current_schema()->references.empty();
  if (options_.read_only) {
    log_.StartAt(last_commit_);
    return arrow::Status::OK();
  }
  ARROW_RETURN_NOT_OK(RemoveOrphans());
  ARROW_RETURN_NOT_OK(StartLog(logs));
  reserve_.KeepWhatThereIs(ReserveWanted());
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm
