// The ten anomalies of Hermitage (github.com/ept/hermitage, by Martin Kleppmann), each as it is
// played there for snapshot isolation. Pyralog prevents eight: G0, G1a, G1b, G1c, OTV, PMP, P4 and
// G-single. Write skew (G2-item) and anti-dependency cycles over predicates (G2) are what snapshot
// isolation allows; the last two tests show them.
#include <gtest/gtest.h>

#include <map>

#include "arrow/api.h"
#include "pyralog/database.h"

namespace pyralog {
namespace {

using Rows = std::map<int64_t, int64_t>;

class Hermitage : public ::testing::Test {
 protected:
  void SetUp() override {
    db_ = Database::Open(":memory:").ValueOrDie();
    t1_ = db_->Connect().ValueOrDie();
    t2_ = db_->Connect().ValueOrDie();
    t3_ = db_->Connect().ValueOrDie();
    Do(t1_, "CREATE TABLE test (id INTEGER PRIMARY KEY, value INTEGER)");
    Do(t1_, "INSERT INTO test VALUES (1, 10), (2, 20)");
    Do(t1_, "BEGIN");
    Do(t2_, "BEGIN");
  }

  static void Do(const std::unique_ptr<Session>& session, const std::string& sql) {
    const auto done = session->Execute(sql);
    ASSERT_TRUE(done.ok()) << sql << ": " << done.status().ToString();
  }
  // A commit that must fail because another transaction committed first.
  static void Conflict(const std::unique_ptr<Session>& session) {
    EXPECT_TRUE(IsConflict(session->Execute("COMMIT").status()));
  }
  static Rows Select(const std::unique_ptr<Session>& session, const std::string& where = "true") {
    auto table = session->Query("SELECT id::BIGINT, value::BIGINT FROM test WHERE " + where)
                     .ValueOrDie()
                     ->ToTable()
                     .ValueOrDie();
    Rows rows;
    for (int64_t i = 0; i < table->num_rows(); ++i) {
      auto at = [&](int column) {
        return static_cast<const arrow::Int64Scalar&>(
                   *table->column(column)->GetScalar(i).ValueOrDie())
            .value;
      };
      rows[at(0)] = at(1);
    }
    return rows;
  }

  std::shared_ptr<Database> db_;
  std::unique_ptr<Session> t1_;
  std::unique_ptr<Session> t2_;
  std::unique_ptr<Session> t3_;
};

TEST_F(Hermitage, G0WriteCyclesArePrevented) {
  Do(t1_, "UPDATE test SET value = 11 WHERE id = 1");
  Do(t2_, "UPDATE test SET value = 12 WHERE id = 1");
  Do(t1_, "UPDATE test SET value = 21 WHERE id = 2");
  Do(t1_, "COMMIT");
  Do(t2_, "UPDATE test SET value = 22 WHERE id = 2");
  Conflict(t2_);
  EXPECT_EQ(Select(t3_), (Rows{{1, 11}, {2, 21}}));
}

TEST_F(Hermitage, G1aAbortedReadsArePrevented) {
  Do(t1_, "UPDATE test SET value = 101 WHERE id = 1");
  EXPECT_EQ(Select(t2_), (Rows{{1, 10}, {2, 20}}));
  Do(t1_, "ROLLBACK");
  EXPECT_EQ(Select(t2_), (Rows{{1, 10}, {2, 20}}));
  Do(t2_, "COMMIT");
}

TEST_F(Hermitage, G1bIntermediateReadsArePrevented) {
  Do(t1_, "UPDATE test SET value = 101 WHERE id = 1");
  EXPECT_EQ(Select(t2_), (Rows{{1, 10}, {2, 20}}));
  Do(t1_, "UPDATE test SET value = 11 WHERE id = 1");
  Do(t1_, "COMMIT");
  EXPECT_EQ(Select(t2_), (Rows{{1, 10}, {2, 20}}));
  Do(t2_, "COMMIT");
}

TEST_F(Hermitage, G1cCircularInformationFlowIsPrevented) {
  Do(t1_, "UPDATE test SET value = 11 WHERE id = 1");
  Do(t2_, "UPDATE test SET value = 22 WHERE id = 2");
  EXPECT_EQ(Select(t1_, "id = 2"), (Rows{{2, 20}}));
  EXPECT_EQ(Select(t2_, "id = 1"), (Rows{{1, 10}}));
  Do(t1_, "COMMIT");
  Do(t2_, "COMMIT");
}

TEST_F(Hermitage, OtvObservedTransactionVanishesIsPrevented) {
  Do(t3_, "BEGIN");
  Do(t1_, "UPDATE test SET value = 11 WHERE id = 1");
  Do(t1_, "UPDATE test SET value = 19 WHERE id = 2");
  Do(t2_, "UPDATE test SET value = 12 WHERE id = 1");
  Do(t1_, "COMMIT");
  const Rows first = Select(t3_, "id = 1");
  Do(t2_, "UPDATE test SET value = 18 WHERE id = 2");
  EXPECT_EQ(Select(t3_, "id = 2").at(2), first.at(1) == 11 ? 19 : 20);
  Conflict(t2_);
  EXPECT_EQ(Select(t3_, "id = 2").at(2), first.at(1) == 11 ? 19 : 20);
  EXPECT_EQ(Select(t3_, "id = 1"), first);
  Do(t3_, "COMMIT");
}

TEST_F(Hermitage, PmpPredicateManyPrecedersIsPrevented) {
  EXPECT_EQ(Select(t1_, "value = 30"), Rows{});
  Do(t2_, "INSERT INTO test VALUES (3, 30)");
  Do(t2_, "COMMIT");
  EXPECT_EQ(Select(t1_, "value % 3 = 0"), Rows{});
  Do(t1_, "COMMIT");
}

TEST_F(Hermitage, PmpForWritePredicatesIsPrevented) {
  Select(t2_);
  Do(t1_, "UPDATE test SET value = value + 10");
  Do(t1_, "COMMIT");
  Do(t2_, "DELETE FROM test WHERE value = 20");
  Conflict(t2_);
  EXPECT_EQ(Select(t3_), (Rows{{1, 20}, {2, 30}}));
}

TEST_F(Hermitage, P4LostUpdateIsPrevented) {
  EXPECT_EQ(Select(t1_, "id = 1"), (Rows{{1, 10}}));
  EXPECT_EQ(Select(t2_, "id = 1"), (Rows{{1, 10}}));
  Do(t1_, "UPDATE test SET value = 11 WHERE id = 1");
  Do(t2_, "UPDATE test SET value = 11 WHERE id = 1");
  Do(t1_, "COMMIT");
  Conflict(t2_);
}

TEST_F(Hermitage, GSingleReadSkewIsPrevented) {
  EXPECT_EQ(Select(t1_, "id = 1"), (Rows{{1, 10}}));
  Do(t2_, "UPDATE test SET value = 12 WHERE id = 1");
  Do(t2_, "UPDATE test SET value = 18 WHERE id = 2");
  Do(t2_, "COMMIT");
  EXPECT_EQ(Select(t1_, "id = 2"), (Rows{{2, 20}}));
  Do(t1_, "COMMIT");
}

TEST_F(Hermitage, GSingleWithPredicatesAndWritesIsPrevented) {
  EXPECT_EQ(Select(t1_, "value % 5 = 0").size(), 2u);
  Do(t2_, "UPDATE test SET value = 12 WHERE value = 10");
  Do(t2_, "COMMIT");
  EXPECT_EQ(Select(t1_, "value % 3 = 0"), Rows{});
  Do(t1_, "DELETE FROM test WHERE value = 10");
  Conflict(t1_);
  EXPECT_EQ(Select(t3_), (Rows{{1, 12}, {2, 20}}));
}

TEST_F(Hermitage, G2ItemWriteSkewIsAllowed) {
  EXPECT_EQ(Select(t1_).size(), 2u);
  EXPECT_EQ(Select(t2_).size(), 2u);
  Do(t1_, "UPDATE test SET value = 11 WHERE id = 1");
  Do(t2_, "UPDATE test SET value = 21 WHERE id = 2");
  Do(t1_, "COMMIT");
  Do(t2_, "COMMIT");
  EXPECT_EQ(Select(t3_), (Rows{{1, 11}, {2, 21}}));
}

TEST_F(Hermitage, G2AntiDependencyCyclesAreAllowed) {
  EXPECT_EQ(Select(t1_, "value % 3 = 0"), Rows{});
  EXPECT_EQ(Select(t2_, "value % 3 = 0"), Rows{});
  Do(t1_, "INSERT INTO test VALUES (3, 30)");
  Do(t2_, "INSERT INTO test VALUES (4, 42)");
  Do(t1_, "COMMIT");
  Do(t2_, "COMMIT");
  EXPECT_EQ(Select(t3_, "value % 3 = 0"), (Rows{{3, 30}, {4, 42}}));
}

}  // namespace
}  // namespace pyralog
