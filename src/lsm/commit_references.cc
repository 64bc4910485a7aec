// References in a commit: what this transaction and those that committed since its snapshot did,
// each right by what it saw, may not fit together.
#include <algorithm>
#include <numeric>

#include "lsm/batch_rows.h"
#include "lsm/constrained_rows.h"
#include "lsm/engine_impl.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

arrow::Status ReferenceConflict(const std::string& what) {
  return MakeError(
      ErrorCode::kConflict,
      "conflict: " + what + " by a transaction that committed first; roll back and retry");
}

bool IsChanged(const PreparedCommit& prepared, TableId table) {
  return std::any_of(prepared.table_changes.begin(), prepared.table_changes.end(),
                     [&](const TableChange& change) { return change.table == table; });
}

// The values of a reference in a unit, rows that are stored under an older schema as the newer one
// has them.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReferenceValues(const SourceUnit& unit,
                                                                   const ColumnMap& map,
                                                                   const TableSchema& schema,
                                                                   const Reference& reference) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const int column : schema.PositionsOf(reference.fields)) {
    fields.push_back(schema.arrow->field(column));
    ARROW_ASSIGN_OR_RAISE(arrays.emplace_back(), AdaptedColumn(unit, map, column));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), unit.rows, std::move(arrays));
}

}  // namespace

void EngineImpl::NoteReferences(const TableChange& change, const TableVersion* before,
                                CommitNumber commit) {
  const auto& references = change.schema->references;
  if (references.empty()) return;
  has_references_ = true;
  std::vector<Reference> known;
  if (before != nullptr) known = before->current_schema()->references;
  for (const Reference& reference : references) {
    if (std::find(known.begin(), known.end(), reference) == known.end())
      referred_since_[reference.parent] = commit;
  }
}

arrow::Status EngineImpl::CheckReferences(const PreparedCommit& prepared) const {
  if (!prepared.table_changes.empty()) ARROW_RETURN_NOT_OK(CheckReferredTables(prepared));
  for (const PreparedTable& table : prepared.tables) {
    // Which of its rows the new reference is to, this transaction did not look at.
    const auto since = referred_since_.find(table.table);
    if (since != referred_since_.end() && since->second > prepared.snapshot &&
        !table.deletions.empty())
      return ReferenceConflict("a foreign key to a table whose rows are deleted here was made");
  }
  for (const auto& [table, keys] : prepared.needed_keys)
    ARROW_RETURN_NOT_OK(CheckNeeded(table, keys, prepared.snapshot));
  for (const auto& [table, keys] : prepared.lost_keys)
    ARROW_RETURN_NOT_OK(CheckLost(prepared, table, keys));
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CheckReferredTables(const PreparedCommit& prepared) const {
  const auto refers = [](const TableChange& change) {
    return change.schema && !change.schema->references.empty();
  };
  if (!has_references_ &&
      std::none_of(prepared.table_changes.begin(), prepared.table_changes.end(), refers))
    return arrow::Status::OK();
  std::map<TableId, TableSchemaPtr> schemas;  // after this commit
  for (const auto& [id, version] : *CurrentTables()) schemas[id] = version->current_schema();
  for (const TableChange& change : prepared.table_changes) {
    schemas.erase(change.table);
    if (change.op != TableOp::kDrop) schemas[change.table] = change.schema;
  }
  for (const auto& [id, schema] : schemas) {
    for (const Reference& reference : schema->references) {
      const auto parent = schemas.find(reference.parent);
      if (parent == schemas.end() || !KeyTableOf(reference, *parent->second))
        return ReferenceConflict("a foreign key and what it refers to were changed");
    }
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CheckNeeded(TableId table, const KeyBatch& keys,
                                      CommitNumber snapshot) const {
  const auto tables = CurrentTables();
  const auto version = tables->find(table);
  if (version == tables->end())
    return ReferenceConflict("what a foreign key refers to was dropped");
  const auto written = last_write_.find(table);
  if (written == last_write_.end() || written->second <= snapshot) return arrow::Status::OK();
  std::vector<int64_t> open(keys.size());
  std::iota(open.begin(), open.end(), 0);
  std::vector<int64_t> rows(keys.size(), -1);
  const auto& sources = version->second->sources;
  for (auto entry = sources.rbegin(); entry != sources.rend() && !open.empty(); ++entry) {
    ARROW_RETURN_NOT_OK(entry->source()->Find(keys, open, last_commit_, rows));
    std::erase_if(open, [&](int64_t i) { return rows[i] >= 0; });
  }
  if (open.empty()) return arrow::Status::OK();
  return ReferenceConflict("a row that a foreign key refers to was deleted");
}

arrow::Status EngineImpl::CheckLost(const PreparedCommit& prepared, TableId table,
                                    const KeySet& keys) const {
  const auto tables = CurrentTables();
  for (const auto& [id, version] : *tables) {
    const auto written = last_write_.find(id);
    if (written == last_write_.end() || written->second <= prepared.snapshot) continue;
    if (IsChanged(prepared, id)) continue;  // fails when it was written
    for (const Reference& reference : version->current_schema()->references) {
      const auto parent = tables->find(reference.parent);
      if (parent == tables->end()) continue;
      if (KeyTableOf(reference, *parent->second->current_schema()) != table) continue;
      ARROW_RETURN_NOT_OK(CheckNoneBorn(prepared, *version, reference, keys));
    }
  }
  return arrow::Status::OK();
}

arrow::Status EngineImpl::CheckNoneBorn(const PreparedCommit& prepared, const TableVersion& child,
                                        const Reference& reference, const KeySet& keys) const {
  const TableSchemaPtr& schema = child.current_schema();
  const auto own =
      std::find_if(prepared.tables.begin(), prepared.tables.end(),
                   [&](const PreparedTable& table) { return table.table == child.id; });
  for (const SourceEntry& entry : child.sources) {
    // What a flush or merge wrote since the snapshot holds older rows too, which this transaction
    // saw: none of them refers to a lost key, but for those that it deletes.
    const RowSourcePtr source = entry.source();
    const int64_t born = source->BornAt(prepared.snapshot);
    const int64_t rows = source->BornAt(last_commit_);
    if (born >= rows) continue;
    const ColumnMap map(source->schema(), schema);
    for (const auto& unit : source->Units(rows)) {
      if (unit->first + unit->rows <= born) continue;
      ARROW_ASSIGN_OR_RAISE(const auto values, ReferenceValues(*unit, map, *schema, reference));
      ARROW_ASSIGN_OR_RAISE(const ConstrainedRows found, ConstrainedRowsOf(*values));
      for (int64_t i = 0; i < found.keys.size(); ++i) {
        const int64_t row = unit->first + found.rows[i];
        if (row < born || !keys.Contains(found.keys.key(i), found.keys.hash(i))) continue;
        if (source->deaths().IsDead(row)) continue;
        if (own != prepared.tables.end() && own->Deletes(source.get(), row)) continue;
        return ReferenceConflict("a row that refers to one that is deleted here was written");
      }
    }
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm
