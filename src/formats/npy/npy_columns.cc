#include "formats/npy/npy_columns.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "formats/npy/npy_values.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using BufferPtr = std::shared_ptr<arrow::Buffer>;

int64_t ItemsPerRow(const NpyColumn& column) {
  int64_t items = 1;
  for (const int64_t size : column.shape) items *= size;  // checked against the file's size
  return items;
}

std::vector<int64_t> RowMajorStrides(const std::vector<int64_t>& shape, int64_t item) {
  std::vector<int64_t> strides(shape.size());
  for (size_t i = shape.size(); i-- > 0; item *= shape[i]) strides[i] = item;
  return strides;
}

bool IsContiguous(const NpyColumn& column, int64_t rows) {
  return column.strides == RowMajorStrides(column.shape, column.type.size) &&
         (rows <= 1 || column.row_stride == ItemsPerRow(column) * column.type.size);
}

// Copies the elements below dimension `depth`, in row-major order.
uint8_t* GatherItems(const NpyColumn& column, size_t depth, const uint8_t* from, uint8_t* to) {
  const int64_t size = column.type.size;
  if (depth == column.shape.size()) {
    std::memcpy(to, from, static_cast<size_t>(size));
    return to + size;
  }
  for (int64_t i = 0; i < column.shape[depth]; ++i) {
    to = GatherItems(column, depth + 1, from + i * column.strides[depth], to);
  }
  return to;
}

// The rows' items one behind the other.
arrow::Result<BufferPtr> ItemsOfRows(const NpyColumn& column, const BufferPtr& elements,
                                     int64_t count, arrow::MemoryPool* pool) {
  const int64_t bytes = count * ItemsPerRow(column) * column.type.size;
  if (IsContiguous(column, count)) return arrow::SliceBufferSafe(elements, column.offset, bytes);
  ARROW_ASSIGN_OR_RAISE(auto items, arrow::AllocateBuffer(bytes, pool));
  uint8_t* to = items->mutable_data();
  for (int64_t row = 0; row < count; ++row) {
    to = GatherItems(column, 0, elements->data() + column.offset + row * column.row_stride, to);
  }
  return BufferPtr(std::move(items));
}

arrow::Result<ArrayPtr> ItemsToArray(const NpyType& type, const BufferPtr& items, int64_t count,
                                     arrow::MemoryPool* pool);

// A part of each element as elements of its own.
arrow::Result<ArrayPtr> PartOfItems(const NpyType& whole, const NpyField& part,
                                    const BufferPtr& items, int64_t count,
                                    arrow::MemoryPool* pool) {
  NpyColumn column;
  column.type = part.type;
  column.shape = part.shape;
  column.strides = RowMajorStrides(part.shape, part.type.size);
  column.row_stride = whole.size;
  column.offset = part.offset;
  return ReadNpyColumn(column, items, count, pool);
}

arrow::Result<ArrayPtr> RecordsToArray(const NpyType& type, const BufferPtr& items, int64_t count,
                                       arrow::MemoryPool* pool) {
  arrow::ArrayVector children;
  arrow::FieldVector fields;
  for (const NpyField& field : type.fields) {
    ARROW_ASSIGN_OR_RAISE(auto child, PartOfItems(type, field, items, count, pool));
    fields.push_back(arrow::field(field.name, child->type()));
    children.push_back(std::move(child));
  }
  return std::make_shared<arrow::StructArray>(arrow::struct_(fields), count, std::move(children));
}

// Real and imaginary part.
NpyType PartsOfComplex(const NpyType& type) {
  NpyType record = type;
  record.kind = 'r';
  NpyType part = type;
  part.kind = 'f';
  part.size = type.size / 2;
  record.fields = {{.name = "real", .type = part, .shape = {}, .offset = 0},
                   {.name = "imag", .type = part, .shape = {}, .offset = part.size}};
  return record;
}

arrow::Result<ArrayPtr> NumbersToArray(const NpyType& type, BufferPtr items, int64_t count,
                                       arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto kind, NpyArrowType(type));
  const bool aligned = reinterpret_cast<uintptr_t>(items->data()) % type.size == 0;
  if (type.big_endian && type.size > 1) {
    ARROW_ASSIGN_OR_RAISE(items, SwapNpyBytes(*items, type.size, pool));
  } else if (!aligned) {
    ARROW_ASSIGN_OR_RAISE(items, items->CopySlice(0, items->size(), pool));
  }
  return arrow::MakeArray(arrow::ArrayData::Make(kind, count, {nullptr, std::move(items)}, 0));
}

arrow::Result<ArrayPtr> ItemsToArray(const NpyType& type, const BufferPtr& items, int64_t count,
                                     arrow::MemoryPool* pool) {
  switch (type.kind) {
    case 'r':
      return RecordsToArray(type, items, count, pool);
    case 'c':
      return RecordsToArray(PartsOfComplex(type), items, count, pool);
    case 'b':
      return NpyBooleans(*items, count, pool);
    case 'S':
    case 'U':
      return NpyTexts(type, *items, count, pool);
    case 'M':
    case 'm':
      return NpyTimes(type, *items, count, pool);
    case 'V': {
      ARROW_ASSIGN_OR_RAISE(const auto kind, NpyArrowType(type));
      return arrow::MakeArray(arrow::ArrayData::Make(kind, count, {nullptr, items}, 0));
    }
    default:
      return NumbersToArray(type, items, count, pool);
  }
}

// The type of a value of this shape.
arrow::Result<std::shared_ptr<arrow::DataType>> TypeOfShape(std::shared_ptr<arrow::DataType> item,
                                                            const std::vector<int64_t>& shape) {
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] > INT32_MAX) {
      return MakeError(ErrorCode::kNotSupported, "a dimension but the first has " +
                                                     std::to_string(shape[i]) +
                                                     " elements; at most 2,147,483,647 are read");
    }
    item = arrow::fixed_size_list(std::move(item), static_cast<int32_t>(shape[i]));
  }
  return item;
}

arrow::Result<NpyColumn> ColumnOf(const NpyHeader& header, const NpyField& part) {
  NpyColumn column;
  column.type = part.type;
  const std::vector<int64_t>& shape = header.shape;
  if (!shape.empty()) column.shape.assign(shape.begin() + 1, shape.end());
  int64_t stride = header.type.size;
  // An array without rows may have any shape.
  ARROW_RETURN_NOT_OK(ProductOf(stride, column.shape).status());
  if (header.fortran_order) {
    for (size_t i = 0; i < shape.size(); stride *= shape[i++]) {
      if (i > 0) column.strides.push_back(stride);
      if (i == 0) column.row_stride = stride;
    }
  } else {
    column.strides = RowMajorStrides(column.shape, stride);
    column.row_stride = column.shape.empty() ? stride : column.strides[0] * column.shape[0];
  }
  column.offset = static_cast<int64_t>(header.data_offset) + part.offset;
  const auto inner = RowMajorStrides(part.shape, part.type.size);
  column.shape.insert(column.shape.end(), part.shape.begin(), part.shape.end());
  column.strides.insert(column.strides.end(), inner.begin(), inner.end());
  if (column.shape.size() > 32) {
    return MakeError(ErrorCode::kNotSupported, "it has more than 32 dimensions");
  }
  ARROW_ASSIGN_OR_RAISE(auto item, NpyArrowType(part.type));
  ARROW_ASSIGN_OR_RAISE(auto type, TypeOfShape(std::move(item), column.shape));
  column.field = arrow::field(part.name, std::move(type));
  return column;
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::DataType>> NpyArrowType(const NpyType& type) {
  if (type.kind == 'c') return NpyArrowType(PartsOfComplex(type));
  if (type.kind != 'r') return NpyScalarType(type);
  arrow::FieldVector fields;
  for (const NpyField& field : type.fields) {
    ARROW_ASSIGN_OR_RAISE(auto item, NpyArrowType(field.type));
    ARROW_ASSIGN_OR_RAISE(auto value, TypeOfShape(std::move(item), field.shape));
    fields.push_back(arrow::field(field.name, std::move(value)));
  }
  return arrow::struct_(fields);
}

arrow::Result<std::vector<NpyColumn>> NpyColumns(const NpyHeader& header) {
  std::vector<NpyColumn> columns;
  const NpyField whole{.name = "value", .type = header.type, .shape = {}, .offset = 0};
  const bool record = header.type.kind == 'r';
  for (const NpyField& field : record ? header.type.fields : std::vector<NpyField>{whole}) {
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), ColumnOf(header, field));
  }
  return columns;
}

NpyRows NpyRowsOf(const NpyHeader& header) {
  NpyRows rows;
  rows.count = header.rows();
  rows.offset = header.data_offset;
  int64_t items = 1;
  for (size_t i = 1; i < header.shape.size(); ++i) items *= header.shape[i];
  if (header.fortran_order && header.shape.size() > 1) {
    rows.runs = items;
    rows.size_in_run = header.type.size;
    rows.run_dimensions = header.shape.size() - 1;
  } else {
    rows.size_in_run = items * header.type.size;
  }
  return rows;
}

arrow::Result<BufferPtr> ReadNpyRows(const Source& source, const NpyRows& rows, int64_t begin,
                                     int64_t count) {
  // Up to there it costs less to read what lies between runs than to read each for itself.
  constexpr int64_t kSpan = 1 << 20, kNear = 8192;
  const int64_t size = count * rows.size_in_run;
  const int64_t distance = rows.count * rows.size_in_run;
  const uint64_t first = rows.offset + static_cast<uint64_t>(begin * rows.size_in_run);
  if (rows.runs == 1) return source.ReadBuffer(first, static_cast<uint64_t>(size));
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(rows.runs * size, source.limits().pool));
  uint8_t* to = buffer->mutable_data();
  const int64_t at_once = distance > kNear ? 1 : kSpan / distance;
  for (int64_t run = 0; run < rows.runs; run += at_once) {
    const int64_t runs = std::min(at_once, rows.runs - run);
    ARROW_ASSIGN_OR_RAISE(const std::string span,
                          source.Read(first + static_cast<uint64_t>(run * distance),
                                      static_cast<uint64_t>((runs - 1) * distance + size)));
    for (int64_t i = 0; i < runs; ++i, to += size) {
      std::memcpy(to, span.data() + i * distance, static_cast<size_t>(size));
    }
  }
  return BufferPtr(std::move(buffer));
}

NpyColumn ColumnOfRows(NpyColumn column, const NpyRows& rows, int64_t count) {
  column.offset -= static_cast<int64_t>(rows.offset);
  for (size_t i = 0; i < rows.run_dimensions; ++i) {
    column.strides[i] = column.strides[i] / rows.count * count;
  }
  return column;
}

arrow::Result<ArrayPtr> ReadNpyColumn(const NpyColumn& column, const BufferPtr& elements,
                                      int64_t count, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(const auto items, ItemsOfRows(column, elements, count, pool));
  ARROW_ASSIGN_OR_RAISE(auto array,
                        ItemsToArray(column.type, items, count * ItemsPerRow(column), pool));
  for (size_t i = column.shape.size(); i-- > 0;) {
    const auto size = static_cast<int32_t>(column.shape[i]);
    ARROW_ASSIGN_OR_RAISE(auto type, TypeOfShape(array->type(), {column.shape[i]}));
    array = std::make_shared<arrow::FixedSizeListArray>(
        std::move(type), size == 0 ? count : array->length() / size, std::move(array));
  }
  return array;
}

}  // namespace pyralog::formats
