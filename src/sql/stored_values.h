// Columns whose Arrow type came first: what SQL sees of them, and the way there and back, exactly.
//
// A SQL type lies in one Arrow type (arrow_types.h). A column that was created with another one, by
// the Arrow interfaces, keeps that: SQL sees the type that loses nothing, and each value is
// converted when SQL reads or writes it. What cannot be converted exactly is an error.
// docs/types.md lists all types.
#pragma once

#include <memory>
#include <string>

#include "arrow/array.h"
#include "arrow/result.h"
#include "arrow/type.h"
#include "catalog/entries.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// The SQL type that shows an Arrow type. kNotSupported, naming the type and why, for one that SQL
// cannot show: structs without fields or with two of one name, unions of more than 256 members.
arrow::Result<duckdb::LogicalType> SqlViewOf(const arrow::DataType& type);

// A column of a new table of this Arrow field. One whose type SQL cannot show is there all the same,
// as a VARCHAR that can be neither read nor written. kNotSupported, naming the column, for a type
// that cannot be stored.
arrow::Result<catalog::ColumnDef> ColumnFromField(const arrow::Field& field);

// `stored` as the Arrow type `sql`, in which its SQL type lies. kInvalidArgument for a value that
// has no exact place in it.
arrow::Result<std::shared_ptr<arrow::Array>> StoredToSql(
    const std::shared_ptr<arrow::Array>& stored, const std::shared_ptr<arrow::DataType>& sql);
// The way back. REQUIRES: `stored` has no dictionaries and no run ends of 16 bits (lsm::StorageType).
arrow::Result<std::shared_ptr<arrow::Array>> SqlToStored(
    const std::shared_ptr<arrow::Array>& array, const std::shared_ptr<arrow::DataType>& stored);

// Whether `array`, which comes from outside, holds values of the column's SQL type. The Arrow types
// of some allow more: the digits of a BIGNUM are checked; kNotSupported, naming the column, for types
// whose values only SQL can make (BIT, TIMETZ, UNION, VARIANT, GEOMETRY).
arrow::Status CheckSqlValues(const arrow::Array& array, const catalog::ColumnDef& column);

// Whether every value that SQL may look for can be put into the column's stored type: a key that
// cannot is an error where the answer is that there is no such row.
bool TakesAnyKey(const catalog::ColumnDef& column);

}  // namespace pyralog::sql
