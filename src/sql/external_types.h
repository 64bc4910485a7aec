// Which Arrow types the SQL engine carries exactly, and what becomes of the others on the way to
// it.
//
//   Arrow                                   goes as         when a value does not fit
//   --------------------------------------  --------------  -----------------------------------
//   float16                                 float32         always fits
//   decimal256 of at most 38 digits         decimal128      always fits
//   decimal256 of more                      text            always fits
//   date64                                  date32          whole days only (the format's rule)
//   timestamp[ns, zone], duration[ns]       microseconds    an error, never a cut
//   timestamp[ms] of Parquet files          microseconds    an error, never another time
//   interval[month, day, nano]              itself, micros  an error, never a cut
//   dictionaries and runs of these          their values    as above
//   everything else that is not refused     itself
//
// Refused by name: decimals with a scale outside of their digits, dense unions, day-time intervals, structs without fields, fixed-size lists of no
// or more than 100,000 items.
#pragma once

#include <memory>

#include "arrow/memory_pool.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "arrow/type.h"

namespace pyralog::sql {

// DuckDB's own Parquet reader, which takes most files, counts milliseconds as microseconds: a
// column must not change its type with the reader.
enum class Origin { kArrow, kParquet };

// kNotSupported names the type.
arrow::Result<std::shared_ptr<arrow::DataType>> CarriedType(
    const std::shared_ptr<arrow::DataType>& type, Origin origin = Origin::kArrow);

// The fields with their carried types; kNotSupported names the column.
arrow::Result<std::shared_ptr<arrow::Schema>> CarriedSchema(const arrow::Schema& schema,
                                                            Origin origin = Origin::kArrow);

// The batch with the types of `carried`. kInvalidArgument names the column that has a value that
// does not fit.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> CarryBatch(
    const std::shared_ptr<arrow::RecordBatch>& batch, const std::shared_ptr<arrow::Schema>& carried,
    arrow::MemoryPool* pool);

}  // namespace pyralog::sql
