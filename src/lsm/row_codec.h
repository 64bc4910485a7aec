// Rows as bytes, for the write-ahead log: the buffers of an Arrow batch in order, without
// flatbuffers, because most batches there are one row. The schema is known to the reader and not
// repeated; neither is a length that follows from what was read before. Integers are little-endian,
// nothing is aligned.
//
//   batch      u32 n, then each column as a column of n rows
//   column of n rows, by type:
//     null                 nothing
//     bool                 nulls, then ceil(n/8) bytes: value i is bit i % 8 of byte i / 8
//     numbers, decimals, dates, times, timestamps, durations, intervals, fixed_size_binary
//                          nulls, then n values as Arrow holds them
//     binary, utf8         nulls, then n ends (i32; large_: i64), then the bytes: value i is
//                          [end of i-1, end of i) of them; the first begins at 0
//     binary_view, utf8_view
//                          as binary
//     list, list_view, map nulls, then n ends (i32; large_: i64), then the elements as a column of
//     as
//                          many rows as the last end says
//     fixed_size_list(m)   nulls, then the elements as a column of n * m rows
//     struct               nulls, then each child as a column of n rows
//     sparse_union         n type codes (i8), then each child as a column of n rows
//     dense_union          n type codes (i8), then each child as a column of the rows that name it
//     run_end_encoded      u32 r, r run ends (i16, i32 or i64), the values as a column of r rows
//     dictionary           nulls, then n indices, u32 d, the dictionary as a column of d rows
//     extension            as its storage
//   nulls      u8 0: there is none; or u8 1, then ceil(n/8) bytes: bit i % 8 of byte i / 8 is 1
//   when
//              value i is not null
//
// Slices are cut to what they hold, and so are dictionaries with more entries than there are rows.
// Under a null, a value has zero bits and a binary or list no length; padding bits are zero.
// (Children of structs and of fixed-size lists say themselves what they hold where their parent is
// null.)
//
// Limits: 2^32-1 rows, dictionary entries and runs; 2^31-1 bytes in a column of views. Values are
// not judged: invalid UTF-8 or a decimal with too many digits comes back as it was.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "arrow/record_batch.h"
#include "arrow/result.h"

namespace pyralog::lsm {

// Appends the encoding to `out`. Any Arrow type. REQUIRES: batch.Validate() is OK. On error
// (kInvalidArgument: beyond the limits above; what Arrow's Concatenate says of very large nested
// columns) `out` is as it was.
arrow::Status EncodeRows(const arrow::RecordBatch& batch, std::string* out);

// The batch that `bytes` begins with; `*consumed` is how many bytes it took. The buffers are copies
// (8-byte aligned or better), so `bytes` need not outlive the batch; small ones share an
// allocation. Every length, end, type code and index is checked against what is there, so any bytes
// are safe: kDamaged names the column.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> DecodeRows(
    const std::shared_ptr<arrow::Schema>& schema, std::string_view bytes, size_t* consumed);

}  // namespace pyralog::lsm
