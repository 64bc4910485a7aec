#include "sql/key_lookup.h"

#include <algorithm>
#include <utility>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/execution/physical_plan_generator.hpp"
#include "lsm/key.h"
#include "lsm/table_view.h"
#include "sql/arrow_vectors.h"
#include "sql/errors.h"
#include "sql/row_fetcher.h"
#include "sql/scan.h"

namespace pyralog::sql {
namespace {

// Child rows [first, first + count) of a chunk that follow one another and all have, or all lack, a
// row.
struct Run {
  duckdb::idx_t first;
  duckdb::idx_t count;
  bool found;
};

// One thread's share.
class KeyLookupState final : public duckdb::OperatorState {
 public:
  KeyLookupState(duckdb::ClientContext& context, LookupKind kind, TableEntry& table,
                 const LookupColumns& columns,
                 const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& keys);

  void Execute(duckdb::DataChunk& input, duckdb::DataChunk& output);

 private:
  // The row id for each row of the input, or -1.
  void Lookup(duckdb::DataChunk& input);
  // Rows whose key has no NULL; only those are looked up.
  duckdb::idx_t SelectWholeKeys();
  // The table's columns of the found rows into output.data[first ...].
  void FillFound(duckdb::DataChunk& output, size_t first);
  void FillWithGaps(duckdb::DataChunk& output, size_t first);
  void FillRowIds(duckdb::Vector& out) const;

  const LookupKind kind_;
  const LookupColumns& columns_;
  const lsm::TableViewPtr view_;
  duckdb::ExpressionExecutor executor_;
  duckdb::DataChunk keys_;
  std::unique_ptr<BatchCollector> key_collector_;
  std::vector<int> key_positions_;  // 0, 1, ...: all columns of the collected keys
  RowFetcher fetcher_;
  lsm::KeyBatch encoded_;
  duckdb::SelectionVector whole_;       // rows with whole keys
  std::vector<int64_t> row_ids_;        // of every input row, -1: none
  std::vector<int64_t> found_;          // without the -1
  duckdb::SelectionVector found_rows_;  // the input row of each of found_
  duckdb::DataChunk compact_;           // the table's columns of found rows, before gaps are put in
};

std::vector<int> StoredColumns(const TableEntry& table, const LookupColumns& columns) {
  std::vector<int> stored;
  for (const duckdb::ColumnIndex& id : columns.ids) {
    if (!id.IsVirtualColumn()) stored.push_back(table.StoredPosition(id.GetPrimaryIndex()));
  }
  return stored;
}

KeyLookupState::KeyLookupState(duckdb::ClientContext& context, LookupKind kind, TableEntry& table,
                               const LookupColumns& columns,
                               const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& keys)
    : kind_(kind),
      columns_(columns),
      view_(CurrentView(context, table)),
      executor_(context, keys),
      fetcher_(table.definition(), StoredColumns(table, columns), context),
      whole_(STANDARD_VECTOR_SIZE),
      found_rows_(STANDARD_VECTOR_SIZE) {
  std::vector<catalog::ColumnDef> key_columns;
  duckdb::vector<duckdb::LogicalType> key_types;
  for (size_t i = 0; i < keys.size(); ++i) {
    key_columns.push_back(table.definition().columns[table.definition().key[i]]);
    key_types.push_back(keys[i]->return_type);
    key_positions_.push_back(static_cast<int>(i));
  }
  key_collector_ = ValueOrThrow(MakeBatchCollector(key_columns, context));
  keys_.Initialize(context, key_types);
  if (kind == LookupKind::kLeftJoin) compact_.Initialize(context, columns.types);
}

duckdb::idx_t KeyLookupState::SelectWholeKeys() {
  const duckdb::idx_t count = keys_.size();
  std::vector<duckdb::UnifiedVectorFormat> formats(keys_.ColumnCount());
  bool has_nulls = false;
  for (size_t i = 0; i < formats.size(); ++i) {
    keys_.data[i].ToUnifiedFormat(count, formats[i]);
    has_nulls = has_nulls || !formats[i].validity.AllValid();
  }
  duckdb::idx_t whole = 0;
  for (duckdb::idx_t row = 0; row < count; ++row) {
    const bool is_whole = !has_nulls || std::ranges::all_of(formats, [&](const auto& format) {
      return format.validity.RowIsValid(format.sel->get_index(row));
    });
    if (is_whole) whole_.set_index(whole++, row);
  }
  return whole;
}

void KeyLookupState::Lookup(duckdb::DataChunk& input) {
  keys_.Reset();
  executor_.Execute(input, keys_);
  const duckdb::idx_t count = input.size();
  const duckdb::idx_t whole = SelectWholeKeys();
  if (whole < count) keys_.Slice(whole_, whole);
  row_ids_.assign(count, -1);
  found_.clear();
  if (whole == 0) return;
  ThrowIfError(key_collector_->Append(keys_));
  const auto batch = ValueOrThrow(key_collector_->Finish());
  encoded_.Clear();
  ThrowIfError(encoded_.Append(lsm::KeyColumns(*batch, key_positions_)));
  std::vector<int64_t> ids;
  ThrowIfError(view_->Lookup(encoded_, &ids));
  for (duckdb::idx_t i = 0; i < whole; ++i) {
    if (ids[i] < 0) continue;
    row_ids_[whole_.get_index(i)] = ids[i];
    found_rows_.set_index(found_.size(), whole_.get_index(i));
    found_.push_back(ids[i]);
  }
}

void KeyLookupState::FillRowIds(duckdb::Vector& out) const {
  auto* ids = duckdb::FlatVector::GetData<int64_t>(out);
  std::ranges::copy(found_, ids);
}

void KeyLookupState::FillFound(duckdb::DataChunk& output, size_t first) {
  std::vector<duckdb::Vector*> stored;
  for (size_t i = 0; i < columns_.ids.size(); ++i) {
    duckdb::Vector& out = output.data[first + i];
    if (!columns_.ids[i].IsVirtualColumn()) {
      stored.push_back(&out);
    } else if (columns_.ids[i].IsRowIdColumn()) {
      FillRowIds(out);
    } else {  // the empty column: only the number of rows counts
      out.Reference(duckdb::Value(columns_.types[i]));
    }
  }
  fetcher_.Fetch(*view_, found_, stored);
}

void KeyLookupState::FillWithGaps(duckdb::DataChunk& output, size_t first) {
  compact_.Reset();
  if (!found_.empty()) FillFound(compact_, 0);
  compact_.SetCardinality(found_.size());
  std::vector<Run> runs;
  for (duckdb::idx_t row = 0; row < row_ids_.size(); ++row) {
    const bool found = row_ids_[row] >= 0;
    if (runs.empty() || runs.back().found != found) runs.push_back({row, 0, found});
    ++runs.back().count;
  }
  for (size_t i = 0; i < columns_.ids.size(); ++i) {
    duckdb::Vector& out = output.data[first + i];
    duckdb::idx_t taken = 0;
    for (const Run& run : runs) {
      if (!run.found) {
        for (duckdb::idx_t k = 0; k < run.count; ++k) {
          duckdb::FlatVector::SetNull(out, run.first + k, true);
        }
        continue;
      }
      duckdb::VectorOperations::Copy(compact_.data[i], out, taken + run.count, taken, run.first);
      taken += run.count;
    }
  }
}

void KeyLookupState::Execute(duckdb::DataChunk& input, duckdb::DataChunk& output) {
  Lookup(input);
  const size_t width = kind_ == LookupKind::kRows ? 0 : input.ColumnCount();
  const bool keeps_all = kind_ == LookupKind::kLeftJoin || found_.size() == input.size();
  const duckdb::idx_t count = keeps_all ? input.size() : found_.size();
  for (size_t i = 0; i < width; ++i) {
    if (keeps_all) {
      output.data[i].Reference(input.data[i]);
    } else {
      output.data[i].Slice(input.data[i], found_rows_, count);
    }
  }
  if (found_.size() == count) {
    if (count > 0) FillFound(output, width);
  } else {
    FillWithGaps(output, width);
  }
  output.SetCardinality(count);
}

}  // namespace

LogicalKeyLookup::LogicalKeyLookup(LookupKind kind, TableEntry& table, duckdb::idx_t table_index,
                                   LookupColumns columns,
                                   duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> keys,
                                   duckdb::unique_ptr<duckdb::LogicalOperator> child)
    : duckdb::LogicalExtensionOperator(std::move(keys)),
      kind_(kind),
      table_(table),
      table_index_(table_index),
      columns_(std::move(columns)) {
  children.push_back(std::move(child));
}

duckdb::PhysicalOperator& LogicalKeyLookup::CreatePlan(duckdb::ClientContext& context,
                                                       duckdb::PhysicalPlanGenerator& planner) {
  auto& child = planner.CreatePlan(*children[0]);
  auto& lookup = planner.Make<KeyLookupOperator>(types, estimated_cardinality, kind_, table_,
                                                 columns_, std::move(expressions));
  lookup.children.push_back(child);
  return lookup;
}

duckdb::vector<duckdb::ColumnBinding> LogicalKeyLookup::GetColumnBindings() {
  duckdb::vector<duckdb::ColumnBinding> bindings;
  if (kind_ != LookupKind::kRows) bindings = children[0]->GetColumnBindings();
  for (duckdb::idx_t i = 0; i < columns_.ids.size(); ++i) bindings.emplace_back(table_index_, i);
  return bindings;
}

duckdb::idx_t LogicalKeyLookup::EstimateCardinality(duckdb::ClientContext& context) {
  estimated_cardinality = children[0]->EstimateCardinality(context);
  has_estimated_cardinality = true;
  return estimated_cardinality;
}

void LogicalKeyLookup::ResolveTypes() {
  types.clear();
  if (kind_ != LookupKind::kRows) types = children[0]->types;
  types.insert(types.end(), columns_.types.begin(), columns_.types.end());
}

KeyLookupOperator::KeyLookupOperator(duckdb::PhysicalPlan& plan,
                                     duckdb::vector<duckdb::LogicalType> types,
                                     duckdb::idx_t cardinality, LookupKind kind, TableEntry& table,
                                     LookupColumns columns,
                                     duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> keys)
    : duckdb::PhysicalOperator(plan, duckdb::PhysicalOperatorType::EXTENSION, std::move(types),
                               cardinality),
      kind_(kind),
      table_(table),
      columns_(std::move(columns)),
      keys_(std::move(keys)) {}

duckdb::InsertionOrderPreservingMap<std::string> KeyLookupOperator::ParamsToString() const {
  duckdb::InsertionOrderPreservingMap<std::string> result;
  result["Table"] = table_.name;
  std::string keys;
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (i > 0) keys += "\n";
    keys +=
        table_.definition().columns[table_.definition().key[i]].name + " = " + keys_[i]->ToString();
  }
  result["Key"] = keys;
  return result;
}

duckdb::unique_ptr<duckdb::OperatorState> KeyLookupOperator::GetOperatorState(
    duckdb::ExecutionContext& context) const {
  return duckdb::make_uniq<KeyLookupState>(context.client, kind_, table_, columns_, keys_);
}

duckdb::OperatorResultType KeyLookupOperator::Execute(duckdb::ExecutionContext& context,
                                                      duckdb::DataChunk& input,
                                                      duckdb::DataChunk& output,
                                                      duckdb::GlobalOperatorState& global_state,
                                                      duckdb::OperatorState& state) const {
  state.Cast<KeyLookupState>().Execute(input, output);
  return duckdb::OperatorResultType::NEED_MORE_INPUT;
}

}  // namespace pyralog::sql
