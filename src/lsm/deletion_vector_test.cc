#include "lsm/deletion_vector.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace pyralog::lsm {
namespace {

constexpr int64_t kRows = 300000;

// A std::map walks along.
class DeletionVectorTest : public ::testing::Test {
 protected:
  void Kill(int64_t row, uint64_t commit) {
    EXPECT_EQ(deaths_.Kill(row, CommitNumber(commit)), model_.emplace(row, commit).second) << row;
  }
  bool DeadInModel(int64_t row, uint64_t snapshot) const {
    const auto death = model_.find(row);
    return death != model_.end() && death->second <= snapshot;
  }
  // Everything that can be asked, at this snapshot.
  void Compare(uint64_t snapshot) {
    const CommitNumber at(snapshot);
    std::vector<uint64_t> words((kRows + 63) / 64, ~uint64_t{0});
    deaths_.ClearDead(0, kRows, at, words.data());
    // Beginning at a row that is no multiple of 64.
    std::vector<uint64_t> odd((kRows + 63) / 64, ~uint64_t{0});
    deaths_.ClearDead(1001, kRows - 1001, at, odd.data());
    const RowSet dead = deaths_.DeadRows(at);
    int64_t count = 0;
    for (int64_t row = 0; row < kRows; ++row) {
      const bool expected = DeadInModel(row, snapshot);
      count += expected ? 1 : 0;
      ASSERT_EQ((words[row / 64] >> (row % 64) & 1) == 0, expected) << row << " at " << snapshot;
      if (row >= 1001) {
        const int64_t i = row - 1001;
        ASSERT_EQ((odd[i / 64] >> (i % 64) & 1) == 0, expected) << row << " at " << snapshot;
      }
      ASSERT_EQ(dead.Contains(static_cast<uint32_t>(row)), expected) << row << " at " << snapshot;
      if (row % 97 == 0) {
        ASSERT_EQ(deaths_.IsDeadAt(row, at), expected) << row << " at " << snapshot;
      }
    }
    EXPECT_EQ(deaths_.CountDead(at), count);
    EXPECT_EQ(static_cast<int64_t>(dead.size()), count);
  }

  DeletionVector deaths_;
  std::map<int64_t, uint64_t> model_;
};

TEST_F(DeletionVectorTest, AnswersForEverySnapshot) {
  std::mt19937 random(11);
  // Few rows by each of many commits, then many by few, then both in one.
  for (uint64_t commit = 1; commit <= 300; ++commit) {
    for (int i = 0; i < 3; ++i) Kill(random() % kRows, commit);
  }
  for (uint64_t commit = 301; commit <= 304; ++commit) {
    for (int i = 0; i < 40000; ++i) Kill(random() % kRows, commit);
  }
  for (int64_t row = 120000; row < 140000; ++row) Kill(row, 305);
  Kill(7, 306);
  for (const uint64_t snapshot : {0u, 1u, 150u, 300u, 302u, 304u, 305u, 306u, 1000u}) {
    Compare(snapshot);
  }
  EXPECT_EQ(deaths_.last_death(), CommitNumber(306));

  deaths_.Forget(CommitNumber(302));
  for (const uint64_t snapshot : {302u, 303u, 304u, 305u, 306u}) Compare(snapshot);
  deaths_.Forget(CommitNumber(306));
  Compare(306);
}

TEST_F(DeletionVectorTest, ADeathOfManyRowsTakesABitEach) {
  for (int64_t row = 0; row < kRows; ++row) Kill(row, 5);
  // The bits of the dead, those of the commit, and what is not yet worth a bitmap.
  EXPECT_LT(deaths_.memory_bytes(), 200000u);
  Compare(4);
  Compare(5);
}

TEST_F(DeletionVectorTest, RebasedDeathsAreOfOneCommit) {
  for (int64_t row = 0; row < 5000; ++row) Kill(row * 3, row / 100);
  deaths_.Rebase(CommitNumber(900));
  for (auto& [row, commit] : model_) commit = 0;
  Compare(900);
  EXPECT_EQ(deaths_.last_death(), CommitNumber(900));
}

}  // namespace
}  // namespace pyralog::lsm
