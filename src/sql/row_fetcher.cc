#include "sql/row_fetcher.h"

#include <utility>

#include "sql/errors.h"

namespace pyralog::sql {

RowFetcher::RowFetcher(const catalog::TableDef& table, std::vector<int> columns,
                       duckdb::ClientContext& context)
    : columns_(std::move(columns)) {
  fillers_.reserve(columns_.size());
  for (const int column : columns_) {
    fillers_.push_back(ValueOrThrow(MakeVectorFiller(table.columns[column], context)));
  }
}

void RowFetcher::Fetch(const lsm::TableView& view, std::span<const int64_t> row_ids,
                       std::span<duckdb::Vector* const> out) {
  if (row_ids.size() == 1) {  // point statements: straight from where the row stands
    for (size_t i = 0; i < columns_.size(); ++i) {
      int64_t offset = 0;
      const auto array = ValueOrThrow(view.ColumnAt(row_ids[0], columns_[i], &offset));
      fillers_[i]->Fill(array, offset, 1, *out[i]);
    }
    return;
  }
  if (columns_.empty() || row_ids.empty()) return;
  const auto rows = ValueOrThrow(view.Fetch(row_ids, columns_));
  for (size_t i = 0; i < columns_.size(); ++i) {
    fillers_[i]->Fill(rows->column(static_cast<int>(i)), 0, row_ids.size(), *out[i]);
  }
}

}  // namespace pyralog::sql
