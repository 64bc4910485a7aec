#include "lsm/sorted_unit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "arrow/api.h"
#include "lsm/key.h"

namespace pyralog::lsm {
namespace {

template <class Builder, class T>
std::shared_ptr<arrow::Array> ArrayOf(const std::vector<std::optional<T>>& values) {
  Builder builder;
  for (const auto& value : values)
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  return builder.Finish().ValueOrDie();
}

uint64_t PrefixOf(const std::shared_ptr<arrow::Array>& one) {
  KeyBatch keys;
  const std::shared_ptr<arrow::Array> columns[] = {one};
  EXPECT_TRUE(keys.Append(columns).ok());
  return KeyPrefix(keys.key(0));
}

uint64_t IntPrefix(int64_t value) {
  return PrefixOf(ArrayOf<arrow::Int64Builder, int64_t>({value}));
}
uint64_t TextPrefix(const std::string& value) {
  return PrefixOf(ArrayOf<arrow::StringBuilder, std::string>({value}));
}

std::vector<uint32_t> Sorted(std::span<const uint32_t> rows) {
  std::vector<uint32_t> sorted(rows.begin(), rows.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

TEST(SortedUnitTest, FindsEveryRowOfARangeOfNumbers) {
  std::mt19937 random(7);
  std::vector<std::optional<int64_t>> values;
  for (int i = 0; i < 5000; ++i) {
    const auto value = static_cast<int64_t>(random() % 1000) - 500;
    values.push_back(i % 13 == 0 ? std::nullopt : std::optional(value));
  }
  const std::shared_ptr<arrow::Array> columns[] = {ArrayOf<arrow::Int64Builder, int64_t>(values)};
  const auto unit = SortedUnit::Make(columns).ValueOrDie();
  for (const auto& [low, high] :
       std::vector<std::pair<int64_t, int64_t>>{{0, 0}, {-500, 499}, {-3, 17}, {600, 700}}) {
    std::vector<uint32_t> expected;
    for (uint32_t row = 0; row < values.size(); ++row) {
      if (values[row] && *values[row] >= low && *values[row] <= high) expected.push_back(row);
    }
    const PrefixRange range[] = {{IntPrefix(low), IntPrefix(high)}};
    EXPECT_EQ(Sorted(unit->Find(range)), expected) << low << ".." << high;
  }
}

TEST(SortedUnitTest, TextsThatBeginAlikeAreFoundTogether) {
  const std::shared_ptr<arrow::Array> columns[] = {ArrayOf<arrow::StringBuilder, std::string>(
      {"long text 1", "long text 2", "a", std::nullopt, "", "long tex"})};
  const auto unit = SortedUnit::Make(columns).ValueOrDie();
  const auto find = [&](const std::string& text) {
    const PrefixRange range[] = {{TextPrefix(text), TextPrefix(text)}};
    return Sorted(unit->Find(range));
  };
  EXPECT_EQ(find("a"), std::vector<uint32_t>{2});
  EXPECT_EQ(find(""), std::vector<uint32_t>{4});
  EXPECT_EQ(find("b"), std::vector<uint32_t>{});
  const auto alike = find("long text 2");
  EXPECT_TRUE(std::find(alike.begin(), alike.end(), 1u) != alike.end());
  EXPECT_TRUE(std::find(alike.begin(), alike.end(), 2u) == alike.end());
}

TEST(SortedUnitTest, LaterColumnsNarrowThePointsOfEarlierOnes) {
  const std::shared_ptr<arrow::Array> columns[] = {
      ArrayOf<arrow::Int64Builder, int64_t>({1, 1, 1, 2, std::nullopt}),
      ArrayOf<arrow::Int64Builder, int64_t>({5, 6, std::nullopt, 5, 5})};
  const auto unit = SortedUnit::Make(columns).ValueOrDie();
  const PrefixRange one{IntPrefix(1), IntPrefix(1)};
  const PrefixRange five{IntPrefix(5), IntPrefix(5)};
  const PrefixRange both[] = {one, five};
  EXPECT_EQ(Sorted(unit->Find(both)), std::vector<uint32_t>{0});
  const PrefixRange first[] = {one};
  EXPECT_EQ(Sorted(unit->Find(first)), (std::vector<uint32_t>{0, 1, 2}));
  // Behind a range the next column is not in order: it is not looked at.
  const PrefixRange range[] = {{IntPrefix(1), IntPrefix(2)}, five};
  EXPECT_EQ(Sorted(unit->Find(range)), (std::vector<uint32_t>{0, 1, 2, 3}));
}

TEST(SortedUnitTest, UnitsWithoutRowsAndWithoutValues) {
  for (const auto& column : {ArrayOf<arrow::Int64Builder, int64_t>({}),
                             ArrayOf<arrow::Int64Builder, int64_t>({std::nullopt, std::nullopt})}) {
    const std::shared_ptr<arrow::Array> columns[] = {column};
    const auto unit = SortedUnit::Make(columns).ValueOrDie();
    const PrefixRange all[] = {{}};
    EXPECT_TRUE(unit->Find(all).empty());
  }
}

}  // namespace
}  // namespace pyralog::lsm
