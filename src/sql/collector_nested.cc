#include <algorithm>
#include <utility>

#include "pyralog/error.h"
#include "sql/collector_columns.h"

namespace pyralog::sql {
namespace {

using duckdb::idx_t;
using duckdb::sel_t;
using duckdb::Vector;

int64_t MostBytes(const std::vector<std::unique_ptr<ColumnCollector>>& columns) {
  int64_t most = 0;
  for (const auto& column : columns) most = std::max(most, column->bytes());
  return most;
}

class StructCollector final : public ColumnCollector {
 public:
  explicit StructCollector(const TypeLayout& layout) : ColumnCollector(layout.arrow) {
    for (const TypeLayout& child : layout.children) children_.push_back(MakeColumnCollector(child));
  }
  int64_t bytes() const override { return MostBytes(children_); }

 protected:
  arrow::Status AppendValues(Vector& vector, const VectorRows& rows) override {
    auto& entries = duckdb::StructVector::GetEntries(vector);
    for (size_t i = 0; i < children_.size(); ++i) {
      ARROW_RETURN_NOT_OK(children_[i]->Append(*entries[i], rows.vector_rows, rows.count));
    }
    return arrow::Status::OK();
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    for (auto& child : children_) {
      ARROW_ASSIGN_OR_RAISE(auto child_data, child->Finish());
      data->child_data.push_back(std::move(child_data));
    }
    return arrow::Status::OK();
  }

 private:
  std::vector<std::unique_ptr<ColumnCollector>> children_;
};

// Lists and maps.
class ListCollector final : public ColumnCollector {
 public:
  explicit ListCollector(const TypeLayout& layout)
      : ColumnCollector(layout.arrow), child_(MakeColumnCollector(layout.children[0])) {}
  int64_t bytes() const override { return child_->bytes(); }

 protected:
  arrow::Status AppendValues(Vector& vector, const VectorRows& rows) override {
    ARROW_ASSIGN_OR_RAISE(uint8_t* out,
                          offsets_.Extend(static_cast<int64_t>(rows.count * sizeof(int32_t))));
    auto* const offsets = reinterpret_cast<int32_t*>(out);
    const auto* const lists = reinterpret_cast<const duckdb::list_entry_t*>(rows.data);
    elements_.clear();
    for (idx_t i = 0; i < rows.count; ++i) {
      offsets[i] = static_cast<int32_t>(elements_before_ + static_cast<int64_t>(elements_.size()));
      const idx_t row = rows.At(i);
      if (!rows.validity->RowIsValid(row)) continue;
      for (idx_t k = 0; k < lists[row].length; ++k)
        elements_.push_back(static_cast<sel_t>(lists[row].offset + k));
    }
    elements_before_ += static_cast<int64_t>(elements_.size());
    if (elements_before_ > INT32_MAX) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "lists of one batch have more than 2^31 elements together");
    }
    return child_->Append(duckdb::ListVector::GetEntry(vector), elements_.data(), elements_.size());
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    ARROW_ASSIGN_OR_RAISE(uint8_t* last, offsets_.Extend(sizeof(int32_t)));
    const auto end = static_cast<int32_t>(elements_before_);
    std::memcpy(last, &end, sizeof(end));
    ARROW_ASSIGN_OR_RAISE(auto offsets, offsets_.Finish());
    ARROW_ASSIGN_OR_RAISE(auto child, child_->Finish());
    data->buffers.push_back(std::move(offsets));
    data->child_data.push_back(std::move(child));
    elements_before_ = 0;
    return arrow::Status::OK();
  }

 private:
  std::unique_ptr<ColumnCollector> child_;
  GrowingBytes offsets_;
  std::vector<sel_t> elements_;
  int64_t elements_before_ = 0;
};

class ArrayCollector final : public ColumnCollector {
 public:
  explicit ArrayCollector(const TypeLayout& layout)
      : ColumnCollector(layout.arrow),
        size_(duckdb::ArrayType::GetSize(layout.sql)),
        child_(MakeColumnCollector(layout.children[0])) {}
  int64_t bytes() const override { return child_->bytes(); }

 protected:
  arrow::Status AppendValues(Vector& vector, const VectorRows& rows) override {
    elements_.clear();
    for (idx_t i = 0; i < rows.count; ++i) {
      for (idx_t k = 0; k < size_; ++k)
        elements_.push_back(static_cast<sel_t>(rows.At(i) * size_ + k));
    }
    return child_->Append(duckdb::ArrayVector::GetEntry(vector), elements_.data(),
                          elements_.size());
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    ARROW_ASSIGN_OR_RAISE(auto child, child_->Finish());
    data->child_data.push_back(std::move(child));
    return arrow::Status::OK();
  }

 private:
  const idx_t size_;
  std::unique_ptr<ColumnCollector> child_;
  std::vector<sel_t> elements_;
};

// The tag's vector is the first entry, then the members'. A null union is a null of its first
// member.
class UnionCollector final : public ColumnCollector {
 public:
  explicit UnionCollector(const TypeLayout& layout) : ColumnCollector(layout.arrow) {
    for (const TypeLayout& child : layout.children) children_.push_back(MakeColumnCollector(child));
  }
  int64_t bytes() const override { return MostBytes(children_); }

  arrow::Status Append(Vector& vector, const sel_t* rows, idx_t count) override {
    auto& entries = duckdb::StructVector::GetEntries(vector);
    ARROW_RETURN_NOT_OK(AppendTags(*entries[0], rows, count));
    for (size_t i = 0; i < children_.size(); ++i) {
      ARROW_RETURN_NOT_OK(children_[i]->Append(*entries[i + 1], rows, count));
    }
    return arrow::Status::OK();
  }
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override {
    ARROW_ASSIGN_OR_RAISE(auto tags, tags_.Finish());
    auto data =
        arrow::ArrayData::Make(type_, std::exchange(length_, 0), {nullptr, std::move(tags)}, 0);
    for (auto& child : children_) {
      ARROW_ASSIGN_OR_RAISE(auto child_data, child->Finish());
      data->child_data.push_back(std::move(child_data));
    }
    return data;
  }

 protected:
  arrow::Status AppendValues(Vector&, const VectorRows&) override { return arrow::Status::OK(); }
  arrow::Status FinishValues(arrow::ArrayData*) override { return arrow::Status::OK(); }

 private:
  arrow::Status AppendTags(Vector& vector, const sel_t* rows, idx_t count) {
    idx_t last = count;
    for (idx_t i = 0; rows != nullptr && i < count; ++i) last = std::max<idx_t>(last, rows[i] + 1);
    duckdb::UnifiedVectorFormat format;
    vector.ToUnifiedFormat(last, format);
    const auto* const tags = duckdb::UnifiedVectorFormat::GetData<uint8_t>(format);
    ARROW_ASSIGN_OR_RAISE(uint8_t* out, tags_.Extend(static_cast<int64_t>(count)));
    for (idx_t i = 0; i < count; ++i) {
      const idx_t row = format.sel->get_index(rows == nullptr ? i : rows[i]);
      out[i] = format.validity.RowIsValid(row) ? tags[row] : 0;
    }
    length_ += static_cast<int64_t>(count);
    return arrow::Status::OK();
  }

  std::vector<std::unique_ptr<ColumnCollector>> children_;
  GrowingBytes tags_;
};

}  // namespace

std::unique_ptr<ColumnCollector> MakeNestedCollector(const TypeLayout& layout) {
  switch (layout.layout) {
    case Layout::kStruct:
      return std::make_unique<StructCollector>(layout);
    case Layout::kUnion:
      return std::make_unique<UnionCollector>(layout);
    case Layout::kArray:
      return std::make_unique<ArrayCollector>(layout);
    default:
      return std::make_unique<ListCollector>(layout);
  }
}

}  // namespace pyralog::sql
