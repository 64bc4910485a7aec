// The commit path: check against everything committed since the snapshot, log, publish, wait until
// durable.
#include <algorithm>
#include <numeric>

#include "lsm/engine_impl.h"
#include "lsm/row_codec.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint64_t kForgetEvery = 64;  // commits between prunings of deletion vectors

arrow::Status Conflict(const std::string& what) {
  return MakeError(
      ErrorCode::kConflict,
      "conflict: " + what + " by a transaction that committed first; roll back and retry");
}

// The row's primary key, from a source's own columns: "id = 5".
std::string KeyText(const PreparedTable& table, const KeyBatch* keys, int64_t i) {
  for (size_t b = 0; b < table.keys.size(); ++b) {
    if (&table.keys[b] != keys) continue;
    std::string text;
    for (int column : table.schema->key) {
      auto value = table.batches[b]->column(column)->GetScalar(i);
      if (!text.empty()) text += ", ";
      text += table.schema->arrow->field(column)->name() + " = " +
              (value.ok() ? (*value)->ToString() : "?");
    }
    return text;
  }
  return "of a spilled row";
}

// Deletes rows or drops tables, and adds none.
bool FreesRoom(const PreparedCommit& prepared) {
  const bool adds = std::any_of(
      prepared.tables.begin(), prepared.tables.end(),
      [](const PreparedTable& table) { return !table.batches.empty() || !table.segments.empty(); });
  const bool only_drops =
      std::all_of(prepared.table_changes.begin(), prepared.table_changes.end(),
                  [](const TableChange& change) { return change.op == TableOp::kDrop; });
  return !adds && only_drops && !(prepared.tables.empty() && prepared.table_changes.empty());
}

}  // namespace

arrow::Status EngineImpl::CheckMeta(PreparedCommit* prepared) const {
  if (prepared->meta.empty() && prepared->guarded.empty()) return arrow::Status::OK();
  const MetaState current = CurrentMeta();
  if (current.commit <= prepared->snapshot) return arrow::Status::OK();
  std::shared_ptr<const MetaMap> then;
  {
    MutexLock lock(state_mutex_);
    for (const MetaState& state : meta_) {
      if (state.commit <= prepared->snapshot) then = state.entries;
    }
  }
  auto check = [&](const std::string& key) {
    const auto now = current.entries->find(key);
    const bool is = now != current.entries->end();
    const bool was = then && then->contains(key);
    if (is != was || (is && now->second.commit > prepared->snapshot))
      return Conflict("'" + key + "' was changed");
    return arrow::Status::OK();
  };
  std::erase_if(prepared->meta, [&](const MetaChange& change) {
    return prepared->offered.contains(change.key) && !check(change.key).ok();
  });
  for (const MetaChange& change : prepared->meta) ARROW_RETURN_NOT_OK(check(change.key));
  for (const std::string& key : prepared->guarded) ARROW_RETURN_NOT_OK(check(key));
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CheckTables(const PreparedCommit& prepared) const {
  const auto tables = CurrentTables();
  std::set<TableId> created;
  for (const TableChange& change : prepared.table_changes) {
    if (change.op == TableOp::kCreate) {
      created.insert(change.table);
      continue;
    }
    if (created.contains(change.table)) continue;
    const auto it = tables->find(change.table);
    if (it == tables->end()) return Conflict("the table was dropped");
    const auto written = last_write_.find(change.table);
    if (change.op == TableOp::kAlter && written != last_write_.end() &&
        written->second > prepared.snapshot) {
      return Conflict("the table whose definition changes was written");
    }
    if (it->second->schemas.back().first > prepared.snapshot)
      return Conflict("the table's definition was changed");
  }
  for (const PreparedTable& table : prepared.tables) {
    if (created.contains(table.table)) continue;
    const auto it = tables->find(table.table);
    if (it == tables->end()) return Conflict("the table was dropped");
    if (it->second->schemas.back().first > prepared.snapshot)
      return Conflict("the table's definition was changed");
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::ResolveDeletions(PreparedTable* table) const {
  std::map<RowSourcePtr, RowSet> resolved;
  bool conflict = false;
  for (const PreparedTable::Deletions& d : table->deletions) {
    d.rows.ForEach([&](uint32_t row) {
      RowPlace place = conflict ? RowPlace{} : Relocated({d.source, row});
      conflict = conflict || !place.source || place.source->deaths().IsDead(place.row);
      if (!conflict) resolved[std::move(place.source)].Add(static_cast<uint32_t>(place.row));
    });
  }
  if (conflict) return Conflict("the row was changed or deleted");
  table->deletions.clear();
  for (auto& [source, rows] : resolved) {
    rows.Sort();
    table->deletions.push_back({source, std::move(rows)});
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CheckKeysAgainst(const KeyBatch& keys, const PreparedTable& table,
                                           const TableVersion& version,
                                           CommitNumber snapshot) const {
  std::vector<int64_t> all(keys.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<int64_t> newer(keys.size());
  for (const SourceEntry& entry : version.sources) {
    const RowSourcePtr source = entry.source();
    std::fill(newer.begin(), newer.end(), -1);
    ARROW_RETURN_NOT_OK(source->FindNewer(keys, all, snapshot, newer));
    for (int64_t i = 0; i < keys.size(); ++i) {
      if (newer[i] < 0 || table.Deletes(source.get(), newer[i])) continue;
      return Conflict("the key " + KeyText(table, &keys, i) + " was written");
    }
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CheckKeys(const PreparedCommit& prepared,
                                    const PreparedTable& table) const {
  if (!table.schema->keyed()) return arrow::Status::OK();
  const auto written = last_write_.find(table.table);
  if (written == last_write_.end() || written->second <= prepared.snapshot)
    return arrow::Status::OK();
  const auto tables = CurrentTables();
  const TableVersion& version = *tables->at(table.table);
  for (const KeyBatch& keys : table.keys) {
    ARROW_RETURN_NOT_OK(CheckKeysAgainst(keys, table, version, prepared.snapshot));
  }
  for (const auto& segment : table.segments) {
    for (const auto& unit : segment->Units(segment->rows())) {
      arrow::ArrayVector columns;
      for (int column : segment->schema()->key) {
        ARROW_ASSIGN_OR_RAISE(auto array, unit->Column(column));
        columns.push_back(std::move(array));
      }
      KeyBatch keys;
      ARROW_RETURN_NOT_OK(keys.Append(columns));
      ARROW_RETURN_NOT_OK(CheckKeysAgainst(keys, table, version, prepared.snapshot));
    }
  }
  return arrow::Status::OK();
}

arrow::Result<EncodedCommit> EngineImpl::EncodeRecord(const PreparedCommit& prepared,
                                                      CommitNumber commit) {
  CommitRecord record;
  record.commit = commit;
  record.meta = prepared.meta;
  record.tables = prepared.table_changes;
  const auto tables = CurrentTables();
  for (const PreparedTable& table : prepared.tables) {
    const auto version = tables->find(table.table);
    uint64_t ordinal = 0;
    if (version != tables->end()) {
      const MemTable& active = *version->second->active();
      ordinal = active.first_ordinal() + active.rows();
    }
    for (size_t b = 0; b < table.batches.size(); ++b) {
      record.rows.push_back({table.table, table.schema->version, ordinal, table.encoded[b]});
      ordinal += table.batches[b]->num_rows();
    }
    for (const PreparedTable::Deletions& d : table.deletions) {
      LoggedDeletions logged{table.table, std::nullopt, {}, {}};
      for (const SourceEntry& entry : version->second->sources) {
        if (entry.segment == d.source) {
          logged.segment = entry.segment->meta().id;
          logged.rows = d.rows;
        } else if (entry.memtable == d.source) {
          const uint64_t first = entry.memtable->first_ordinal();
          d.rows.ForEach([&](uint32_t row) { logged.ordinals.push_back(first + row); });
        }
      }
      record.deletions.push_back(std::move(logged));
    }
    for (const auto& segment : table.segments) {
      SegmentMeta meta = segment->meta();
      meta.min_birth = meta.max_birth = commit;
      record.segments.push_back(meta);
      RowSet dead = segment->deaths().DeadRows(CommitNumber::Max());
      if (dead.empty()) continue;
      record.deletions.push_back({table.table, meta.id, std::move(dead), {}});
    }
  }
  ARROW_ASSIGN_OR_RAISE(std::string body, EncodeCommitRecord(record));
  return EncodedCommit{CommitRecordType(record), std::move(body)};
}

arrow::Status EngineImpl::ApplyRows(PreparedTable* table, const TableVersion& version,
                                    CommitNumber commit) {
  const CommitNumber oldest =
      commit.value() % kForgetEvery == 0 ? OldestSnapshot() : CommitNumber{};
  for (const PreparedTable::Deletions& d : table->deletions) {
    d.rows.ForEach([&](uint32_t row) { d.source->deaths().Kill(row, commit); });
    if (oldest.value() > 0) d.source->deaths().Forget(oldest);
  }
  MemTable& memtable = *version.active();
  const uint64_t before = memtable.memory_bytes();
  for (size_t b = 0; b < table->batches.size(); ++b) {
    ARROW_RETURN_NOT_OK(memtable.Append(table->batches[b], &table->keys[b], commit));
  }
  active_bytes_.fetch_add(memtable.memory_bytes() - before, std::memory_order_relaxed);
  return arrow::Status::OK();
}

TableVersionPtr EngineImpl::WithSegments(const PreparedTable& table, const TableVersion& version,
                                         CommitNumber commit) {
  // Spilled rows stand behind what is in memory, which a flush will take.
  auto next = std::make_shared<TableVersion>(version);
  const MemTable& active = *version.active();
  if (active.rows() == 0) next->sources.pop_back();
  for (const auto& segment : table.segments) {
    segment->SetBirth(commit);
    segment->MarkObsolete(false);
    segment->deaths().Rebase(commit);
    next->sources.push_back({nullptr, segment});
  }
  next->sources.push_back({std::make_shared<MemTable>(table.table, version.current_schema(),
                                                      active.first_ordinal() + active.rows()),
                           nullptr});
  return next;
}

void EngineImpl::ApplyTableChanges(const PreparedCommit& prepared, CommitNumber commit,
                                   TableMap* tables) {
  for (const TableChange& change : prepared.table_changes) {
    const auto it = tables->find(change.table);
    if (change.op == TableOp::kDrop) {
      for (const SourceEntry& entry : it->second->sources) {
        if (entry.segment) dropped_.push_back(entry.segment);
      }
      reclaim_due_ = reclaim_due_ || !dropped_.empty();
      {
        MutexLock lock(state_mutex_);
        drops_.push_back({commit, it->second});
      }
      tables->erase(it);
      last_write_.erase(change.table);
      referred_since_.erase(change.table);
      continue;
    }
    NoteReferences(change, it == tables->end() ? nullptr : it->second.get(), commit);
    auto version = std::make_shared<TableVersion>();
    uint64_t ordinal = 0;
    if (change.op == TableOp::kAlter) {
      *version = *it->second;
      ordinal = version->active()->first_ordinal() + version->active()->rows();
      if (version->active()->rows() == 0) version->sources.pop_back();
    }
    version->id = change.table;
    version->schemas.emplace_back(commit, change.schema);
    version->sources.push_back(
        {std::make_shared<MemTable>(change.table, change.schema, ordinal), nullptr});
    (*tables)[change.table] = std::move(version);
  }
}

void EngineImpl::ApplyMeta(std::vector<MetaChange> changes, CommitNumber commit) {
  if (changes.empty()) return;
  auto meta = std::make_shared<MetaMap>(*CurrentMeta().entries);
  for (MetaChange& change : changes) {
    if (change.value) {
      (*meta)[change.key] = {std::move(*change.value), commit};
    } else {
      meta->erase(change.key);
    }
  }
  MutexLock lock(state_mutex_);
  meta_.push_back({commit, std::move(meta)});
}

arrow::Status EngineImpl::ApplyCommit(PreparedCommit prepared, CommitNumber commit) {
  // The list of tables is copied only when it changes: a plain commit goes into memtables that are
  // there.
  auto current = CurrentTables();
  const bool lists_change =
      !prepared.table_changes.empty() ||
      std::any_of(prepared.tables.begin(), prepared.tables.end(),
                  [](const PreparedTable& table) { return !table.segments.empty(); });
  std::shared_ptr<TableMap> changed;
  if (lists_change) {
    changed = std::make_shared<TableMap>(*current);
    ApplyTableChanges(prepared, commit, changed.get());
  }
  const TableMap& tables = changed ? *changed : *current;
  for (PreparedTable& table : prepared.tables) {
    // Spilled rows first: what is still in memory came after them.
    if (!table.segments.empty())
      (*changed)[table.table] = WithSegments(table, *tables.at(table.table), commit);
    ARROW_RETURN_NOT_OK(ApplyRows(&table, *tables.at(table.table), commit));
    last_write_[table.table] = commit;
  }
  ApplyMeta(std::move(prepared.meta), commit);
  if (changed) Publish(std::move(changed));
  return arrow::Status::OK();
}

arrow::Result<CommitNumber> EngineImpl::CommitLocked(PreparedCommit* prepared) {
  if (closed_) return MakeError(ErrorCode::kTransaction, "the database was closed");
  ARROW_RETURN_NOT_OK(log_.state());
  ARROW_RETURN_NOT_OK(CheckMeta(prepared));
  ARROW_RETURN_NOT_OK(CheckTables(*prepared));
  for (PreparedTable& table : prepared->tables) {
    ARROW_RETURN_NOT_OK(ResolveDeletions(&table));
    ARROW_RETURN_NOT_OK(CheckKeys(*prepared, table));
  }
  ARROW_RETURN_NOT_OK(CheckReferences(*prepared));
  const CommitNumber commit = last_commit_.Next();
  EncodedCommit record{kCommitRecord, {}};
  if (options_.durability != Durability::kOff) {
    ARROW_ASSIGN_OR_RAISE(record, EncodeRecord(*prepared, commit));
    ARROW_RETURN_NOT_OK(log_.Reserve(record.body.size()));
  }
  if (auto applied = ApplyCommit(std::move(*prepared), commit); !applied.ok()) {
    Fail(applied, "applying a commit");
    return applied;
  }
  last_commit_ = commit;
  log_bytes_total_.fetch_add(record.body.size(), std::memory_order_relaxed);
  log_.Queue(std::move(record), commit);
  return commit;
}

arrow::Result<CommitNumber> EngineImpl::Commit(PreparedCommit prepared) {
  ARROW_RETURN_NOT_OK(WriteState());
  ARROW_RETURN_NOT_OK(WaitForRoom());
  auto attempt = [&] {
    MutexLock lock(commit_mutex_);
    return CommitLocked(&prepared);
  };
  auto logged = attempt();
  const auto is_full = [&] { return GetErrorCode(logged.status()) == ErrorCode::kNoSpace; };
  // What frees room may use the room that is kept for it; all else waits for what was freed.
  const bool frees = is_full() && FreesRoom(prepared);
  if (frees) {
    reserve_.Release();
    logged = attempt();
  }
  if (is_full() && MakeRoom(frees).ok()) logged = attempt();
  ARROW_ASSIGN_OR_RAISE(const CommitNumber commit, logged);
  ARROW_RETURN_NOT_OK(log_.WaitDurable(commit));
  if (frees) (void)MakeRoom(false);
  if (options_.background_work) {
    if (FlushDue()) WakeBackground();
  } else {
    // The commit stands whatever becomes of the housekeeping; a full disk shows at the next commit.
    (void)RunDueWork();
  }
  return commit;
}

}  // namespace pyralog::lsm
