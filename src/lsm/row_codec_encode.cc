#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "arrow/array/array_base.h"
#include "arrow/array/concatenate.h"
#include "arrow/array/data.h"
#include "arrow/array/util.h"
#include "arrow/extension_type.h"
#include "arrow/type.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/bitmap_ops.h"
#include "base/endian.h"
#include "lsm/row_codec.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

using arrow::ArrayData;
using arrow::DataType;
using arrow::Type;

arrow::Status TooLargeToLog(const char* what) {
  return MakeError(ErrorCode::kInvalidArgument, std::string("cannot log a batch of rows: ") + what +
                                                    "; append it in smaller batches");
}

// A run of rows of a child array.
struct RowRun {
  int64_t begin;
  int64_t length;
};

// Adds rows behind what `runs` holds, as part of its last run where they follow it directly.
void AddRowRun(RowRun added, std::vector<RowRun>* runs) {
  if (added.length == 0) return;
  if (!runs->empty() && runs->back().begin + runs->back().length == added.begin) {
    runs->back().length += added.length;
  } else {
    runs->push_back(added);
  }
}

// Which rows of an ArrayData to encode. `offset` counts from the start of the buffers: data.offset
// is in it.
struct RowRange {
  int64_t offset;
  int64_t length;
};

class RowEncoder {
 public:
  explicit RowEncoder(std::string* out) : out_(*out) {}

  arrow::Status Column(const ArrayData& data, const DataType& type, RowRange rows);

 private:
  // Room for `size` more bytes, all zero.
  uint8_t* Extend(int64_t size) {
    const size_t at = out_.size();
    out_.resize(at + static_cast<size_t>(size));
    return reinterpret_cast<uint8_t*>(out_.data()) + at;
  }
  void Append(const void* bytes, int64_t size) {
    out_.append(static_cast<const char*>(bytes), static_cast<size_t>(size));
  }

  // Writes the nulls. Returns where the bitmap lies in out_, or npos when there is none.
  size_t Nulls(const ArrayData& data, RowRange rows);
  bool IsNull(size_t bitmap, int64_t i) const {
    return bitmap != std::string::npos && !arrow::bit_util::GetBit(Bitmap(bitmap), i);
  }
  const uint8_t* Bitmap(size_t at) const {
    return reinterpret_cast<const uint8_t*>(out_.data()) + at;
  }

  void Bits(const ArrayData& data, RowRange rows);
  void Fixed(const ArrayData& data, int64_t width, RowRange rows);
  template <class Offset>
  void Binary(const ArrayData& data, RowRange rows);
  arrow::Status Views(const ArrayData& data, RowRange rows);
  template <class Offset>
  arrow::Status List(const ArrayData& data, const DataType& type, RowRange rows);
  template <class Offset>
  arrow::Status ListView(const ArrayData& data, const DataType& type, RowRange rows);
  arrow::Status FixedSizeList(const ArrayData& data, const DataType& type, RowRange rows);
  // Children that are cut where their parent is: of structs and sparse unions.
  arrow::Status ParallelChildren(const ArrayData& data, const DataType& type, RowRange rows);
  arrow::Status DenseUnion(const ArrayData& data, const DataType& type, RowRange rows);
  arrow::Status RunEndEncoded(const ArrayData& data, const DataType& type, RowRange rows);
  template <class RunEnd>
  arrow::Status RunEnds(const ArrayData& data, const DataType& type, RowRange rows);
  arrow::Status Dictionary(const ArrayData& data, const DataType& type, RowRange rows);
  template <class Index>
  arrow::Status DictionaryAs(const ArrayData& data, const DataType& type, RowRange rows);
  // The rows `runs` of `child` (counted from its own first row) as one column.
  arrow::Status Gathered(const std::shared_ptr<ArrayData>& child, const DataType& type,
                         const std::vector<RowRun>& runs);

  std::string& out_;
};

size_t RowEncoder::Nulls(const ArrayData& data, RowRange rows) {
  const bool maybe =
      data.buffers[0] != nullptr && data.null_count.load(std::memory_order_relaxed) != 0;
  const uint8_t* validity = maybe ? data.buffers[0]->data() : nullptr;
  if (!maybe || arrow::internal::CountSetBits(validity, rows.offset, rows.length) == rows.length) {
    out_.push_back(0);
    return std::string::npos;
  }
  out_.push_back(1);
  const size_t at = out_.size();
  uint8_t* bitmap = Extend(arrow::bit_util::BytesForBits(rows.length));
  arrow::internal::CopyBitmap(validity, rows.offset, rows.length, bitmap, 0);
  return at;
}

void RowEncoder::Bits(const ArrayData& data, RowRange rows) {
  const size_t nulls = Nulls(data, rows);
  if (rows.length == 0) return;
  const int64_t size = arrow::bit_util::BytesForBits(rows.length);
  uint8_t* bits = Extend(size);
  arrow::internal::CopyBitmap(data.buffers[1]->data(), rows.offset, rows.length, bits, 0);
  if (nulls == std::string::npos) return;
  for (int64_t i = 0; i < size; ++i) bits[i] &= Bitmap(nulls)[i];
}

void RowEncoder::Fixed(const ArrayData& data, int64_t width, RowRange rows) {
  const size_t nulls = Nulls(data, rows);
  if (rows.length == 0 || width == 0) return;
  const size_t at = out_.size();
  Append(data.buffers[1]->data() + rows.offset * width, rows.length * width);
  if (nulls == std::string::npos) return;
  for (int64_t i = 0; i < rows.length; ++i) {
    if (IsNull(nulls, i)) std::memset(out_.data() + at + i * width, 0, width);
  }
}

template <class Offset>
void RowEncoder::Binary(const ArrayData& data, RowRange rows) {
  const size_t nulls = Nulls(data, rows);
  if (rows.length == 0) return;
  const Offset* offsets = data.GetValues<Offset>(1, rows.offset);
  const uint8_t* bytes = data.buffers[2] != nullptr ? data.buffers[2]->data() : nullptr;
  uint8_t* ends = Extend(rows.length * sizeof(Offset));
  Offset end = 0;
  for (int64_t i = 0; i < rows.length; ++i) {
    if (!IsNull(nulls, i)) end += offsets[i + 1] - offsets[i];
    StoreLittle(ends + i * sizeof(Offset), end);
  }
  if (end == 0) return;
  if (end == offsets[rows.length] - offsets[0]) {
    Append(bytes + offsets[0], end);
    return;
  }
  for (int64_t i = 0; i < rows.length; ++i) {
    if (!IsNull(nulls, i)) Append(bytes + offsets[i], offsets[i + 1] - offsets[i]);
  }
}

arrow::Status RowEncoder::Views(const ArrayData& data, RowRange rows) {
  const size_t nulls = Nulls(data, rows);
  if (rows.length == 0) return arrow::Status::OK();
  const auto* views = data.GetValues<arrow::BinaryViewType::c_type>(1, rows.offset);
  uint8_t* ends = Extend(rows.length * sizeof(int32_t));
  int64_t end = 0;
  for (int64_t i = 0; i < rows.length; ++i) {
    if (!IsNull(nulls, i)) end += views[i].size();
    StoreLittle(ends + i * sizeof(int32_t), static_cast<int32_t>(end));
  }
  if (end > std::numeric_limits<int32_t>::max())
    return TooLargeToLog("a column of views holds 2 GiB or more");
  for (int64_t i = 0; i < rows.length; ++i) {
    if (IsNull(nulls, i)) continue;
    const auto& view = views[i];
    const uint8_t* bytes = view.is_inline()
                               ? view.inline_data()
                               : data.buffers[2 + view.ref.buffer_index]->data() + view.ref.offset;
    Append(bytes, view.size());
  }
  return arrow::Status::OK();
}

template <class Offset>
arrow::Status RowEncoder::List(const ArrayData& data, const DataType& type, RowRange rows) {
  const size_t nulls = Nulls(data, rows);
  std::vector<RowRun> runs;
  if (rows.length > 0) {
    const Offset* offsets = data.GetValues<Offset>(1, rows.offset);
    uint8_t* ends = Extend(rows.length * sizeof(Offset));
    Offset end = 0;
    for (int64_t i = 0; i < rows.length; ++i) {
      if (!IsNull(nulls, i)) {
        end += offsets[i + 1] - offsets[i];
        AddRowRun({offsets[i], offsets[i + 1] - offsets[i]}, &runs);
      }
      StoreLittle(ends + i * sizeof(Offset), end);
    }
  }
  return Gathered(data.child_data[0], *type.field(0)->type(), runs);
}

template <class Offset>
arrow::Status RowEncoder::ListView(const ArrayData& data, const DataType& type, RowRange rows) {
  const size_t nulls = Nulls(data, rows);
  std::vector<RowRun> runs;
  if (rows.length > 0) {
    const Offset* offsets = data.GetValues<Offset>(1, rows.offset);
    const Offset* sizes = data.GetValues<Offset>(2, rows.offset);
    uint8_t* ends = Extend(rows.length * sizeof(Offset));
    int64_t end = 0;
    for (int64_t i = 0; i < rows.length; ++i) {
      if (!IsNull(nulls, i)) {
        end += sizes[i];
        AddRowRun({offsets[i], sizes[i]}, &runs);
      }
      StoreLittle(ends + i * sizeof(Offset), static_cast<Offset>(end));
    }
    // RowRange may share elements, so that there are more of them apart than together.
    if (end > std::numeric_limits<Offset>::max())
      return TooLargeToLog("a list column has too many elements");
  }
  return Gathered(data.child_data[0], *type.field(0)->type(), runs);
}

arrow::Status RowEncoder::FixedSizeList(const ArrayData& data, const DataType& type,
                                        RowRange rows) {
  Nulls(data, rows);
  const int64_t size = static_cast<const arrow::FixedSizeListType&>(type).list_size();
  const ArrayData& child = *data.child_data[0];
  return Column(child, *type.field(0)->type(),
                {child.offset + rows.offset * size, rows.length * size});
}

arrow::Status RowEncoder::ParallelChildren(const ArrayData& data, const DataType& type,
                                           RowRange rows) {
  for (int i = 0; i < type.num_fields(); ++i) {
    const ArrayData& child = *data.child_data[i];
    RETURN_NOT_OK(Column(child, *type.field(i)->type(), {child.offset + rows.offset, rows.length}));
  }
  return arrow::Status::OK();
}

arrow::Status RowEncoder::DenseUnion(const ArrayData& data, const DataType& type, RowRange rows) {
  const auto& child_of = static_cast<const arrow::UnionType&>(type).child_ids();
  std::vector<std::vector<RowRun>> runs(type.num_fields());
  if (rows.length > 0) {
    const int8_t* codes = data.GetValues<int8_t>(1, rows.offset);
    const int32_t* offsets = data.GetValues<int32_t>(2, rows.offset);
    Append(codes, rows.length);
    for (int64_t i = 0; i < rows.length; ++i) AddRowRun({offsets[i], 1}, &runs[child_of[codes[i]]]);
  }
  for (int i = 0; i < type.num_fields(); ++i) {
    RETURN_NOT_OK(Gathered(data.child_data[i], *type.field(i)->type(), runs[i]));
  }
  return arrow::Status::OK();
}

arrow::Status RowEncoder::RunEndEncoded(const ArrayData& data, const DataType& type,
                                        RowRange rows) {
  switch (data.child_data[0]->type->id()) {
    case Type::INT16:
      return RunEnds<int16_t>(data, type, rows);
    case Type::INT32:
      return RunEnds<int32_t>(data, type, rows);
    default:
      return RunEnds<int64_t>(data, type, rows);
  }
}

template <class RunEnd>
arrow::Status RowEncoder::RunEnds(const ArrayData& data, const DataType& type, RowRange rows) {
  const ArrayData& ends = *data.child_data[0];
  const ArrayData& values = *data.child_data[1];
  const RunEnd* begin = ends.length > 0 ? ends.GetValues<RunEnd>(1) : nullptr;
  const RunEnd* first = std::upper_bound(begin, begin + ends.length, rows.offset);
  const int64_t stop = rows.offset + rows.length;
  const RunEnd* last =
      rows.length == 0 ? first : std::lower_bound(first, begin + ends.length, stop) + 1;
  if (last - first > std::numeric_limits<uint32_t>::max())
    return TooLargeToLog("a column has 2^32 runs or more");
  AppendLittle(&out_, static_cast<uint32_t>(last - first));
  for (const RunEnd* end = first; end != last; ++end) {
    AppendLittle(&out_, static_cast<RunEnd>(std::min<int64_t>(*end, stop) - rows.offset));
  }
  return Column(values, *type.field(1)->type(), {values.offset + (first - begin), last - first});
}

arrow::Status RowEncoder::Dictionary(const ArrayData& data, const DataType& type, RowRange rows) {
  // Indices are never negative, so a width is all there is to know of their type.
  switch (static_cast<const arrow::DictionaryType&>(type).index_type()->byte_width()) {
    case 1:
      return DictionaryAs<uint8_t>(data, type, rows);
    case 2:
      return DictionaryAs<uint16_t>(data, type, rows);
    case 4:
      return DictionaryAs<uint32_t>(data, type, rows);
    default:
      return DictionaryAs<uint64_t>(data, type, rows);
  }
}

template <class Index>
arrow::Status RowEncoder::DictionaryAs(const ArrayData& data, const DataType& type, RowRange rows) {
  const DataType& value_type = *static_cast<const arrow::DictionaryType&>(type).value_type();
  const uint64_t entries = static_cast<uint64_t>(data.dictionary->length);
  const size_t nulls = Nulls(data, rows);
  const Index* indices = rows.length > 0 ? data.GetValues<Index>(1, rows.offset) : nullptr;
  std::vector<Index> used;  // sorted; of a dictionary that is cut
  const bool cut = entries > static_cast<uint64_t>(rows.length);
  for (int64_t i = 0; i < rows.length; ++i) {
    if (IsNull(nulls, i)) continue;
    if (indices[i] >= entries) {
      return MakeError(ErrorCode::kInvalidArgument, "a dictionary index is beyond its dictionary");
    }
    if (cut) used.push_back(indices[i]);
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  for (int64_t i = 0; i < rows.length; ++i) {
    Index index = 0;
    if (!IsNull(nulls, i)) {
      index = cut ? static_cast<Index>(std::lower_bound(used.begin(), used.end(), indices[i]) -
                                       used.begin())
                  : indices[i];
    }
    AppendLittle(&out_, index);
  }
  const uint64_t kept = cut ? used.size() : entries;
  if (kept > std::numeric_limits<uint32_t>::max())
    return TooLargeToLog("a dictionary has 2^32 entries or more");
  AppendLittle(&out_, static_cast<uint32_t>(kept));
  std::vector<RowRun> runs;
  for (Index index : used) AddRowRun({static_cast<int64_t>(index), 1}, &runs);
  if (!cut) AddRowRun({0, static_cast<int64_t>(entries)}, &runs);
  return Gathered(data.dictionary, value_type, runs);
}

arrow::Status RowEncoder::Gathered(const std::shared_ptr<ArrayData>& child, const DataType& type,
                                   const std::vector<RowRun>& runs) {
  if (runs.empty()) return Column(*child, type, {child->offset, 0});
  if (runs.size() == 1)
    return Column(*child, type, {child->offset + runs[0].begin, runs[0].length});
  arrow::ArrayVector pieces;
  const auto array = arrow::MakeArray(child);
  for (const RowRun& run : runs) pieces.push_back(array->Slice(run.begin, run.length));
  ARROW_ASSIGN_OR_RAISE(auto whole, arrow::Concatenate(pieces));
  return Column(*whole->data(), type, {whole->offset(), whole->length()});
}

arrow::Status RowEncoder::Column(const ArrayData& data, const DataType& type, RowRange rows) {
  switch (type.id()) {
    case Type::NA:
      return arrow::Status::OK();
    case Type::BOOL:
      Bits(data, rows);
      return arrow::Status::OK();
    case Type::STRING:
    case Type::BINARY:
      Binary<int32_t>(data, rows);
      return arrow::Status::OK();
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      Binary<int64_t>(data, rows);
      return arrow::Status::OK();
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      return Views(data, rows);
    case Type::LIST:
    case Type::MAP:
      return List<int32_t>(data, type, rows);
    case Type::LARGE_LIST:
      return List<int64_t>(data, type, rows);
    case Type::LIST_VIEW:
      return ListView<int32_t>(data, type, rows);
    case Type::LARGE_LIST_VIEW:
      return ListView<int64_t>(data, type, rows);
    case Type::FIXED_SIZE_LIST:
      return FixedSizeList(data, type, rows);
    case Type::STRUCT:
      Nulls(data, rows);
      return ParallelChildren(data, type, rows);
    case Type::SPARSE_UNION:
      if (rows.length > 0) Append(data.GetValues<int8_t>(1, rows.offset), rows.length);
      return ParallelChildren(data, type, rows);
    case Type::DENSE_UNION:
      return DenseUnion(data, type, rows);
    case Type::RUN_END_ENCODED:
      return RunEndEncoded(data, type, rows);
    case Type::DICTIONARY:
      return Dictionary(data, type, rows);
    case Type::EXTENSION:
      return Column(data, *static_cast<const arrow::ExtensionType&>(type).storage_type(), rows);
    default:
      Fixed(data, type.byte_width(), rows);
      return arrow::Status::OK();
  }
}

}  // namespace

arrow::Status EncodeRows(const arrow::RecordBatch& batch, std::string* out) {
  if (batch.num_rows() > std::numeric_limits<uint32_t>::max())
    return TooLargeToLog("it has 2^32 rows or more");
  const size_t before = out->size();
  AppendLittle(out, static_cast<uint32_t>(batch.num_rows()));
  RowEncoder encoder(out);
  for (const auto& column : batch.column_data()) {
    arrow::Status status =
        column->length != batch.num_rows()
            ? MakeError(ErrorCode::kInvalidArgument,
                        "a column of a batch has not as many rows as the batch")
            : encoder.Column(*column, *column->type, {column->offset, column->length});
    if (!status.ok()) {
      out->resize(before);
      return status;
    }
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm
