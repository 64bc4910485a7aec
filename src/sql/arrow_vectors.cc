#include <bit>
#include <cstring>
#include <utility>

#include "batch/narrow_integers.h"
#include "duckdb/common/type_visitor.hpp"
#include "duckdb/common/types/hugeint.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "pyralog/error.h"
#include "sql/arrow_vectors_fill.h"
#include "sql/errors.h"
#include "sql/held_array.h"
#include "sql/mask.h"
#include "sql/stored_values.h"

namespace pyralog::sql {
namespace {

using duckdb::FlatVector;
using duckdb::idx_t;
using duckdb::Vector;

// Same bytes on both sides, or integers that are stored in fewer.
class SameFiller final : public ColumnFiller {
 public:
  explicit SameFiller(int width) : width_(width) {}

 protected:
  void BindData(const arrow::ArrayData& data) override {
    values_ = data.buffers[1] ? data.buffers[1]->data() : nullptr;
    type_ = data.type->id();
    stored_width_ = arrow::is_integer(type_) ? data.type->byte_width() : width_;
  }
  bool PointAt(int64_t row, int64_t, Vector& out) override {
    if (stored_width_ < width_) return false;
    FlatVector::SetData(out, const_cast<uint8_t*>(values_) + row * width_);
    Hold(out);
    return true;
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    if (count == 0) return;
    uint8_t* const to = FlatVector::GetData(out) + at * width_;
    if (stored_width_ < width_) {
      batch::WidenValues(values_ + row * stored_width_, type_, count, width_, to);
    } else {
      std::memcpy(to, values_ + row * width_, count * width_);
    }
  }
  void CopyMaskedData(int64_t row, std::span<const uint64_t> mask, idx_t at, Vector& out) override {
    uint8_t* to = FlatVector::GetData(out) + at * width_;
    if (stored_width_ == width_) {
      CompactValues(values_ + row * width_, width_, mask, to);
      return;
    }
    constexpr size_t kWords = 16;
    uint8_t narrow[kWords * 64 * sizeof(uint32_t)];
    for (size_t i = 0; i < mask.size(); i += kWords) {
      const auto part = mask.subspan(i, std::min(kWords, mask.size() - i));
      const uint8_t* const from = values_ + (row + static_cast<int64_t>(i) * 64) * stored_width_;
      const int64_t count = CompactValues(from, stored_width_, part, narrow);
      batch::WidenValues(narrow, type_, count, width_, to);
      to += count * width_;
    }
  }

 private:
  const int width_;
  int stored_width_ = 0;
  arrow::Type::type type_ = arrow::Type::NA;
  const uint8_t* values_ = nullptr;
};

// A value a time, by a function of the stored bytes.
template <typename From, typename To, typename Convert>
class ConvertFiller final : public ColumnFiller {
 protected:
  void BindData(const arrow::ArrayData& data) override {
    values_ = data.buffers[1] ? data.buffers[1]->data_as<From>() : nullptr;
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    To* const to = FlatVector::GetDataUnsafe<To>(out) + at;
    for (int64_t i = 0; i < count; ++i) to[i] = Convert()(values_[row + i]);
  }

 private:
  const From* values_ = nullptr;
};

struct ToSmallDecimal {
  int16_t operator()(int32_t value) const { return static_cast<int16_t>(value); }
};

struct StoredInterval {
  int32_t months, days;
  int64_t nanos;
};
// What is below a microsecond has no place in an INTERVAL.
class IntervalFiller final : public ColumnFiller {
 protected:
  void BindData(const arrow::ArrayData& data) override {
    values_ = data.buffers[1] ? data.buffers[1]->data_as<StoredInterval>() : nullptr;
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    auto* const to = FlatVector::GetDataUnsafe<duckdb::interval_t>(out) + at;
    for (int64_t i = 0; i < count; ++i) {
      const StoredInterval& stored = values_[row + i];
      if (stored.nanos % 1000 != 0 && !IsNullAt(row + i)) {
        ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                              "a value of the stored type month_day_nano_interval has nanoseconds, "
                              "and SQL's INTERVAL keeps microseconds; read it through the Arrow "
                              "interfaces"));
      }
      to[i].months = stored.months;
      to[i].days = stored.days;
      to[i].micros = stored.nanos / 1000;
    }
  }

 private:
  const StoredInterval* values_ = nullptr;
};

// Big-endian bytes to two words; `kFlip` is what the upper one differs by (the sign bit, of HUGEINT
// and UUID).
struct BigEndian16 {
  uint64_t upper, lower;
};
template <uint64_t kFlip>
struct ToHugeint {
  duckdb::hugeint_t operator()(const BigEndian16& stored) const {
    duckdb::hugeint_t result;
    result.upper = static_cast<int64_t>(__builtin_bswap64(stored.upper) ^ kFlip);
    result.lower = __builtin_bswap64(stored.lower);
    return result;
  }
};
constexpr uint64_t kSignBit = uint64_t{1} << 63;

class BoolFiller final : public ColumnFiller {
 protected:
  void BindData(const arrow::ArrayData& data) override {
    bits_ = data.buffers[1] ? data.buffers[1]->data() : nullptr;
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    BitsToBytes(bits_, row, count, FlatVector::GetData(out) + at);
  }
  void CopyMaskedData(int64_t row, std::span<const uint64_t> mask, idx_t at, Vector& out) override {
    uint64_t bits[STANDARD_VECTOR_SIZE / 64 + 2];
    constexpr size_t kWords = STANDARD_VECTOR_SIZE / 64;
    for (size_t i = 0; i < mask.size(); i += kWords) {
      const auto part = mask.subspan(i, std::min(kWords, mask.size() - i));
      const int64_t rows = 64 * static_cast<int64_t>(part.size()) - std::countl_zero(part.back());
      const int64_t n = CompactBits(bits_, row + static_cast<int64_t>(i) * 64, rows, part, bits, 0);
      BitsToBytes(reinterpret_cast<const uint8_t*>(bits), 0, n, FlatVector::GetData(out) + at);
      at += n;
    }
  }

 private:
  const uint8_t* bits_ = nullptr;
};

// The views are copied with pointers in them; the bytes stay in the array.
class ViewFiller final : public ColumnFiller {
 protected:
  void BindData(const arrow::ArrayData& data) override {
    views_ = data.buffers[1] ? data.buffers[1]->data_as<duckdb::string_t>() : nullptr;
    buffers_.clear();
    for (size_t i = 2; i < data.buffers.size(); ++i)
      buffers_.push_back(data.buffers[i] ? data.buffers[i]->data() : nullptr);
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    HoldStrings(at, out);
    ResolveViews(views_ + row, count, buffers_.data(), buffers_.size(),
                 FlatVector::GetDataUnsafe<duckdb::string_t>(out) + at);
  }
  void CopyMaskedData(int64_t row, std::span<const uint64_t> mask, idx_t at, Vector& out) override {
    HoldStrings(at, out);
    auto* const to = FlatVector::GetDataUnsafe<duckdb::string_t>(out) + at;
    const int64_t n = CompactValues(views_ + row, sizeof(duckdb::string_t), mask, to);
    ResolveViews(to, n, buffers_.data(), buffers_.size(), to);
  }

 private:
  static_assert(sizeof(duckdb::string_t) == 16);
  const duckdb::string_t* views_ = nullptr;
  std::vector<const uint8_t*> buffers_;
};

// Text that is cast to the vector's type.
class CastFiller final : public ColumnFiller {
 protected:
  void BindData(const arrow::ArrayData& data) override {
    text_.Bind(arrow::MakeArray(std::make_shared<arrow::ArrayData>(data)));
    offset_ = data.offset;
  }
  void CopyData(int64_t row, int64_t count, idx_t at, Vector& out) override {
    for (int64_t done = 0; done < count; done += STANDARD_VECTOR_SIZE) {
      const auto part = std::min<int64_t>(STANDARD_VECTOR_SIZE, count - done);
      Vector text(duckdb::LogicalType::VARCHAR);
      text_.CopyRange(row - offset_ + done, part, 0, text);
      Vector values(out.GetType());
      duckdb::VectorOperations::DefaultCast(text, values, static_cast<idx_t>(part), true);
      duckdb::VectorOperations::Copy(values, out, static_cast<idx_t>(part), 0,
                                     at + static_cast<idx_t>(done));
    }
  }

 private:
  ViewFiller text_;
  int64_t offset_ = 0;
};

// A column whose Arrow type came first: rows are converted when they are asked for.
class StoredFiller final : public VectorFiller {
 public:
  StoredFiller(const TypeLayout& layout, std::string name)
      : name_(std::move(name)),
        sql_(layout.children[0].arrow),
        filler_(MakeColumnFiller(layout.children[0])) {}

  void Fill(const std::shared_ptr<arrow::Array>& array, int64_t offset, idx_t count,
            Vector& out) override {
    Copy(*array, offset, static_cast<int64_t>(count), 0, out);
  }
  void FillSelected(const std::shared_ptr<arrow::Array>& array, int64_t offset, const uint16_t* sel,
                    idx_t count, Vector& out) override {
    for (idx_t i = 0; i < count;) {
      idx_t end = i + 1;
      while (end < count && sel[end] == sel[end - 1] + 1) ++end;
      Copy(*array, offset + sel[i], static_cast<int64_t>(end - i), i, out);
      i = end;
    }
  }
  void AppendMasked(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                    std::span<const uint64_t> mask, idx_t at, Vector& out) override {
    for (const uint64_t word : mask) {
      for (uint64_t bits = word; bits != 0;) {
        const int first = std::countr_zero(bits);
        const int length = std::countr_one(bits >> first);
        Copy(*array, offset + first, length, at, out);
        at += length;
        bits = first + length == 64 ? 0 : bits >> (first + length) << (first + length);
      }
      offset += 64;
    }
  }

 private:
  void Copy(const arrow::Array& array, int64_t offset, int64_t count, idx_t at, Vector& out) {
    auto converted = StoredToSql(array.Slice(offset, count), sql_);
    if (!converted.ok()) {
      ThrowStatus(MakeError(GetErrorCode(converted.status()),
                            "column \"" + name_ + "\": " + converted.status().message()));
    }
    filler_->Bind(*converted);
    filler_->CopyRange(0, count, at, out);
  }

  const std::string name_;
  const std::shared_ptr<arrow::DataType> sql_;
  const std::unique_ptr<ColumnFiller> filler_;
};

// Says in errors which column it fills.
class NamedFiller final : public VectorFiller {
 public:
  NamedFiller(std::unique_ptr<VectorFiller> filler, std::string name)
      : filler_(std::move(filler)), name_(std::move(name)) {}

  void Fill(const std::shared_ptr<arrow::Array>& array, int64_t offset, idx_t count,
            Vector& out) override {
    Named([&] { filler_->Fill(array, offset, count, out); });
  }
  void FillSelected(const std::shared_ptr<arrow::Array>& array, int64_t offset, const uint16_t* sel,
                    idx_t count, Vector& out) override {
    Named([&] { filler_->FillSelected(array, offset, sel, count, out); });
  }
  void AppendMasked(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                    std::span<const uint64_t> mask, idx_t at, Vector& out) override {
    Named([&] { filler_->AppendMasked(array, offset, mask, at, out); });
  }

 private:
  template <class Call>
  void Named(Call call) {
    const arrow::Status status = Guard([&] {
      call();
      return arrow::Status::OK();
    });
    if (!status.ok()) {
      ThrowStatus(MakeError(GetErrorCode(status), "column \"" + name_ + "\": " + status.message()));
    }
  }

  const std::unique_ptr<VectorFiller> filler_;
  const std::string name_;
};

std::unique_ptr<ColumnFiller> MakeBytes16Filler(const duckdb::LogicalType& type) {
  if (type.id() == duckdb::LogicalTypeId::UHUGEINT) {
    return std::make_unique<ConvertFiller<BigEndian16, duckdb::hugeint_t, ToHugeint<0>>>();
  }
  return std::make_unique<ConvertFiller<BigEndian16, duckdb::hugeint_t, ToHugeint<kSignBit>>>();
}

}  // namespace

std::unique_ptr<ColumnFiller> MakeColumnFiller(const TypeLayout& layout) {
  switch (layout.layout) {
    case Layout::kSame:
      return std::make_unique<SameFiller>(layout.width);
    case Layout::kNarrow:
      return std::make_unique<ConvertFiller<int32_t, int16_t, ToSmallDecimal>>();
    case Layout::kBool:
      return std::make_unique<BoolFiller>();
    case Layout::kBytes16:
      return MakeBytes16Filler(layout.sql);
    case Layout::kView:
      return std::make_unique<ViewFiller>();
    case Layout::kInterval:
      return std::make_unique<IntervalFiller>();
    case Layout::kCastText:
      return std::make_unique<CastFiller>();
    default:
      return MakeNestedFiller(layout);
  }
}

arrow::Result<std::unique_ptr<VectorFiller>> MakeVectorFiller(const catalog::ColumnDef& column,
                                                              duckdb::ClientContext&) {
  ARROW_ASSIGN_OR_RAISE(auto layout, LayoutOfColumn(column));
  return MakeFiller(layout, column.name);
}

std::unique_ptr<VectorFiller> MakeFiller(const TypeLayout& layout, const std::string& name) {
  if (layout.layout == Layout::kStored) return std::make_unique<StoredFiller>(layout, name);
  if (layout.layout == Layout::kView) return MakeTextFiller(layout);
  auto filler = MakeColumnFiller(layout);
  // The one type of which not all values can be filled.
  if (!duckdb::TypeVisitor::Contains(layout.sql, duckdb::LogicalTypeId::INTERVAL)) return filler;
  return std::make_unique<NamedFiller>(std::move(filler), name);
}

void ColumnFiller::Bind(const std::shared_ptr<arrow::Array>& array) {
  if (array == array_) return;
  array_ = array;
  null_bits_ = array->null_count() > 0 ? array->null_bitmap_data() : nullptr;
  holder_.reset();
  string_holder_.reset();
  BindData(*array->data());
}

void ColumnFiller::Fill(const std::shared_ptr<arrow::Array>& array, int64_t offset, idx_t count,
                        Vector& out) {
  Bind(array);
  const int64_t row = array->offset() + offset;
  const auto rows = static_cast<int64_t>(count);
  if (!PointAt(row, rows, out)) CopyData(row, rows, 0, out);
  CopyNulls(row, rows, 0, out);
}

void ColumnFiller::FillSelected(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                                const uint16_t* sel, idx_t count, Vector& out) {
  Bind(array);
  for (idx_t i = 0; i < count;) {
    idx_t end = i + 1;
    while (end < count && sel[end] == sel[end - 1] + 1) ++end;
    CopyRange(offset + sel[i], static_cast<int64_t>(end - i), i, out);
    i = end;
  }
}

void ColumnFiller::AppendMasked(const std::shared_ptr<arrow::Array>& array, int64_t offset,
                                std::span<const uint64_t> mask, idx_t at, Vector& out) {
  Bind(array);
  CopyMasked(offset, mask, at, out);
}

void ColumnFiller::CopyRange(int64_t offset, int64_t count, idx_t at, Vector& out) {
  const int64_t row = array_->offset() + offset;
  CopyData(row, count, at, out);
  CopyNulls(row, count, at, out);
}

void ColumnFiller::CopyMasked(int64_t offset, std::span<const uint64_t> mask, idx_t at,
                              Vector& out) {
  const int64_t row = array_->offset() + offset;
  CopyMaskedData(row, mask, at, out);
  const int64_t rows =
      std::min<int64_t>(static_cast<int64_t>(mask.size()) * 64, array_->length() - offset);
  CopyMaskedNulls(row, rows, mask, at, out);
}

bool ColumnFiller::PointAt(int64_t, int64_t, Vector&) { return false; }

void ColumnFiller::CopyMaskedData(int64_t row, std::span<const uint64_t> mask, idx_t at,
                                  Vector& out) {
  for (const uint64_t word : mask) {
    for (uint64_t bits = word; bits != 0;) {
      const int first = std::countr_zero(bits);
      const int length = std::countr_one(bits >> first);
      CopyData(row + first, length, at, out);
      at += length;
      bits = first + length == 64 ? 0 : bits >> (first + length) << (first + length);
    }
    row += 64;
  }
}

void ColumnFiller::AfterNulls(idx_t, int64_t, Vector&) {}

void ColumnFiller::CopyNulls(int64_t row, int64_t count, idx_t at, Vector& out) {
  auto& validity = FlatVector::Validity(out);
  if (!HasNulls() && !validity.IsMaskSet()) return;
  bool any = validity.IsMaskSet();
  for (int64_t i = 0; i < count && !any; i += 64) {
    const int64_t n = std::min<int64_t>(64, count - i);
    any = std::popcount(BitmapWord(null_bits_, row + i, row + count)) != n;
  }
  if (!any) return;
  validity.EnsureWritable();
  uint64_t* const words = validity.GetData();
  for (int64_t i = 0; i < count;) {
    const int shift = static_cast<int>((at + i) % 64);
    const int64_t n = std::min<int64_t>(64 - shift, count - i);
    const uint64_t keep = n == 64 ? 0 : ~(((uint64_t{1} << n) - 1) << shift);
    const uint64_t bits = HasNulls() ? BitmapWord(null_bits_, row + i, row + i + n) : ~uint64_t{0};
    uint64_t& word = words[(at + i) / 64];
    word = (word & keep) | ((bits << shift) & ~keep);
    i += n;
  }
  AfterNulls(at, count, out);
}

void ColumnFiller::CopyMaskedNulls(int64_t row, int64_t count, std::span<const uint64_t> mask,
                                   idx_t at, Vector& out) {
  auto& validity = FlatVector::Validity(out);
  if (!HasNulls() && !validity.IsMaskSet()) return;
  int64_t n = 0;
  for (size_t i = 0; i < mask.size(); ++i, row += 64, count -= 64) {
    if (mask[i] == 0) continue;
    const uint64_t valid = HasNulls() ? BitmapWord(null_bits_, row, row + count) : ~uint64_t{0};
    if ((mask[i] & ~valid) != 0 || validity.IsMaskSet()) {
      validity.EnsureWritable();
      uint64_t bits[2] = {0, 0};
      const auto begin = static_cast<int64_t>(at + n);
      const uint64_t one_word[] = {mask[i]};
      const int64_t added =
          CompactBits(reinterpret_cast<const uint8_t*>(&valid), 0, 64, one_word, bits, begin % 64);
      uint64_t* const words = validity.GetData() + begin / 64;
      const uint64_t before = begin % 64 == 0 ? 0 : ~uint64_t{0} >> (64 - begin % 64);
      words[0] = (words[0] & before) | (bits[0] & ~before);
      if (begin % 64 + added > 64) words[1] = bits[1];
      n += added;
    } else {
      n += std::popcount(mask[i]);
    }
  }
  if (validity.IsMaskSet()) AfterNulls(at, n, out);
}

void ColumnFiller::Hold(Vector& out) {
  if (!holder_) {
    holder_ = duckdb::make_buffer<duckdb::VectorBuffer>(duckdb::VectorBufferType::OPAQUE_BUFFER);
    holder_->SetAuxiliaryData(duckdb::make_uniq<HeldArray>(array_));
  }
  out.SetAuxiliary(holder_);
}

void ColumnFiller::HoldStrings(idx_t at, Vector& out) {
  if (!string_holder_) {
    string_holder_ = duckdb::make_buffer<duckdb::VectorStringBuffer>();
    string_holder_->SetAuxiliaryData(duckdb::make_uniq<HeldArray>(array_));
  }
  if (at == 0) {
    out.SetAuxiliary(string_holder_);
  } else if (out.GetAuxiliary() != string_holder_) {
    duckdb::StringVector::AddBuffer(out, string_holder_);
  }
}

}  // namespace pyralog::sql
