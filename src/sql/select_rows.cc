#include "sql/select_rows.h"

#include <algorithm>
#include <utility>

#include "arrow/array/builder_base.h"
#include "arrow/array/builder_primitive.h"
#include "arrow/array/util.h"
#include "arrow/builder.h"
#include "arrow/compute/api_vector.h"
#include "lsm/row_selection.h"

namespace pyralog::sql {
namespace {

bool HasViews(const arrow::DataType& type) {
  if (type.id() == arrow::Type::STRING_VIEW || type.id() == arrow::Type::BINARY_VIEW) return true;
  return std::ranges::any_of(type.fields(), [](const std::shared_ptr<arrow::Field>& field) {
    return HasViews(*field->type());
  });
}

// Appends the rows at `positions` run by run, so that neighbours are copied together.
arrow::Status AppendRows(const arrow::Array& array, std::span<const int64_t> positions,
                         arrow::ArrayBuilder* builder) {
  const arrow::ArraySpan rows(*array.data());
  for (size_t begin = 0; begin < positions.size();) {
    const int64_t first = positions[begin];
    size_t end = begin + 1;
    if (first < 0) {
      while (end < positions.size() && positions[end] < 0) ++end;
      ARROW_RETURN_NOT_OK(builder->AppendNulls(static_cast<int64_t>(end - begin)));
    } else {
      while (end < positions.size() &&
             positions[end] == first + static_cast<int64_t>(end - begin)) {
        ++end;
      }
      ARROW_RETURN_NOT_OK(
          builder->AppendArraySlice(rows, first, static_cast<int64_t>(end - begin)));
    }
    begin = end;
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Array>> TakeByBuilder(const arrow::Array& array,
                                                           std::span<const int64_t> positions) {
  ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilder(array.type()));
  ARROW_RETURN_NOT_OK(builder->Reserve(static_cast<int64_t>(positions.size())));
  ARROW_RETURN_NOT_OK(AppendRows(array, positions, builder.get()));
  return builder->Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> TakeByKernel(const arrow::Array& array,
                                                          std::span<const int64_t> positions) {
  arrow::Int64Builder indices;
  ARROW_RETURN_NOT_OK(indices.Reserve(static_cast<int64_t>(positions.size())));
  for (const int64_t position : positions) {
    if (position < 0) {
      indices.UnsafeAppendNull();
    } else {
      indices.UnsafeAppend(position);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto made, indices.Finish());
  return arrow::compute::Take(array, *made, arrow::compute::TakeOptions::NoBoundsCheck());
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::Array>> TakeRows(const arrow::Array& array,
                                                      std::span<const int64_t> positions) {
  auto taken =
      HasViews(*array.type()) ? TakeByBuilder(array, positions) : TakeByKernel(array, positions);
  // Not every type has a builder or a kernel, and a builder may forget that a dictionary is ordered.
  const bool exact = taken.ok() && (*taken)->type()->Equals(*array.type());
  if (exact || (!taken.ok() && !taken.status().IsNotImplemented())) return taken;
  return lsm::TakeRowsOrNull(arrow::MakeArray(array.data()), positions);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> FilterRows(const arrow::RecordBatch& batch,
                                                              const arrow::BooleanArray& selected) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < selected.length(); ++i) {
    if (selected.IsValid(i) && selected.Value(i)) positions.push_back(i);
  }
  arrow::ArrayVector columns;
  for (int i = 0; i < batch.num_columns(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto taken, TakeRows(*batch.column(i), positions));
    columns.push_back(std::move(taken));
  }
  return arrow::RecordBatch::Make(batch.schema(), static_cast<int64_t>(positions.size()),
                                  std::move(columns));
}

}  // namespace pyralog::sql
