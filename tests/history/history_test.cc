// Random histories of concurrent sessions are snapshot isolation; histories that are not are told
// from those that are.
#include "tests/history/history.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <random>
#include <string>

#include "tests/history/session_driver.h"

namespace pyralog::history {
namespace {

constexpr auto kCommitted = TransactionRecord::Outcome::kCommitted;
constexpr auto kConflict = TransactionRecord::Outcome::kConflict;
constexpr auto kRolledBack = TransactionRecord::Outcome::kRolledBack;

Operation Append(int64_t key, int64_t number) {
  return {Operation::Kind::kAppend, key, number, {}};
}
Operation Read(int64_t key, List seen) { return {Operation::Kind::kRead, key, 0, std::move(seen)}; }

void ExpectWrong(const History& history, const Lists& last, const std::string& part) {
  const std::string wrong = CheckSnapshotIsolation(history, last);
  EXPECT_NE(wrong.find(part), std::string::npos) << "found: '" << wrong << "'";
}

// ---- The checker ----

TEST(HistoryChecker, WriteSkewIsAllowed) {
  EXPECT_EQ(
      CheckSnapshotIsolation({{0, 1, 5, kCommitted, {Read(1, {}), Read(2, {}), Append(1, 10)}},
                              {1, 2, 6, kCommitted, {Read(1, {}), Read(2, {}), Append(2, 20)}}},
                             {{1, {10}}, {2, {20}}}),
      "");
}

TEST(HistoryChecker, FindsALostUpdate) {
  ExpectWrong({{0, 1, 5, kCommitted, {Read(1, {}), Append(1, 10)}},
               {1, 2, 6, kCommitted, {Read(1, {}), Append(1, 20)}}},
              {{1, {10, 20}}}, "cycle");
  ExpectWrong({{0, 1, 5, kCommitted, {Append(1, 10)}}, {1, 2, 6, kCommitted, {Append(1, 20)}}},
              {{1, {20}}}, "lost: 10");
}

TEST(HistoryChecker, FindsALongFork) {
  // Two writers, and two readers that see them in different orders.
  ExpectWrong({{0, 1, 10, kCommitted, {Append(1, 10)}},
               {1, 2, 11, kCommitted, {Append(2, 20)}},
               {2, 3, 12, kCommitted, {Read(1, {10}), Read(2, {})}},
               {3, 4, 13, kCommitted, {Read(1, {}), Read(2, {20})}}},
              {{1, {10}}, {2, {20}}}, "cycle");
}

TEST(HistoryChecker, FindsReadSkew) {
  for (const auto outcome : {kCommitted, kRolledBack}) {
    ExpectWrong({{0, 1, 5, kCommitted, {Append(1, 10), Append(2, 11)}},
                 {1, 2, 6, outcome, {Read(1, {}), Read(2, {11})}}},
                {{1, {10}}, {2, {11}}}, "cycle");
  }
}

TEST(HistoryChecker, FindsAStaleRead) {
  ExpectWrong({{0, 1, 2, kCommitted, {Append(1, 10)}}, {1, 3, 4, kCommitted, {Read(1, {})}}},
              {{1, {10}}}, "cycle");
}

TEST(HistoryChecker, FindsDirtyReads) {
  ExpectWrong({{0, 1, 5, kRolledBack, {Append(1, 10)}}, {1, 2, 6, kCommitted, {Read(1, {10})}}}, {},
              "in the end it was []");
  ExpectWrong({{0, 1, 5, kCommitted, {Append(1, 10), Append(1, 11)}},
               {1, 2, 6, kCommitted, {Read(1, {10})}}},
              {{1, {10, 11}}}, "in the midst of transaction 0");
  ExpectWrong({{0, 1, 5, kRolledBack, {Append(1, 10)}}}, {{1, {10}}}, "did not commit");
}

TEST(HistoryChecker, FindsAReadThatCannotBeRepeated) {
  ExpectWrong(
      {{0, 1, 5, kCommitted, {Append(1, 10)}}, {1, 2, 6, kCommitted, {Read(1, {}), Read(1, {10})}}},
      {{1, {10}}}, "before that saw []");
}

TEST(HistoryChecker, FindsOwnWritesUnseen) {
  ExpectWrong({{0, 1, 5, kCommitted, {Append(1, 10), Read(1, {})}}}, {{1, {10}}},
              "without its own [10]");
}

TEST(HistoryChecker, FindsAConflictWithNobody) {
  ExpectWrong({{0, 1, 2, kCommitted, {Append(1, 10)}}, {1, 3, 4, kConflict, {Append(1, 20)}}},
              {{1, {10}}}, "nobody wrote");
  EXPECT_EQ(CheckSnapshotIsolation(
                {{0, 1, 4, kCommitted, {Append(1, 10)}}, {1, 3, 5, kConflict, {Append(1, 20)}}},
                {{1, {10}}}),
            "");
}

// ---- The database ----

class HistoryTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("pyralog-history-" + std::to_string(getpid()) + "-" + test->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<Database> Open() {
    return Database::Open(folder_.string(),
                          {.durability = Durability::kNormal, .memtable_size = 256 << 10})
        .ValueOrDie();
  }

  std::filesystem::path folder_;
};

TEST_F(HistoryTest, FourSessionsAreSnapshotIsolation) {
  DriverOptions options;
  if (const char* seed = std::getenv("PYRALOG_HISTORY_SEED")) options.seed = std::stoull(seed);
  History history;
  Lists last;
  {
    const auto database = Open();
    const auto session = database->Connect().ValueOrDie();
    ASSERT_TRUE(MakeTables(session.get()).ok());
    auto made = MakeHistory(database.get(), options);
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    history = std::move(*made);
    last = ReadLists(session.get()).ValueOrDie();
  }
  EXPECT_EQ(CheckSnapshotIsolation(history, last), "");
  EXPECT_EQ(ReadLists(Open()->Connect().ValueOrDie().get()).ValueOrDie(), last) << "reopened";
  size_t operations = 0, conflicts = 0, overlaps = 0;
  uint64_t end = 0;
  for (const TransactionRecord& record : history) {
    operations += record.operations.size();
    conflicts += record.outcome == kConflict;
    overlaps += record.begin < end;
    end = std::max(end, record.end);
  }
  std::cout << "  " << history.size() << " transactions of " << operations << " operations, "
            << conflicts << " conflicts\n";
  EXPECT_GE(operations, 100'000u);
  // The sessions did meet.
  EXPECT_GT(conflicts, 100u);
  EXPECT_GT(overlaps, 1000u);
}

TEST_F(HistoryTest, ReadsOutsideTheTransactionAreFound) {
  const auto database = Open();
  const auto session = database->Connect().ValueOrDie();
  ASSERT_TRUE(MakeTables(session.get()).ok());
  DriverOptions options;
  options.operations = 5000;
  options.reads_outside = true;
  const auto history = MakeHistory(database.get(), options);
  ASSERT_TRUE(history.ok()) << history.status().ToString();
  EXPECT_NE(CheckSnapshotIsolation(*history, ReadLists(session.get()).ValueOrDie()), "");
}

}  // namespace
}  // namespace pyralog::history
