#include "batch/narrow_integers.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

#include "arrow/api.h"
#include "arrow/array/concatenate.h"
#include "pyralog/error.h"

namespace pyralog::batch {
namespace {

template <class Type>
class NarrowIntegersTest : public testing::Test {};
using Wide = testing::Types<arrow::Int16Type, arrow::Int32Type, arrow::Int64Type, arrow::UInt16Type,
                            arrow::UInt32Type, arrow::UInt64Type>;
TYPED_TEST_SUITE(NarrowIntegersTest, Wide);

// Values within [low, high], the bounds among them, and nulls.
template <class Type>
std::shared_ptr<arrow::Array> Between(typename Type::c_type low, typename Type::c_type high,
                                      int64_t rows) {
  std::mt19937_64 random(static_cast<uint64_t>(rows));
  arrow::NumericBuilder<Type> builder;
  EXPECT_TRUE(builder.AppendNull().ok());
  for (int64_t i = 0; i < rows; ++i) {
    const uint64_t span = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    const uint64_t step = span == ~uint64_t{0} ? random() : random() % (span + 1);
    auto value = static_cast<typename Type::c_type>(static_cast<uint64_t>(low) + step);
    if (i == 0) value = low;
    if (i == 1) value = high;
    EXPECT_TRUE(random() % 7 == 0 && i > 1 ? builder.AppendNull().ok()
                                           : builder.Append(value).ok());
  }
  return builder.Finish().ValueOrDie();
}

TYPED_TEST(NarrowIntegersTest, TheSmallestTypeThatHoldsTheBoundsComesBackExactly) {
  using Value = typename TypeParam::c_type;
  using Limits = std::numeric_limits<Value>;
  const auto type = arrow::TypeTraits<TypeParam>::type_singleton();
  for (int bits = 1; bits <= Limits::digits; ++bits) {
    const auto high = static_cast<Value>((uint64_t{1} << (bits - 1) << 1) - 1);
    const auto low = static_cast<Value>(Limits::is_signed ? -high - 1 : 0);
    // One beyond what a narrower type of `bits` bits holds is the next row of the loop.
    const int needed = bits + (Limits::is_signed ? 1 : 0);
    const int width = needed <= 8 ? 1 : needed <= 16 ? 2 : needed <= 32 ? 4 : 8;
    for (const int64_t rows : {2, 63, 64, 65, 1000}) {
      const auto array = Between<TypeParam>(low, high, rows);
      const auto narrow = NarrowestInteger(type, *ComputeZoneMap(*array));
      ASSERT_EQ(narrow->byte_width(), width) << bits << " bits";
      ASSERT_EQ(IsNarrowerInteger(*narrow, *type), width < type->byte_width());
      if (narrow->Equals(type)) continue;
      ASSERT_EQ(arrow::is_signed_integer(narrow->id()), Limits::is_signed);
      for (const int64_t skip : {0, 1, 2}) {
        const auto slice = array->Slice(skip, array->length() - skip);
        const auto stored = NarrowIntegers(*slice, narrow).ValueOrDie();
        ASSERT_TRUE(stored->type()->Equals(narrow));
        ASSERT_TRUE(stored->ValidateFull().ok());
        const auto back = WidenIntegers(*stored, type).ValueOrDie();
        ASSERT_TRUE(back->ValidateFull().ok());
        ASSERT_TRUE(back->Equals(slice)) << bits << " bits, from row " << skip;
        const auto part = WidenIntegers(*stored->Slice(1), type).ValueOrDie();
        ASSERT_TRUE(part->Equals(slice->Slice(1)));
      }
    }
  }
}

TYPED_TEST(NarrowIntegersTest, AValueThatDoesNotFitIsAnErrorButNotUnderANull) {
  using Value = typename TypeParam::c_type;
  const auto narrow = std::numeric_limits<Value>::is_signed ? arrow::int8() : arrow::uint8();
  arrow::NumericBuilder<TypeParam> builder;
  ASSERT_TRUE(builder.AppendValues(std::vector<Value>{1, 1000, 3}).ok());
  auto array = builder.Finish().ValueOrDie();
  EXPECT_EQ(GetErrorCode(NarrowIntegers(*array, narrow).status()), ErrorCode::kUnknown);
  auto data = array->data()->Copy();
  const uint8_t valid = 0b101;
  data->buffers[0] = arrow::Buffer::FromString(std::string(1, static_cast<char>(valid)));
  data->null_count = 1;
  const auto hidden = arrow::MakeArray(data);
  const auto stored = NarrowIntegers(*hidden, narrow).ValueOrDie();
  EXPECT_TRUE(WidenIntegers(*stored, array->type()).ValueOrDie()->Equals(hidden));
}

TEST(NarrowIntegers, OnlyIntegersAreNarrowedAndNoValuesTakeTheSmallestType) {
  const ZoneMap none;
  for (const auto& type :
       {arrow::float64(), arrow::date32(), arrow::timestamp(arrow::TimeUnit::MICRO), arrow::utf8(),
        arrow::boolean(), arrow::int8(), arrow::uint8(), arrow::decimal128(9, 2)}) {
    EXPECT_TRUE(NarrowestInteger(type, none)->Equals(type)) << type->ToString();
  }
  EXPECT_TRUE(NarrowestInteger(arrow::int64(), none)->Equals(arrow::int8()));
  EXPECT_TRUE(NarrowestInteger(arrow::uint32(), none)->Equals(arrow::uint8()));
  const auto empty = arrow::MakeArrayOfNull(arrow::int64(), 0).ValueOrDie();
  const auto stored = NarrowIntegers(*empty, arrow::int8()).ValueOrDie();
  EXPECT_TRUE(WidenIntegers(*stored, arrow::int64()).ValueOrDie()->Equals(empty));
  EXPECT_FALSE(IsNarrowerInteger(*arrow::uint8(), *arrow::int64()));
  EXPECT_FALSE(IsNarrowerInteger(*arrow::int64(), *arrow::int64()));
  EXPECT_FALSE(IsNarrowerInteger(*arrow::int8(), *arrow::timestamp(arrow::TimeUnit::SECOND)));
}

}  // namespace
}  // namespace pyralog::batch
