#include "sql/collector_columns.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "arrow/builder.h"
#include "arrow/memory_pool.h"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "pyralog/error.h"
#include "sql/held_array.h"
#include "sql/kept_memory.h"

namespace pyralog::sql {
namespace {

using duckdb::idx_t;
using duckdb::sel_t;
using duckdb::Vector;

constexpr int64_t kSmallestBuffer = 64;               // a cache line, Arrow's alignment
constexpr int64_t kMaxViewBuffer = int64_t{1} << 31;  // offsets into it are 32-bit, signed
constexpr auto kMaxDecimal38 =
    static_cast<__int128>(10'000'000'000'000'000'000ULL) * 10'000'000'000'000'000'000ULL;

// Same bytes on both sides. Rows that stand one after the other in an array of a scan are not
// copied: the batch shares the array's buffer.
class SameCollector final : public ColumnCollector {
 public:
  SameCollector(std::shared_ptr<arrow::DataType> type, int width)
      : ColumnCollector(std::move(type)), width_(width) {}

 protected:
  arrow::Status AppendValues(Vector& vector, const VectorRows& rows) override {
    if (Share(vector, rows)) return arrow::Status::OK();
    if (shared_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(uint8_t* before, values_.Extend(shared_bytes_));
      std::memcpy(before, shared_begin_, shared_bytes_);
      shared_ = nullptr;
    }
    ARROW_ASSIGN_OR_RAISE(uint8_t* out, values_.Extend(static_cast<int64_t>(rows.count) * width_));
    if (rows.rows == nullptr) {
      std::memcpy(out, rows.data, rows.count * width_);
    } else {
      GatherAny(rows, out);
    }
    for (idx_t i = 0; !rows.validity->AllValid() && i < rows.count; ++i) {
      if (!rows.validity->RowIsValid(rows.At(i))) std::memset(out + i * width_, 0, width_);
    }
    return arrow::Status::OK();
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    if (const auto shared = std::exchange(shared_, nullptr)) {
      data->buffers.push_back(
          arrow::SliceBuffer(shared, shared_begin_ - shared->data(), shared_bytes_));
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto buffer, values_.Finish());
    data->buffers.push_back(std::move(buffer));
    return arrow::Status::OK();
  }

 private:
  // Whether the rows follow those that are shared, or are the batch's first, and are shared now.
  bool Share(Vector& vector, const VectorRows& rows) {
    if (rows.rows != nullptr || !rows.validity->AllValid() || values_.size() > 0) return false;
    if (shared_ != nullptr && rows.data != shared_begin_ + shared_bytes_) return false;
    const HeldArray* const held = HeldBy(vector);
    if (held == nullptr || held->array->data()->buffers.size() < 2) return false;
    const auto& buffer = held->array->data()->buffers[1];
    const auto bytes = static_cast<int64_t>(rows.count) * width_;
    if (shared_ != nullptr ? buffer != shared_ : length_ > 0) return false;
    if (buffer == nullptr || rows.data < buffer->data() ||
        bytes > buffer->data() + buffer->size() - rows.data) {
      return false;
    }
    if (shared_ == nullptr) {
      shared_ = buffer;
      shared_begin_ = rows.data;
      shared_bytes_ = 0;
    }
    shared_bytes_ += bytes;
    return true;
  }

  template <typename T>
  static void Gather(const VectorRows& rows, uint8_t* out) {
    const T* const values = reinterpret_cast<const T*>(rows.data);
    T* const to = reinterpret_cast<T*>(out);
    for (idx_t i = 0; i < rows.count; ++i) to[i] = values[rows.rows[i]];
  }
  void GatherAny(const VectorRows& rows, uint8_t* out) const {
    switch (width_) {
      case 1:
        return Gather<uint8_t>(rows, out);
      case 2:
        return Gather<uint16_t>(rows, out);
      case 4:
        return Gather<uint32_t>(rows, out);
      case 8:
        return Gather<uint64_t>(rows, out);
      default:
        return Gather<duckdb::hugeint_t>(rows, out);
    }
  }

  const int width_;
  GrowingBytes values_;
  std::shared_ptr<arrow::Buffer> shared_;  // that has all rows so far, or nullptr
  const uint8_t* shared_begin_ = nullptr;
  int64_t shared_bytes_ = 0;
};

// A value a time. Convert returns false for a value that the stored type cannot hold.
template <typename From, typename To, typename Convert>
class ConvertCollector final : public ColumnCollector {
 public:
  using ColumnCollector::ColumnCollector;

 protected:
  arrow::Status AppendValues(Vector& vector, const VectorRows& rows) override {
    ARROW_ASSIGN_OR_RAISE(uint8_t* out,
                          values_.Extend(static_cast<int64_t>(rows.count * sizeof(To))));
    const From* const values = reinterpret_cast<const From*>(rows.data);
    To* const to = reinterpret_cast<To*>(out);
    for (idx_t i = 0; i < rows.count; ++i) {
      const idx_t row = rows.At(i);
      if (!rows.validity->RowIsValid(row)) {
        to[i] = To{};
      } else if (!Convert()(values[row], to + i)) {
        return MakeError(ErrorCode::kInvalidArgument,
                         "a value of type " + vector.GetType().ToString() +
                             " does not fit Arrow's " + type_->ToString());
      }
    }
    return arrow::Status::OK();
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, values_.Finish());
    data->buffers.push_back(std::move(buffer));
    return arrow::Status::OK();
  }

 private:
  GrowingBytes values_;
};

struct FromSmallDecimal {
  bool operator()(int16_t value, int32_t* out) const {
    *out = value;
    return true;
  }
};

struct MonthDayNanos {
  int32_t months, days;
  int64_t nanos;
};
struct FromInterval {
  bool operator()(const duckdb::interval_t& value, MonthDayNanos* out) const {
    out->months = value.months;
    out->days = value.days;
    return !__builtin_mul_overflow(value.micros, int64_t{1000}, &out->nanos);
  }
};

template <typename Narrow>
struct ToDecimal128 {
  bool operator()(Narrow value, __int128* out) const {
    *out = value;
    return true;
  }
};

struct BigEndianWords {
  uint64_t upper, lower;
};
template <uint64_t kFlip>
struct FromHugeint {
  bool operator()(const duckdb::hugeint_t& value, BigEndianWords* out) const {
    out->upper = __builtin_bswap64(static_cast<uint64_t>(value.upper) ^ kFlip);
    out->lower = __builtin_bswap64(value.lower);
    return true;
  }
};
constexpr uint64_t kTopBit = uint64_t{1} << 63;

struct HugeintToDecimal {
  bool operator()(const duckdb::hugeint_t& value, __int128* out) const {
    *out = static_cast<__int128>((static_cast<unsigned __int128>(value.upper) << 64) | value.lower);
    return *out < kMaxDecimal38 && *out > -kMaxDecimal38;
  }
};
struct UhugeintToDecimal {
  bool operator()(const duckdb::uhugeint_t& value, __int128* out) const {
    *out = static_cast<__int128>((static_cast<unsigned __int128>(value.upper) << 64) | value.lower);
    return *out < kMaxDecimal38 && *out >= 0;
  }
};

class BoolCollector final : public ColumnCollector {
 public:
  using ColumnCollector::ColumnCollector;

 protected:
  arrow::Status AppendValues(Vector&, const VectorRows& rows) override {
    const int64_t end = length_ + static_cast<int64_t>(rows.count);
    const int64_t old_bytes = bits_.size();
    ARROW_ASSIGN_OR_RAISE(uint8_t* added, bits_.Extend((end + 7) / 8 - old_bytes));
    std::memset(added, 0, bits_.size() - old_bytes);
    uint8_t* const bits = bits_.data();
    for (idx_t i = 0; i < rows.count; ++i) {
      const int64_t at = length_ + static_cast<int64_t>(i);
      const idx_t row = rows.At(i);
      const int bit = rows.validity->RowIsValid(row) ? rows.data[row] & 1 : 0;
      bits[at / 8] |= static_cast<uint8_t>(bit << (at % 8));
    }
    return arrow::Status::OK();
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, bits_.Finish());
    data->buffers.push_back(std::move(buffer));
    return arrow::Status::OK();
  }

 private:
  GrowingBytes bits_;
};

// Short strings live in their view on both sides; the bytes of longer ones go to one buffer (a
// further one every 2 GiB).
class ViewCollector final : public ColumnCollector {
 public:
  using ColumnCollector::ColumnCollector;

 protected:
  arrow::Status AppendValues(Vector&, const VectorRows& rows) override {
    ARROW_ASSIGN_OR_RAISE(uint8_t* out,
                          views_.Extend(static_cast<int64_t>(rows.count * sizeof(View))));
    View* const views = reinterpret_cast<View*>(out);
    const auto* const strings = reinterpret_cast<const duckdb::string_t*>(rows.data);
    for (idx_t i = 0; i < rows.count; ++i) {
      const idx_t row = rows.At(i);
      if (!rows.validity->RowIsValid(row)) {
        views[i] = View{};
      } else if (strings[row].IsInlined()) {
        std::memcpy(&views[i], &strings[row], sizeof(View));
      } else {
        ARROW_RETURN_NOT_OK(AppendLong(strings[row], &views[i]));
      }
    }
    return arrow::Status::OK();
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    ARROW_ASSIGN_OR_RAISE(auto views, views_.Finish());
    data->buffers.push_back(std::move(views));
    if (bytes_.size() > 0) ARROW_RETURN_NOT_OK(FinishBytes());
    data->buffers.insert(data->buffers.end(), full_.begin(), full_.end());
    full_.clear();
    return arrow::Status::OK();
  }

 private:
  struct View {
    uint32_t size;
    char prefix[4];
    uint32_t buffer;
    uint32_t offset;
  };

  arrow::Status AppendLong(const duckdb::string_t& string, View* view) {
    const auto size = static_cast<int64_t>(string.GetSize());
    if (bytes_.size() + size >= kMaxViewBuffer && bytes_.size() > 0)
      ARROW_RETURN_NOT_OK(FinishBytes());
    view->size = static_cast<uint32_t>(size);
    view->buffer = static_cast<uint32_t>(full_.size());
    view->offset = static_cast<uint32_t>(bytes_.size());
    ARROW_ASSIGN_OR_RAISE(uint8_t* to, bytes_.Extend(size));
    std::memcpy(to, string.GetData(), size);
    std::memcpy(view->prefix, to, sizeof(view->prefix));
    return arrow::Status::OK();
  }
  arrow::Status FinishBytes() {
    ARROW_ASSIGN_OR_RAISE(auto buffer, bytes_.Finish());
    full_.push_back(std::move(buffer));
    return arrow::Status::OK();
  }

  GrowingBytes views_;
  GrowingBytes bytes_;
  std::vector<std::shared_ptr<arrow::Buffer>> full_;
};

// Strings one after the other in one buffer, where each begins and ends in another.
class OffsetsCollector final : public ColumnCollector {
 public:
  using ColumnCollector::ColumnCollector;
  int64_t bytes() const override { return bytes_.size(); }

 protected:
  arrow::Status AppendValues(Vector&, const VectorRows& rows) override {
    const auto* const strings = reinterpret_cast<const duckdb::string_t*>(rows.data);
    int64_t end = bytes_.size();
    const int64_t begin = end;
    ARROW_RETURN_NOT_OK(BeginOffsets());
    ARROW_ASSIGN_OR_RAISE(uint8_t* out,
                          offsets_.Extend(static_cast<int64_t>(rows.count * sizeof(int32_t))));
    auto* const ends = reinterpret_cast<int32_t*>(out);
    const bool all_valid = rows.validity->AllValid();
    if (all_valid && rows.rows != nullptr) {
      for (idx_t i = 0; i < rows.count; ++i) {
        end += strings[rows.rows[i]].GetSize();
        ends[i] = static_cast<int32_t>(end);
      }
    } else {
      for (idx_t i = 0; i < rows.count; ++i) {
        const idx_t row = rows.At(i);
        if (all_valid || rows.validity->RowIsValid(row)) end += strings[row].GetSize();
        ends[i] = static_cast<int32_t>(end);
      }
    }
    if (end > INT32_MAX) {
      return MakeError(ErrorCode::kInvalidArgument, "the values of " + std::to_string(rows.count) +
                                                        " rows have more than 2 GiB together");
    }
    // Room for what Copy writes behind the last.
    ARROW_ASSIGN_OR_RAISE(uint8_t* to, bytes_.Extend(end - begin + kCopied));
    to -= begin;
    for (idx_t i = 0; i < rows.count; ++i) {
      const idx_t row = rows.At(i);
      // Each from its own offset, which does not wait for the string before.
      if (all_valid || rows.validity->RowIsValid(row)) Copy(strings[row], to + ends[i]);
    }
    bytes_.Shrink(kCopied);
    return arrow::Status::OK();
  }
  arrow::Status FinishValues(arrow::ArrayData* data) override {
    ARROW_RETURN_NOT_OK(BeginOffsets());
    ARROW_ASSIGN_OR_RAISE(auto offsets, offsets_.Finish());
    data->buffers.push_back(std::move(offsets));
    ARROW_ASSIGN_OR_RAISE(auto bytes, bytes_.Finish());
    data->buffers.push_back(std::move(bytes));
    return arrow::Status::OK();
  }

 private:
  static constexpr int64_t kCopied = duckdb::string_t::INLINE_BYTES;

  static void Copy(const duckdb::string_t& string, uint8_t* end) {
    uint8_t* const to = end - string.GetSize();
    if (string.IsInlined()) {
      std::memcpy(to, string.GetPrefix(), kCopied);  // a fixed size is faster than the true one
    } else {
      CopyBytes(string.GetData(), string.GetSize(), to);
    }
  }
  // Two moves that overlap are faster than a call for the few bytes that most strings have.
  static void CopyBytes(const char* from, size_t size, uint8_t* to) {
    const auto move_both_ends = [&]<size_t kBytes>(std::array<char, kBytes> end) {
      std::array<char, kBytes> begin;
      std::memcpy(begin.data(), from, kBytes);
      std::memcpy(end.data(), from + size - kBytes, kBytes);
      std::memcpy(to, begin.data(), kBytes);
      std::memcpy(to + size - kBytes, end.data(), kBytes);
    };
    if (size <= 16) return move_both_ends(std::array<char, 8>());
    if (size <= 32) return move_both_ends(std::array<char, 16>());
    std::memcpy(to, from, size);
  }

  // Where the first string begins.
  arrow::Status BeginOffsets() {
    if (offsets_.size() > 0) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(uint8_t* out, offsets_.Extend(sizeof(int32_t)));
    std::memset(out, 0, sizeof(int32_t));
    return arrow::Status::OK();
  }

  GrowingBytes offsets_;
  GrowingBytes bytes_;
};

// The codes are the indices.
class EnumCollector final : public ColumnCollector {
 public:
  explicit EnumCollector(const TypeLayout& layout)
      : ColumnCollector(layout.arrow), sql_(layout.sql), codes_(layout.arrow, layout.width) {}

  arrow::Status Append(Vector& vector, const sel_t* rows, idx_t count) override {
    return codes_.Append(vector, rows, count);
  }
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override {
    ARROW_ASSIGN_OR_RAISE(auto data, codes_.Finish());
    if (dictionary_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(dictionary_, EnumNames(sql_));
    }
    data->dictionary = dictionary_->data();
    return data;
  }

 protected:
  arrow::Status AppendValues(Vector&, const VectorRows&) override { return arrow::Status::OK(); }
  arrow::Status FinishValues(arrow::ArrayData*) override { return arrow::Status::OK(); }

 private:
  const duckdb::LogicalType sql_;
  SameCollector codes_;
  std::shared_ptr<arrow::Array> dictionary_;
};

class NullCollector final : public ColumnCollector {
 public:
  using ColumnCollector::ColumnCollector;
  arrow::Status Append(Vector&, const sel_t*, idx_t count) override {
    length_ += static_cast<int64_t>(count);
    return arrow::Status::OK();
  }
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override {
    const int64_t length = std::exchange(length_, 0);
    return arrow::ArrayData::Make(type_, length, {nullptr}, length);
  }

 protected:
  arrow::Status AppendValues(Vector&, const VectorRows&) override { return arrow::Status::OK(); }
  arrow::Status FinishValues(arrow::ArrayData*) override { return arrow::Status::OK(); }
};

std::unique_ptr<ColumnCollector> MakeWideCollector(const TypeLayout& layout) {
  switch (layout.sql.InternalType()) {
    case duckdb::PhysicalType::INT16:
      return std::make_unique<ConvertCollector<int16_t, __int128, ToDecimal128<int16_t>>>(
          layout.arrow);
    case duckdb::PhysicalType::INT32:
      return std::make_unique<ConvertCollector<int32_t, __int128, ToDecimal128<int32_t>>>(
          layout.arrow);
    default:
      return std::make_unique<ConvertCollector<int64_t, __int128, ToDecimal128<int64_t>>>(
          layout.arrow);
  }
}

std::unique_ptr<ColumnCollector> MakeBytes16Collector(const TypeLayout& layout) {
  if (layout.sql.id() == duckdb::LogicalTypeId::UHUGEINT) {
    return std::make_unique<ConvertCollector<duckdb::hugeint_t, BigEndianWords, FromHugeint<0>>>(
        layout.arrow);
  }
  return std::make_unique<
      ConvertCollector<duckdb::hugeint_t, BigEndianWords, FromHugeint<kTopBit>>>(layout.arrow);
}

std::unique_ptr<ColumnCollector> MakeHugeintCollector(const TypeLayout& layout) {
  if (layout.sql.id() == duckdb::LogicalTypeId::UHUGEINT) {
    return std::make_unique<ConvertCollector<duckdb::uhugeint_t, __int128, UhugeintToDecimal>>(
        layout.arrow);
  }
  return std::make_unique<ConvertCollector<duckdb::hugeint_t, __int128, HugeintToDecimal>>(
      layout.arrow);
}

// Casts to VARCHAR and collects that.
template <class Text>
class TextCollector final : public ColumnCollector {
 public:
  explicit TextCollector(const std::shared_ptr<arrow::DataType>& type)
      : ColumnCollector(type), text_(type) {}

  arrow::Status Append(Vector& vector, const sel_t* rows, idx_t count) override {
    Vector text(duckdb::LogicalType::VARCHAR, std::max<idx_t>(count, STANDARD_VECTOR_SIZE));
    if (rows == nullptr) {
      duckdb::VectorOperations::DefaultCast(vector, text, count);
    } else {
      const duckdb::SelectionVector selected(const_cast<sel_t*>(rows));
      Vector sliced(vector, selected, count);
      duckdb::VectorOperations::DefaultCast(sliced, text, count);
    }
    return text_.Append(text, nullptr, count);
  }
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Finish() override { return text_.Finish(); }
  int64_t bytes() const override { return text_.bytes(); }

 protected:
  arrow::Status AppendValues(Vector&, const VectorRows&) override { return arrow::Status::OK(); }
  arrow::Status FinishValues(arrow::ArrayData*) override { return arrow::Status::OK(); }

 private:
  Text text_;
};

}  // namespace

arrow::Result<std::shared_ptr<arrow::Array>> EnumNames(const duckdb::LogicalType& type) {
  const auto* const names =
      duckdb::FlatVector::GetData<duckdb::string_t>(duckdb::EnumType::GetValuesInsertOrder(type));
  arrow::StringBuilder builder;
  for (idx_t i = 0; i < duckdb::EnumType::GetSize(type); ++i) {
    ARROW_RETURN_NOT_OK(
        builder.Append(names[i].GetData(), static_cast<int32_t>(names[i].GetSize())));
  }
  return builder.Finish();
}

std::unique_ptr<ColumnCollector> MakeColumnCollector(const TypeLayout& layout) {
  switch (layout.layout) {
    case Layout::kSame:
      return std::make_unique<SameCollector>(layout.arrow, layout.width);
    case Layout::kNarrow:
      return std::make_unique<ConvertCollector<int16_t, int32_t, FromSmallDecimal>>(layout.arrow);
    case Layout::kBool:
      return std::make_unique<BoolCollector>(layout.arrow);
    case Layout::kBytes16:
      return MakeBytes16Collector(layout);
    case Layout::kView:
      return std::make_unique<ViewCollector>(layout.arrow);
    case Layout::kInterval:
      return std::make_unique<ConvertCollector<duckdb::interval_t, MonthDayNanos, FromInterval>>(
          layout.arrow);
    case Layout::kOffsets:
      return std::make_unique<OffsetsCollector>(layout.arrow);
    case Layout::kWideDecimal:
      return MakeWideCollector(layout);
    case Layout::kEnum:
      return std::make_unique<EnumCollector>(layout);
    case Layout::kNull:
      return std::make_unique<NullCollector>(layout.arrow);
    case Layout::kHugeintDecimal:
      return MakeHugeintCollector(layout);
    case Layout::kText:
      return std::make_unique<TextCollector<OffsetsCollector>>(layout.arrow);
    case Layout::kCastText:
      return std::make_unique<TextCollector<ViewCollector>>(layout.arrow);
    default:
      return MakeNestedCollector(layout);
  }
}

arrow::Status GrowingBytes::Grow(int64_t bytes) {
  const int64_t capacity =
      std::max({bytes, capacity_ * 2, kSmallestBuffer, last_size_ + last_size_ / 16});
  if (buffer_ == nullptr) {
    ARROW_ASSIGN_OR_RAISE(buffer_,
                          arrow::AllocateResizableBuffer(capacity, &KeptMemory::OfProcess()));
  } else {
    ARROW_RETURN_NOT_OK(buffer_->Resize(capacity, /*shrink_to_fit=*/false));
  }
  data_ = buffer_->mutable_data();
  capacity_ = buffer_->capacity();
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::Buffer>> GrowingBytes::Finish() {
  if (buffer_ == nullptr) ARROW_RETURN_NOT_OK(Grow(0));
  ARROW_RETURN_NOT_OK(buffer_->Resize(size_, /*shrink_to_fit=*/false));
  data_ = nullptr;
  last_size_ = std::exchange(size_, 0);
  capacity_ = 0;
  return std::shared_ptr<arrow::Buffer>(std::move(buffer_));
}

arrow::Status ColumnCollector::Append(Vector& vector, const sel_t* rows, idx_t count) {
  VectorRows input;
  input.count = count;
  input.vector_rows = rows;
  if (vector.GetVectorType() == duckdb::VectorType::FLAT_VECTOR) {
    input.data = duckdb::FlatVector::GetData(vector);
    input.validity = &duckdb::FlatVector::Validity(vector);
    input.rows = rows;
    ARROW_RETURN_NOT_OK(AppendValues(vector, input));
    return AppendNulls(input);
  }
  idx_t last = count;
  for (idx_t i = 0; rows != nullptr && i < count; ++i) last = std::max<idx_t>(last, rows[i] + 1);
  duckdb::UnifiedVectorFormat format;
  vector.ToUnifiedFormat(last, format);
  std::vector<sel_t> mapped;
  if (rows == nullptr) {
    input.rows = format.sel->data();
  } else {
    mapped.resize(count);
    for (idx_t i = 0; i < count; ++i)
      mapped[i] = static_cast<sel_t>(format.sel->get_index(rows[i]));
    input.rows = mapped.data();
  }
  input.data = format.data;
  input.validity = &format.validity;
  ARROW_RETURN_NOT_OK(AppendValues(vector, input));
  return AppendNulls(input);
}

arrow::Status ColumnCollector::AppendNulls(const VectorRows& rows) {
  const auto count = static_cast<int64_t>(rows.count);
  if (rows.validity->AllValid() && null_count_ == 0) {
    length_ += count;
    return arrow::Status::OK();
  }
  // Bits past the rows so far are 1 in every byte that is there.
  const int64_t old_bytes = null_count_ == 0 ? 0 : nulls_.size();
  const int64_t bytes = (length_ + count + 7) / 8;
  ARROW_RETURN_NOT_OK(nulls_.Extend(bytes - nulls_.size()).status());
  uint8_t* const bits = nulls_.data();
  std::memset(bits + old_bytes, 0xFF, bytes - old_bytes);
  for (int64_t i = 0; !rows.validity->AllValid() && i < count; ++i) {
    if (rows.validity->RowIsValid(rows.At(i))) continue;
    bits[(length_ + i) / 8] &= static_cast<uint8_t>(~(1 << ((length_ + i) % 8)));
    ++null_count_;
  }
  length_ += count;
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> ColumnCollector::Finish() {
  auto data = std::make_shared<arrow::ArrayData>(type_, length_, null_count_);
  ARROW_ASSIGN_OR_RAISE(auto nulls, nulls_.Finish());
  data->buffers.push_back(null_count_ == 0 ? nullptr : std::move(nulls));
  ARROW_RETURN_NOT_OK(FinishValues(data.get()));
  length_ = null_count_ = 0;
  return data;
}

}  // namespace pyralog::sql
