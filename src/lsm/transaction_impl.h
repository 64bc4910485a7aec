// A transaction's private state: one OwnTable for each table it touched.
//
// Its own operations are numbered 1, 2, 3 ...; own rows are born, and rows die by its hand, at such
// a number. A view remembers the number at which it was made, and thereby sees exactly what was
// written before: the same birth-and-death rule that commits follow.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/thread_annotations.h"
#include "lsm/constrained_rows.h"
#include "lsm/engine_impl.h"
#include "lsm/key_set.h"
#include "lsm/source_view.h"
#include "lsm/transaction.h"

namespace pyralog::lsm {

class TransactionImpl final : public Transaction {
 public:
  TransactionImpl(EngineImpl* engine, Snapshot snapshot);
  ~TransactionImpl() override;

  CommitNumber snapshot() const override { return snapshot_.commit; }
  bool has_writes() const override EXCLUDES(mutex_);

  std::optional<std::string> GetMeta(std::string_view key) const override EXCLUDES(mutex_);
  void ScanMeta(std::string_view prefix,
                const std::function<void(const std::string&, const std::string&)>& visit)
      const override EXCLUDES(mutex_);
  arrow::Status PutMeta(std::string key, std::string value) override EXCLUDES(mutex_) {
    return SetMeta(std::move(key), std::move(value), /*offered=*/false);
  }
  arrow::Status DeleteMeta(std::string_view key) override EXCLUDES(mutex_) {
    return SetMeta(std::string(key), std::nullopt, /*offered=*/false);
  }
  arrow::Status OfferMeta(std::string key, std::string value) override EXCLUDES(mutex_) {
    return SetMeta(std::move(key), std::move(value), /*offered=*/true);
  }
  void GuardMeta(std::string key) override EXCLUDES(mutex_);
  CommitNumber meta_version() const override { return snapshot_.meta.commit; }
  bool has_meta_changes() const override EXCLUDES(mutex_);

  arrow::Result<TableId> CreateTable(TableSchemaPtr schema) override EXCLUDES(mutex_);
  arrow::Status DropTable(TableId table) override EXCLUDES(mutex_);
  arrow::Status AlterTable(TableId table, TableSchemaPtr schema) override EXCLUDES(mutex_);
  arrow::Result<TableSchemaPtr> Schema(TableId table) const override EXCLUDES(mutex_);
  std::vector<TableId> ReferringTables(TableId table) override EXCLUDES(mutex_);

  arrow::Result<TableViewPtr> View(TableId table) override EXCLUDES(mutex_);
  arrow::Status Append(TableId table, const std::shared_ptr<arrow::RecordBatch>& batch) override
      EXCLUDES(mutex_);
  arrow::Result<int64_t> Delete(TableId table, std::span<const int64_t> row_ids) override
      EXCLUDES(mutex_);

  arrow::Status CheckReferences(const TableNamer& name_of, const IndexFinder& is_indexed) override
      EXCLUDES(mutex_);

  arrow::Result<CommitNumber> Commit() override EXCLUDES(mutex_);
  void Rollback() override EXCLUDES(mutex_);

 private:
  // nullopt: deleted.
  arrow::Status SetMeta(std::string key, std::optional<std::string> value, bool offered)
      EXCLUDES(mutex_);

  // A source of the snapshot, with what this transaction deleted of it.
  struct CommittedSource {
    RowSourcePtr source;
    std::shared_ptr<DeletionVector> own_deaths;  // made with the first
  };
  // Own rows: a memtable, or a segment it was spilled to.
  struct OwnSource {
    std::shared_ptr<MemTable> memtable;
    std::shared_ptr<SegmentSource> segment;
    std::unique_ptr<KeptRows> moved;  // retired: these of its rows went to ...
    size_t moved_to = 0;              // ... this one of the table's own sources
    RowSourcePtr source() const {
      return memtable ? RowSourcePtr(memtable) : RowSourcePtr(segment);
    }
  };
  struct OwnTable {
    TableId id;
    TableSchemaPtr schema;  // as this transaction sees it now
    bool created = false;
    bool altered = false;
    bool dropped = false;
    std::vector<CommittedSource> committed;
    std::vector<OwnSource> own;              // ordinals follow those of `committed`
    std::shared_ptr<const SourceView> view;  // of number view_number, to be used again
    uint64_t view_number = 0;
  };

  arrow::Status CheckOpen() const REQUIRES(mutex_);
  arrow::Result<OwnTable*> Touch(TableId table) REQUIRES(mutex_);
  std::shared_ptr<const SourceView> ViewOf(OwnTable* table) REQUIRES(mutex_);
  MemTable* ActiveOf(OwnTable* table) REQUIRES(mutex_);
  arrow::Status CheckKeys(OwnTable* table, const arrow::RecordBatch& batch, const KeyBatch& keys)
      REQUIRES(mutex_);
  // Whether the row was alive; then its id in the table's view is added to `gone`, if given.
  arrow::Result<bool> DeleteRow(OwnTable* table, int64_t row_id, CommitNumber number,
                                std::vector<int64_t>* gone) REQUIRES(mutex_);
  arrow::Result<TableId> CreateTableLocked(TableSchemaPtr schema) REQUIRES(mutex_);
  arrow::Status DropTableLocked(TableId id) REQUIRES(mutex_);
  arrow::Result<TableSchemaPtr> SchemaLocked(TableId id) const REQUIRES(mutex_);

  // ---- Unique sets (transaction_unique.cc) ----
  // Rows for the index of a unique set.
  struct IndexRows {
    OwnTable* index;
    ConstrainedRows rows;
  };
  // The schema of table `id` with new tables as indexes where `old` (nullptr: no such table yet)
  // has none that serves.
  arrow::Result<TableSchemaPtr> MakeIndexes(TableId id, const TableSchemaPtr& schema,
                                            const TableSchema* old) REQUIRES(mutex_);
  // After a change of the schema: drops indexes that are needed no more, fills new ones, and checks
  // new references of the rows that there are.
  arrow::Status FollowChange(OwnTable* table, const TableSchema& old) REQUIRES(mutex_);
  // The fields of all rows; with `some`, of rows among which are all that have one of these keys.
  arrow::Status ForEachUnit(OwnTable* table, const std::vector<FieldId>& fields,
                            const std::function<arrow::Status(const arrow::RecordBatch&)>& visit,
                            const KeyBatch* some = nullptr) REQUIRES(mutex_);
  arrow::Status FillIndex(OwnTable* table, const UniqueSet& set) REQUIRES(mutex_);
  // kConstraint unless the rows can stand beside those that there are.
  arrow::Result<std::vector<IndexRows>> CheckUnique(OwnTable* table,
                                                    const arrow::RecordBatch& batch)
      REQUIRES(mutex_);
  // Whether deletes of the table's rows have to be followed up.
  bool FollowsDeletes(const OwnTable& table) REQUIRES(mutex_);
  // Deletes what the indexes hold of rows `gone`, and notes keys that references may be to. `before`
  // is a view that has the rows.
  arrow::Status FollowDeletes(OwnTable* table, const SourceView& before,
                              const std::vector<int64_t>& gone) REQUIRES(mutex_);

  // ---- References (transaction_references.cc) ----
  struct Referrer {
    TableId child;
    Reference reference;
  };
  // Who refers to a table's key.
  using Referrers = std::map<TableId, std::vector<Referrer>>;
  // A reference to a row that was not there when it was made.
  struct OpenReference {
    TableId child;
    TableId parent;
    TableId key_table;
    std::string key;
    std::string text;
  };
  // What is wrong: named outside of the lock, because whoever names tables reads metadata.
  struct BrokenReference {
    TableId child;
    TableId parent;
    std::string text;    // the child's values, if known
    bool taken = false;  // the parent's row was taken away; else it was never there
  };
  using Broken = std::optional<BrokenReference>;
  static arrow::Status StatusOf(const Broken& broken, const TableNamer& name_of);
  const Referrers& FindReferrers() REQUIRES(mutex_);
  arrow::Result<TableId> KeyTableFor(const Reference& reference) const REQUIRES(mutex_);
  // Looks up the rows that the batch refers to.
  arrow::Status FollowAppend(OwnTable* table, const arrow::RecordBatch& batch) REQUIRES(mutex_);
  arrow::Status FollowReference(TableId child, const Reference& reference,
                                const arrow::RecordBatch& values) REQUIRES(mutex_);
  arrow::Result<Broken> CheckReferencesLocked() REQUIRES(mutex_);
  // Fields of large tables by which rows may have to be found for CheckReferences.
  using IndexedFields = std::set<std::pair<TableId, FieldId>>;
  arrow::Result<IndexedFields> WantedIndexes() REQUIRES(mutex_);
  arrow::Result<Broken> CheckOpenReferences() REQUIRES(mutex_);
  // Those of the keys that the table does not hold now.
  arrow::Result<KeySet> AbsentOf(TableId key_table, const KeySet& keys) REQUIRES(mutex_);
  arrow::Result<Broken> CheckUnreferenced(const Referrer& referrer, const KeySet& keys)
      REQUIRES(mutex_);
  arrow::Status SpillIfLarge() REQUIRES(mutex_);
  // Moves the rows that the table has in memory to segments.
  arrow::Status Spill(OwnTable* table) REQUIRES(mutex_);
  arrow::Status SpillSource(OwnTable* table, size_t index) REQUIRES(mutex_);
  arrow::Result<PreparedCommit> Prepare() REQUIRES(mutex_);
  arrow::Status PrepareRows(const OwnTable& table, const MemTable& memtable, PreparedTable* out)
      REQUIRES(mutex_);
  void End() REQUIRES(mutex_);

  EngineImpl* const engine_;
  Snapshot snapshot_;

  mutable Mutex mutex_;
  bool ended_ GUARDED_BY(mutex_) = false;
  uint64_t number_ GUARDED_BY(mutex_) = 0;  // of the last own operation
  uint64_t spilled_bytes_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::optional<std::string>, std::less<>> meta_ GUARDED_BY(mutex_);
  std::set<std::string> guarded_ GUARDED_BY(mutex_);
  std::set<std::string> offered_ GUARDED_BY(mutex_);  // keys of meta_
  std::vector<TableChange> table_changes_ GUARDED_BY(mutex_);
  std::map<TableId, OwnTable> tables_ GUARDED_BY(mutex_);

  std::optional<Referrers> referrers_ GUARDED_BY(mutex_);  // until a definition changes
  std::vector<OpenReference> open_references_ GUARDED_BY(mutex_);
  // By the table whose keys they are: committed keys that own rows refer to; keys that own deletes
  // took away, not looked after yet; and those of which no row was left to refer to them.
  std::map<TableId, KeySet> needed_keys_ GUARDED_BY(mutex_);
  std::map<TableId, KeySet> taken_keys_ GUARDED_BY(mutex_);
  std::map<TableId, KeySet> lost_keys_ GUARDED_BY(mutex_);
  IndexedFields indexed_fields_ GUARDED_BY(mutex_);  // of the check that runs
};

}  // namespace pyralog::lsm
