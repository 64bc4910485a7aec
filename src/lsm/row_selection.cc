#include "lsm/row_selection.h"

#include <algorithm>
#include <bit>

#include "arrow/array/util.h"
#include "arrow/buffer.h"
#include "arrow/buffer_builder.h"
#include "arrow/compute/api_vector.h"
#include "arrow/compute/exec.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/bitmap_ops.h"
#include "lsm/segment_encoding.h"

namespace pyralog::lsm {
namespace {

bool IsViewType(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING_VIEW || type.id() == arrow::Type::BINARY_VIEW;
}

// Arrow 26 has no kernels for views.
arrow::Result<std::shared_ptr<arrow::Array>> TakeViews(const arrow::ArrayData& data,
                                                       std::span<const int64_t> rows) {
  using View = arrow::BinaryViewType::c_type;
  const auto count = static_cast<int64_t>(rows.size());
  const auto* views = data.GetValues<View>(1);
  ARROW_ASSIGN_OR_RAISE(auto buffer,
                        arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(View))));
  auto* out = reinterpret_cast<View*>(buffer->mutable_data());
  const bool all = std::ranges::none_of(rows, [](int64_t row) { return row < 0; });
  for (int64_t i = 0; i < count; ++i) out[i] = rows[i] < 0 ? View{} : views[rows[i]];
  auto buffers = data.buffers;
  buffers[1] = std::move(buffer);
  int64_t nulls = 0;
  if (data.MayHaveNulls() || !all) {
    ARROW_ASSIGN_OR_RAISE(auto validity, arrow::AllocateEmptyBitmap(count));
    for (int64_t i = 0; i < count; ++i) {
      const bool valid = rows[i] >= 0 && data.IsValid(rows[i]);
      arrow::bit_util::SetBitTo(validity->mutable_data(), i, valid);
      nulls += !valid;
    }
    buffers[0] = std::move(validity);
  } else {
    buffers[0] = nullptr;
  }
  return arrow::MakeArray(arrow::ArrayData::Make(data.type, count, std::move(buffers), nulls));
}

arrow::Result<std::shared_ptr<arrow::Array>> TakeSlices(const arrow::Array& array,
                                                        std::span<const int64_t> rows) {
  if (rows.empty()) return array.Slice(0, 0);
  arrow::ArrayVector slices;
  for (size_t i = 0; i < rows.size();) {
    size_t end = i + 1;
    const int64_t step = rows[i] < 0 ? 0 : 1;
    while (end < rows.size() && rows[end] == rows[end - 1] + step) ++end;
    const auto count = static_cast<int64_t>(end - i);
    if (rows[i] < 0) {
      ARROW_ASSIGN_OR_RAISE(slices.emplace_back(), arrow::MakeArrayOfNull(array.type(), count));
    } else {
      slices.push_back(array.Slice(rows[i], count));
    }
    i = end;
  }
  return Concatenated(slices);
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::Array>> TakeRows(const std::shared_ptr<arrow::Array>& array,
                                                      std::span<const int64_t> rows) {
  if (IsViewType(*array->type())) return TakeViews(*array->data(), rows);
  const arrow::Int64Array places(static_cast<int64_t>(rows.size()),
                                 arrow::Buffer::Wrap(rows.data(), rows.size()));
  arrow::compute::ExecContext context;
  context.set_use_threads(false);
  auto taken =
      arrow::compute::Take(*array, places, arrow::compute::TakeOptions::NoBoundsCheck(), &context);
  return taken.status().IsNotImplemented() ? TakeSlices(*array, rows) : taken;
}

arrow::Result<std::shared_ptr<arrow::Array>> TakeRowsOrNull(
    const std::shared_ptr<arrow::Array>& array, std::span<const int64_t> rows) {
  if (IsViewType(*array->type())) return TakeViews(*array->data(), rows);
  return TakeSlices(*array, rows);
}

std::vector<int64_t> RowsOfMask(const MaskWords& mask, int64_t first) {
  std::vector<int64_t> rows;
  rows.reserve(mask.size() * 64);
  for (size_t w = 0; w < mask.size(); ++w) {
    for (uint64_t bits = mask[w]; bits != 0; bits &= bits - 1) {
      rows.push_back(first + static_cast<int64_t>(w * 64) + std::countr_zero(bits));
    }
  }
  return rows;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> ValidityOf(const arrow::Array& array) {
  if (array.null_count() == 0) return nullptr;
  if (array.null_bitmap_data() != nullptr) {
    return arrow::internal::CopyBitmap(arrow::default_memory_pool(), array.null_bitmap_data(),
                                       array.offset(), array.length());
  }
  // Types whose nulls have no bits of their own.
  arrow::TypedBufferBuilder<bool> bits;
  ARROW_RETURN_NOT_OK(bits.Reserve(array.length()));
  for (int64_t i = 0; i < array.length(); ++i) bits.UnsafeAppend(array.IsValid(i));
  return bits.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> FilterRows(const std::shared_ptr<arrow::Array>& array,
                                                        const MaskWords& mask, int64_t kept) {
  if (kept == array->length()) return array;
  return TakeRows(array, RowsOfMask(mask));
}

}  // namespace pyralog::lsm
