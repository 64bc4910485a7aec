// How each SQL type lies in an Arrow array, next to how it lies in a DuckDB vector.
//
//   stored as                 SQL types                                  to a vector
//   ------------------------  -----------------------------------------  ------------------------
//   the same bytes            integers, FLOAT, DOUBLE, DATE, TIME,       pointed at, or copied
//                             TIME_NS, TIMESTAMP*, TIMETZ (int64),
//                             DECIMAL of 5 digits and more
//   uint8, uint16, uint32     ENUM: the position among its values,       pointed at, or copied
//                             which are in the column's SQL type
//   decimal32                 DECIMAL of up to 4 digits (DuckDB: int16)  narrowed
//   bits                      BOOLEAN                                    spread to bytes
//   fixed_size_binary(16)     HUGEINT, UHUGEINT, UUID: big-endian, the   bytes turned round
//                             sign bit of HUGEINT flipped, so that
//                             bytes sort as values
//   utf8_view, binary_view    VARCHAR, JSON, BLOB, BIT                   offsets become pointers
//   month_day_nano            INTERVAL                                   nanoseconds become
//                                                                        microseconds
//   struct, list, map,        STRUCT, LIST, MAP, ARRAY                   child by child
//   fixed list
//   struct                    UNION: the member's number, then the       child by child
//                             members; VARIANT: DuckDB's own parts
//   utf8_view                 BIGNUM, as digits                          cast
//   binary_view               GEOMETRY, as WKB                           offsets become pointers
//
// DECIMAL takes the narrowest of decimal32, decimal64 and decimal128 that holds its digits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/result.h"
#include "arrow/type.h"
#include "catalog/entries.h"
#include "duckdb.hpp"

namespace pyralog::sql {

enum class Layout {
  kSame,    // `width` bytes, equal on both sides
  kNarrow,  // decimal32 to int16
  kBool,
  kBytes16,  // HUGEINT, UHUGEINT, UUID
  kView,     // 16-byte views
  kInterval,
  kStruct,
  kList,      // list and map: 32-bit offsets, one child (of a map: its entries)
  kArray,     // fixed_size_list
  kCastText,  // utf8_view, by DuckDB's casts
  kStored,    // another Arrow type, see stored_values.h; the child is the one of the SQL type
  // Of results only:
  kOffsets,         // utf8, binary: 32-bit offsets, then the bytes
  kWideDecimal,     // any DECIMAL to decimal128
  kHugeintDecimal,  // decimal128(38, 0), if it fits
  kEnum,            // dictionary of the names
  kUnion,           // sparse_union
  kNull,            // null
  kText,            // utf8, by DuckDB's cast to VARCHAR
};

// A SQL type with its Arrow type and the way between them.
struct TypeLayout {
  duckdb::LogicalType sql;
  std::shared_ptr<arrow::DataType> arrow;
  Layout layout = Layout::kSame;
  int width = 0;  // bytes of a value in Arrow (0: bits, or nested)
  // Raw bytes compare as values (see batch/zone_map.h): zone maps may be used.
  bool ordered = false;
  // Fields of a struct, the element of a list or array, the entries of a map.
  std::vector<TypeLayout> children;
};

// kNotSupported, naming the type, for one that cannot be stored exactly.
arrow::Result<TypeLayout> LayoutOf(const duckdb::LogicalType& type);

// How a result column of any SQL type leaves as Arrow: in types that every Arrow reader knows.
//
//   VARCHAR, BLOB              utf8, binary
//   DECIMAL                    decimal128
//   HUGEINT, UHUGEINT          decimal128(38, 0); an error for a value that has 39 digits
//   TIMESTAMPTZ                timestamp[us] with the session's zone
//   ENUM                       dictionary
//   UNION                      sparse union
//   UUID, TIMETZ, BIT, BIGNUM, VARIANT, GEOMETRY and all that is not named
//                              utf8: the text that a cast to VARCHAR gives
//   the others                 as they are stored
TypeLayout ResultLayoutOf(const duckdb::LogicalType& type, const std::string& time_zone);

// The layout of a stored column. kInvalidArgument when its Arrow type is not what LayoutOf gives
// for its SQL type.
arrow::Result<TypeLayout> LayoutOfColumn(const catalog::ColumnDef& column);

// A type as the parser gives it, with built-in names resolved at any depth. Others stay unbound.
duckdb::LogicalType ResolvedType(const duckdb::LogicalType& type);

// The SQL type's name without user-given aliases (JSON stays): what SqlTypeOfColumn reads.
std::string SqlTypeName(const duckdb::LogicalType& type);

// The SQL type of an Arrow type that means the same to everybody who hands values to SQL: booleans,
// integers, floating-point numbers, texts, bytes, days, times, timestamps, intervals. Nothing for
// the others.
std::optional<duckdb::LogicalType> PlainSqlType(const arrow::DataType& type);

}  // namespace pyralog::sql
