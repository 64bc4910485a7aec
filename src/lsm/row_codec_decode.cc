#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "arrow/array/data.h"
#include "arrow/buffer.h"
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
using ArrayDataPtr = std::shared_ptr<ArrayData>;
using BufferPtr = std::shared_ptr<arrow::Buffer>;
using TypePtr = std::shared_ptr<DataType>;

arrow::Status FlawedRows(const char* what) { return MakeError(ErrorCode::kDamaged, what); }

// Hands out buffers. Small ones share a block that holds their bytes and themselves, and lives as
// long as one of them: allocating each would cost more than all else that a small column takes.
class RowArena {
 public:
  RowArena(size_t input_size, int columns)
      : block_bytes_(std::clamp<int64_t>(static_cast<int64_t>(input_size) * 2, 256, kMaxBytes)),
        block_buffers_(std::clamp(columns * 2, 4, 64)) {}

  // A buffer of `size` bytes, 8-byte aligned, with `*bytes` to fill it.
  arrow::Status Allocate(int64_t size, BufferPtr* buffer, uint8_t** bytes) {
    if (size > kMaxBytes / 4) {
      ARROW_ASSIGN_OR_RAISE(auto own, arrow::AllocateBuffer(size));
      *bytes = own->mutable_data();
      *buffer = std::move(own);
      return arrow::Status::OK();
    }
    if (block_ == nullptr || next_byte_ + size > capacity_ || next_buffer_ == block_buffers_) {
      NewBlock(size);
    }
    *bytes = block_->bytes.get() + next_byte_;
    auto& shared = block_->buffers[next_buffer_++];
    *buffer = BufferPtr(block_, &shared.emplace(*bytes, size));
    next_byte_ += arrow::bit_util::RoundUpToMultipleOf8(size);
    return arrow::Status::OK();
  }

 private:
  struct Block {
    std::unique_ptr<uint8_t[]> bytes;
    std::unique_ptr<std::optional<arrow::Buffer>[]> buffers;
  };
  static constexpr int64_t kMaxBytes = 4096;

  void NewBlock(int64_t size) {
    capacity_ = std::max(size, block_bytes_);
    block_ = std::make_shared<Block>();
    block_->bytes = std::make_unique_for_overwrite<uint8_t[]>(capacity_);
    block_->buffers = std::make_unique<std::optional<arrow::Buffer>[]>(block_buffers_);
    next_byte_ = 0;
    next_buffer_ = 0;
  }

  const int64_t block_bytes_;
  const int block_buffers_;
  std::shared_ptr<Block> block_;
  int64_t capacity_ = 0;
  int64_t next_byte_ = 0;
  int next_buffer_ = 0;
};

class RowDecoder {
 public:
  RowDecoder(std::string_view bytes, int columns) : rest_(bytes), arena_(bytes.size(), columns) {}

  std::string_view rest() const { return rest_; }
  // A column of `length` rows as `type` holds them.
  arrow::Result<ArrayDataPtr> Column(const TypePtr& type, int64_t length);
  template <class T>
  arrow::Status Number(T* value) {
    const char* bytes = nullptr;
    RETURN_NOT_OK(Take(1, sizeof(T), &bytes));
    *value = LoadLittle<T>(bytes);
    return arrow::Status::OK();
  }

 private:
  // The next count * width bytes.
  arrow::Status Take(int64_t count, int64_t width, const char** bytes) {
    int64_t size = 0;
    if (__builtin_mul_overflow(count, width, &size) || static_cast<uint64_t>(size) > rest_.size()) {
      return FlawedRows("more bytes are announced than there are");
    }
    *bytes = rest_.data();
    rest_.remove_prefix(static_cast<size_t>(size));
    return arrow::Status::OK();
  }
  // The same as a buffer of their own.
  arrow::Status TakeBuffer(int64_t count, int64_t width, BufferPtr* buffer) {
    const char* from = nullptr;
    uint8_t* to = nullptr;
    RETURN_NOT_OK(Take(count, width, &from));
    RETURN_NOT_OK(arena_.Allocate(count * width, buffer, &to));
    if (count * width > 0) std::memcpy(to, from, static_cast<size_t>(count * width));
    return arrow::Status::OK();
  }
  // Into buffers[0] and null_count.
  arrow::Status Nulls(ArrayData* data);
  // `count` ends of T as offsets with their leading zero. `*last` is the last one.
  template <class T>
  arrow::Status Offsets(int64_t count, BufferPtr* buffer, int64_t* last);

  arrow::Status Fixed(const DataType& type, ArrayData* data);
  template <class Offset>
  arrow::Status Binary(ArrayData* data);
  arrow::Status Views(ArrayData* data);
  template <class Offset>
  arrow::Status List(const DataType& type, ArrayData* data);
  template <class Offset>
  arrow::Status ListView(const DataType& type, ArrayData* data);
  arrow::Status FixedSizeList(const DataType& type, ArrayData* data);
  arrow::Status Struct(const DataType& type, ArrayData* data);
  arrow::Status SparseUnion(const DataType& type, ArrayData* data);
  arrow::Status DenseUnion(const DataType& type, ArrayData* data);
  arrow::Status TypeCodes(const DataType& type, ArrayData* data);
  template <class RunEnd>
  arrow::Status RunEnds(const DataType& type, ArrayData* data);
  arrow::Status RunEndEncoded(const DataType& type, ArrayData* data);
  template <class Index>
  arrow::Status CheckIndices(const ArrayData& data, uint64_t entries);
  arrow::Status Dictionary(const DataType& type, ArrayData* data);
  // Decodes what `type` adds to data->type, data->length and one empty buffer.
  arrow::Status Content(const DataType& type, ArrayData* data);
  arrow::Status AddChild(const TypePtr& type, int64_t length, ArrayData* data);

  std::string_view rest_;
  RowArena arena_;
};

arrow::Status RowDecoder::Nulls(ArrayData* data) {
  const char* flag = nullptr;
  RETURN_NOT_OK(Take(1, 1, &flag));
  data->SetNullCount(0);
  if (*flag == 0) return arrow::Status::OK();
  if (*flag != 1) return FlawedRows("its nulls are announced by neither 0 nor 1");
  RETURN_NOT_OK(TakeBuffer(arrow::bit_util::BytesForBits(data->length), 1, &data->buffers[0]));
  const uint8_t* bitmap = data->buffers[0]->data();
  data->SetNullCount(data->length - arrow::internal::CountSetBits(bitmap, 0, data->length));
  return arrow::Status::OK();
}

template <class T>
arrow::Status RowDecoder::Offsets(int64_t count, BufferPtr* buffer, int64_t* last) {
  const char* ends = nullptr;
  uint8_t* bytes = nullptr;
  RETURN_NOT_OK(Take(count, sizeof(T), &ends));
  RETURN_NOT_OK(arena_.Allocate((count + 1) * sizeof(T), buffer, &bytes));
  T* offsets = reinterpret_cast<T*>(bytes);
  offsets[0] = 0;
  bool falls = false;
  for (int64_t i = 0; i < count; ++i) {
    offsets[i + 1] = LoadLittle<T>(ends + i * sizeof(T));
    falls |= offsets[i + 1] < offsets[i];
  }
  *last = offsets[count];
  return falls ? FlawedRows("its ends fall") : arrow::Status::OK();
}

arrow::Status RowDecoder::AddChild(const TypePtr& type, int64_t length, ArrayData* data) {
  ARROW_ASSIGN_OR_RAISE(auto child, Column(type, length));
  data->child_data.push_back(std::move(child));
  return arrow::Status::OK();
}

arrow::Status RowDecoder::Fixed(const DataType& type, ArrayData* data) {
  RETURN_NOT_OK(Nulls(data));
  data->buffers.emplace_back();
  return TakeBuffer(data->length, type.byte_width(), &data->buffers[1]);
}

template <class Offset>
arrow::Status RowDecoder::Binary(ArrayData* data) {
  RETURN_NOT_OK(Nulls(data));
  data->buffers.resize(3);
  int64_t size = 0;
  RETURN_NOT_OK(Offsets<Offset>(data->length, &data->buffers[1], &size));
  return TakeBuffer(size, 1, &data->buffers[2]);
}

arrow::Status RowDecoder::Views(ArrayData* data) {
  using View = arrow::BinaryViewType::c_type;
  RETURN_NOT_OK(Nulls(data));
  data->buffers.resize(3);
  BufferPtr offset_buffer;
  int64_t size = 0;
  RETURN_NOT_OK(Offsets<int32_t>(data->length, &offset_buffer, &size));
  RETURN_NOT_OK(TakeBuffer(size, 1, &data->buffers[2]));
  uint8_t* bytes = nullptr;
  RETURN_NOT_OK(arena_.Allocate(data->length * sizeof(View), &data->buffers[1], &bytes));
  View* views = reinterpret_cast<View*>(bytes);
  const int32_t* offsets = reinterpret_cast<const int32_t*>(offset_buffer->data());
  const uint8_t* content = data->buffers[2]->data();
  for (int64_t i = 0; i < data->length; ++i) {
    View view{};
    const int32_t length = offsets[i + 1] - offsets[i];
    const uint8_t* value = content + offsets[i];
    if (length <= arrow::BinaryViewType::kInlineSize) {
      view.inlined.size = length;
      if (length > 0) std::memcpy(view.inlined.data.data(), value, length);
    } else {
      view.ref.size = length;
      view.ref.buffer_index = 0;
      view.ref.offset = offsets[i];
      std::memcpy(view.ref.prefix.data(), value, view.ref.prefix.size());
    }
    views[i] = view;
  }
  return arrow::Status::OK();
}

template <class Offset>
arrow::Status RowDecoder::List(const DataType& type, ArrayData* data) {
  RETURN_NOT_OK(Nulls(data));
  data->buffers.emplace_back();
  int64_t elements = 0;
  RETURN_NOT_OK(Offsets<Offset>(data->length, &data->buffers[1], &elements));
  return AddChild(type.field(0)->type(), elements, data);
}

template <class Offset>
arrow::Status RowDecoder::ListView(const DataType& type, ArrayData* data) {
  RETURN_NOT_OK(Nulls(data));
  data->buffers.resize(3);
  int64_t elements = 0;
  // One offset more than a view of lists needs; the last is the end of the last list.
  RETURN_NOT_OK(Offsets<Offset>(data->length, &data->buffers[1], &elements));
  const Offset* offsets = reinterpret_cast<const Offset*>(data->buffers[1]->data());
  uint8_t* bytes = nullptr;
  RETURN_NOT_OK(arena_.Allocate(data->length * sizeof(Offset), &data->buffers[2], &bytes));
  Offset* sizes = reinterpret_cast<Offset*>(bytes);
  for (int64_t i = 0; i < data->length; ++i) sizes[i] = offsets[i + 1] - offsets[i];
  return AddChild(type.field(0)->type(), elements, data);
}

arrow::Status RowDecoder::FixedSizeList(const DataType& type, ArrayData* data) {
  RETURN_NOT_OK(Nulls(data));
  int64_t elements = 0;
  const int64_t size = static_cast<const arrow::FixedSizeListType&>(type).list_size();
  if (__builtin_mul_overflow(data->length, size, &elements))
    return FlawedRows("it has too many elements");
  return AddChild(type.field(0)->type(), elements, data);
}

arrow::Status RowDecoder::Struct(const DataType& type, ArrayData* data) {
  RETURN_NOT_OK(Nulls(data));
  for (const auto& field : type.fields())
    RETURN_NOT_OK(AddChild(field->type(), data->length, data));
  return arrow::Status::OK();
}

arrow::Status RowDecoder::TypeCodes(const DataType& type, ArrayData* data) {
  data->SetNullCount(0);
  data->buffers.emplace_back();
  RETURN_NOT_OK(TakeBuffer(data->length, 1, &data->buffers[1]));
  const int8_t* codes = reinterpret_cast<const int8_t*>(data->buffers[1]->data());
  const auto& child_of = static_cast<const arrow::UnionType&>(type).child_ids();
  for (int64_t i = 0; i < data->length; ++i) {
    if (codes[i] < 0 || child_of[codes[i]] < 0)
      return FlawedRows("it has a type code that its union has not");
  }
  return arrow::Status::OK();
}

arrow::Status RowDecoder::SparseUnion(const DataType& type, ArrayData* data) {
  RETURN_NOT_OK(TypeCodes(type, data));
  for (const auto& field : type.fields())
    RETURN_NOT_OK(AddChild(field->type(), data->length, data));
  return arrow::Status::OK();
}

arrow::Status RowDecoder::DenseUnion(const DataType& type, ArrayData* data) {
  RETURN_NOT_OK(TypeCodes(type, data));
  const int8_t* codes = reinterpret_cast<const int8_t*>(data->buffers[1]->data());
  const auto& child_of = static_cast<const arrow::UnionType&>(type).child_ids();
  uint8_t* bytes = nullptr;
  data->buffers.emplace_back();
  RETURN_NOT_OK(arena_.Allocate(data->length * sizeof(int32_t), &data->buffers[2], &bytes));
  int32_t* offsets = reinterpret_cast<int32_t*>(bytes);
  std::vector<int64_t> lengths(type.num_fields());
  for (int64_t i = 0; i < data->length; ++i)
    offsets[i] = static_cast<int32_t>(lengths[child_of[codes[i]]]++);
  for (int i = 0; i < type.num_fields(); ++i) {
    if (lengths[i] > std::numeric_limits<int32_t>::max()) return FlawedRows("it has too many rows");
    RETURN_NOT_OK(AddChild(type.field(i)->type(), lengths[i], data));
  }
  return arrow::Status::OK();
}

template <class RunEnd>
arrow::Status RowDecoder::RunEnds(const DataType& type, ArrayData* data) {
  uint32_t runs = 0;
  RETURN_NOT_OK(Number(&runs));
  BufferPtr buffer;
  RETURN_NOT_OK(TakeBuffer(runs, sizeof(RunEnd), &buffer));
  const RunEnd* ends = reinterpret_cast<const RunEnd*>(buffer->data());
  int64_t last = 0;
  for (uint32_t i = 0; i < runs; ++i) {
    if (ends[i] <= last) return FlawedRows("its run ends do not rise");
    last = ends[i];
  }
  if (last != data->length) return FlawedRows("its runs do not end with its rows");
  data->child_data.push_back(
      ArrayData::Make(type.field(0)->type(), runs, {nullptr, std::move(buffer)}, 0));
  return AddChild(type.field(1)->type(), runs, data);
}

arrow::Status RowDecoder::RunEndEncoded(const DataType& type, ArrayData* data) {
  data->SetNullCount(0);
  switch (type.field(0)->type()->id()) {
    case Type::INT16:
      return RunEnds<int16_t>(type, data);
    case Type::INT32:
      return RunEnds<int32_t>(type, data);
    default:
      return RunEnds<int64_t>(type, data);
  }
}

template <class Index>
arrow::Status RowDecoder::CheckIndices(const ArrayData& data, uint64_t entries) {
  const uint8_t* bitmap = data.buffers[0] != nullptr ? data.buffers[0]->data() : nullptr;
  const Index* indices = reinterpret_cast<const Index*>(data.buffers[1]->data());
  for (int64_t i = 0; i < data.length; ++i) {
    const bool valid = bitmap == nullptr || arrow::bit_util::GetBit(bitmap, i);
    if (valid && indices[i] >= entries) return FlawedRows("an index is beyond its dictionary");
  }
  return arrow::Status::OK();
}

arrow::Status RowDecoder::Dictionary(const DataType& type, ArrayData* data) {
  const auto& dictionary = static_cast<const arrow::DictionaryType&>(type);
  RETURN_NOT_OK(Fixed(*dictionary.index_type(), data));
  uint32_t entries = 0;
  RETURN_NOT_OK(Number(&entries));
  ARROW_ASSIGN_OR_RAISE(data->dictionary, Column(dictionary.value_type(), entries));
  switch (dictionary.index_type()->byte_width()) {
    case 1:
      return CheckIndices<uint8_t>(*data, entries);
    case 2:
      return CheckIndices<uint16_t>(*data, entries);
    case 4:
      return CheckIndices<uint32_t>(*data, entries);
    default:
      return CheckIndices<uint64_t>(*data, entries);
  }
}

arrow::Status RowDecoder::Content(const DataType& type, ArrayData* data) {
  switch (type.id()) {
    case Type::NA:
      data->SetNullCount(data->length);
      return arrow::Status::OK();
    case Type::BOOL:
      RETURN_NOT_OK(Nulls(data));
      data->buffers.emplace_back();
      return TakeBuffer(arrow::bit_util::BytesForBits(data->length), 1, &data->buffers[1]);
    case Type::STRING:
    case Type::BINARY:
      return Binary<int32_t>(data);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return Binary<int64_t>(data);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
      return Views(data);
    case Type::LIST:
    case Type::MAP:
      return List<int32_t>(type, data);
    case Type::LARGE_LIST:
      return List<int64_t>(type, data);
    case Type::LIST_VIEW:
      return ListView<int32_t>(type, data);
    case Type::LARGE_LIST_VIEW:
      return ListView<int64_t>(type, data);
    case Type::FIXED_SIZE_LIST:
      return FixedSizeList(type, data);
    case Type::STRUCT:
      return Struct(type, data);
    case Type::SPARSE_UNION:
      return SparseUnion(type, data);
    case Type::DENSE_UNION:
      return DenseUnion(type, data);
    case Type::RUN_END_ENCODED:
      return RunEndEncoded(type, data);
    case Type::DICTIONARY:
      return Dictionary(type, data);
    case Type::EXTENSION:
      return Content(*static_cast<const arrow::ExtensionType&>(type).storage_type(), data);
    default:
      return Fixed(type, data);
  }
}

arrow::Result<ArrayDataPtr> RowDecoder::Column(const TypePtr& type, int64_t length) {
  auto data = std::make_shared<ArrayData>(type, length);
  data->buffers.reserve(3);
  data->buffers.emplace_back();
  RETURN_NOT_OK(Content(*type, data.get()));
  return data;
}

}  // namespace

arrow::Result<std::shared_ptr<arrow::RecordBatch>> DecodeRows(
    const std::shared_ptr<arrow::Schema>& schema, std::string_view bytes, size_t* consumed) {
  RowDecoder decoder(bytes, schema->num_fields());
  uint32_t rows = 0;
  if (!decoder.Number(&rows).ok()) return FlawedRows("damaged rows: there is no row count");
  arrow::ArrayDataVector columns;
  columns.reserve(schema->num_fields());
  for (const auto& field : schema->fields()) {
    auto column = decoder.Column(field->type(), rows);
    if (!column.ok()) {
      const arrow::Status& status = column.status();
      return MakeError(GetErrorCode(status),
                       "damaged rows: column '" + field->name() + "': " + status.message());
    }
    columns.push_back(*std::move(column));
  }
  *consumed = bytes.size() - decoder.rest().size();
  return arrow::RecordBatch::Make(schema, rows, std::move(columns));
}

}  // namespace pyralog::lsm
