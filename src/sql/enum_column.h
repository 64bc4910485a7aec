// Columns of ENUM outside of SQL. They are stored as positions among the enum's values (see
// arrow_types.h) and are given and taken as text, or as dictionaries of text.
#pragma once

#include <memory>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "catalog/entries.h"

namespace pyralog::sql {

bool IsEnumColumn(const catalog::ColumnDef& column);

// The stored form of `array`: text, a dictionary of text, or positions. kInvalidArgument for a value
// that the enum does not have.
arrow::Result<std::shared_ptr<arrow::Array>> EncodeEnum(const catalog::ColumnDef& column,
                                                        const std::shared_ptr<arrow::Array>& array);

// kNotSupported when an enum stands inside the column's type, which only SQL can check.
arrow::Status CheckNoInnerEnum(const catalog::ColumnDef& column);

// Rows with enum columns as dictionaries, and with the entries that columns of Arrow dictionaries have
// (dictionary_column.h). Columns are found by their names. A reader gives an empty batch where there
// are no rows and entries.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> DecodeEnums(
    const catalog::TableDef& table, const std::shared_ptr<arrow::RecordBatch>& rows);
std::shared_ptr<arrow::RecordBatchReader> DecodeEnums(
    const catalog::TableDef& table, std::shared_ptr<arrow::RecordBatchReader> rows);

}  // namespace pyralog::sql
