#include "formats/file_arrays.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "arrow/buffer.h"
#include "arrow/extension_type.h"
#include "arrow/util/bit_util.h"
#include "base/endian.h"
#include "formats/view_pieces.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using arrow::Type;
using BufferPtr = std::shared_ptr<arrow::Buffer>;
using DataPtr = std::shared_ptr<arrow::ArrayData>;

constexpr int64_t kSliceBytes = 16 << 20;
constexpr int64_t kMaxSliceRows = 122'880;
constexpr int64_t kVectorRows = 2048;  // slices are made of whole ones where rows are small

// Rows of one array and of all its buffers. Arrays are read from a multiple of 8 on, so that bits
// need not be shifted.
struct Rows {
  int64_t first;
  int64_t count;
};

arrow::Status Damaged(const std::string& what) { return MakeError(ErrorCode::kDamaged, what); }

int64_t BitsOf(const arrow::DataTypeLayout::BufferSpec& spec) {
  return spec.kind == arrow::DataTypeLayout::BITMAP ? 1 : 8 * spec.byte_width;
}

// A buffer's elements of `bits` each.
arrow::Result<BufferPtr> ReadElements(const Source& source, const FileRange& range, int64_t bits,
                                      Rows rows) {
  if (bits == 0 || rows.count == 0) return source.ReadBuffer(0, 0);
  if (rows.first > range.size * 8 / bits - rows.count) {
    return Damaged("a buffer has " + std::to_string(range.size) + " bytes, too few for its rows");
  }
  const int64_t begin = rows.first * bits / 8;
  const int64_t end = arrow::bit_util::BytesForBits((rows.first + rows.count) * bits);
  return source.ReadBuffer(range.offset + static_cast<uint64_t>(begin),
                           static_cast<uint64_t>(end - begin));
}

// The offsets of the rows, counted from the first; `named` is what they name of `limit` elements.
template <class T>
arrow::Result<BufferPtr> ReadOffsets(const Source& source, const FileRange& range, Rows rows,
                                     int64_t limit, Rows* named) {
  *named = {0, 0};
  if (rows.count == 0) {
    ARROW_ASSIGN_OR_RAISE(auto zero, arrow::AllocateBuffer(sizeof(T), source.limits().pool));
    StoreLittle(zero->mutable_data(), T{0});
    return BufferPtr(std::move(zero));
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer,
                        ReadElements(source, range, 8 * sizeof(T), {rows.first, rows.count + 1}));
  T* const offsets = buffer->mutable_data_as<T>();
  const T begin = offsets[0];
  const T end = offsets[rows.count];
  if (begin < 0 || end < begin || end > limit) {
    return Damaged("offsets lead to " + std::to_string(begin) + " to " + std::to_string(end) +
                   " of " + std::to_string(limit));
  }
  // Unsigned: those in between may be anything until they are validated.
  using U = std::make_unsigned_t<T>;
  for (int64_t i = 0; begin != 0 && i <= rows.count; ++i) {
    offsets[i] = static_cast<T>(static_cast<U>(offsets[i]) - static_cast<U>(begin));
  }
  *named = {begin, end - begin};
  return buffer;
}

arrow::Result<BufferPtr> ReadOffsetsOf(const Source& source, const FileArray& array, Rows rows,
                                       int64_t limit, Rows* named) {
  const Type::type id = StorageOf(*array.type).id();
  const bool wide = id == Type::LARGE_STRING || id == Type::LARGE_BINARY || id == Type::LARGE_LIST;
  return wide ? ReadOffsets<int64_t>(source, array.buffers[1], rows, limit, named)
              : ReadOffsets<int32_t>(source, array.buffers[1], rows, limit, named);
}

arrow::Status ReadText(const Source& source, const FileArray& array, Rows rows,
                       arrow::ArrayData* out) {
  Rows named{};
  ARROW_ASSIGN_OR_RAISE(out->buffers.emplace_back(),
                        ReadOffsetsOf(source, array, rows, array.buffers[2].size, &named));
  ARROW_ASSIGN_OR_RAISE(
      out->buffers.emplace_back(),
      source.ReadBuffer(array.buffers[2].offset + static_cast<uint64_t>(named.first),
                        static_cast<uint64_t>(named.count)));
  return arrow::Status::OK();
}

arrow::Status ReadList(const Source& source, const FileArray& array, Rows rows,
                       arrow::ArrayData* out) {
  const FileArray& items = array.children[0];
  Rows named{};
  ARROW_ASSIGN_OR_RAISE(out->buffers.emplace_back(),
                        ReadOffsetsOf(source, array, rows, items.length, &named));
  ARROW_ASSIGN_OR_RAISE(out->child_data.emplace_back(),
                        ReadRows(source, items, named.first, named.count));
  return arrow::Status::OK();
}

arrow::Status ReadViews(const Source& source, const FileArray& array, Rows rows,
                        arrow::ArrayData* out) {
  ARROW_ASSIGN_OR_RAISE(auto views, ReadElements(source, array.buffers[1], 128, rows));
  const uint8_t* const validity = out->buffers[0] == nullptr ? nullptr : out->buffers[0]->data();
  out->buffers.push_back(views);
  const std::vector<FileRange> data(array.buffers.begin() + 2, array.buffers.end());
  ARROW_ASSIGN_OR_RAISE(auto pieces, ReadViewPieces(source, data, validity, views.get()));
  for (auto& piece : pieces) out->buffers.push_back(std::move(piece));
  return arrow::Status::OK();
}

// Everything of elements of one size: numbers, indices, and of what has children the type ids.
arrow::Status ReadFixed(const Source& source, const FileArray& array, Rows rows,
                        arrow::ArrayData* out) {
  const arrow::DataType& storage = StorageOf(*array.type);
  const arrow::DataTypeLayout layout = storage.layout();
  for (size_t i = 1; i < array.buffers.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(out->buffers.emplace_back(),
                          ReadElements(source, array.buffers[i], BitsOf(layout.buffers[i]), rows));
  }
  int64_t each = 1;
  if (storage.id() == Type::FIXED_SIZE_LIST) {
    each = static_cast<const arrow::FixedSizeListType&>(storage).list_size();
  }
  Rows items{};
  if (__builtin_mul_overflow(rows.first, each, &items.first) ||
      __builtin_mul_overflow(rows.count, each, &items.count)) {
    return Damaged("a list claims more items than there can be");
  }
  for (const FileArray& child : array.children) {
    ARROW_ASSIGN_OR_RAISE(out->child_data.emplace_back(),
                          ReadRows(source, child, items.first, items.count));
  }
  return arrow::Status::OK();
}

arrow::Result<BufferPtr> ReadPacked(const Source& source, const FileRange& range,
                                    arrow::util::Codec* codec) {
  if (range.size == 0) return source.ReadBuffer(0, 0);
  constexpr int64_t kPrefix = 8;
  if (range.size < kPrefix) return Damaged("a compressed buffer is cut off");
  ARROW_ASSIGN_OR_RAISE(const auto packed,
                        source.ReadBuffer(range.offset, static_cast<uint64_t>(range.size)));
  const auto size = LoadLittle<int64_t>(packed->data());
  if (size == -1) return arrow::SliceBuffer(packed, kPrefix);
  if (size < 0) return Damaged("a compressed buffer claims a negative size");
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(size, source.limits().pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t got,
                        codec->Decompress(range.size - kPrefix, packed->data() + kPrefix, size,
                                          buffer->mutable_data()));
  if (got != size) return Damaged("a compressed buffer has another size than it claims");
  buffer->ZeroPadding();
  return BufferPtr(std::move(buffer));
}

int64_t AddUpTo(int64_t sum, int64_t more) {
  return __builtin_add_overflow(sum, more, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

// An array of this length that has as yet no buffers.
DataPtr StartOf(const FileArray& array, int64_t length) {
  auto data = std::make_shared<arrow::ArrayData>(array.type, length,
                                                 array.has_nulls ? arrow::kUnknownNullCount : 0);
  if (StorageOf(*array.type).id() == Type::NA) data->null_count = length;
  data->dictionary = array.dictionary;
  return data;
}

}  // namespace

const arrow::DataType& StorageOf(const arrow::DataType& type) {
  // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): it lives as long as its argument.
  if (type.id() != Type::EXTENSION) return type;
  return StorageOf(*static_cast<const arrow::ExtensionType&>(type).storage_type());
}

bool CanReadRows(const arrow::DataType& type) {
  const arrow::DataType& storage = StorageOf(type);
  switch (storage.id()) {
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::DENSE_UNION:
    case Type::RUN_END_ENCODED:
      return false;
    default:
      return std::all_of(storage.fields().begin(), storage.fields().end(),
                         [](const auto& field) { return CanReadRows(*field->type()); });
  }
}

bool RowsTakeBytes(const FileArray& array) {
  const arrow::DataType& storage = StorageOf(*array.type);
  if (array.has_nulls) return true;
  if (storage.id() == Type::FIXED_SIZE_LIST &&
      static_cast<const arrow::FixedSizeListType&>(storage).list_size() == 0) {
    return false;
  }
  if (storage.id() == Type::STRUCT || storage.id() == Type::FIXED_SIZE_LIST) {
    return std::any_of(array.children.begin(), array.children.end(), RowsTakeBytes);
  }
  if (storage.id() == Type::FIXED_SIZE_BINARY) return storage.bit_width() > 0;
  return storage.id() != Type::NA;
}

int64_t BytesOf(const FileArray& array) {
  int64_t bytes = 0;
  for (size_t i = array.has_nulls ? 0 : 1; i < array.buffers.size(); ++i) {
    bytes = AddUpTo(bytes, array.buffers[i].size);
  }
  for (const FileArray& child : array.children) bytes = AddUpTo(bytes, BytesOf(child));
  return bytes;
}

int64_t RowsPerSlice(int64_t rows, int64_t bytes) {
  const int64_t row = std::max<int64_t>(1, bytes / std::max<int64_t>(1, rows));
  const int64_t fit = std::min(kMaxSliceRows, kSliceBytes / row);
  const int64_t unit = fit >= kVectorRows ? kVectorRows : 8;
  return std::max(unit, fit / unit * unit);
}

arrow::Result<DataPtr> ReadRows(const Source& source, const FileArray& array, int64_t first,
                                int64_t count) {
  if (first < 0 || count < 0 || first > array.length || count > array.length - first) {
    return Damaged("an array has " + std::to_string(array.length) + " rows, but row " +
                   std::to_string(first) + " and the next " + std::to_string(count) +
                   " are asked for");
  }
  const int64_t lead = first % 8;
  const Rows rows{first - lead, count + lead};
  auto data = StartOf(array, count);
  data->offset = lead;
  data->buffers.emplace_back(nullptr);
  if (array.has_nulls) {
    ARROW_ASSIGN_OR_RAISE(data->buffers[0], ReadElements(source, array.buffers[0], 1, rows));
  }
  switch (StorageOf(*array.type).id()) {
    case Type::STRING:
    case Type::BINARY:
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      ARROW_RETURN_NOT_OK(ReadText(source, array, rows, data.get()));
      break;
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      ARROW_RETURN_NOT_OK(ReadViews(source, array, rows, data.get()));
      break;
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::MAP:
      ARROW_RETURN_NOT_OK(ReadList(source, array, rows, data.get()));
      break;
    default:
      ARROW_RETURN_NOT_OK(ReadFixed(source, array, rows, data.get()));
  }
  return data;
}

arrow::Result<DataPtr> ReadWhole(const Source& source, const FileArray& array,
                                 arrow::util::Codec* codec) {
  auto data = StartOf(array, array.length);
  for (size_t i = 0; i < array.buffers.size(); ++i) {
    BufferPtr& buffer = data->buffers.emplace_back(nullptr);
    if (i == 0 && !array.has_nulls) continue;
    const FileRange& range = array.buffers[i];
    if (codec != nullptr) {
      ARROW_ASSIGN_OR_RAISE(buffer, ReadPacked(source, range, codec));
    } else {
      ARROW_ASSIGN_OR_RAISE(buffer,
                            source.ReadBuffer(range.offset, static_cast<uint64_t>(range.size)));
    }
  }
  for (const FileArray& child : array.children) {
    ARROW_ASSIGN_OR_RAISE(data->child_data.emplace_back(), ReadWhole(source, child, codec));
  }
  return data;
}

}  // namespace pyralog::formats
