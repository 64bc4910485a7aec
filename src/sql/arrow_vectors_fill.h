// The common part of the fillers: the bound array, nulls, and what is pointed at kept alive. Inside
// arrow_vectors*.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "sql/arrow_types.h"
#include "sql/arrow_vectors.h"

namespace pyralog::sql {

class ColumnFiller : public VectorFiller {
 public:
  void Fill(const std::shared_ptr<arrow::Array>& array, int64_t offset, duckdb::idx_t count,
            duckdb::Vector& out) final;
  void FillSelected(const std::shared_ptr<arrow::Array>& array, int64_t offset, const uint16_t* sel,
                    duckdb::idx_t count, duckdb::Vector& out) final;
  void AppendMasked(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                    std::span<const uint64_t> mask, duckdb::idx_t at, duckdb::Vector& out) final;

  // The calls below, and those of a nested type's children, read the array bound last.
  void Bind(const std::shared_ptr<arrow::Array>& array);
  // Copies rows behind the `at` rows that `out` has. REQUIRES: room in `out`.
  void CopyRange(int64_t offset, int64_t count, duckdb::idx_t at, duckdb::Vector& out);
  void CopyMasked(int64_t offset, std::span<const uint64_t> mask, duckdb::idx_t at,
                  duckdb::Vector& out);

 protected:
  // `row` counts from the start of the array's buffers: data.offset is already in it.
  virtual void BindData(const arrow::ArrayData& data) = 0;
  // Makes `out` point at the rows; false when only copying will do.
  virtual bool PointAt(int64_t row, int64_t count, duckdb::Vector& out);
  virtual void CopyData(int64_t row, int64_t count, duckdb::idx_t at, duckdb::Vector& out) = 0;
  // Unless overridden, CopyData for each run of set rows.
  virtual void CopyMaskedData(int64_t row, std::span<const uint64_t> mask, duckdb::idx_t at,
                              duckdb::Vector& out);
  // Called for nested types once the nulls of `out` from row `at` on are set: makes the children
  // agree.
  virtual void AfterNulls(duckdb::idx_t at, int64_t count, duckdb::Vector& out);

  // Whether the bound array has a null at `row`, counted as in CopyData.
  bool IsNullAt(int64_t row) const {
    return null_bits_ != nullptr && (null_bits_[row / 8] >> (row % 8) & 1) == 0;
  }
  // Makes `out` hold the bound array.
  void Hold(duckdb::Vector& out);
  // The same for a vector of strings, which expects a buffer of its own kind.
  void HoldStrings(duckdb::idx_t at, duckdb::Vector& out);

 private:
  bool HasNulls() const { return null_bits_ != nullptr; }
  void CopyNulls(int64_t row, int64_t count, duckdb::idx_t at, duckdb::Vector& out);
  void CopyMaskedNulls(int64_t row, int64_t count, std::span<const uint64_t> mask, duckdb::idx_t at,
                       duckdb::Vector& out);

  std::shared_ptr<arrow::Array> array_;
  const uint8_t* null_bits_ = nullptr;  // set when the array has nulls
  duckdb::buffer_ptr<duckdb::VectorBuffer> holder_;
  duckdb::buffer_ptr<duckdb::VectorBuffer> string_holder_;
};

// REQUIRES: not Layout::kStored, which only whole columns have.
std::unique_ptr<ColumnFiller> MakeColumnFiller(const TypeLayout& layout);
// A filler of a whole column, `name`d in errors.
std::unique_ptr<VectorFiller> MakeFiller(const TypeLayout& layout, const std::string& name);
// For layout kView: fills dictionary vectors from texts that come as codes (lsm::TableView::Encoded).
std::unique_ptr<VectorFiller> MakeTextFiller(const TypeLayout& layout);
std::unique_ptr<ColumnFiller> MakeNestedFiller(
    const TypeLayout& layout);  // struct, list, map, array

}  // namespace pyralog::sql
