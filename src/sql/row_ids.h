// Row ids out of a DuckDB vector.
#pragma once

#include <cstdint>
#include <vector>

#include "duckdb.hpp"
#include "sql/row_id_set.h"

namespace pyralog::sql {

// Appends the ids in `vector` to `ids`, without those that are in `seen` (which takes them up), and
// selects their rows. Returns how many. NULLs are passed over. `selection` has room for `count`
// rows.
inline duckdb::idx_t TakeNewRowIds(duckdb::Vector& vector, duckdb::idx_t count, RowIdSet& seen,
                                   std::vector<int64_t>* ids, duckdb::SelectionVector* selection) {
  duckdb::UnifiedVectorFormat values;
  vector.ToUnifiedFormat(count, values);
  const auto* data = duckdb::UnifiedVectorFormat::GetData<int64_t>(values);
  duckdb::idx_t taken = 0;
  for (duckdb::idx_t row = 0; row < count; ++row) {
    const auto at = values.sel->get_index(row);
    if (!values.validity.RowIsValid(at) || !seen.Insert(data[at])) continue;
    ids->push_back(data[at]);
    selection->set_index(taken++, row);
  }
  return taken;
}

}  // namespace pyralog::sql
