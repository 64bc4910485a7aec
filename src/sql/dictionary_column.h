// Columns of Arrow dictionaries outside of SQL. Rows are stored by their values; the column's
// definition keeps the entries of each dictionary in its type (catalog::ColumnDef::dictionaries), in
// order, used or not, and what the Arrow interfaces give has these entries.
//
// Entries of an ordered dictionary, or of one that has an ordered one in its entries, are kept
// whatever they are, because they are the order: a batch whose dictionary does not go with them is
// refused. Those of others are kept as far as that is
// cheap, and nothing is refused.
#pragma once

#include <memory>

#include "arrow/array.h"
#include "arrow/result.h"
#include "catalog/entries.h"

namespace pyralog::sql {

// kNotSupported, naming the type: entries of a dictionary that are ordered dictionaries themselves.
arrow::Status CheckDictionaries(const arrow::DataType& type);

// Whether an Arrow dictionary is in the column's type.
bool HasDictionary(const catalog::ColumnDef& column);

// Whether the column has entries, which what is read of it is given.
bool HasEntries(const catalog::ColumnDef& column);

enum class EntryChange { kNone, kMayBeLost, kNeeded };

// What is new in the dictionaries of `array`, which has the column's type, goes into
// column->dictionaries; the result says whether anything did, and whether rows need it to be there.
// kInvalidArgument, naming the column, for entries that do not go with an order.
arrow::Result<EntryChange> TakeEntries(const arrow::Array& array, catalog::ColumnDef* column);

// kInvalidArgument, naming column and value, for a value of an ordered dictionary that is none of the
// column's entries. `array` is as lsm::FromStorage gives it.
arrow::Status CheckEntries(const arrow::Array& array, const catalog::ColumnDef& column);

// The same rows with the column's entries as dictionaries. What has a value that is no entry has it
// behind them, or has a dictionary of its own when indices do not count so many.
arrow::Result<std::shared_ptr<arrow::Array>> WithEntries(const std::shared_ptr<arrow::Array>& array,
                                                         const catalog::ColumnDef& column);

}  // namespace pyralog::sql
