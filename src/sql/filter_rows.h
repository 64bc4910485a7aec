// The tests that a filter is compiled to. Inside filter*.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sql/filter.h"

namespace pyralog::sql {

enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

// The test `column OP constant`, nullptr when it has to be left to the expression executor.
std::unique_ptr<RowFilter> MakeComparison(const TypeLayout& layout, Comparison op,
                                          const duckdb::Value& constant);
std::unique_ptr<RowFilter> MakeNullTest(bool is_null);
std::unique_ptr<RowFilter> MakeNothing();  // no row passes
// One or more filters. Ranges of one column become one range.
std::unique_ptr<RowFilter> MakeAll(std::vector<std::unique_ptr<RowFilter>> filters);
std::unique_ptr<RowFilter> MakeAny(std::vector<std::unique_ptr<RowFilter>> filters);
// `filter`, which may be left out, until it turns out to pass most rows.
std::unique_ptr<RowFilter> MakeOptional(std::unique_ptr<RowFilter> filter);
// Any condition: a boolean expression over BoundReference 0.
std::unique_ptr<RowFilter> MakeExpressionTest(duckdb::ClientContext& context,
                                              duckdb::unique_ptr<duckdb::Expression> expression,
                                              const TypeLayout& layout);

}  // namespace pyralog::sql
