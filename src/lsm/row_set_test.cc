#include "lsm/row_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace pyralog::lsm {
namespace {

std::vector<uint32_t> RowsIn(const RowSet& set) {
  std::vector<uint32_t> rows;
  set.ForEach([&](uint32_t row) { rows.push_back(row); });
  return rows;
}

// A std::set walks along, for sets of every density and rows in any order.
TEST(RowSetTest, HoldsWhatASetHolds) {
  std::mt19937 random(5);
  for (const uint32_t range : {100u, 5000u, 100000u, 50000000u}) {
    for (const bool ascending : {true, false}) {
      std::set<uint32_t> model;
      while (model.size() < std::min(range / 2, 20000u)) model.insert(random() % range);
      std::vector<uint32_t> rows(model.begin(), model.end());
      if (!ascending) std::shuffle(rows.begin(), rows.end(), random);
      RowSet set;
      for (const uint32_t row : rows) set.Add(row);
      set.Sort();
      EXPECT_EQ(set.size(), model.size());
      EXPECT_EQ(set.max(), *model.rbegin());
      EXPECT_EQ(RowsIn(set), std::vector<uint32_t>(model.begin(), model.end()));
      for (int i = 0; i < 1000; ++i) {
        const uint32_t row = random() % range;
        ASSERT_EQ(set.Contains(row), model.contains(row)) << row;
      }
      EXPECT_TRUE(set.list().empty() != set.words().empty());
    }
  }
}

TEST(RowSetTest, ManyNeighboursTakeABitEach) {
  RowSet set;
  for (uint32_t row = 0; row < 1000000; ++row) set.Add(row);
  EXPECT_FALSE(set.words().empty());
  EXPECT_LE(set.memory_bytes(), 2 * 1000000 / 8);
  RowSet few;
  for (uint32_t row = 0; row < 2000; ++row) few.Add(row * 100000);
  EXPECT_FALSE(few.list().empty());
}

TEST(RowSetTest, EqualWhateverTheOrder) {
  RowSet up;
  RowSet down;
  for (uint32_t row = 0; row < 3000; ++row) up.Add(row * 7);
  for (uint32_t row = 3000; row-- > 0;) down.Add(row * 7);
  down.Sort();
  EXPECT_EQ(up, down);
  down.Add(1);
  EXPECT_FALSE(up == down);
  EXPECT_EQ(RowSet(), RowSet());
}

}  // namespace
}  // namespace pyralog::lsm
