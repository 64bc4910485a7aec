// Arrow scalars as DuckDB values: the parameters of statements.
#pragma once

#include "arrow/result.h"
#include "arrow/scalar.h"
#include "duckdb.hpp"

namespace pyralog::sql {

// The same value; kNotSupported names a type, kInvalidArgument a value that DuckDB cannot hold
// exactly.
arrow::Result<duckdb::Value> ParameterValue(const arrow::Scalar& scalar);

// The value as `type` when that loses nothing (the value cast back is the value), else the value as
// it is. A cached plan is used only for parameters of exactly the types it was made for.
duckdb::Value CastIfExact(duckdb::Value value, const duckdb::LogicalType& type);

}  // namespace pyralog::sql
