#include "lsm/source_view.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "arrow/array/util.h"
#include "lsm/batch_rows.h"
#include "lsm/row_selection.h"
#include "lsm/segment_encoding.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

bool Visible(const ViewSource& source, int64_t row) {
  return row < source.source->BornAt(source.snapshot) &&
         !source.source->deaths().IsDeadAt(row, source.snapshot) &&
         !(source.own_deaths && source.own_deaths->IsDeadAt(row, source.own_number));
}

void FillOnes(int64_t rows, MaskWords* mask) {
  mask->assign((rows + 63) / 64, ~uint64_t{0});
  if (rows % 64 != 0) mask->back() = (uint64_t{1} << (rows % 64)) - 1;
}

}  // namespace

SourceView::SourceView(TableSchemaPtr schema, std::vector<ViewSource> sources)
    : schema_(std::move(schema)), sources_(std::move(sources)) {}

const ViewSource* SourceView::SourceOf(int64_t row_id) const {
  const auto it =
      std::lower_bound(sources_.begin(), sources_.end(), OrdinalOf(row_id),
                       [](const ViewSource& s, int64_t ordinal) { return s.ordinal < ordinal; });
  return it != sources_.end() && it->ordinal == OrdinalOf(row_id) ? &*it : nullptr;
}

int64_t SourceView::num_rows() const {
  int64_t rows = 0;
  for (const ViewSource& s : sources_) {
    const int64_t born = s.source->BornAt(s.snapshot);
    if (born == 0) continue;
    rows += born - s.source->deaths().CountDead(s.snapshot);
    if (s.own_deaths) rows -= s.own_deaths->CountDead(s.own_number);
  }
  return rows;
}

int64_t SourceView::num_rows_bound() const {
  int64_t rows = 0;
  for (const ViewSource& s : sources_) rows += s.source->BornAt(s.snapshot);
  return rows;
}

void SourceView::MakeUnits() const {
  for (size_t i = 0; i < sources_.size(); ++i) {
    const ViewSource& s = sources_[i];
    for (auto& unit : s.source->Units(s.source->BornAt(s.snapshot))) {
      const bool masked = s.source->deaths().AnyDead(unit->first, unit->rows) ||
                          (s.own_deaths && s.own_deaths->AnyDead(unit->first, unit->rows));
      units_.push_back({MakeRowId(s.ordinal, unit->first), unit->rows, masked});
      unit_refs_.push_back({i, std::move(unit)});
    }
  }
}

const std::vector<Unit>& SourceView::units() const {
  std::call_once(units_made_, [this] { MakeUnits(); });
  return units_;
}

arrow::Result<std::shared_ptr<arrow::Array>> SourceView::Column(size_t unit, int column) const {
  units();
  const UnitRef& ref = unit_refs_[unit];
  const ViewSource& source = sources_[ref.source];
  if (Same(source)) return ref.unit->Column(column);
  return AdaptedColumn(*ref.unit, ColumnMap(source.source->schema(), schema_), column);
}

arrow::Result<std::shared_ptr<arrow::Array>> SourceView::Encoded(size_t unit, int column) const {
  units();
  const UnitRef& ref = unit_refs_[unit];
  const ViewSource& source = sources_[ref.source];
  if (Same(source)) return ref.unit->Encoded(column);
  const ColumnMap map(source.source->schema(), schema_);
  if (map.stored(column) < 0 || !map.identical(column)) return Column(unit, column);
  return ref.unit->Encoded(map.stored(column));
}

arrow::Result<batch::ZoneMap> SourceView::Zone(size_t unit, int column) const {
  units();
  const UnitRef& ref = unit_refs_[unit];
  const ViewSource& source = sources_[ref.source];
  if (Same(source)) return ref.unit->Zone(column);
  const ColumnMap map(source.source->schema(), schema_);
  if (map.stored(column) >= 0 && map.identical(column)) return ref.unit->Zone(map.stored(column));
  ARROW_ASSIGN_OR_RAISE(auto array, Column(unit, column));
  return batch::ComputeZoneMap(*array);
}

arrow::Result<const batch::ZoneMap*> SourceView::SourceRange(size_t unit, int column,
                                                             size_t* end) const {
  units();
  const size_t s = unit_refs_[unit].source;
  const auto last =
      std::partition_point(unit_refs_.begin() + static_cast<ptrdiff_t>(unit), unit_refs_.end(),
                           [s](const UnitRef& ref) { return ref.source == s; });
  *end = static_cast<size_t>(last - unit_refs_.begin());
  if (!Same(sources_[s])) return nullptr;
  return sources_[s].source->Range(column);
}

arrow::Result<batch::ZoneMap> SourceView::ColumnRange(int column) const {
  batch::ZoneMap range;
  const auto& type = *schema_->arrow->field(column)->type();
  auto add = [&, first = true](const batch::ZoneMap& zone) mutable {
    if (first) {
      range = zone;
    } else {
      range.Merge(zone, type);
    }
    first = false;
  };
  for (size_t unit = 0, end = 0; unit < units().size(); unit = end) {
    ARROW_ASSIGN_OR_RAISE(const auto* whole, SourceRange(unit, column, &end));
    if (whole != nullptr) {
      add(*whole);
      continue;
    }
    for (size_t u = unit; u < end; ++u) {
      ARROW_ASSIGN_OR_RAISE(const auto zone, Zone(u, column));
      add(zone);
    }
  }
  return range;
}

int64_t SourceView::Mask(size_t unit, MaskWords* mask) const {
  const Unit& u = units()[unit];
  FillOnes(u.rows, mask);
  if (!u.maybe_masked) return u.rows;
  const ViewSource& s = sources_[unit_refs_[unit].source];
  const int64_t first = RowOf(u.first_row_id);
  s.source->deaths().ClearDead(first, u.rows, s.snapshot, mask->data());
  if (s.own_deaths) s.own_deaths->ClearDead(first, u.rows, s.own_number, mask->data());
  int64_t visible = 0;
  for (uint64_t word : *mask) visible += std::popcount(word);
  return visible;
}

arrow::Result<std::shared_ptr<const SortedUnit>> SourceView::Sorted(
    size_t unit, std::span<const int> columns) const {
  units();
  const UnitRef& ref = unit_refs_[unit];
  const RowSource& source = *sources_[ref.source].source;
  const ColumnMap map(source.schema(), schema_);
  std::vector<FieldId> fields;
  for (const int column : columns) {
    if (map.stored(column) < 0 || !map.identical(column)) return nullptr;
    fields.push_back(schema_->field_ids[column]);
  }
  return source.Sorted(ref.unit->first, fields);
}

void SourceView::WillNeed(size_t unit, std::span<const int> columns) const {
  units();
  const UnitRef& ref = unit_refs_[unit];
  if (Same(sources_[ref.source])) ref.unit->WillNeed(columns);
}

arrow::Status SourceView::Lookup(const KeyBatch& keys, std::vector<int64_t>* row_ids) const {
  row_ids->assign(keys.size(), -1);
  std::vector<int64_t> open(keys.size());
  std::iota(open.begin(), open.end(), 0);
  std::vector<int64_t> rows(keys.size(), -1);
  std::string_view low, high;
  for (int64_t i = 0; i < keys.size(); ++i) {
    if (i == 0 || keys.key(i) < low) low = keys.key(i);
    if (i == 0 || keys.key(i) > high) high = keys.key(i);
  }
  for (auto s = sources_.rbegin(); s != sources_.rend() && !open.empty(); ++s) {
    if (!s->source->MayHold(low, high)) continue;
    ARROW_RETURN_NOT_OK(s->source->Find(keys, open, s->snapshot, rows));
    // What the transaction killed is gone here, but a younger row of the key may stand in another
    // source.
    std::erase_if(open, [&](int64_t i) {
      if (rows[i] < 0 || (s->own_deaths && s->own_deaths->IsDeadAt(rows[i], s->own_number)))
        return false;
      (*row_ids)[i] = MakeRowId(s->ordinal, rows[i]);
      return true;
    });
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Array>> SourceView::ColumnAt(int64_t row_id, int column,
                                                                  int64_t* offset) const {
  const ViewSource* source = SourceOf(row_id);
  if (source == nullptr) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "row id " + std::to_string(row_id) + " names no row of this table");
  }
  if (Same(*source)) return source->source->ColumnAt(RowOf(row_id), column, offset);
  const ColumnMap map(source->source->schema(), schema_);
  if (map.stored(column) < 0) {
    *offset = 0;
    return map.Missing(column, 1);
  }
  ARROW_ASSIGN_OR_RAISE(auto stored,
                        source->source->ColumnAt(RowOf(row_id), map.stored(column), offset));
  if (map.identical(column)) return stored;
  auto one = stored->Slice(*offset, 1);
  *offset = 0;
  return map.Adapt(column, std::move(one));
}

arrow::Result<std::shared_ptr<arrow::Array>> SourceView::EncodedAt(int64_t row_id, int column,
                                                                   int64_t* offset) const {
  const ViewSource* source = SourceOf(row_id);
  if (source == nullptr || !Same(*source)) return ColumnAt(row_id, column, offset);
  return source->source->EncodedAt(RowOf(row_id), column, offset);
}

arrow::Result<std::shared_ptr<arrow::Array>> SourceView::FetchColumn(
    std::span<const int64_t> row_ids, int column) const {
  arrow::ArrayVector parts;
  for (size_t i = 0; i < row_ids.size();) {
    int64_t offset = 0;
    ARROW_ASSIGN_OR_RAISE(auto array, EncodedAt(row_ids[i], column, &offset));
    // Rows of one array, in any order, are taken together; neighbours are sliced.
    const int64_t base = row_ids[i] - offset;
    size_t end = i + 1;
    bool consecutive = true;
    while (end < row_ids.size() && row_ids[end] >= base && row_ids[end] < base + array->length()) {
      consecutive &= row_ids[end] == row_ids[end - 1] + 1;
      ++end;
    }
    if (consecutive) {
      array = array->Slice(offset, static_cast<int64_t>(end - i));
    } else {
      std::vector<int64_t> places;
      for (size_t j = i; j < end; ++j) places.push_back(row_ids[j] - base);
      ARROW_ASSIGN_OR_RAISE(array, TakeRows(array, places));
    }
    ARROW_ASSIGN_OR_RAISE(parts.emplace_back(),
                          FromStorage(array, schema_->arrow->field(column)->type()));
    i = end;
  }
  // Arrow makes arrays of nulls of every type, and empty ones of most.
  if (parts.empty()) return arrow::MakeArrayOfNull(schema_->arrow->field(column)->type(), 0);
  return Concatenated(parts);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> SourceView::Fetch(
    std::span<const int64_t> row_ids, std::span<const int> columns) const {
  arrow::ArrayVector arrays;
  arrow::FieldVector fields;
  for (int column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto array, FetchColumn(row_ids, column));
    arrays.push_back(std::move(array));
    fields.push_back(schema_->arrow->field(column));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields), schema_->arrow->metadata()),
                                  static_cast<int64_t>(row_ids.size()), std::move(arrays));
}

bool SourceView::IsVisible(int64_t row_id) const {
  if (row_id < 0) return false;
  const ViewSource* source = SourceOf(row_id);
  return source != nullptr && Visible(*source, RowOf(row_id));
}

}  // namespace pyralog::lsm
