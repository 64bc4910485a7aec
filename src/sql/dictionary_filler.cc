// Texts of a scan, which come as views or as codes of a dictionary.
#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "arrow/array/util.h"
#include "sql/arrow_vectors_fill.h"
#include "sql/mask.h"

namespace pyralog::sql {
namespace {

using duckdb::idx_t;
using duckdb::Vector;

class TextFiller final : public VectorFiller {
 public:
  explicit TextFiller(const TypeLayout& layout)
      : type_(layout.sql), texts_(MakeColumnFiller(layout)) {}

  void Fill(const std::shared_ptr<arrow::Array>& array, int64_t offset, idx_t count,
            Vector& out) override {
    if (!BindCodes(*array, 0)) return texts_->Fill(array, offset, count, out);
    duckdb::sel_t* const selected = selected_.data();
    const auto rows = static_cast<int64_t>(count);
    if (validity_ == nullptr) {
      for (int64_t i = 0; i < rows; ++i) selected[i] = static_cast<uint16_t>(codes_[offset + i]);
    } else {
      for (int64_t i = 0; i < rows; ++i) selected[i] = CodeOf(offset + i);
    }
    out.Dictionary(child_, selected_);
  }

  void FillSelected(const std::shared_ptr<arrow::Array>& array, int64_t offset, const uint16_t* sel,
                    idx_t count, Vector& out) override {
    if (!BindCodes(*array, 0)) return texts_->FillSelected(array, offset, sel, count, out);
    for (idx_t i = 0; i < count; ++i) selected_.set_index(i, CodeOf(offset + sel[i]));
    out.Dictionary(child_, selected_);
  }

  // All calls that fill one vector come with one array.
  void AppendMasked(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                    std::span<const uint64_t> mask, idx_t at, Vector& out) override {
    if (!BindCodes(*array, at)) return texts_->AppendMasked(array, offset, mask, at, out);
    const bool first = at == 0;
    if (validity_ == nullptr) {
      std::array<uint16_t, STANDARD_VECTOR_SIZE> codes;
      const int64_t rows = CompactValues(codes_ + offset, sizeof(uint16_t), mask, codes.data());
      std::copy_n(codes.data(), rows, selected_.data() + at);
      if (first) out.Dictionary(child_, selected_);
      return;
    }
    for (const uint64_t word : mask) {
      for (uint64_t bits = word; bits != 0; bits &= bits - 1)
        selected_.set_index(at++, CodeOf(offset + std::countr_zero(bits)));
      offset += 64;
    }
    if (first) out.Dictionary(child_, selected_);
  }

 private:
  // Whether the array is codes; if so they can be written to selected_ from `at` on.
  bool BindCodes(const arrow::Array& array, idx_t at) {
    if (array.type_id() != arrow::Type::DICTIONARY) return false;
    const arrow::ArrayData& data = *array.data();
    codes_ = data.GetValues<int16_t>(1);
    validity_ = array.null_count() > 0 ? array.null_bitmap_data() : nullptr;
    bit_ = array.offset();
    const bool has_nulls = validity_ != nullptr;
    if (data.dictionary != dictionary_ || (has_nulls && !has_null_text_))
      BindDictionary(data.dictionary, has_nulls);
    // A vector that was handed on keeps its selection.
    if (at == 0) selected_.Initialize(STANDARD_VECTOR_SIZE);
    return true;
  }

  // The texts, and NULL behind them where rows are NULL: without it nobody has to look for any.
  void BindDictionary(const std::shared_ptr<arrow::ArrayData>& dictionary, bool with_null) {
    const int64_t texts = dictionary->length;
    child_ = duckdb::DictionaryVector::CreateReusableDictionary(type_, texts + (with_null ? 1 : 0));
    texts_->Bind(arrow::MakeArray(dictionary));
    texts_->CopyRange(0, texts, 0, child_->data);
    if (with_null) {
      duckdb::FlatVector::GetDataUnsafe<duckdb::string_t>(child_->data)[texts] = duckdb::string_t();
      duckdb::FlatVector::SetNull(child_->data, texts, true);
    }
    null_code_ = static_cast<uint32_t>(texts);
    has_null_text_ = with_null;
    dictionary_ = dictionary;
  }

  uint32_t CodeOf(int64_t row) const {
    const bool null =
        validity_ != nullptr && (validity_[(bit_ + row) / 8] >> ((bit_ + row) % 8) & 1) == 0;
    return null ? null_code_ : static_cast<uint32_t>(codes_[row]);
  }

  const duckdb::LogicalType type_;
  const std::unique_ptr<ColumnFiller> texts_;
  std::shared_ptr<arrow::ArrayData> dictionary_;
  duckdb::buffer_ptr<duckdb::VectorChildBuffer> child_;
  uint32_t null_code_ = 0;
  bool has_null_text_ = false;
  duckdb::SelectionVector selected_;

  // The array.
  const int16_t* codes_ = nullptr;
  const uint8_t* validity_ = nullptr;
  int64_t bit_ = 0;
};

}  // namespace

std::unique_ptr<VectorFiller> MakeTextFiller(const TypeLayout& layout) {
  return std::make_unique<TextFiller>(layout);
}

}  // namespace pyralog::sql
