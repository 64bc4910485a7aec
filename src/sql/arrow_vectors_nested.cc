#include <utility>

#include "sql/arrow_vectors_fill.h"

namespace pyralog::sql {
namespace {

using duckdb::FlatVector;
using duckdb::idx_t;
using duckdb::Vector;

// DuckDB reads the children of a null struct or array without asking the parent, so they are made
// null too.
void MakeNullsDeep(idx_t at, int64_t count, Vector& parent, Vector& child) {
  const auto& validity = FlatVector::Validity(parent);
  for (idx_t i = at; i < at + static_cast<idx_t>(count); ++i) {
    if (!validity.RowIsValid(i)) FlatVector::SetNull(child, i, true);
  }
}

class StructFiller final : public ColumnFiller {
 public:
  explicit StructFiller(const TypeLayout& layout) {
    for (const TypeLayout& child : layout.children) children_.push_back(MakeColumnFiller(child));
  }

 protected:
  void BindData(const arrow::ArrayData& data) override {
    for (size_t i = 0; i < children_.size(); ++i)
      children_[i]->Bind(arrow::MakeArray(data.child_data[i]));
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    auto& entries = duckdb::StructVector::GetEntries(out);
    for (size_t i = 0; i < children_.size(); ++i)
      children_[i]->CopyRange(row, count, at, *entries[i]);
  }
  void CopyMaskedData(int64_t row, std::span<const uint64_t> mask, idx_t at, Vector& out) override {
    auto& entries = duckdb::StructVector::GetEntries(out);
    for (size_t i = 0; i < children_.size(); ++i)
      children_[i]->CopyMasked(row, mask, at, *entries[i]);
  }
  void AfterNulls(idx_t at, int64_t count, Vector& out) override {
    for (auto& entry : duckdb::StructVector::GetEntries(out)) MakeNullsDeep(at, count, out, *entry);
  }

 private:
  std::vector<std::unique_ptr<ColumnFiller>> children_;
};

// Lists and maps. The elements of the rows are always copied, one run after the other.
class ListFiller final : public ColumnFiller {
 public:
  explicit ListFiller(const TypeLayout& layout) : child_(MakeColumnFiller(layout.children[0])) {}

 protected:
  void BindData(const arrow::ArrayData& data) override {
    offsets_ = data.buffers[1] && data.buffers[1]->size() > 0 ? data.buffers[1]->data_as<int32_t>()
                                                              : &kNoOffset;
    child_->Bind(arrow::MakeArray(data.child_data[0]));
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    const idx_t elements_at = at == 0 ? 0 : duckdb::ListVector::GetListSize(out);
    const int64_t first = offsets_[row];
    const int64_t elements = offsets_[row + count] - first;
    duckdb::ListVector::Reserve(out, elements_at + elements);
    auto* const entries = FlatVector::GetDataUnsafe<duckdb::list_entry_t>(out) + at;
    for (int64_t i = 0; i < count; ++i) {
      entries[i].offset = elements_at + (offsets_[row + i] - first);
      entries[i].length = offsets_[row + i + 1] - offsets_[row + i];
    }
    child_->CopyRange(first, elements, elements_at, duckdb::ListVector::GetEntry(out));
    duckdb::ListVector::SetListSize(out, elements_at + elements);
  }

 private:
  static constexpr int32_t kNoOffset = 0;
  std::unique_ptr<ColumnFiller> child_;
  const int32_t* offsets_ = nullptr;
};

class ArrayFiller final : public ColumnFiller {
 public:
  explicit ArrayFiller(const TypeLayout& layout)
      : size_(static_cast<int64_t>(duckdb::ArrayType::GetSize(layout.sql))),
        child_(MakeColumnFiller(layout.children[0])) {}

 protected:
  void BindData(const arrow::ArrayData& data) override {
    child_->Bind(arrow::MakeArray(data.child_data[0]));
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    child_->CopyRange(row * size_, count * size_, at * size_, duckdb::ArrayVector::GetEntry(out));
  }
  void AfterNulls(idx_t at, int64_t count, Vector& out) override {
    MakeNullsDeep(at, count, out, out);
  }

 private:
  const int64_t size_;
  std::unique_ptr<ColumnFiller> child_;
};

}  // namespace

std::unique_ptr<ColumnFiller> MakeNestedFiller(const TypeLayout& layout) {
  switch (layout.layout) {
    case Layout::kStruct:
      return std::make_unique<StructFiller>(layout);
    case Layout::kArray:
      return std::make_unique<ArrayFiller>(layout);
    default:
      return std::make_unique<ListFiller>(layout);
  }
}

}  // namespace pyralog::sql
