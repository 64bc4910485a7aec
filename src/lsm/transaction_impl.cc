#include "lsm/transaction_impl.h"

#include <algorithm>

#include "lsm/batch_rows.h"
#include "lsm/row_codec.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

arrow::Status CheckBatch(const arrow::RecordBatch& batch, const TableSchema& schema) {
  if (batch.num_columns() != schema.num_fields()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "a batch of " + std::to_string(batch.num_columns()) +
                         " columns for a table of " + std::to_string(schema.num_fields()));
  }
  for (int i = 0; i < batch.num_columns(); ++i) {
    const auto& field = *schema.arrow->field(i);
    if (!batch.column(i)->type()->Equals(*field.type())) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "column '" + field.name() + "' is " + field.type()->ToString() +
                           ", the batch has " + batch.column(i)->type()->ToString());
    }
    if (!field.nullable() && batch.column(i)->null_count() > 0) {
      return MakeError(ErrorCode::kConstraint,
                       "NOT NULL: column '" + field.name() + "' was given a null; give it a value");
    }
  }
  return arrow::Status::OK();
}

}  // namespace

TransactionImpl::TransactionImpl(EngineImpl* engine, Snapshot snapshot)
    : engine_(engine), snapshot_(std::move(snapshot)) {}

TransactionImpl::~TransactionImpl() { Rollback(); }

bool TransactionImpl::has_writes() const {
  MutexLock lock(mutex_);
  return number_ > 0;
}

arrow::Status TransactionImpl::CheckOpen() const {
  if (ended_) return MakeError(ErrorCode::kTransaction, "the transaction has ended; begin another");
  return arrow::Status::OK();
}

// ---- Metadata ----

std::optional<std::string> TransactionImpl::GetMeta(std::string_view key) const {
  MutexLock lock(mutex_);
  if (const auto own = meta_.find(key); own != meta_.end()) return own->second;
  const auto& entries = *snapshot_.meta.entries;
  const auto it = entries.find(key);
  return it == entries.end() ? std::nullopt : std::optional(it->second.value);
}

void TransactionImpl::ScanMeta(
    std::string_view prefix,
    const std::function<void(const std::string&, const std::string&)>& visit) const {
  std::map<std::string, std::string> found;
  {
    MutexLock lock(mutex_);
    const auto& entries = *snapshot_.meta.entries;
    for (auto it = entries.lower_bound(prefix);
         it != entries.end() && it->first.starts_with(prefix); ++it) {
      found[it->first] = it->second.value;
    }
    for (auto it = meta_.lower_bound(prefix); it != meta_.end() && it->first.starts_with(prefix);
         ++it) {
      if (it->second) {
        found[it->first] = *it->second;
      } else {
        found.erase(it->first);
      }
    }
  }
  for (const auto& [key, value] : found) visit(key, value);
}

arrow::Status TransactionImpl::SetMeta(std::string key, std::optional<std::string> value,
                                       bool offered) {
  MutexLock lock(mutex_);
  ARROW_RETURN_NOT_OK(CheckOpen());
  if (!offered) {
    offered_.erase(key);
  } else if (!meta_.contains(key)) {
    offered_.insert(key);
  }
  meta_[std::move(key)] = std::move(value);
  ++number_;
  return arrow::Status::OK();
}

void TransactionImpl::GuardMeta(std::string key) {
  MutexLock lock(mutex_);
  guarded_.insert(std::move(key));
}

bool TransactionImpl::has_meta_changes() const {
  MutexLock lock(mutex_);
  return !meta_.empty();
}

// ---- Tables ----

arrow::Result<TransactionImpl::OwnTable*> TransactionImpl::Touch(TableId id) {
  ARROW_RETURN_NOT_OK(CheckOpen());
  auto it = tables_.find(id);
  if (it == tables_.end()) {
    const auto version = snapshot_.tables->find(id);
    TableSchemaPtr schema =
        version == snapshot_.tables->end() ? nullptr : version->second->SchemaAt(snapshot_.commit);
    if (!schema)
      return MakeError(ErrorCode::kNotFound,
                       "there is no table with id " + std::to_string(id.value()));
    OwnTable table;
    table.id = id;
    table.schema = std::move(schema);
    for (const SourceEntry& entry : version->second->sources)
      table.committed.push_back({entry.source(), nullptr});
    it = tables_.emplace(id, std::move(table)).first;
  }
  if (it->second.dropped)
    return MakeError(ErrorCode::kNotFound, "the table was dropped in this transaction");
  return &it->second;
}

arrow::Result<TableId> TransactionImpl::CreateTableLocked(TableSchemaPtr schema) {
  for (int column : schema->key)
    ARROW_RETURN_NOT_OK(CheckKeyType(*schema->arrow->field(column)->type()));
  ARROW_RETURN_NOT_OK(CheckOpen());
  OwnTable table;
  table.id = engine_->NextTableId();
  ARROW_ASSIGN_OR_RAISE(table.schema, MakeIndexes(table.id, schema, nullptr));
  table.created = true;
  table_changes_.push_back({TableOp::kCreate, table.id, table.schema});
  ++number_;
  referrers_.reset();
  const TableId id = table.id;
  tables_.emplace(id, std::move(table));
  for (const Reference& reference : tables_.at(id).schema->references)
    ARROW_RETURN_NOT_OK(KeyTableFor(reference).status());
  return id;
}

arrow::Result<TableId> TransactionImpl::CreateTable(TableSchemaPtr schema) {
  MutexLock lock(mutex_);
  return CreateTableLocked(std::move(schema));
}

arrow::Status TransactionImpl::DropTableLocked(TableId id) {
  ARROW_ASSIGN_OR_RAISE(OwnTable * table, Touch(id));
  for (const UniqueSet& set : table->schema->unique)
    ARROW_RETURN_NOT_OK(DropTableLocked(set.index));
  table->dropped = true;
  table->own.clear();
  table->view = nullptr;
  table_changes_.push_back({TableOp::kDrop, id, nullptr});
  ++number_;
  referrers_.reset();
  std::erase_if(open_references_, [id](const OpenReference& open) { return open.child == id; });
  for (auto* keys : {&needed_keys_, &taken_keys_, &lost_keys_}) keys->erase(id);
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::DropTable(TableId id) {
  MutexLock lock(mutex_);
  return DropTableLocked(id);
}

arrow::Status TransactionImpl::AlterTable(TableId id, TableSchemaPtr schema) {
  MutexLock lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(OwnTable * table, Touch(id));
  if (schema->version != table->schema->version + 1) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "a changed schema must have the next version number");
  }
  const TableSchemaPtr old = table->schema;
  ARROW_ASSIGN_OR_RAISE(schema, MakeIndexes(id, schema, old.get()));
  table->schema = schema;
  table->altered = true;
  table->view = nullptr;
  table_changes_.push_back({TableOp::kAlter, id, std::move(schema)});
  ++number_;
  referrers_.reset();
  return FollowChange(table, *old);
}

arrow::Result<TableSchemaPtr> TransactionImpl::SchemaLocked(TableId id) const {
  if (const auto it = tables_.find(id); it != tables_.end() && !it->second.dropped)
    return it->second.schema;
  const auto version = snapshot_.tables->find(id);
  TableSchemaPtr schema =
      version == snapshot_.tables->end() ? nullptr : version->second->SchemaAt(snapshot_.commit);
  if (!schema)
    return MakeError(ErrorCode::kNotFound,
                     "there is no table with id " + std::to_string(id.value()));
  return schema;
}

arrow::Result<TableSchemaPtr> TransactionImpl::Schema(TableId id) const {
  MutexLock lock(mutex_);
  return SchemaLocked(id);
}

// ---- Rows ----

std::shared_ptr<const SourceView> TransactionImpl::ViewOf(OwnTable* table) {
  if (table->view && table->view_number == number_) return table->view;
  std::vector<ViewSource> sources;
  sources.reserve(table->committed.size() + table->own.size());
  int64_t ordinal = 0;
  for (const CommittedSource& c : table->committed) {
    sources.push_back({c.source, snapshot_.commit, c.own_deaths, CommitNumber(number_), ordinal++});
  }
  for (const OwnSource& own : table->own) {
    if (!own.moved)
      sources.push_back({own.source(), CommitNumber(number_), nullptr, CommitNumber{}, ordinal});
    ++ordinal;
  }
  table->view = std::make_shared<SourceView>(table->schema, std::move(sources));
  table->view_number = number_;
  return table->view;
}

arrow::Result<TableViewPtr> TransactionImpl::View(TableId id) {
  MutexLock lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(OwnTable * table, Touch(id));
  return ViewOf(table);
}

MemTable* TransactionImpl::ActiveOf(OwnTable* table) {
  auto& own = table->own;
  if (own.empty() || !own.back().memtable || own.back().moved ||
      own.back().memtable->schema()->version != table->schema->version) {
    own.push_back({std::make_shared<MemTable>(table->id, table->schema, 0), nullptr, nullptr});
  }
  return own.back().memtable.get();
}

arrow::Status TransactionImpl::CheckKeys(OwnTable* table, const arrow::RecordBatch& batch,
                                         const KeyBatch& keys) {
  if (const int64_t row = FindRepeat(keys); row >= 0) {
    return MakeError(
        ErrorCode::kConstraint,
        "duplicate key: " + ValuesText(batch, table->schema->key, row) + " is given twice");
  }
  std::vector<int64_t> found;
  ARROW_RETURN_NOT_OK(ViewOf(table)->Lookup(keys, &found));
  for (int64_t i = 0; i < keys.size(); ++i) {
    if (found[i] < 0) continue;
    return MakeError(ErrorCode::kConstraint,
                     "duplicate key: " + ValuesText(batch, table->schema->key, i) +
                         " is in the table already; use ON CONFLICT to update or skip it");
  }
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::Append(TableId id,
                                      const std::shared_ptr<arrow::RecordBatch>& batch) {
  KeyBatch keys;
  MutexLock lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(OwnTable * table, Touch(id));
  ARROW_RETURN_NOT_OK(CheckBatch(*batch, *table->schema));
  if (batch->num_rows() == 0) return arrow::Status::OK();
  if (table->schema->keyed()) {
    ARROW_RETURN_NOT_OK(keys.Append(KeyColumns(*batch, table->schema->key)));
    ARROW_RETURN_NOT_OK(CheckKeys(table, *batch, keys));
  }
  ARROW_ASSIGN_OR_RAISE(const std::vector<IndexRows> indexed, CheckUnique(table, *batch));
  ++number_;
  ARROW_RETURN_NOT_OK(ActiveOf(table)->Append(batch, &keys, CommitNumber(number_)));
  for (const IndexRows& part : indexed) {
    ARROW_RETURN_NOT_OK(
        ActiveOf(part.index)->Append(part.rows.values, &part.rows.keys, CommitNumber(number_)));
  }
  ARROW_RETURN_NOT_OK(FollowAppend(table, *batch));
  return SpillIfLarge();
}

arrow::Result<bool> TransactionImpl::DeleteRow(OwnTable* table, int64_t row_id, CommitNumber number,
                                               std::vector<int64_t>* gone) {
  size_t ordinal = OrdinalOf(row_id);
  int64_t row = RowOf(row_id);
  auto unknown = [&] {
    return MakeError(ErrorCode::kInvalidArgument,
                     "row id " + std::to_string(row_id) + " names no visible row");
  };
  if (row_id < 0) return unknown();
  if (ordinal < table->committed.size()) {
    CommittedSource& c = table->committed[ordinal];
    if (row >= c.source->BornAt(snapshot_.commit) ||
        c.source->deaths().IsDeadAt(row, snapshot_.commit)) {
      return unknown();
    }
    if (!c.own_deaths) c.own_deaths = std::make_shared<DeletionVector>();
    const bool killed = c.own_deaths->Kill(row, number);
    if (killed && gone != nullptr) gone->push_back(row_id);
    return killed;
  }
  ordinal -= table->committed.size();
  while (ordinal < table->own.size() && table->own[ordinal].moved) {
    const KeptRows& moved = *table->own[ordinal].moved;
    if (row >= moved.rows()) return unknown();
    if (!moved.IsKept(row)) return false;
    row = moved.Rank(row);
    ordinal = table->own[ordinal].moved_to;
  }
  if (ordinal >= table->own.size() || row >= table->own[ordinal].source()->BornAt(number))
    return unknown();
  const bool killed = table->own[ordinal].source()->deaths().Kill(row, number);
  if (killed && gone != nullptr)
    gone->push_back(MakeRowId(static_cast<int64_t>(table->committed.size() + ordinal), row));
  return killed;
}

arrow::Result<int64_t> TransactionImpl::Delete(TableId id, std::span<const int64_t> row_ids) {
  MutexLock lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(OwnTable * table, Touch(id));
  const bool follows = FollowsDeletes(*table);
  const auto before = follows ? ViewOf(table) : nullptr;
  const CommitNumber number(++number_);
  int64_t deleted = 0;
  std::vector<int64_t> gone;
  arrow::Status status;
  for (int64_t row_id : row_ids) {
    const auto killed = DeleteRow(table, row_id, number, follows ? &gone : nullptr);
    status = killed.status();
    if (!status.ok()) break;
    deleted += *killed;
  }
  if (!gone.empty()) ARROW_RETURN_NOT_OK(FollowDeletes(table, *before, gone));
  ARROW_RETURN_NOT_OK(status);
  return deleted;
}

// ---- Spilling ----

arrow::Status TransactionImpl::SpillIfLarge() {
  // Each spill makes a segment, so they grow with what was spilled before: a load of any size makes
  // few.
  constexpr uint64_t kMostHeld = 64 << 20;
  const uint64_t limit = std::max(
      engine_->options().spill_bytes,
      std::min<uint64_t>({spilled_bytes_ / 4, kMostHeld, engine_->options().spill_bytes * 8}));
  uint64_t held = 0;
  for (const auto& [id, table] : tables_) {
    for (const OwnSource& own : table.own) {
      if (own.memtable && !own.moved) held += own.memtable->memory_bytes();
    }
  }
  if (held <= limit) return arrow::Status::OK();
  for (auto& [id, table] : tables_) {
    if (!table.dropped) ARROW_RETURN_NOT_OK(Spill(&table));
  }
  spilled_bytes_ += held;
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::Spill(OwnTable* table) {
  // All of them, so that the segments' rows come before those in memory: a commit keeps that order.
  const size_t count = table->own.size();
  for (size_t i = 0; i < count; ++i) {
    if (table->own[i].memtable) ARROW_RETURN_NOT_OK(SpillSource(table, i));
  }
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::SpillSource(OwnTable* table, size_t index) {
  const std::shared_ptr<MemTable> memtable = table->own[index].memtable;
  if (memtable->rows() == 0) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto writer, engine_->NewSegment(table->id, memtable->schema()));
  ARROW_ASSIGN_OR_RAISE(
      auto kept, CopyLiveRows(*memtable, memtable->schema(), CommitNumber(number_), CommitNumber{},
                              writer.get()));
  if (kept->kept() > 0) {
    ARROW_ASSIGN_OR_RAISE(const SegmentMeta meta, writer->Finish());
    ARROW_ASSIGN_OR_RAISE(auto segment, engine_->AdoptSegment(meta, memtable->schema()));
    segment->SetBirth(CommitNumber(number_));
    segment->MarkObsolete();  // until the commit lists it
    table->own.push_back({nullptr, std::move(segment), nullptr});
  }
  OwnSource& old = table->own[index];
  old.moved = std::move(kept);
  old.moved_to = table->own.size() - 1;
  old.memtable = nullptr;
  table->view = nullptr;
  return arrow::Status::OK();
}

// ---- The end ----

arrow::Status TransactionImpl::PrepareRows(const OwnTable& table, const MemTable& memtable,
                                           PreparedTable* out) {
  const bool log = engine_->options().durability != Durability::kOff;
  for (const Piece& piece : memtable.Pieces()) {
    MaskWords mask((piece.batch->num_rows() + 63) / 64, ~uint64_t{0});
    if (piece.batch->num_rows() % 64 != 0)
      mask.back() = (uint64_t{1} << (piece.batch->num_rows() % 64)) - 1;
    memtable.deaths().ClearDead(piece.first, piece.batch->num_rows(), CommitNumber(number_),
                                mask.data());
    int64_t kept = 0;
    for (uint64_t word : mask) kept += std::popcount(word);
    if (kept == 0) continue;
    ARROW_ASSIGN_OR_RAISE(auto batch, FilterBatch(piece.batch, mask, kept));
    ARROW_ASSIGN_OR_RAISE(batch, AdaptBatch(batch, memtable.schema(), table.schema));
    out->keys.emplace_back();
    if (table.schema->keyed())
      memtable.CopyKeys(piece.first, piece.batch->num_rows(), &mask, &out->keys.back());
    out->encoded.emplace_back();
    if (log) ARROW_RETURN_NOT_OK(EncodeRows(*batch, &out->encoded.back()));
    out->batches.push_back(std::move(batch));
  }
  return arrow::Status::OK();
}

arrow::Result<PreparedCommit> TransactionImpl::Prepare() {
  PreparedCommit prepared;
  prepared.snapshot = snapshot_.commit;
  prepared.guarded = guarded_;
  prepared.offered = offered_;
  for (const auto& [key, value] : meta_) prepared.meta.push_back({key, value});
  for (const TableChange& change : table_changes_) {
    // What was created and dropped here never was.
    const OwnTable& table = tables_.at(change.table);
    if (!(table.created && table.dropped)) prepared.table_changes.push_back(change);
  }
  for (auto& [id, table] : tables_) {
    if (table.dropped) continue;
    PreparedTable out;
    out.table = id;
    out.schema = table.schema;
    for (const CommittedSource& c : table.committed) {
      if (!c.own_deaths || c.own_deaths->CountDead() == 0) continue;
      out.deletions.push_back({c.source, c.own_deaths->DeadRows(CommitNumber(number_))});
    }
    for (const OwnSource& own : table.own) {
      if (own.moved) continue;
      if (own.segment) {
        out.segments.push_back(own.segment);
      } else {
        ARROW_RETURN_NOT_OK(PrepareRows(table, *own.memtable, &out));
      }
    }
    if (!out.batches.empty() || !out.segments.empty() || !out.deletions.empty()) {
      prepared.tables.push_back(std::move(out));
    }
  }
  for (const auto& [id, keys] : needed_keys_) prepared.needed_keys.emplace_back(id, keys.ToBatch());
  for (const auto& [id, keys] : lost_keys_) {
    ARROW_ASSIGN_OR_RAISE(KeySet absent, AbsentOf(id, keys));
    if (!absent.empty()) prepared.lost_keys.emplace_back(id, std::move(absent));
  }
  return prepared;
}

arrow::Result<CommitNumber> TransactionImpl::Commit() {
  MutexLock lock(mutex_);
  ARROW_RETURN_NOT_OK(CheckOpen());
  if (number_ == 0) {
    End();
    return CommitNumber{};
  }
  auto commit = [this]() REQUIRES(mutex_) -> arrow::Result<CommitNumber> {
    ARROW_ASSIGN_OR_RAISE(const Broken broken, CheckReferencesLocked());
    ARROW_RETURN_NOT_OK(
        StatusOf(broken, [](TableId id) { return "with id " + std::to_string(id.value()); }));
    ARROW_ASSIGN_OR_RAISE(PreparedCommit prepared, Prepare());
    if (prepared.meta.empty() && prepared.table_changes.empty() && prepared.tables.empty())
      return CommitNumber{};
    return engine_->Commit(std::move(prepared));
  };
  auto result = commit();
  End();
  return result;
}

void TransactionImpl::Rollback() {
  MutexLock lock(mutex_);
  if (!ended_) End();
}

void TransactionImpl::End() {
  ended_ = true;
  tables_.clear();
  meta_.clear();
  offered_.clear();
  table_changes_.clear();
  const CommitNumber commit = snapshot_.commit;
  snapshot_.tables = nullptr;
  engine_->ReleaseSnapshot(commit);
}

}  // namespace pyralog::lsm
