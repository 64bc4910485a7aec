// One column of a batch in the making: rows of DuckDB vectors appended to the buffers of an Arrow
// array, without a builder call a row. Inside collector*.cc.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "arrow/array.h"
#include "arrow/array/data.h"
#include "arrow/buffer.h"
#include "arrow/result.h"
#include "sql/arrow_types.h"

namespace pyralog::sql {

// Bytes that grow, then become a buffer. At least doubles, so that single rows cost no allocation
// each.
class GrowingBytes {
 public:
  // Room for `bytes` more behind the end; the end moves past them.
  arrow::Result<uint8_t*> Extend(int64_t bytes) {
    if (size_ + bytes > capacity_) ARROW_RETURN_NOT_OK(Grow(size_ + bytes));
    uint8_t* const begin = data_ + size_;
    size_ += bytes;
    return begin;
  }
  // Takes the last `bytes` away again.
  void Shrink(int64_t bytes) { size_ -= bytes; }
  uint8_t* data() { return data_; }
  int64_t size() const { return size_; }
  // The buffer of what was written; starts anew.
  arrow::Result<std::shared_ptr<arrow::Buffer>> Finish();

 private:
  arrow::Status Grow(int64_t bytes);

  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  uint8_t* data_ = nullptr;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
  int64_t last_size_ = 0;  // of the buffer before: the next is likely to need as much
};

// Rows of a vector: the flat data behind it, and which of it each row is.
struct VectorRows {
  const uint8_t* data = nullptr;
  const duckdb::sel_t* rows = nullptr;  // nullptr: row i is value i
  // The same in rows of the vector, not of what it selects from: DuckDB slices the entries of a
  // struct along with it.
  const duckdb::sel_t* vector_rows = nullptr;
  const duckdb::ValidityMask* validity = nullptr;
  duckdb::idx_t count = 0;

  duckdb::idx_t At(duckdb::idx_t i) const { return rows == nullptr ? i : rows[i]; }
};

class ColumnCollector {
 public:
  explicit ColumnCollector(std::shared_ptr<arrow::DataType> type) : type_(std::move(type)) {}
  virtual ~ColumnCollector() = default;

  // The first `count` rows of `vector`; of the rows numbered `rows` when it is given.
  virtual arrow::Status Append(duckdb::Vector& vector, const duckdb::sel_t* rows,
                               duckdb::idx_t count);
  virtual arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish();
  // Bytes of strings collected since Finish, where 32-bit offsets have to reach them.
  virtual int64_t bytes() const { return 0; }

 protected:
  // Appends the values, zeros for nulls.
  virtual arrow::Status AppendValues(duckdb::Vector& vector, const VectorRows& rows) = 0;
  // Sets buffers from the second on, and children.
  virtual arrow::Status FinishValues(arrow::ArrayData* data) = 0;

  const std::shared_ptr<arrow::DataType> type_;
  int64_t length_ = 0;

 private:
  arrow::Status AppendNulls(const VectorRows& rows);

  GrowingBytes nulls_;  // bits; empty until the first null
  int64_t null_count_ = 0;
};

// The names of an ENUM in the order of its codes, as utf8.
arrow::Result<std::shared_ptr<arrow::Array>> EnumNames(const duckdb::LogicalType& type);

std::unique_ptr<ColumnCollector> MakeColumnCollector(const TypeLayout& layout);
std::unique_ptr<ColumnCollector> MakeNestedCollector(
    const TypeLayout& layout);  // struct, list, map, array, union

}  // namespace pyralog::sql
