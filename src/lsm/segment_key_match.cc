#include "lsm/segment_key_match.h"

#include <algorithm>
#include <cstring>

#include "arrow/extension_type.h"
#include "arrow/type_traits.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/checked_cast.h"
#include "base/endian.h"

namespace pyralog::lsm {
namespace {

// The storage of an extension type, however deep; other types as they are.
const arrow::DataType* WithoutExtension(const arrow::DataType* type) {
  if (type->id() != arrow::Type::EXTENSION) return type;
  return WithoutExtension(
      arrow::internal::checked_cast<const arrow::ExtensionType&>(*type).storage_type().get());
}

uint64_t LoadOffset(const uint8_t* offsets, int32_t width, int64_t index) {
  return width == 4 ? LoadLittle<uint32_t>(offsets + index * 4)
                    : LoadLittle<uint64_t>(offsets + index * 8);
}

template <class T>
bool BeginsWith(std::string_view key, const uint8_t* value, bool is_signed) {
  T encoded = LoadLittle<T>(value);
  if (is_signed) encoded = static_cast<T>(encoded ^ (T{1} << (8 * sizeof(T) - 1)));
  if constexpr (sizeof(T) == 2) encoded = __builtin_bswap16(encoded);
  if constexpr (sizeof(T) == 4) encoded = __builtin_bswap32(encoded);
  if constexpr (sizeof(T) == 8) encoded = __builtin_bswap64(encoded);
  return LoadLittle<T>(std::string_view(key).data()) == encoded;
}

// Whether `key`, of at least `width` bytes, begins with the integer of `width` bytes at `value`:
// most significant byte first, sign flipped.
bool BeginsWithInteger(std::string_view key, const uint8_t* value, int32_t width, bool is_signed) {
  switch (width) {
    case 1:
      return BeginsWith<uint8_t>(key, value, is_signed);
    case 2:
      return BeginsWith<uint16_t>(key, value, is_signed);
    case 4:
      return BeginsWith<uint32_t>(key, value, is_signed);
    default:
      return BeginsWith<uint64_t>(key, value, is_signed);
  }
}

// Cuts the encoding of `value` (0x00 as 0x00 0xFF, then 0x00 0x00) off the front of `key`; false
// when it is another.
bool CutBytes(std::string_view value, std::string_view* key) {
  while (true) {
    const size_t zero = std::min(value.find('\0'), value.size());
    if (key->size() < zero + 2 || key->substr(0, zero) != value.substr(0, zero)) return false;
    const bool end = zero == value.size();
    if ((*key)[zero] != '\0' || (*key)[zero + 1] != (end ? '\0' : '\xFF')) return false;
    key->remove_prefix(zero + 2);
    if (end) return true;
    value.remove_prefix(zero + 1);
  }
}

}  // namespace

bool StoredKeys::KindOf(const arrow::DataType& type, Kind* kind) {
  switch (type.id()) {
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
      *kind = Kind::kUnsigned;
      return true;
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
    case arrow::Type::DURATION:
      *kind = Kind::kSigned;
      return true;
    case arrow::Type::BOOL:
      *kind = Kind::kBool;
      return true;
    case arrow::Type::FIXED_SIZE_BINARY:
      *kind = Kind::kFixedBytes;
      return true;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      *kind = Kind::kBytes32;
      return true;
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      *kind = Kind::kBytes64;
      return true;
    default:
      return false;
  }
}

bool StoredKeys::Supports(const TableSchema& schema, const arrow::Schema& stored) {
  for (int position : schema.key) {
    const auto& type = *stored.field(position)->type();
    Kind kind;
    if (!type.Equals(schema.arrow->field(position)->type()) ||
        !KindOf(*WithoutExtension(&type), &kind)) {
      return false;
    }
  }
  return true;
}

arrow::Result<StoredKeys> StoredKeys::Make(const TableSchema& schema,
                                           const arrow::RecordBatch& batch, BlockVerifier* blocks) {
  StoredKeys keys(blocks);
  for (int position : schema.key) {
    const arrow::ArrayData& data = *batch.column_data(position);
    const auto& type = *WithoutExtension(data.type.get());
    Column column{};
    KindOf(type, &column.kind);
    const bool referring = column.kind == Kind::kBytes32 || column.kind == Kind::kBytes64;
    column.width = column.kind == Kind::kBool ? 0
                   : referring                ? (column.kind == Kind::kBytes32 ? 4 : 8)
                                              : type.byte_width();
    const int64_t needed = column.kind == Kind::kBool
                               ? arrow::bit_util::BytesForBits(data.length)
                               : (data.length + (referring ? 1 : 0)) * column.width;
    const bool sound = data.offset == 0 && data.buffers.size() == (referring ? 3 : 2) &&
                       data.buffers[1] != nullptr && data.buffers[1]->size() >= needed &&
                       (!referring || data.buffers[2] != nullptr);
    if (!sound) {
      return SegmentFileDamaged(
          blocks->path(),
          "key column '" + schema.arrow->field(position)->name() + "' is shorter than its batch");
    }
    column.fixed = data.buffers[1]->data();
    if (referring) {
      column.bytes = data.buffers[2]->data();
      column.bytes_size = static_cast<uint64_t>(data.buffers[2]->size());
    }
    keys.columns_.push_back(column);
  }
  return keys;
}

arrow::Status StoredKeys::Match(int64_t row, std::string_view key, bool* equal) const {
  *equal = true;
  for (const Column& column : columns_) {
    ARROW_RETURN_NOT_OK(MatchColumn(column, row, &key, equal));
    if (!*equal) return arrow::Status::OK();
  }
  *equal = key.empty();
  return arrow::Status::OK();
}

arrow::Status StoredKeys::MatchColumn(const Column& column, int64_t row, std::string_view* key,
                                      bool* equal) const {
  if (column.kind == Kind::kBytes32 || column.kind == Kind::kBytes64)
    return MatchBytes(column, row, key, equal);
  const size_t encoded = column.kind == Kind::kBool ? 1 : static_cast<size_t>(column.width);
  *equal = key->size() >= encoded;
  if (!*equal) return arrow::Status::OK();
  const uint8_t* value =
      column.kind == Kind::kBool ? column.fixed + row / 8 : column.fixed + row * column.width;
  ARROW_RETURN_NOT_OK(blocks_->Ensure(OffsetInFile(value), encoded));
  if (column.kind == Kind::kBool) {
    *equal = (*key)[0] == (arrow::bit_util::GetBit(column.fixed, row) ? 1 : 0);
  } else if (column.kind == Kind::kFixedBytes) {
    *equal = key->starts_with(std::string_view(reinterpret_cast<const char*>(value), encoded));
  } else {
    *equal = BeginsWithInteger(*key, value, column.width, column.kind == Kind::kSigned);
  }
  key->remove_prefix(encoded);
  return arrow::Status::OK();
}

arrow::Status StoredKeys::MatchBytes(const Column& column, int64_t row, std::string_view* key,
                                     bool* equal) const {
  const auto width = static_cast<uint64_t>(column.width);
  ARROW_RETURN_NOT_OK(blocks_->Ensure(OffsetInFile(column.fixed + row * column.width), 2 * width));
  const uint64_t begin = LoadOffset(column.fixed, column.width, row);
  const uint64_t end = LoadOffset(column.fixed, column.width, row + 1);
  if (begin > end || end > column.bytes_size) {
    return SegmentFileDamaged(blocks_->path(),
                              "value offsets at offset " +
                                  std::to_string(OffsetInFile(column.fixed + row * column.width)) +
                                  " lie outside the column");
  }
  // An empty buffer need not stand in the file.
  if (end > begin)
    ARROW_RETURN_NOT_OK(blocks_->Ensure(OffsetInFile(column.bytes) + begin, end - begin));
  *equal = CutBytes({reinterpret_cast<const char*>(column.bytes) + begin, end - begin}, key);
  return arrow::Status::OK();
}

void StoredKeys::PrefetchFixed(int64_t row) const {
  for (const Column& column : columns_) {
    __builtin_prefetch(column.kind == Kind::kBool ? column.fixed + row / 8
                                                  : column.fixed + row * column.width);
  }
}

void StoredKeys::PrefetchReferred(int64_t row) const {
  for (const Column& column : columns_) {
    if (column.bytes == nullptr) continue;
    // Not verified yet, so only good for a hint.
    const uint64_t begin = LoadOffset(column.fixed, column.width, row);
    if (begin < column.bytes_size) __builtin_prefetch(column.bytes + begin);
  }
}

}  // namespace pyralog::lsm
