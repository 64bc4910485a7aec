// What a reader wants of a relation: which columns, which rows, how many.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arrow/compute/expression.h"

namespace pyralog::batch {

struct ScanRequest {
  // Top-level columns by name, in the order wanted. Nothing: all of them, in the relation's order.
  std::optional<std::vector<std::string>> columns = std::nullopt;
  // Over column names (they need not be in `columns`); true for all rows. A relation may use it to
  // skip what cannot match, and says in its plan whether it applied it exactly.
  arrow::compute::Expression filter = arrow::compute::literal(true);
  // No more rows than this are wanted; which ones is the relation's choice. A relation may give
  // more.
  std::optional<int64_t> limit = std::nullopt;
};

}  // namespace pyralog::batch
