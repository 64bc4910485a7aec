#include "sql/filter_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "duckdb/execution/expression_executor.hpp"
#include "sql/arrow_vectors_fill.h"
#include "sql/filter_kernels.h"
#include "sql/mask.h"

namespace pyralog::sql {
namespace {

using MaskSpan = std::span<uint64_t>;
constexpr size_t kVectorWords = STANDARD_VECTOR_SIZE / 64;

void DropNulls(const FilterRows& in, MaskSpan mask) {
  if (in.array->null_count() == 0) return;
  AndBitmap(in.array->null_bitmap_data(), in.array->offset() + in.offset, in.rows, mask);
}

const uint8_t* ValuesAt(const FilterRows& in, int width) {
  return in.array->data()->buffers[1]->data() + (in.array->offset() + in.offset) * width;
}

class Nothing final : public RowFilter {
 public:
  void Apply(const FilterRows&, MaskSpan mask) override { std::fill(mask.begin(), mask.end(), 0); }
};

class NullTest final : public RowFilter {
 public:
  explicit NullTest(bool is_null) : is_null_(is_null) {}
  void Apply(const FilterRows& in, MaskSpan mask) override {
    if (!is_null_) return DropNulls(in, mask);
    if (in.array->null_count() == 0) return std::fill(mask.begin(), mask.end(), 0);
    AndNotBitmap(in.array->null_bitmap_data(), in.array->offset() + in.offset, in.rows, mask);
  }

 private:
  const bool is_null_;
};

// Integers, decimals, dates, times: everything whose bytes are an integer. Bounds are inclusive and
// fit the type.
class IntegerRange final : public RowFilter {
 public:
  IntegerRange(int width, __int128 lo, __int128 hi, bool negate)
      : width_(width), lo_(lo), hi_(hi), negate_(negate) {}
  void Apply(const FilterRows& in, MaskSpan mask) override {
    __int128 lo = lo_, hi = hi_;
    const int width = StoredWidth(*in.array->type(), &lo, &hi);
    if (lo <= hi) {
      KeepOfWidth(width, ValuesAt(in, width), in.rows, lo, hi, mask);
    } else if (!negate_) {
      return std::fill(mask.begin(), mask.end(), 0);
    }
    DropNulls(in, mask);
  }
  // Takes over what `other` asks for; false when the two are no single range.
  bool Intersect(const IntegerRange& other) {
    if (negate_ || other.negate_) return false;
    lo_ = std::max(lo_, other.lo_);
    hi_ = std::min(hi_, other.hi_);
    return true;
  }

 private:
  // Of integers that are stored in fewer bytes; the bounds become those that such values can meet.
  int StoredWidth(const arrow::DataType& type, __int128* lo, __int128* hi) const {
    if (!arrow::is_integer(type.id())) return width_;
    const int width = type.byte_width();
    if (width >= width_) return width_;
    const bool is_signed = arrow::is_signed_integer(type.id());
    const __int128 count = __int128{1} << (8 * width);
    const __int128 least = is_signed ? -count / 2 : 0;
    *lo = std::max(*lo, least);
    *hi = std::min(*hi, least + count - 1);
    return width;
  }
  void KeepOfWidth(int width, const uint8_t* values, int64_t rows, __int128 lo, __int128 hi,
                   MaskSpan mask) const {
    switch (width) {
      case 1:
        return Keep<uint8_t>(values, rows, lo, hi, mask);
      case 2:
        return Keep<uint16_t>(values, rows, lo, hi, mask);
      case 4:
        return Keep<uint32_t>(values, rows, lo, hi, mask);
      case 8:
        return Keep<uint64_t>(values, rows, lo, hi, mask);
      default:
        KeepInRange(reinterpret_cast<const __int128*>(values), rows, lo, hi, negate_, mask);
    }
  }
  template <typename Unsigned>
  void Keep(const uint8_t* values, int64_t rows, __int128 lo, __int128 hi, MaskSpan mask) const {
    KeepInRange(reinterpret_cast<const Unsigned*>(values), rows, static_cast<Unsigned>(lo),
                static_cast<Unsigned>(hi), negate_, mask);
  }

  const int width_;
  __int128 lo_, hi_;
  const bool negate_;
};

template <typename Float>
class FloatRange final : public RowFilter {
 public:
  FloatRange(Float lo, Float hi, bool nan, bool negate)
      : lo_(lo), hi_(hi), nan_(nan), negate_(negate) {}
  void Apply(const FilterRows& in, MaskSpan mask) override {
    KeepInRange(reinterpret_cast<const Float*>(ValuesAt(in, sizeof(Float))), in.rows, lo_, hi_,
                nan_, negate_, mask);
    DropNulls(in, mask);
  }

 private:
  const Float lo_, hi_;
  const bool nan_, negate_;
};

class BoolTest final : public RowFilter {
 public:
  BoolTest(bool keep_false, bool keep_true) : keep_false_(keep_false), keep_true_(keep_true) {}
  void Apply(const FilterRows& in, MaskSpan mask) override {
    const uint8_t* const bits = in.array->data()->buffers[1]->data();
    const int64_t begin = in.array->offset() + in.offset;
    if (!keep_false_) AndBitmap(bits, begin, in.rows, mask);
    if (!keep_true_) AndNotBitmap(bits, begin, in.rows, mask);
    DropNulls(in, mask);
  }

 private:
  const bool keep_false_, keep_true_;
};

class StringTest final : public RowFilter {
 public:
  StringTest(Comparison op, std::string value) : op_(op), value_(std::move(value)) {}
  int cost() const override { return 1; }
  void Apply(const FilterRows& in, MaskSpan mask) override {
    DropNulls(in, mask);  // first: the view of a null may point anywhere
    if (in.array->type_id() == arrow::Type::DICTIONARY) return ApplyToCodes(in, mask);
    if (in.array != array_) {
      array_ = in.array;
      BindBuffers(*array_->data());
    }
    Keep({ValuesAt(in, 16), buffers_.data()}, in.rows, mask);
  }

 private:
  void BindBuffers(const arrow::ArrayData& data) {
    buffers_.clear();
    for (size_t i = 2; i < data.buffers.size(); ++i) buffers_.push_back(data.buffers[i]->data());
  }

  void Keep(const StringViews& strings, int64_t rows, MaskSpan mask) const {
    switch (op_) {
      case Comparison::kEqual:
        return KeepEqual(strings, rows, value_, false, mask);
      case Comparison::kNotEqual:
        return KeepEqual(strings, rows, value_, true, mask);
      case Comparison::kLess:
        return KeepBelow(strings, rows, value_, false, false, mask);
      case Comparison::kLessOrEqual:
        return KeepBelow(strings, rows, value_, true, false, mask);
      case Comparison::kGreater:
        return KeepBelow(strings, rows, value_, true, true, mask);
      case Comparison::kGreaterOrEqual:
        return KeepBelow(strings, rows, value_, false, true, mask);
    }
  }

  // Each text of the dictionary is tested once.
  void ApplyToCodes(const FilterRows& in, MaskSpan mask) {
    if (in.array->data()->dictionary != dictionary_) {
      dictionary_ = in.array->data()->dictionary;
      array_ = nullptr;
      BindBuffers(*dictionary_);
      const int64_t texts = dictionary_->length;
      std::vector<uint64_t> kept((texts + 63) / 64);
      FillOnes(kept, texts);
      Keep({dictionary_->buffers[1]->data(), buffers_.data()}, texts, kept);
      keeps_.resize(texts);
      for (int64_t i = 0; i < texts; ++i) keeps_[i] = kept[i / 64] >> (i % 64) & 1;
      keeps_all_ = CountBits(kept) == texts;
      keeps_none_ = CountBits(kept) == 0;
    }
    if (keeps_all_) return;
    if (keeps_none_) return std::fill(mask.begin(), mask.end(), 0);
    const auto* const codes = reinterpret_cast<const int16_t*>(ValuesAt(in, sizeof(int16_t)));
    for (int64_t begin = 0; begin < in.rows; begin += 64) {
      uint64_t& word = mask[begin / 64];
      if (word == 0) continue;
      const int64_t end = std::min<int64_t>(64, in.rows - begin);
      uint64_t passed = 0;
      for (int64_t i = 0; i < end; ++i) passed |= uint64_t{keeps_[codes[begin + i]]} << i;
      word &= passed;
    }
  }

  const Comparison op_;
  const std::string value_;
  std::shared_ptr<arrow::Array> array_;  // whose buffers these are
  std::vector<const uint8_t*> buffers_;
  std::shared_ptr<arrow::ArrayData> dictionary_;  // that these stand for
  std::vector<uint8_t> keeps_;                    // by code: 1 when the text passes
  bool keeps_all_ = false;
  bool keeps_none_ = false;
};

class All final : public RowFilter {
 public:
  explicit All(std::vector<std::unique_ptr<RowFilter>> filters) : filters_(std::move(filters)) {
    std::stable_sort(filters_.begin(), filters_.end(),
                     [](const auto& a, const auto& b) { return a->cost() < b->cost(); });
  }
  int cost() const override { return filters_.back()->cost(); }
  void Apply(const FilterRows& in, MaskSpan mask) override {
    for (auto& filter : filters_) filter->Apply(in, mask);
  }

 private:
  std::vector<std::unique_ptr<RowFilter>> filters_;
};

class Any final : public RowFilter {
 public:
  explicit Any(std::vector<std::unique_ptr<RowFilter>> filters) : filters_(std::move(filters)) {}
  int cost() const override {
    int result = 0;
    for (const auto& filter : filters_) result = std::max(result, filter->cost());
    return result;
  }
  void Apply(const FilterRows& in, MaskSpan mask) override {
    std::array<uint64_t, kVectorWords> left, passed{};
    std::copy(mask.begin(), mask.end(), left.begin());
    std::array<uint64_t, kVectorWords> tested;
    for (auto& filter : filters_) {
      tested = left;
      filter->Apply(in, MaskSpan(tested.data(), mask.size()));
      for (size_t i = 0; i < mask.size(); ++i) {
        passed[i] |= tested[i];
        left[i] &= ~tested[i];
      }
    }
    std::copy_n(passed.begin(), mask.size(), mask.begin());
  }

 private:
  std::vector<std::unique_ptr<RowFilter>> filters_;
};

class Optional final : public RowFilter {
 public:
  explicit Optional(std::unique_ptr<RowFilter> filter) : filter_(std::move(filter)) {}
  int cost() const override { return filter_->cost(); }
  void Apply(const FilterRows& in, MaskSpan mask) override {
    if (off_) return;
    before_ += CountBits(mask);
    filter_->Apply(in, mask);
    after_ += CountBits(mask);
    off_ = before_ >= kRowsToTry &&
           static_cast<double>(after_) > kPassesMost * static_cast<double>(before_);
  }

 private:
  // Above this share, moving the rows that pass together costs more than the dropped ones save.
  static constexpr double kPassesMost = 0.8;
  // As many as DuckDB's own optional filters take.
  static constexpr int64_t kRowsToTry = 30 * STANDARD_VECTOR_SIZE;

  std::unique_ptr<RowFilter> filter_;
  int64_t before_ = 0;
  int64_t after_ = 0;
  bool off_ = false;
};

class ExpressionTest final : public RowFilter {
 public:
  ExpressionTest(duckdb::ClientContext& context, duckdb::unique_ptr<duckdb::Expression> expression,
                 const TypeLayout& layout)
      : expression_(std::move(expression)),
        executor_(context, *expression_),
        filler_(MakeFiller(layout, "filtered")) {
    chunk_.Initialize(duckdb::Allocator::DefaultAllocator(), {layout.sql});
  }
  int cost() const override { return 2; }
  void Apply(const FilterRows& in, MaskSpan mask) override {
    const int64_t rows = CountBits(mask);
    if (rows == 0) return;
    const bool whole = rows == in.rows;
    chunk_.Reset();
    if (whole) {
      filler_->Fill(in.array, in.offset, rows, chunk_.data[0]);
    } else {
      filler_->AppendMasked(in.array, in.offset, mask, 0, chunk_.data[0]);
    }
    chunk_.SetCardinality(rows);
    const duckdb::idx_t passed = executor_.SelectExpression(chunk_, selected_);
    if (static_cast<int64_t>(passed) == rows) return;
    std::array<uint64_t, kVectorWords + 1> kept{};
    size_t word = 0;
    uint64_t bits = 0;  // of that word; the rows ascend
    for (duckdb::idx_t i = 0; i < passed; ++i) {
      const auto row = selected_.get_index(i);
      if (row / 64 != word) {
        kept[word] = std::exchange(bits, 0);
        word = row / 64;
      }
      bits |= uint64_t{1} << (row % 64);
    }
    kept[word] = bits;
    if (whole) {
      std::copy_n(kept.begin(), mask.size(), mask.begin());
    } else {
      KeepSetRows(kept.data(), mask);
    }
  }

 private:
  duckdb::unique_ptr<duckdb::Expression> expression_;
  duckdb::ExpressionExecutor executor_;
  std::unique_ptr<VectorFiller> filler_;
  duckdb::DataChunk chunk_;
  duckdb::SelectionVector selected_{STANDARD_VECTOR_SIZE};
};

// An integer constant, and the least and greatest of the column's type as it is stored.
struct IntegerConstant {
  __int128 value, least, greatest;
};

template <typename T>
IntegerConstant ConstantOf(const duckdb::Value& value) {
  using Limits = std::numeric_limits<T>;
  return {value.GetValueUnsafe<T>(), Limits::min(), Limits::max()};
}

std::optional<IntegerConstant> ToInteger(const duckdb::Value& value) {
  switch (value.type().InternalType()) {
    case duckdb::PhysicalType::INT8:
      return ConstantOf<int8_t>(value);
    case duckdb::PhysicalType::INT16:
      return ConstantOf<int16_t>(value);
    case duckdb::PhysicalType::INT32:
      return ConstantOf<int32_t>(value);
    case duckdb::PhysicalType::INT64:
      return ConstantOf<int64_t>(value);
    case duckdb::PhysicalType::UINT8:
      return ConstantOf<uint8_t>(value);
    case duckdb::PhysicalType::UINT16:
      return ConstantOf<uint16_t>(value);
    case duckdb::PhysicalType::UINT32:
      return ConstantOf<uint32_t>(value);
    case duckdb::PhysicalType::UINT64:
      return ConstantOf<uint64_t>(value);
    case duckdb::PhysicalType::INT128: {
      const auto huge = value.GetValueUnsafe<duckdb::hugeint_t>();
      constexpr auto kGreatest = static_cast<__int128>(~static_cast<unsigned __int128>(0) >> 1);
      return IntegerConstant{
          static_cast<__int128>((static_cast<unsigned __int128>(huge.upper) << 64) | huge.lower),
          -kGreatest - 1, kGreatest};
    }
    default:
      return std::nullopt;
  }
}

std::unique_ptr<RowFilter> MakeIntegerRange(int width, Comparison op, const IntegerConstant& c) {
  switch (op) {
    case Comparison::kEqual:
    case Comparison::kNotEqual:
      return std::make_unique<IntegerRange>(width, c.value, c.value, op == Comparison::kNotEqual);
    case Comparison::kLess:
      if (c.value == c.least) return MakeNothing();
      return std::make_unique<IntegerRange>(width, c.least, c.value - 1, false);
    case Comparison::kLessOrEqual:
      return std::make_unique<IntegerRange>(width, c.least, c.value, false);
    case Comparison::kGreater:
      if (c.value == c.greatest) return MakeNothing();
      return std::make_unique<IntegerRange>(width, c.value + 1, c.greatest, false);
    case Comparison::kGreaterOrEqual:
      return std::make_unique<IntegerRange>(width, c.value, c.greatest, false);
  }
  return nullptr;
}

// nullptr for what has NaN or an infinity in a place that a range cannot say.
template <typename Float>
std::unique_ptr<RowFilter> MakeFloatRange(Comparison op, Float c) {
  constexpr Float kInfinity = std::numeric_limits<Float>::infinity();
  if (std::isnan(c)) return nullptr;
  switch (op) {
    case Comparison::kEqual:
    case Comparison::kNotEqual:
      return std::make_unique<FloatRange<Float>>(c, c, false, op == Comparison::kNotEqual);
    case Comparison::kLess:
      if (c == -kInfinity) return MakeNothing();
      return std::make_unique<FloatRange<Float>>(-kInfinity, std::nextafter(c, -kInfinity), false,
                                                 false);
    case Comparison::kLessOrEqual:
      return std::make_unique<FloatRange<Float>>(-kInfinity, c, false, false);
    case Comparison::kGreater:
      if (c == kInfinity) return nullptr;
      return std::make_unique<FloatRange<Float>>(std::nextafter(c, kInfinity), kInfinity, true,
                                                 false);
    case Comparison::kGreaterOrEqual:
      return std::make_unique<FloatRange<Float>>(c, kInfinity, true, false);
  }
  return nullptr;
}

template <typename T>
bool Holds(Comparison op, T a, T b) {
  switch (op) {
    case Comparison::kEqual:
      return a == b;
    case Comparison::kNotEqual:
      return a != b;
    case Comparison::kLess:
      return a < b;
    case Comparison::kLessOrEqual:
      return a <= b;
    case Comparison::kGreater:
      return a > b;
    case Comparison::kGreaterOrEqual:
      return a >= b;
  }
  return false;
}

}  // namespace

std::unique_ptr<RowFilter> MakeNothing() { return std::make_unique<Nothing>(); }

std::unique_ptr<RowFilter> MakeNullTest(bool is_null) {
  return std::make_unique<NullTest>(is_null);
}

std::unique_ptr<RowFilter> MakeComparison(const TypeLayout& layout, Comparison op,
                                          const duckdb::Value& constant) {
  if (!layout.ordered || constant.IsNull() || constant.type() != layout.sql) return nullptr;
  switch (layout.layout) {
    case Layout::kBool: {
      const int value = duckdb::BooleanValue::Get(constant) ? 1 : 0;
      return std::make_unique<BoolTest>(Holds(op, 0, value), Holds(op, 1, value));
    }
    case Layout::kView:
      return std::make_unique<StringTest>(op, duckdb::StringValue::Get(constant));
    case Layout::kSame:
    case Layout::kNarrow: {
      if (layout.sql.id() == duckdb::LogicalTypeId::FLOAT)
        return MakeFloatRange(op, constant.GetValueUnsafe<float>());
      if (layout.sql.id() == duckdb::LogicalTypeId::DOUBLE) {
        return MakeFloatRange(op, constant.GetValueUnsafe<double>());
      }
      const auto integer = ToInteger(constant);
      return integer ? MakeIntegerRange(layout.width, op, *integer) : nullptr;
    }
    default:
      return nullptr;
  }
}

std::unique_ptr<RowFilter> MakeAll(std::vector<std::unique_ptr<RowFilter>> filters) {
  std::vector<std::unique_ptr<RowFilter>> kept;
  IntegerRange* range = nullptr;
  for (auto& filter : filters) {
    auto* const next = dynamic_cast<IntegerRange*>(filter.get());
    if (range != nullptr && next != nullptr && range->Intersect(*next)) continue;
    if (range == nullptr) range = next;
    kept.push_back(std::move(filter));
  }
  if (kept.size() == 1) return std::move(kept[0]);
  return std::make_unique<All>(std::move(kept));
}

std::unique_ptr<RowFilter> MakeAny(std::vector<std::unique_ptr<RowFilter>> filters) {
  if (filters.size() == 1) return std::move(filters[0]);
  return std::make_unique<Any>(std::move(filters));
}

std::unique_ptr<RowFilter> MakeOptional(std::unique_ptr<RowFilter> filter) {
  return std::make_unique<Optional>(std::move(filter));
}

std::unique_ptr<RowFilter> MakeExpressionTest(duckdb::ClientContext& context,
                                              duckdb::unique_ptr<duckdb::Expression> expression,
                                              const TypeLayout& layout) {
  return std::make_unique<ExpressionTest>(context, std::move(expression), layout);
}

}  // namespace pyralog::sql
