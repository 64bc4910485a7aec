// A first simple merge: neighbouring segments of one table and similar size become one, so that
// files stay bounded; a segment that is mostly dead is rewritten, one that is all dead is dropped.
//
// Sizes fall into classes, each fanin times the one below. Of a table's segments, a run of `fanin`
// neighbours of one class or below is merged. With fanin 8, a 16 MiB flush and 256 MiB files that
// leaves at most 7 files a class. Rows keep their order. Integers are narrowed to what their columns'
// bounds need: fresh segments give views of what was written, older ones are small and fast to scan.
#include <algorithm>
#include <limits>

#include "batch/narrow_integers.h"
#include "lsm/batch_rows.h"
#include "lsm/engine_impl.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr uint64_t kSmallestClass = 64 * 1024;  // files below are one class

int SizeClass(uint64_t bytes, int fanin) {
  int size_class = 0;
  for (uint64_t limit = kSmallestClass; bytes > limit; limit *= fanin) ++size_class;
  return size_class;
}

// Bytes that the segment's living rows take, roughly.
uint64_t LiveBytes(const SegmentSource& segment) {
  const uint64_t rows = std::max<uint64_t>(segment.meta().rows, 1);
  const uint64_t alive = segment.meta().rows - segment.deaths().CountDead();
  return segment.meta().arrow_bytes / rows * alive;
}

bool MostlyDead(const SourceEntry& entry) {
  const int64_t rows = entry.memtable ? entry.memtable->rows() : entry.segment->rows();
  return entry.source()->deaths().CountDead() * 2 > rows;
}

}  // namespace

struct EngineImpl::MergeJob {
  TableId table;
  TableSchemaPtr schema;
  std::vector<std::shared_ptr<SegmentSource>> inputs;  // neighbours, oldest first
  CommitNumber snapshot;
  std::vector<std::unique_ptr<KeptRows>> kept;  // one an input
  std::shared_ptr<SegmentSource> output;        // nullptr: no row lived
};

bool EngineImpl::HoldsDeadRows() const {
  {
    MutexLock lock(commit_mutex_);
    if (!dropped_.empty()) return true;
  }
  const auto tables = CurrentTables();
  return std::any_of(tables->begin(), tables->end(), [](const auto& table) {
    const auto& sources = table.second->sources;
    return std::any_of(sources.begin(), sources.end(), MostlyDead);
  });
}

bool EngineImpl::PickRewrite(MergeJob* job) const {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (const auto& [id, version] : *CurrentTables()) {
    for (const SourceEntry& entry : version->sources) {
      if (!entry.segment) break;  // what stands behind a memtable is not in the manifest yet
      if (!MostlyDead(entry) || LiveBytes(*entry.segment) >= least) continue;
      least = LiveBytes(*entry.segment);
      job->table = id;
      job->schema = version->current_schema();
      job->inputs = {entry.segment};
    }
  }
  return !job->inputs.empty();
}

bool EngineImpl::PickMerge(MergeJob* job) const {
  const auto fanin = static_cast<size_t>(options_.merge_fanin);
  for (const auto& [id, version] : *CurrentTables()) {
    job->table = id;
    job->schema = version->current_schema();
    std::vector<std::shared_ptr<SegmentSource>> run;
    int run_class = 0;
    uint64_t run_bytes = 0;
    // What stands behind a memtable is not in the manifest yet. From the youngest to the oldest:
    // small files are at the young end.
    const auto flushed =
        std::find_if(version->sources.begin(), version->sources.end(),
                     [](const SourceEntry& entry) { return entry.memtable != nullptr; });
    for (auto entry = std::make_reverse_iterator(flushed); entry != version->sources.rend();
         ++entry) {
      const auto& segment = entry->segment;
      const uint64_t bytes = LiveBytes(*segment);
      const int size_class = SizeClass(bytes, options_.merge_fanin);
      if (bytes + run_bytes > options_.merge_target_bytes ||
          (!run.empty() && size_class > run_class)) {
        run.clear();
        run_bytes = 0;
        if (bytes > options_.merge_target_bytes / 2) continue;
      }
      if (run.empty()) run_class = size_class;
      run.push_back(segment);
      run_bytes += bytes;
      if (run.size() < fanin) continue;
      job->inputs.assign(run.rbegin(), run.rend());
      return true;
    }
  }
  return false;
}

arrow::Result<NarrowColumns> EngineImpl::NarrowColumnsOf(const MergeJob& job) {
  NarrowColumns narrow;
  for (int column = 0; column < job.schema->num_fields(); ++column) {
    const auto& type = job.schema->arrow->field(column)->type();
    if (!arrow::is_integer(type->id()) || std::ranges::count(job.schema->key, column) > 0) continue;
    batch::ZoneMap bounds;
    bool known = true;
    for (const auto& input : job.inputs) {
      const ColumnMap map(input->schema(), job.schema);
      known = known && map.stored(column) >= 0 && map.identical(column);
      if (!known) break;  // older than a change of the column
      ARROW_ASSIGN_OR_RAISE(const batch::ZoneMap* range, input->Range(map.stored(column)));
      bounds.Merge(*range, *type);
    }
    auto smallest = known ? batch::NarrowestInteger(type, bounds) : type;
    if (!smallest->Equals(type)) narrow.emplace(column, std::move(smallest));
  }
  return narrow;
}

arrow::Status EngineImpl::WriteMerge(MergeJob* job) {
  ARROW_ASSIGN_OR_RAISE(auto narrow, NarrowColumnsOf(*job));
  ARROW_ASSIGN_OR_RAISE(auto writer, NewSegment(job->table, job->schema, std::move(narrow)));
  CommitNumber birth;
  for (const auto& input : job->inputs) birth = std::max(birth, input->birth());
  for (const auto& input : job->inputs) {
    ARROW_ASSIGN_OR_RAISE(
        auto kept, CopyLiveRows(*input, job->schema, CommitNumber::Max(), birth, writer.get()));
    job->kept.push_back(std::move(kept));
  }
  if (writer->rows() == 0) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const SegmentMeta meta, writer->Finish());
  ARROW_ASSIGN_OR_RAISE(job->output, AdoptSegment(meta, job->schema));
  job->output->MarkObsolete();
  return arrow::Status::OK();
}

arrow::Status EngineImpl::InstallMerge(MergeJob* job) {
  TableMap tables = *CurrentTables();
  const auto table = tables.find(job->table);
  if (table == tables.end()) return arrow::Status::OK();  // dropped meanwhile
  ARROW_RETURN_NOT_OK(log_.Drain());
  int64_t first = 0;
  std::vector<int64_t> firsts;
  for (size_t i = 0; i < job->inputs.size(); ++i) {
    firsts.push_back(first);
    if (job->output) {
      KillKept(job->inputs[i]->deaths(), *job->kept[i], first, &job->output->deaths());
    }
    first += job->kept[i]->kept();
  }
  ManifestState packed;
  if (job->output && job->output->deaths().CountDead() > 0) {
    ARROW_RETURN_NOT_OK(WritePack({job->output}, CommitNumber::Max(), &packed));
  }
  auto next = std::make_shared<TableVersion>(*table->second);
  auto at = std::find_if(next->sources.begin(), next->sources.end(),
                         [&](const SourceEntry& entry) { return entry.segment == job->inputs[0]; });
  at = next->sources.erase(at, at + static_cast<int64_t>(job->inputs.size()));
  if (job->output) next->sources.insert(at, {nullptr, job->output});
  table->second = std::move(next);
  ManifestState state =
      Describe(tables, manifest_->state().log_number, manifest_->state().log_from);
  for (const auto& [segment, pack] : packed.packs) state.packs[segment] = pack;
  ARROW_RETURN_NOT_OK(ApplyManifest(std::move(state), {job->output}));
  if (job->output) job->output->SetPacked(job->output->deaths().last_death());
  for (size_t i = 0; i < job->inputs.size(); ++i) {
    job->inputs[i]->MarkObsolete();
    job->inputs[i]->SetRelocation(std::make_shared<const Relocation>(
        Relocation{job->output, firsts[i], std::move(*job->kept[i])}));
  }
  Publish(std::make_shared<const TableMap>(std::move(tables)));
  RemoveUnneededFiles();
  return arrow::Status::OK();
}

arrow::Status EngineImpl::MergeOnce(bool* did) {
  MergeJob job;
  *did = WriteState().ok() && (PickRewrite(&job) || PickMerge(&job));
  if (!*did) return arrow::Status::OK();
  auto run = [&]() REQUIRES(flush_mutex_) -> arrow::Status {
    if (options_.durability == Durability::kOff) {
      // Nothing completes what the manifest tells, so it may tell of a merge only when all else is
      // flushed.
      ARROW_RETURN_NOT_OK(FlushOnce());
      MutexLock lock(commit_mutex_);
      *did = manifest_->state().commit == last_commit_;
      if (!*did) return arrow::Status::OK();
      ARROW_RETURN_NOT_OK(WriteMerge(&job));
      return InstallMerge(&job);
    }
    ARROW_RETURN_NOT_OK(WriteMerge(&job));
    MutexLock lock(commit_mutex_);
    if (closed_) return arrow::Status::OK();
    return InstallMerge(&job);
  };
  const arrow::Status status = run();
  if (!status.ok() && GetErrorCode(status) != ErrorCode::kNoSpace) Fail(status, "a merge");
  return status;
}

}  // namespace pyralog::lsm
