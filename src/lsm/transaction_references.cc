// References in a transaction: rows that it appends are to refer to rows that are there, and rows
// that it deletes are not to be referred to, when a statement ends.
#include <algorithm>

#include "lsm/transaction_impl.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// A statement may refer to rows that it makes later on: that many are remembered, in words.
constexpr size_t kMostTexts = 1000;

// Rows of a table, and keys: below that many rows or above that many keys all rows are read.
constexpr int64_t kWorthAnIndex = 10'000;
constexpr int64_t kMostLookups = 1000;

}  // namespace

arrow::Result<TableId> TransactionImpl::KeyTableFor(const Reference& reference) const {
  ARROW_ASSIGN_OR_RAISE(const TableSchemaPtr parent, SchemaLocked(reference.parent));
  if (const auto key_table = KeyTableOf(reference, *parent)) return *key_table;
  return MakeError(ErrorCode::kInvalidArgument, "a foreign key refers to " +
                                                    NamesText(*parent, reference.parent_fields) +
                                                    ", which is neither a primary key nor unique");
}

const TransactionImpl::Referrers& TransactionImpl::FindReferrers() {
  if (referrers_) return *referrers_;
  referrers_.emplace();
  const auto add = [this](TableId id, const TableSchema& schema) REQUIRES(mutex_) {
    for (const Reference& reference : schema.references) {
      const auto key_table = KeyTableFor(reference);
      if (key_table.ok()) (*referrers_)[*key_table].push_back({id, reference});
    }
  };
  for (const auto& [id, table] : tables_) {
    if (!table.dropped) add(id, *table.schema);
  }
  if (!engine_->has_references()) return *referrers_;
  for (const auto& [id, version] : *snapshot_.tables) {
    const TableSchemaPtr schema = version->SchemaAt(snapshot_.commit);
    if (schema && !tables_.contains(id)) add(id, *schema);
  }
  return *referrers_;
}

std::vector<TableId> TransactionImpl::ReferringTables(TableId table) {
  MutexLock lock(mutex_);
  std::set<TableId> children;
  for (const auto& [key_table, referrers] : FindReferrers()) {
    for (const Referrer& referrer : referrers) {
      if (referrer.reference.parent == table && referrer.child != table)
        children.insert(referrer.child);
    }
  }
  return {children.begin(), children.end()};
}

arrow::Status TransactionImpl::FollowAppend(OwnTable* table, const arrow::RecordBatch& batch) {
  if (table->schema->references.empty()) return arrow::Status::OK();
  const auto named = arrow::RecordBatch::Make(table->schema->arrow, batch.num_rows(),
                                              batch.columns());  // names for messages
  for (const Reference& reference : table->schema->references) {
    ARROW_ASSIGN_OR_RAISE(const auto values,
                          named->SelectColumns(table->schema->PositionsOf(reference.fields)));
    ARROW_RETURN_NOT_OK(FollowReference(table->id, reference, *values));
  }
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::FollowReference(TableId child, const Reference& reference,
                                               const arrow::RecordBatch& values) {
  ARROW_ASSIGN_OR_RAISE(const ConstrainedRows rows, ConstrainedRowsOf(values));
  if (rows.rows.empty()) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const TableId key_table, KeyTableFor(reference));
  ARROW_ASSIGN_OR_RAISE(OwnTable * parent, Touch(key_table));
  std::vector<int64_t> found;
  ARROW_RETURN_NOT_OK(ViewOf(parent)->Lookup(rows.keys, &found));
  for (int64_t i = 0; i < rows.keys.size(); ++i) {
    if (found[i] < 0) {
      std::string text;
      if (open_references_.size() < kMostTexts) text = ValuesText(*rows.values, i);
      open_references_.push_back(
          {child, reference.parent, key_table, std::string(rows.keys.key(i)), std::move(text)});
    } else if (OrdinalOf(found[i]) < static_cast<int64_t>(parent->committed.size())) {
      needed_keys_[key_table].Add(rows.keys.key(i), rows.keys.hash(i));
    }
  }
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::StatusOf(const Broken& broken, const TableNamer& name_of) {
  if (!broken) return arrow::Status::OK();
  const std::string child = "table " + name_of(broken->child);
  const std::string parent = "table " + name_of(broken->parent);
  if (broken->taken) {
    return MakeError(ErrorCode::kConstraint,
                     "FOREIGN KEY: a row of " + parent + " is referred to by " + child + " (" +
                         broken->text + "); delete or change the rows there first");
  }
  return MakeError(ErrorCode::kConstraint,
                   "FOREIGN KEY: " + child + " refers to " +
                       (broken->text.empty() ? "a row" : "a row with " + broken->text) +
                       ", which " + parent + " does not have; insert it there first");
}

arrow::Result<TransactionImpl::IndexedFields> TransactionImpl::WantedIndexes() {
  IndexedFields wanted;
  for (const auto& [key_table, keys] : taken_keys_) {
    const auto found = FindReferrers().find(key_table);
    if (found == FindReferrers().end()) continue;
    const std::vector<Referrer> referrers = found->second;
    for (const Referrer& referrer : referrers) {
      if (referrer.reference.fields.size() != 1) continue;
      ARROW_ASSIGN_OR_RAISE(OwnTable * child, Touch(referrer.child));
      if (ViewOf(child)->num_rows_bound() >= kWorthAnIndex)
        wanted.emplace(referrer.child, referrer.reference.fields[0]);
    }
  }
  return wanted;
}

// Whoever knows indexes reads metadata, and is asked outside of the lock.
arrow::Status TransactionImpl::CheckReferences(const TableNamer& name_of,
                                               const IndexFinder& is_indexed) {
  const auto want = [this]() -> arrow::Result<IndexedFields> {
    MutexLock lock(mutex_);
    ARROW_RETURN_NOT_OK(CheckOpen());
    return WantedIndexes();
  };
  ARROW_ASSIGN_OR_RAISE(IndexedFields indexed, want());
  std::erase_if(indexed, [&](const auto& field) { return !is_indexed(field.first, field.second); });
  const auto check = [&]() -> arrow::Result<Broken> {
    MutexLock lock(mutex_);
    indexed_fields_ = std::move(indexed);
    auto broken = CheckReferencesLocked();
    indexed_fields_.clear();
    return broken;
  };
  ARROW_ASSIGN_OR_RAISE(const Broken broken, check());
  return StatusOf(broken, name_of);
}

arrow::Result<TransactionImpl::Broken> TransactionImpl::CheckReferencesLocked() {
  ARROW_ASSIGN_OR_RAISE(Broken broken, CheckOpenReferences());
  while (!broken && !taken_keys_.empty()) {
    const TableId key_table = taken_keys_.begin()->first;
    ARROW_ASSIGN_OR_RAISE(const KeySet absent, AbsentOf(key_table, taken_keys_.begin()->second));
    if (!absent.empty()) {
      std::vector<Referrer> referrers;
      const auto found = FindReferrers().find(key_table);
      if (found != FindReferrers().end()) referrers = found->second;
      for (const Referrer& referrer : referrers) {
        ARROW_ASSIGN_OR_RAISE(broken, CheckUnreferenced(referrer, absent));
        if (broken) return broken;
      }
      lost_keys_[key_table].AddAll(absent.ToBatch());
    }
    taken_keys_.erase(key_table);
  }
  return broken;
}

arrow::Result<TransactionImpl::Broken> TransactionImpl::CheckOpenReferences() {
  std::map<TableId, KeyBatch> open;
  for (const OpenReference& reference : open_references_)
    open[reference.key_table].AppendEncoded(reference.key);
  std::map<TableId, std::vector<int64_t>> found;
  for (const auto& [key_table, keys] : open) {
    ARROW_ASSIGN_OR_RAISE(OwnTable * parent, Touch(key_table));
    ARROW_RETURN_NOT_OK(ViewOf(parent)->Lookup(keys, &found[key_table]));
  }
  std::map<TableId, size_t> next;
  for (const OpenReference& reference : open_references_) {
    if (found[reference.key_table][next[reference.key_table]++] >= 0) continue;
    return BrokenReference{reference.child, reference.parent, reference.text, false};
  }
  open_references_.clear();
  return Broken();
}

arrow::Result<KeySet> TransactionImpl::AbsentOf(TableId key_table, const KeySet& keys) {
  ARROW_ASSIGN_OR_RAISE(OwnTable * table, Touch(key_table));
  const KeyBatch batch = keys.ToBatch();
  std::vector<int64_t> found;
  ARROW_RETURN_NOT_OK(ViewOf(table)->Lookup(batch, &found));
  KeySet absent;
  for (int64_t i = 0; i < batch.size(); ++i) {
    if (found[i] < 0) absent.Add(batch.key(i), batch.hash(i));
  }
  return absent;
}

arrow::Result<TransactionImpl::Broken> TransactionImpl::CheckUnreferenced(const Referrer& referrer,
                                                                          const KeySet& keys) {
  ARROW_ASSIGN_OR_RAISE(OwnTable * child, Touch(referrer.child));
  Broken broken;
  const auto look = [&](const arrow::RecordBatch& values) -> arrow::Status {
    if (broken) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const ConstrainedRows rows, ConstrainedRowsOf(values));
    for (int64_t i = 0; i < rows.keys.size(); ++i) {
      if (!keys.Contains(rows.keys.key(i), rows.keys.hash(i))) continue;
      broken = BrokenReference{referrer.child, referrer.reference.parent,
                               ValuesText(*rows.values, i), true};
      break;
    }
    return arrow::Status::OK();
  };
  const std::vector<FieldId>& fields = referrer.reference.fields;
  const KeyBatch all = keys.ToBatch();
  const bool lookup =
      all.size() <= kMostLookups && indexed_fields_.contains({referrer.child, fields[0]});
  ARROW_RETURN_NOT_OK(ForEachUnit(child, fields, look, lookup ? &all : nullptr));
  return broken;
}

}  // namespace pyralog::lsm
