// Unique sets in a transaction: their indexes are tables like others, whose rows are appended and
// deleted with the rows that they stand for.
#include <algorithm>
#include <bit>

#include "lsm/batch_rows.h"
#include "lsm/transaction_impl.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// Whether an index of the fields in one schema serves in the other.
bool SameFieldTypes(const TableSchema& a, const TableSchema& b,
                    const std::vector<FieldId>& fields) {
  return std::all_of(fields.begin(), fields.end(), [&](FieldId field) {
    const int in_a = a.PositionOf(field);
    const int in_b = b.PositionOf(field);
    return in_a >= 0 && in_b >= 0 &&
           a.arrow->field(in_a)->type()->Equals(*b.arrow->field(in_b)->type());
  });
}

bool HasIndex(const TableSchema& schema, TableId index) {
  return std::any_of(schema.unique.begin(), schema.unique.end(),
                     [&](const UniqueSet& set) { return set.index == index; });
}

arrow::Status DuplicateValue(const TableSchema& schema, const UniqueSet& set,
                             const ConstrainedRows& rows, int64_t row, const char* where) {
  return MakeError(ErrorCode::kConstraint, "duplicate value of UNIQUE " +
                                               NamesText(schema, set.fields) + ": " +
                                               ValuesText(*rows.values, row) + where);
}

// Takes rows that have none of the keys, of one field each, out of the mask. Returns how many are
// left.
int64_t KeepKeys(const SortedUnit& sorted, const KeyBatch& keys, MaskWords* mask) {
  MaskWords kept(mask->size());
  for (int64_t i = 0; i < keys.size(); ++i) {
    const uint64_t prefix = KeyPrefix(keys.key(i));
    const PrefixRange point{prefix, prefix};
    for (const uint32_t row : sorted.Find({&point, 1}))
      kept[row / 64] |= (*mask)[row / 64] & uint64_t{1} << (row % 64);
  }
  *mask = std::move(kept);
  int64_t left = 0;
  for (const uint64_t word : *mask) left += std::popcount(word);
  return left;
}

}  // namespace

arrow::Result<TableSchemaPtr> TransactionImpl::MakeIndexes(TableId id, const TableSchemaPtr& schema,
                                                           const TableSchema* old) {
  if (schema->unique.empty() && schema->references.empty()) return schema;
  auto made = std::make_shared<TableSchema>(*schema);
  for (UniqueSet& set : made->unique) {
    const bool serves =
        old != nullptr && HasIndex(*old, set.index) && SameFieldTypes(*old, *schema, set.fields);
    if (serves) continue;
    ARROW_ASSIGN_OR_RAISE(TableSchemaPtr index, UniqueIndexSchema(*schema, set));
    ARROW_ASSIGN_OR_RAISE(set.index, CreateTableLocked(std::move(index)));
  }
  for (Reference& reference : made->references) {
    if (reference.parent.value() == 0) reference.parent = id;
  }
  return made;
}

arrow::Status TransactionImpl::FollowChange(OwnTable* table, const TableSchema& old) {
  const TableSchemaPtr schema = table->schema;
  for (const UniqueSet& set : old.unique) {
    if (!HasIndex(*schema, set.index)) ARROW_RETURN_NOT_OK(DropTableLocked(set.index));
  }
  for (const UniqueSet& set : schema->unique) {
    if (!HasIndex(old, set.index)) ARROW_RETURN_NOT_OK(FillIndex(table, set));
  }
  for (const Reference& reference : schema->references) {
    if (std::find(old.references.begin(), old.references.end(), reference) != old.references.end())
      continue;
    const auto follow = [&](const arrow::RecordBatch& values) REQUIRES(mutex_) {
      return FollowReference(table->id, reference, values);
    };
    ARROW_RETURN_NOT_OK(ForEachUnit(table, reference.fields, follow));
  }
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::ForEachUnit(
    OwnTable* table, const std::vector<FieldId>& fields,
    const std::function<arrow::Status(const arrow::RecordBatch&)>& visit, const KeyBatch* some) {
  const auto view = ViewOf(table);
  const std::vector<int> columns = table->schema->PositionsOf(fields);
  arrow::FieldVector visited;
  for (const int column : columns) visited.push_back(table->schema->arrow->field(column));
  const auto schema = arrow::schema(std::move(visited));
  for (size_t unit = 0; unit < view->units().size(); ++unit) {
    MaskWords mask;
    int64_t wanted = view->Mask(unit, &mask);
    if (wanted > 0 && some != nullptr) {
      ARROW_ASSIGN_OR_RAISE(const auto sorted, view->Sorted(unit, columns));
      if (sorted != nullptr) wanted = KeepKeys(*sorted, *some, &mask);
    }
    if (wanted == 0) continue;
    arrow::ArrayVector arrays;
    for (const int column : columns) {
      ARROW_ASSIGN_OR_RAISE(auto array, view->Column(unit, column));
      arrays.push_back(std::move(array));
    }
    const auto all = arrow::RecordBatch::Make(schema, view->units()[unit].rows, std::move(arrays));
    ARROW_ASSIGN_OR_RAISE(const auto rows, FilterBatch(all, mask, wanted));
    ARROW_RETURN_NOT_OK(visit(*rows));
  }
  return arrow::Status::OK();
}

arrow::Status TransactionImpl::FillIndex(OwnTable* table, const UniqueSet& set) {
  ARROW_ASSIGN_OR_RAISE(OwnTable * index, Touch(set.index));
  return ForEachUnit(
      table, set.fields, [&](const arrow::RecordBatch& values) REQUIRES(mutex_) -> arrow::Status {
        ARROW_ASSIGN_OR_RAISE(ConstrainedRows rows, ConstrainedRowsOf(values));
        if (rows.rows.empty()) return arrow::Status::OK();
        int64_t twice = FindRepeat(rows.keys);
        std::vector<int64_t> found;
        ARROW_RETURN_NOT_OK(ViewOf(index)->Lookup(rows.keys, &found));
        for (size_t i = 0; i < found.size() && twice < 0; ++i) {
          if (found[i] >= 0) twice = static_cast<int64_t>(i);
        }
        if (twice >= 0)
          return DuplicateValue(*table->schema, set, rows, twice, " stands in two rows");
        ++number_;
        ARROW_RETURN_NOT_OK(
            ActiveOf(index)->Append(rows.values, &rows.keys, CommitNumber(number_)));
        return SpillIfLarge();
      });
}

arrow::Result<std::vector<TransactionImpl::IndexRows>> TransactionImpl::CheckUnique(
    OwnTable* table, const arrow::RecordBatch& batch) {
  std::vector<IndexRows> indexed;
  if (table->schema->unique.empty()) return indexed;
  const auto named = arrow::RecordBatch::Make(table->schema->arrow, batch.num_rows(),
                                              batch.columns());  // names for messages
  for (const UniqueSet& set : table->schema->unique) {
    ARROW_ASSIGN_OR_RAISE(const auto columns,
                          named->SelectColumns(table->schema->PositionsOf(set.fields)));
    ARROW_ASSIGN_OR_RAISE(ConstrainedRows rows, ConstrainedRowsOf(*columns));
    if (rows.rows.empty()) continue;
    if (const int64_t row = FindRepeat(rows.keys); row >= 0)
      return DuplicateValue(*table->schema, set, rows, row, " is given twice");
    ARROW_ASSIGN_OR_RAISE(OwnTable * index, Touch(set.index));
    std::vector<int64_t> found;
    ARROW_RETURN_NOT_OK(ViewOf(index)->Lookup(rows.keys, &found));
    const auto first = std::find_if(found.begin(), found.end(), [](int64_t id) { return id >= 0; });
    if (first != found.end()) {
      return DuplicateValue(*table->schema, set, rows, first - found.begin(),
                            " is in the table already; use ON CONFLICT to update or skip it");
    }
    indexed.push_back({index, std::move(rows)});
  }
  return indexed;
}

bool TransactionImpl::FollowsDeletes(const OwnTable& table) {
  return !table.schema->unique.empty() ||
         (table.schema->keyed() && FindReferrers().contains(table.id));
}

arrow::Status TransactionImpl::FollowDeletes(OwnTable* table, const SourceView& before,
                                             const std::vector<int64_t>& gone) {
  const CommitNumber number(number_);
  const auto take_keys = [&](TableId key_table, const KeyBatch& keys) REQUIRES(mutex_) {
    if (!FindReferrers().contains(key_table)) return;
    taken_keys_[key_table].AddAll(keys);
  };
  for (const UniqueSet& set : table->schema->unique) {
    ARROW_ASSIGN_OR_RAISE(const auto values,
                          before.Fetch(gone, table->schema->PositionsOf(set.fields)));
    ARROW_ASSIGN_OR_RAISE(const ConstrainedRows rows, ConstrainedRowsOf(*values));
    ARROW_ASSIGN_OR_RAISE(OwnTable * index, Touch(set.index));
    std::vector<int64_t> found;
    ARROW_RETURN_NOT_OK(ViewOf(index)->Lookup(rows.keys, &found));
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i] < 0) {
        return MakeError(ErrorCode::kDamaged,
                         "the index of UNIQUE " + NamesText(*table->schema, set.fields) +
                             " lacks a value of its table; restore the database from a backup");
      }
      ARROW_RETURN_NOT_OK(DeleteRow(index, found[i], number, nullptr).status());
    }
    take_keys(set.index, rows.keys);
  }
  if (table->schema->keyed() && FindReferrers().contains(table->id)) {
    ARROW_ASSIGN_OR_RAISE(const auto values, before.Fetch(gone, table->schema->key));
    KeyBatch keys;
    ARROW_RETURN_NOT_OK(keys.Append(values->columns()));
    take_keys(table->id, keys);
  }
  ++number_;  // views that were taken meanwhile are not used again
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm
