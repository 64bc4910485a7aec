// From memtables to segments, and the thread that does it.
//
// A flush freezes all memtables and begins a new log file; writes each frozen memtable's living
// rows to a segment while commits go on into new memtables; then, in one short critical section,
// syncs the log, moves deaths that came meanwhile to the new segments, and appends one manifest
// edit. Everything an edit describes is durable before it is: a commit whose log record could still
// be lost never takes effect through a flush.
#include <algorithm>
#include <chrono>

#include "lsm/batch_rows.h"
#include "lsm/deletion_pack.h"
#include "lsm/engine_impl.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr auto kSyncInterval = std::chrono::milliseconds(500);  // `normal` promises a second
// Times memtable_bytes in memory before commits wait for the flush.
constexpr uint64_t kMemtablesHeld = 4;

}  // namespace

struct EngineImpl::FlushJob {
  struct Part {
    std::shared_ptr<MemTable> memtable;
    std::unique_ptr<KeptRows> kept;
    std::shared_ptr<SegmentSource> segment;  // nullptr: no row lived
  };
  CommitNumber snapshot;  // deaths up to here are left out of the segments
  uint32_t log_number = 0;
  std::vector<Part> parts;
  ManifestState packed;  // only `packs` and `next_pack` matter
};

bool EngineImpl::FlushDue() const {
  return active_bytes_ > options_.memtable_bytes || log_bytes_total_ > options_.wal_bytes ||
         frozen_bytes_ > 0 || reclaim_due_;
}

arrow::Status EngineImpl::Freeze(FlushJob* job) {
  // The next log file exists, durably, before the old one is closed. A log that nothing was written
  // to, since a flush that failed, goes on.
  if (log_bytes_total_ > 0 || active_bytes_ > 0 || reclaim_due_) {
    ARROW_ASSIGN_OR_RAISE(auto writer, CreateWal(log_number_ + 1, log_bytes_total_));
    ARROW_RETURN_NOT_OK(log_.CloseWriter(/*goes_on=*/true));
    if (options_.durability != Durability::kOff) log_.SetWriter(std::move(writer));
    ++log_number_;
    log_bytes_total_ = 0;
  }
  TableMap tables = *CurrentTables();
  uint64_t frozen = 0;
  for (auto& [id, version] : tables) {
    const MemTable& active = *version->active();
    if (active.rows() > 0) {
      auto next = std::make_shared<TableVersion>(*version);
      next->sources.push_back({std::make_shared<MemTable>(id, version->current_schema(),
                                                          active.first_ordinal() + active.rows()),
                               nullptr});
      version = std::move(next);
    }
    for (size_t i = 0; i + 1 < version->sources.size(); ++i) {
      const auto& memtable = version->sources[i].memtable;
      if (!memtable) continue;
      frozen += memtable->memory_bytes();
      job->parts.push_back({memtable, nullptr, nullptr});
    }
  }
  Publish(std::make_shared<const TableMap>(std::move(tables)));
  frozen_bytes_ = frozen;
  active_bytes_ = 0;
  job->log_number = log_number_;
  job->snapshot = last_commit_;
  MutexLock lock(state_mutex_);
  snapshots_.insert(job->snapshot);
  return arrow::Status::OK();
}

arrow::Status EngineImpl::WriteFrozen(FlushJob* job) {
  for (FlushJob::Part& part : job->parts) {
    const MemTable& memtable = *part.memtable;
    ARROW_ASSIGN_OR_RAISE(auto writer, NewSegment(memtable.table(), memtable.schema()));
    ARROW_ASSIGN_OR_RAISE(part.kept, CopyLiveRows(memtable, memtable.schema(), CommitNumber::Max(),
                                                  memtable.last_birth(), writer.get()));
    if (part.kept->kept() == 0) continue;
    ARROW_ASSIGN_OR_RAISE(const SegmentMeta meta, writer->Finish());
    ARROW_ASSIGN_OR_RAISE(part.segment, AdoptSegment(meta, memtable.schema()));
    part.segment->MarkObsolete();
  }
  // Deaths of older segments go to a pack, so that the log that holds them can be cut.
  std::vector<std::shared_ptr<SegmentSource>> dirty;
  for (const auto& [id, version] : *CurrentTables()) {
    for (const SourceEntry& entry : version->sources) {
      if (entry.segment && entry.segment->deaths().last_death() > entry.segment->packed()) {
        dirty.push_back(entry.segment);
      }
    }
  }
  return WritePack(dirty, job->snapshot, &job->packed);
}

void EngineImpl::KillKept(const DeletionVector& from, const KeptRows& kept, int64_t first,
                          DeletionVector* copy) {
  from.DeadRows(CommitNumber::Max()).ForEach([&, commit = last_commit_](uint32_t row) {
    if (kept.IsKept(row)) copy->Kill(first + kept.Rank(row), commit);
  });
}

arrow::Status EngineImpl::WritePack(const std::vector<std::shared_ptr<SegmentSource>>& segments,
                                    CommitNumber at, ManifestState* next) {
  Deaths deaths;
  for (const auto& segment : segments) {
    RowSet dead = segment->deaths().DeadRows(at);
    if (!dead.empty()) deaths[segment->meta().id] = {std::move(dead), {{0, at}}};
  }
  if (deaths.empty()) return arrow::Status::OK();
  const uint64_t pack = next_pack_.fetch_add(1);
  ARROW_RETURN_NOT_OK(
      WriteDeletionPack(env_, PackPath(pack), PathOf("tmp"), database_, pack, deaths).status());
  ARROW_RETURN_NOT_OK(env_->SyncDir(PathOf("hot")));
  for (const auto& [segment, rows] : deaths) next->packs[segment] = pack;
  return arrow::Status::OK();
}

arrow::Status EngineImpl::InstallFlush(FlushJob* job) {
  ARROW_RETURN_NOT_OK(log_.Drain());
  std::map<MemTable*, FlushJob::Part*> parts;
  std::vector<std::shared_ptr<SegmentSource>> late;
  for (FlushJob::Part& part : job->parts) {
    parts[part.memtable.get()] = &part;
    if (!part.segment) continue;
    // Rows that died after they were copied.
    KillKept(part.memtable->deaths(), *part.kept, 0, &part.segment->deaths());
    if (part.segment->deaths().CountDead() > 0) late.push_back(part.segment);
  }
  ARROW_RETURN_NOT_OK(WritePack(late, CommitNumber::Max(), &job->packed));
  TableMap tables = *CurrentTables();
  for (auto& [id, version] : tables) {
    auto next = std::make_shared<TableVersion>(*version);
    next->sources.clear();
    for (const SourceEntry& entry : version->sources) {
      const auto part = entry.memtable ? parts.find(entry.memtable.get()) : parts.end();
      if (part == parts.end()) {
        next->sources.push_back(entry);
      } else if (part->second->segment) {
        next->sources.push_back({nullptr, part->second->segment});
      }
    }
    if (next->sources.size() != version->sources.size() || !parts.empty())
      version = std::move(next);
  }
  ManifestState state = Describe(tables, job->log_number, job->snapshot);
  for (const auto& [segment, pack] : job->packed.packs) {
    if (state.segments.contains(segment)) state.packs[segment] = pack;
  }
  std::vector<std::shared_ptr<SegmentSource>> fresh;
  for (const FlushJob::Part& part : job->parts) fresh.push_back(part.segment);
  ARROW_RETURN_NOT_OK(ApplyManifest(std::move(state), fresh));
  for (FlushJob::Part& part : job->parts) {
    const bool listed =
        part.segment && manifest_->state().segments.contains(part.segment->meta().id);
    if (listed) part.segment->SetPacked(part.segment->deaths().last_death());
    part.memtable->SetRelocation(std::make_shared<const Relocation>(
        Relocation{listed ? part.segment : nullptr, 0, std::move(*part.kept)}));
  }
  for (const auto& [id, version] : tables) {
    for (const SourceEntry& entry : version->sources) {
      if (!entry.segment) break;  // what follows is not in the manifest
      if (job->packed.packs.contains(entry.segment->meta().id)) {
        entry.segment->SetPacked(std::max(entry.segment->packed(), job->snapshot));
      }
    }
  }
  Publish(std::make_shared<const TableMap>(std::move(tables)));
  frozen_bytes_ = 0;
  RemoveUnneededFiles();
  return arrow::Status::OK();
}

arrow::Status EngineImpl::FlushOnce() {
  FlushJob job;
  auto run = [&]() REQUIRES(flush_mutex_) -> arrow::Status {
    if (options_.durability == Durability::kOff) {
      // Without a log nothing tells what came during a flush, so nothing may come.
      MutexLock lock(commit_mutex_);
      ARROW_RETURN_NOT_OK(Freeze(&job));
      ARROW_RETURN_NOT_OK(WriteFrozen(&job));
      return InstallFlush(&job);
    }
    {
      MutexLock lock(commit_mutex_);
      if (closed_) return arrow::Status::OK();
      ARROW_RETURN_NOT_OK(Freeze(&job));
    }
    ARROW_RETURN_NOT_OK(WriteFrozen(&job));
    MutexLock lock(commit_mutex_);
    return InstallFlush(&job);
  };
  const arrow::Status status = run();
  if (job.log_number != 0) ReleaseSnapshot(job.snapshot);
  if (!status.ok() && GetErrorCode(status) != ErrorCode::kNoSpace) Fail(status, "a flush");
  return status;
}

arrow::Status EngineImpl::Flush() {
  ARROW_RETURN_NOT_OK(WriteState());
  MutexLock lock(flush_mutex_);
  return FlushOnce();
}

arrow::Status EngineImpl::RunDueWork() {
  arrow::Status status;
  {
    MutexLock lock(flush_mutex_);
    if (FlushDue()) status = FlushOnce();
    if (status.ok()) status = MergeAllDue();
    if (status.ok()) (void)reserve_.Keep(ReserveWanted());  // if a full disk had taken it
    if (GetErrorCode(status) != ErrorCode::kNoSpace) return status;
  }
  return MakeRoom(false).ok() ? arrow::Status::OK() : status;
}

arrow::Status EngineImpl::MergeAllDue() {
  for (bool did = true; did;) ARROW_RETURN_NOT_OK(MergeOnce(&did));
  return arrow::Status::OK();
}

arrow::Status EngineImpl::DropTheDead() {
  // Merges take mostly dead segments first, the smallest rest first, so that each makes room for
  // the next; then the memtables, whose dead rows the log still holds.
  arrow::Status status = MergeAllDue();
  if (!status.ok() && GetErrorCode(status) != ErrorCode::kNoSpace) return status;
  ARROW_RETURN_NOT_OK(FlushOnce());
  return MergeAllDue();
}

arrow::Status EngineImpl::MakeRoom(bool use_reserve) {
  ARROW_RETURN_NOT_OK(WriteState());
  MutexLock lock(flush_mutex_);
  if (!HoldsDeadRows()) return MakeError(ErrorCode::kNoSpace, path_ + ": nothing can be freed");
  reserve_.Release();
  arrow::Status status = DropTheDead();
  if (use_reserve) return status;
  const arrow::Status kept = reserve_.Keep(ReserveWanted());
  if (!kept.ok()) reserve_.KeepWhatThereIs(ReserveWanted() / 2);
  return kept & status;
}

arrow::Status EngineImpl::DrainBackgroundWork() {
  ARROW_RETURN_NOT_OK(WriteState());
  return RunDueWork();
}

arrow::Status EngineImpl::WaitForRoom() {
  if (!options_.background_work || memtable_bytes() <= kMemtablesHeld * options_.memtable_bytes) {
    return arrow::Status::OK();
  }
  MutexLock lock(background_mutex_);
  while (memtable_bytes() > kMemtablesHeld * options_.memtable_bytes && !stop_) {
    wake_ = true;
    background_wake_.NotifyOne();
    background_done_.Wait(background_mutex_);
    // A flush that fails says why; the caller may free space and try again.
    if (memtable_bytes() > kMemtablesHeld * options_.memtable_bytes)
      ARROW_RETURN_NOT_OK(background_error_);
  }
  return arrow::Status::OK();
}

void EngineImpl::WakeBackground() {
  MutexLock lock(background_mutex_);
  wake_ = true;
  background_wake_.NotifyOne();
}

void EngineImpl::StartBackground() {
  if (!options_.background_work || options_.read_only) return;
  if (FlushDue()) WakeBackground();
  background_ = std::thread([this] { BackgroundLoop(); });
}

void EngineImpl::BackgroundLoop() {
  while (true) {
    bool woken = false;
    {
      MutexLock lock(background_mutex_);
      if (!wake_ && !stop_) background_wake_.WaitFor(background_mutex_, kSyncInterval);
      if (stop_) return;
      woken = std::exchange(wake_, false);
    }
    if (options_.durability == Durability::kNormal) (void)log_.Drain();
    if (!woken || !WriteState().ok()) {
      MutexLock lock(background_mutex_);
      background_done_.NotifyAll();
      continue;
    }
    const arrow::Status status = RunDueWork();
    MutexLock lock(background_mutex_);
    background_error_ = status;
    background_done_.NotifyAll();
  }
}

}  // namespace pyralog::lsm
