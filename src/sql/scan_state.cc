#include "sql/scan_state.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "arrow/buffer.h"
#include "arrow/util/byte_size.h"
#include "duckdb/planner/filter/constant_filter.hpp"
#include "sql/arrow_vectors_fill.h"
#include "sql/errors.h"
#include "sql/filter_zone.h"
#include "sql/mask.h"
#include "sql/scan.h"
#include "sql/scan_index.h"
#include "sql/table_entry.h"

namespace pyralog::sql {
namespace {

// Units ahead of the one being read whose bytes are asked for: enough for a few threads to find
// theirs read.
constexpr size_t kUnitsAhead = 4;
// A chunk with this many rows is handed on, rather than a full vector behind it copied.
constexpr duckdb::idx_t kWorthAChunk = 256;

bool Excludes(const duckdb::TableFilter& filter, const batch::ZoneMap& zone,
              const TypeLayout& layout) {
  const auto statistics = StatisticsOf(zone, zone.rows, layout);
  return statistics && CheckZone(filter, *statistics) == ZoneVerdict::kNone;
}

// Texts as they are stored, which may be codes, and integers, which may be narrower.
std::shared_ptr<arrow::Array> StoredColumn(const lsm::TableView& view, size_t unit, int position,
                                           const TypeLayout& layout) {
  const bool encoded =
      layout.layout == Layout::kView || (layout.layout == Layout::kSame && layout.sql.IsIntegral());
  return ValueOrThrow(encoded ? view.Encoded(unit, position) : view.Column(unit, position));
}

TypeLayout RowIdLayout() { return LayoutOf(duckdb::LogicalType::ROW_TYPE).ValueOrDie(); }

}  // namespace

duckdb::unique_ptr<duckdb::BaseStatistics> UnitStatistics(const lsm::TableView& view, size_t unit,
                                                          int position, const TypeLayout& layout) {
  return StatisticsOf(ValueOrThrow(view.Zone(unit, position)), view.units()[unit].rows, layout);
}

duckdb::unique_ptr<duckdb::BaseStatistics> UnitStatistics(const lsm::TableView& view, size_t unit,
                                                          const ScanColumn& column) {
  switch (column.kind) {
    case ScanColumn::Kind::kStored:
      return UnitStatistics(view, unit, column.position, column.layout);
    case ScanColumn::Kind::kRowId:
      return RowIdStatistics(view.units()[unit].first_row_id, view.units()[unit].rows);
    case ScanColumn::Kind::kEmpty:
      break;
  }
  return nullptr;
}

bool HasVisibleValue(duckdb::ClientContext& context, const lsm::TableView& view, size_t unit,
                     int position, const TypeLayout& layout, const duckdb::Value& value) {
  const int64_t unit_rows = view.units()[unit].rows;
  lsm::MaskWords mask;
  view.Mask(unit, &mask);
  const auto filter = CompileFilter(
      context, duckdb::ConstantFilter(duckdb::ExpressionType::COMPARE_EQUAL, value), layout);
  const auto array = StoredColumn(view, unit, position, layout);
  for (int64_t row = 0; row < unit_rows; row += kVectorRows) {
    const int64_t rows = std::min(kVectorRows, unit_rows - row);
    const auto part = std::span(mask).subspan(row / 64, (rows + 63) / 64);
    filter->Apply({array, row, rows}, part);
    if (CountBits(part) > 0) return true;
  }
  return false;
}

ScanGlobalState::ScanGlobalState(duckdb::ClientContext& context, const ScanBindData& bind,
                                 const duckdb::TableFunctionInitInput& input) {
  const catalog::TableDef& table = DefinitionOf(bind.table);
  if (bind.order) view = bind.counted_view.lock();
  if (!view) view = CurrentView(context, bind.table);
  AddColumns(TableEntry::Of(bind.table), input);
  if (bind.order) {
    OrderedUnits ordered = OrderUnits(context, *view, *bind.order, table);
    units = std::move(ordered.units);
    if (ordered.limit) UseLimit(*bind.order, *ordered.limit);
  } else {
    units.resize(view->units().size());
    std::iota(units.begin(), units.end(), 0);
  }
  Prune();
  UseIndex(context, table);
  pruned_before_start = view->units().size() - units.size();
  for (size_t i = 0; i < std::min(kUnitsAhead, units.size()); ++i)
    view->WillNeed(units[i], stored_positions);
}

void ScanGlobalState::AddColumns(const TableEntry& entry,
                                 const duckdb::TableFunctionInitInput& input) {
  const catalog::TableDef& table = entry.definition();
  for (const duckdb::column_t id : input.column_ids) {
    ScanColumn column;
    if (id == duckdb::COLUMN_IDENTIFIER_ROW_ID) {
      column.kind = ScanColumn::Kind::kRowId;
      column.layout = RowIdLayout();
    } else if (duckdb::IsVirtualColumn(id)) {
      column.kind = ScanColumn::Kind::kEmpty;
    } else {
      column.position = entry.StoredPosition(id);
      column.layout = ValueOrThrow(LayoutOfColumn(table.columns[column.position]));
      column.name = table.columns[column.position].name;
      stored_positions.push_back(column.position);
    }
    columns.push_back(std::move(column));
  }
  if (input.filters) {
    for (const auto& [index, filter] : input.filters->filters) columns[index].filter = filter.get();
  }
  output.assign(input.projection_ids.begin(), input.projection_ids.end());
  if (output.empty()) {
    output.resize(columns.size());
    std::iota(output.begin(), output.end(), 0);
  }
}

// Rows behind the limit are left out here, where a test costs less than in the ORDER BY's heap.
void ScanGlobalState::UseLimit(const duckdb::RowGroupOrderOptions& order,
                               const duckdb::Value& value) {
  const auto position = static_cast<int>(order.column_idx.GetPrimaryIndex());
  const auto type = order.order_type == duckdb::OrderType::DESCENDING
                        ? duckdb::ExpressionType::COMPARE_GREATERTHANOREQUALTO
                        : duckdb::ExpressionType::COMPARE_LESSTHANOREQUALTO;
  for (ScanColumn& column : columns) {
    const bool ordered = column.kind == ScanColumn::Kind::kStored && column.position == position;
    if (!ordered || column.filter != nullptr) continue;
    limit = std::make_unique<duckdb::ConstantFilter>(type, value);
    column.filter = limit.get();
    return;
  }
}

void ScanGlobalState::Prune() {
  for (const ScanColumn& column : columns) {
    if (column.filter == nullptr) continue;
    size_t begin = 0, end = 0;  // units of one source
    bool excluded = false;      // they are, all of them
    std::erase_if(units, [&](size_t unit) {
      if (column.kind == ScanColumn::Kind::kStored && (unit < begin || unit >= end)) {
        begin = unit;
        const auto* range = ValueOrThrow(view->SourceRange(unit, column.position, &end));
        excluded = range != nullptr && Excludes(*column.filter, *range, column.layout);
      }
      if (excluded) return true;
      const auto statistics = UnitStatistics(*view, unit, column);
      return statistics && CheckZone(*column.filter, *statistics) == ZoneVerdict::kNone;
    });
  }
}

ScanGlobalState::~ScanGlobalState() = default;

void ScanGlobalState::UseIndex(duckdb::ClientContext& context, const catalog::TableDef& table) {
  if (table.indexes.empty() || units.empty()) return;
  auto hits = AskIndexes(context, *view, table, columns, units);
  if (!hits) return;
  index = std::make_unique<IndexHits>(std::move(*hits));
  std::erase_if(units, [&](size_t unit) {
    return !index->rows.contains(unit) && !index->unsorted.contains(unit);
  });
}

std::optional<size_t> ScanGlobalState::NextUnit() {
  const size_t place = next.fetch_add(1, std::memory_order_relaxed);
  if (place >= units.size()) return std::nullopt;
  if (place + kUnitsAhead < units.size())
    view->WillNeed(units[place + kUnitsAhead], stored_positions);
  return place;
}

bool ScanGlobalState::IsExcludedNow(size_t unit) const {
  return std::any_of(columns.begin(), columns.end(), [&](const ScanColumn& column) {
    if (column.filter == nullptr || !IsDynamic(*column.filter)) return false;
    const auto statistics = UnitStatistics(*view, unit, column);
    return statistics && CheckZone(*column.filter, *statistics) == ZoneVerdict::kNone;
  });
}

ScanLocalState::ScanLocalState(duckdb::ClientContext& context, ScanGlobalState& global)
    : global_(global) {
  for (const ScanColumn& column : global.columns) {
    Column own;
    own.column = &column;
    if (column.filter != nullptr) {
      own.dynamic = IsDynamic(*column.filter);
      own.filter = CompileFilter(context, *column.filter, column.layout);
    }
    columns_.push_back(std::move(own));
  }
  for (const size_t i : global.output) {
    if (columns_[i].column->kind != ScanColumn::Kind::kStored) continue;
    columns_[i].filler = MakeFiller(columns_[i].column->layout, columns_[i].column->name);
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].column->filter != nullptr) filters_.push_back(i);
  }
}

void ScanLocalState::Scan(duckdb::ClientContext& context, duckdb::DataChunk& out) {
  for (;;) {
    if (!in_unit_ && !StartUnit(context)) return;
    const int64_t rows = EmitUnit(out);
    if (rows > 0) {
      out.SetCardinality(rows);
      global_.rows_out.fetch_add(rows, std::memory_order_relaxed);
      return;
    }
    in_unit_ = false;
    global_.done.fetch_add(1, std::memory_order_relaxed);
    if (context.interrupted) throw duckdb::InterruptException();
  }
}

bool ScanLocalState::StartUnit(duckdb::ClientContext& context) {
  for (;;) {
    const auto place = global_.NextUnit();
    if (!place) return false;
    place_ = *place;
    unit_ = global_.units[*place];
    if (!global_.IsExcludedNow(unit_)) break;
    global_.pruned_later.fetch_add(1, std::memory_order_relaxed);
    global_.done.fetch_add(1, std::memory_order_relaxed);
  }
  const lsm::Unit& unit = global_.view->units()[unit_];
  first_row_id_ = unit.first_row_id;
  unit_rows_ = unit.rows;
  const int64_t visible = unit.maybe_masked ? global_.view->Mask(unit_, &visible_) : unit.rows;
  masked_ = visible < unit.rows;
  if (masked_) global_.rows_masked.fetch_add(unit.rows - visible, std::memory_order_relaxed);
  if (global_.index) ApplyIndex();
  next_row_ = 0;
  next_word_ = vector_words_ = 0;
  for (Column& column : columns_) column.array.reset();
  StartFilters(context);
  in_unit_ = true;
  ++units_read_;
  rows_read_ += unit.rows;
  return true;
}

void ScanLocalState::ApplyIndex() {
  const auto found = global_.index->rows.find(unit_);
  if (found == global_.index->rows.end()) return;
  lsm::MaskWords hits((unit_rows_ + 63) / 64);
  for (const auto& rows : found->second) {
    for (const uint32_t row : rows) hits[row >> 6] |= uint64_t{1} << (row & 63);
  }
  if (masked_) {
    for (size_t word = 0; word < hits.size(); ++word) visible_[word] &= hits[word];
  } else {
    visible_ = std::move(hits);
  }
  masked_ = true;
}

// Leaves out the filters that every row of the unit passes, and puts the cheapest first.
void ScanLocalState::StartFilters(duckdb::ClientContext& context) {
  for (const size_t i : filters_) {
    Column& column = columns_[i];
    if (column.dynamic)
      column.filter = CompileFilter(context, *column.column->filter, column.column->layout);
    column.filter_needed = column.filter != nullptr;
    if (!column.filter_needed) continue;
    const auto statistics = UnitStatistics(*global_.view, unit_, *column.column);
    column.filter_needed =
        !statistics || CheckZone(*column.column->filter, *statistics) != ZoneVerdict::kAll;
  }
  std::stable_sort(filters_.begin(), filters_.end(), [&](size_t a, size_t b) {
    const auto cost = [&](size_t i) { return columns_[i].filter ? columns_[i].filter->cost() : 0; };
    return cost(a) < cost(b);
  });
}

bool ScanLocalState::NextVector() {
  while (next_row_ < unit_rows_) {
    vector_begin_ = next_row_;
    vector_rows_ = std::min(kVectorRows, unit_rows_ - next_row_);
    next_row_ += vector_rows_;
    next_word_ = 0;
    vector_words_ = static_cast<size_t>((vector_rows_ + 63) / 64);
    const std::span<uint64_t> mask(mask_.data(), vector_words_);
    if (masked_) {
      std::copy_n(visible_.begin() + vector_begin_ / 64, vector_words_, mask.begin());
    } else {
      FillOnes(mask, vector_rows_);
    }
    ApplyFilters(mask);
    vector_passed_ = CountBits(mask);
    if (vector_passed_ > 0) return true;
  }
  next_word_ = vector_words_ = 0;
  return false;
}

void ScanLocalState::ApplyFilters(std::span<uint64_t> mask) {
  for (Column& column : columns_) column.in_cache = false;
  const auto is_empty = [&] {
    return std::all_of(mask.begin(), mask.end(), [](uint64_t word) { return word == 0; });
  };
  for (const size_t i : filters_) {
    Column& column = columns_[i];
    if (!column.filter_needed) continue;
    if (is_empty()) return;
    if (column.column->kind == ScanColumn::Kind::kRowId) {
      // A few row ids in a unit of many vectors: late materialisation.
      const auto statistics = RowIdStatistics(first_row_id_ + vector_begin_, vector_rows_);
      if (CheckZone(*column.column->filter, *statistics) == ZoneVerdict::kNone) {
        std::fill(mask.begin(), mask.end(), 0);
        return;
      }
      column.filter->Apply({RowIds(), 0, vector_rows_}, mask);
    } else {
      column.filter->Apply({ArrayOf(column), vector_begin_, vector_rows_}, mask);
      column.in_cache = true;
    }
  }
}

// Puts rows of this unit into `out`, which is empty. Returns how many; 0 when none is left.
int64_t ScanLocalState::EmitUnit(duckdb::DataChunk& out) {
  duckdb::idx_t at = 0;
  for (;;) {
    if (next_word_ == vector_words_ && !NextVector()) return static_cast<int64_t>(at);
    const bool whole = next_word_ == 0 && vector_passed_ == vector_rows_;
    if (whole && at == 0) {
      EmitWhole(out);
      next_word_ = vector_words_;
      return vector_rows_;
    }
    if (whole && at >= kWorthAChunk) return static_cast<int64_t>(at);
    // As many words as fit.
    size_t end = next_word_;
    duckdb::idx_t rows = 0;
    while (end < vector_words_) {
      const auto more = static_cast<duckdb::idx_t>(std::popcount(mask_[end]));
      if (at + rows + more > static_cast<duckdb::idx_t>(kVectorRows)) break;
      rows += more;
      ++end;
    }
    if (end == next_word_) return static_cast<int64_t>(at);
    if (rows > 0) {
      EmitMasked(std::span<const uint64_t>(mask_.data() + next_word_, end - next_word_),
                 vector_begin_ + static_cast<int64_t>(next_word_) * 64, at, out);
    }
    at += rows;
    next_word_ = end;
  }
}

void ScanLocalState::EmitWhole(duckdb::DataChunk& out) {
  for (size_t i = 0; i < global_.output.size(); ++i) {
    Column& column = columns_[global_.output[i]];
    duckdb::Vector& vector = out.data[i];
    switch (column.column->kind) {
      case ScanColumn::Kind::kStored: {
        const auto& array = ArrayOf(column);
        const int width = column.column->layout.width;
        if (column.column->layout.layout == Layout::kSame && !column.in_cache &&
            array->type()->byte_width() == width) {
          const uint8_t* const values = array->data()->buffers[1]->data();
          TouchLines(values + (array->offset() + vector_begin_) * width, vector_rows_ * width);
        }
        column.filler->Fill(array, vector_begin_, vector_rows_, vector);
        break;
      }
      case ScanColumn::Kind::kRowId: {
        auto* const ids = duckdb::FlatVector::GetData<int64_t>(vector);
        std::iota(ids, ids + vector_rows_, first_row_id_ + vector_begin_);
        break;
      }
      case ScanColumn::Kind::kEmpty:
        vector.SetVectorType(duckdb::VectorType::CONSTANT_VECTOR);
        duckdb::ConstantVector::SetNull(vector, true);
        break;
    }
  }
}

void ScanLocalState::EmitMasked(std::span<const uint64_t> mask, int64_t first_row, duckdb::idx_t at,
                                duckdb::DataChunk& out) {
  for (size_t i = 0; i < global_.output.size(); ++i) {
    Column& column = columns_[global_.output[i]];
    duckdb::Vector& vector = out.data[i];
    switch (column.column->kind) {
      case ScanColumn::Kind::kStored:
        column.filler->AppendMasked(ArrayOf(column), first_row, mask, at, vector);
        break;
      case ScanColumn::Kind::kRowId: {
        uint32_t rows[kVectorRows];
        const int64_t count = SetRows(mask, static_cast<uint32_t>(first_row), rows);
        auto* const ids = duckdb::FlatVector::GetData<int64_t>(vector) + at;
        for (int64_t k = 0; k < count; ++k) ids[k] = first_row_id_ + rows[k];
        break;
      }
      case ScanColumn::Kind::kEmpty:
        vector.SetVectorType(duckdb::VectorType::CONSTANT_VECTOR);
        duckdb::ConstantVector::SetNull(vector, true);
        break;
    }
  }
}

const std::shared_ptr<arrow::Array>& ScanLocalState::ArrayOf(Column& column) {
  if (!column.array) {
    column.array =
        StoredColumn(*global_.view, unit_, column.column->position, column.column->layout);
    const auto bytes = arrow::util::ReferencedBufferSize(*column.array);
    if (bytes.ok()) global_.bytes.fetch_add(*bytes, std::memory_order_relaxed);
  }
  return column.array;
}

const std::shared_ptr<arrow::Array>& ScanLocalState::RowIds() {
  if (!row_ids_) {
    std::shared_ptr<arrow::Buffer> buffer =
        ValueOrThrow(arrow::AllocateBuffer(kVectorRows * sizeof(int64_t)));
    row_id_values_ = buffer->mutable_data_as<int64_t>();
    row_ids_ = std::make_shared<arrow::Int64Array>(kVectorRows, std::move(buffer));
  }
  std::iota(row_id_values_, row_id_values_ + vector_rows_, first_row_id_ + vector_begin_);
  return row_ids_;
}

}  // namespace pyralog::sql
