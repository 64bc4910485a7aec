#include "lsm/row_selection.h"

#include <gtest/gtest.h>

#include "arrow/api.h"
#include "arrow/array/concatenate.h"

namespace pyralog::lsm {
namespace {

template <class Builder>
std::shared_ptr<arrow::Array> Strings() {
  Builder builder;
  for (const char* text : {"short", "a text that is longer than twelve bytes", "",
                           "another one of more than twelve"}) {
    EXPECT_TRUE(builder.Append(text).ok());
  }
  EXPECT_TRUE(builder.AppendNull().ok());
  return builder.Finish().ValueOrDie();
}

TEST(RowSelection, TakesStringsOfEveryKind) {
  for (const auto& strings :
       {Strings<arrow::StringBuilder>(), Strings<arrow::LargeStringBuilder>(),
        Strings<arrow::StringViewBuilder>(), Strings<arrow::BinaryViewBuilder>()}) {
    const auto array = strings->Slice(1);
    const std::vector<int64_t> rows = {3, 0, 2, 0};
    const auto taken = TakeRows(array, rows).ValueOrDie();
    ASSERT_TRUE(taken->ValidateFull().ok());
    ASSERT_EQ(taken->length(), 4);
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_TRUE(taken->GetScalar(i).ValueOrDie()->Equals(*array->GetScalar(rows[i]).ValueOrDie()))
          << *array->type();
    }
  }
}

TEST(RowSelection, TypesWithoutKernelsAreTakenToo) {
  arrow::ListBuilder lists(arrow::default_memory_pool(),
                           arrow::MakeBuilder(arrow::utf8_view()).ValueOrDie());
  auto& values = static_cast<arrow::StringViewBuilder&>(*lists.value_builder());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(lists.Append().ok());
    for (int j = 0; j < i % 3; ++j)
      ASSERT_TRUE(values.Append("value number " + std::to_string(i)).ok());
  }
  const std::shared_ptr<arrow::Array> array = lists.Finish().ValueOrDie();
  const std::vector<int64_t> rows = {99, 5, 6, 7, 0};
  const auto taken = TakeRows(array, rows).ValueOrDie();
  ASSERT_TRUE(taken->ValidateFull().ok());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(taken->GetScalar(i).ValueOrDie()->Equals(*array->GetScalar(rows[i]).ValueOrDie()));
  }
}

TEST(RowSelection, AFilterKeepsWhatItsMaskSays) {
  const auto array = Strings<arrow::StringViewBuilder>();
  const auto kept = FilterRows(array, {0b11010}, 3).ValueOrDie();
  ASSERT_EQ(kept->length(), 3);
  EXPECT_TRUE(kept->GetScalar(0).ValueOrDie()->Equals(*array->GetScalar(1).ValueOrDie()));
  EXPECT_TRUE(kept->GetScalar(2).ValueOrDie()->Equals(*array->GetScalar(4).ValueOrDie()));
  EXPECT_EQ(FilterRows(array, {0b11111}, 5).ValueOrDie(), array);
  EXPECT_EQ(FilterRows(array, {0}, 0).ValueOrDie()->length(), 0);
}

}  // namespace
}  // namespace pyralog::lsm
