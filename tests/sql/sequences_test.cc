// Sequences over threads, crashes and clean ends: no value is given twice.
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "tests/sql/testing.h"

namespace pyralog::tests {
namespace {

class SequencesTest : public FolderTest {
 protected:
  static std::vector<int64_t> Values(Session& session, const std::string& sql) {
    std::vector<int64_t> values;
    const auto reader = session.Query(sql);
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    if (!reader.ok()) return values;
    while (true) {
      const auto batch = (*reader)->Next();
      EXPECT_TRUE(batch.ok()) << batch.status().ToString();
      if (!batch.ok() || *batch == nullptr) return values;
      const auto& column = static_cast<const arrow::Int64Array&>(*(*batch)->column(0));
      values.insert(values.end(), column.raw_values(), column.raw_values() + column.length());
    }
  }
};

TEST_F(SequencesTest, ACleanEndLosesNoValue) {
  for (int64_t expected = 1; expected < 4; ++expected) {
    const auto database = Database::Open(folder_.string()).ValueOrDie();
    const auto session = database->Connect().ValueOrDie();
    session->Execute("CREATE SEQUENCE IF NOT EXISTS s").ValueOrDie();
    EXPECT_EQ(Values(*session, "SELECT nextval('s')"), std::vector<int64_t>{expected});
  }
}

TEST_F(SequencesTest, ACrashLosesValuesButGivesNoneTwice) {
  const auto database = Database::Open(folder_.string()).ValueOrDie();
  const auto session = database->Connect().ValueOrDie();
  session->Execute("CREATE SEQUENCE s").ValueOrDie();
  std::set<int64_t> given;
  for (const int64_t value : Values(*session, "SELECT nextval('s') FROM range(50)")) {
    given.insert(value);
  }
  EXPECT_EQ(given.size(), 50u);
  // The files as they are now: what a process that is killed leaves.
  const auto crashed = folder_.string() + "-crashed";
  std::filesystem::remove_all(crashed);
  std::filesystem::copy(folder_, crashed, std::filesystem::copy_options::recursive);
  {
    const auto again = Database::Open(crashed).ValueOrDie();
    const auto next = Values(*again->Connect().ValueOrDie(), "SELECT nextval('s') FROM range(50)");
    for (const int64_t value : next) EXPECT_TRUE(given.insert(value).second) << value;
    ASSERT_FALSE(next.empty());
    EXPECT_LE(next.front(), 50 + 1024) << "too many values are lost";
  }
  std::filesystem::remove_all(crashed);
}

TEST_F(SequencesTest, SessionsTakeValuesAtTheSameTime) {
  const auto database = Database::Open(":memory:").ValueOrDie();
  database->Connect().ValueOrDie()->Execute("CREATE SEQUENCE s").ValueOrDie();
  constexpr int kThreads = 4;
  std::vector<std::vector<int64_t>> taken(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto session = database->Connect().ValueOrDie();
      for (int k = 0; k < 50; ++k) {
        session->Execute(k % 2 == 0 ? "BEGIN" : "SELECT 1").ValueOrDie();
        const auto more = Values(*session, "SELECT nextval('s') FROM range(20)");
        taken[i].insert(taken[i].end(), more.begin(), more.end());
        if (k % 2 == 0) session->Execute(k % 4 == 0 ? "ROLLBACK" : "COMMIT").ValueOrDie();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> all;
  for (const auto& values : taken) all.insert(values.begin(), values.end());
  EXPECT_EQ(all.size(), kThreads * 50u * 20u);
}

TEST_F(SequencesTest, DroppedWhileAnotherTransactionUsesIt) {
  const auto database = Database::Open(":memory:").ValueOrDie();
  const auto one = database->Connect().ValueOrDie();
  const auto two = database->Connect().ValueOrDie();
  one->Execute("CREATE SEQUENCE s; BEGIN; CREATE TABLE t AS SELECT 1 AS a").ValueOrDie();
  two->Execute("DROP SEQUENCE s").ValueOrDie();
  one->Execute("INSERT INTO t SELECT nextval('s')").ValueOrDie();
  const auto committed = one->Execute("COMMIT");
  ExpectError(committed.status(), ErrorCode::kConflict, "was changed");
}

}  // namespace
}  // namespace pyralog::tests
