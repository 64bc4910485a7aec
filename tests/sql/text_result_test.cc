// Results for people, the transaction's state and the progress of a statement.
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arrow/api.h"
#include "tests/sql/testing.h"

namespace pyralog::tests {
namespace {

class TextResultTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = Database::Open(":memory:").ValueOrDie();
    session_ = database_->Connect().ValueOrDie();
  }

  // The first row of the query.
  std::vector<std::optional<std::string>> Row(const std::string& sql) {
    const auto result = session_->QueryText(sql).ValueOrDie();
    const auto batch = result->Next().ValueOrDie();
    std::vector<std::optional<std::string>> row;
    for (const auto& column : batch->columns()) {
      const auto& values = static_cast<const arrow::LargeStringArray&>(*column);
      row.push_back(values.IsNull(0) ? std::nullopt : std::optional(values.GetString(0)));
    }
    return row;
  }

  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

TEST_F(TextResultTest, ValuesAreWhatSqlCastsThemTo) {
  using Texts = std::vector<std::optional<std::string>>;
  EXPECT_EQ(Row("SELECT '10:00:00+01'::TIMETZ, '101'::BIT, INTERVAL '1 day 2 hours', NULL, 'NULL', "
                "'\\xAA'::BLOB, [1, NULL], {'a': 'x'}, MAP {'k': 1}, 'infinity'::DATE"),
            (Texts{"10:00:00+01", "101", "1 day 02:00:00", std::nullopt, "NULL", "\\xAA",
                   "[1, NULL]", "{'a': x}", "{k=1}", "infinity"}));
}

TEST_F(TextResultTest, TypesAreNamedAsSqlNamesThem) {
  const auto result =
      session_->QueryText("SELECT 1 AS a, 1.50 AS b, '10:00:00+01'::TIMETZ AS c, [1] AS d")
          .ValueOrDie();
  EXPECT_EQ(result->names(), (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(result->types(), (std::vector<std::string>{"INTEGER", "DECIMAL(3,2)",
                                                       "TIME WITH TIME ZONE", "INTEGER[]"}));
}

TEST_F(TextResultTest, TheRestIsCounted) {
  const auto result = session_->QueryText("SELECT * FROM range(10000)").ValueOrDie();
  const int64_t first = (*result->Next())->num_rows();
  EXPECT_EQ(first + *result->CountRest(), 10000);
  EXPECT_EQ(*result->Next(), nullptr);
  EXPECT_EQ(*result->CountRest(), 0);
  const auto nothing = session_->QueryText("-- nothing").ValueOrDie();
  EXPECT_TRUE(nothing->names().empty());
  EXPECT_EQ(*nothing->Next(), nullptr);
}

TEST_F(TextResultTest, ErrorsComeWhileRowsAreRead) {
  auto result = session_->QueryText(
      "SELECT CASE WHEN range = 500000 THEN error('half way')::INTEGER ELSE 1 END "
      "FROM range(1000000)");
  const arrow::Status status = result.ok() ? (*result)->CountRest().status() : result.status();
  EXPECT_NE(status.message().find("half way"), std::string::npos) << status.ToString();
  if (result.ok()) result->reset();
  EXPECT_EQ(Row("SELECT 42"), (std::vector<std::optional<std::string>>{"42"}));
}

TEST_F(TextResultTest, TheTransactionsState) {
  EXPECT_EQ(session_->transaction_state(), TransactionState::kNone);
  ASSERT_TRUE(session_->Execute("BEGIN").ok());
  EXPECT_EQ(session_->transaction_state(), TransactionState::kOpen);
  ASSERT_TRUE(session_->Execute("CREATE TABLE t (a INTEGER)").ok());
  EXPECT_FALSE(session_->Execute("INSERT INTO t SELECT error('no')::INTEGER").ok());
  EXPECT_EQ(session_->transaction_state(), TransactionState::kAborted);
  ASSERT_TRUE(session_->Execute("ROLLBACK").ok());
  EXPECT_EQ(session_->transaction_state(), TransactionState::kNone);
}

TEST_F(TextResultTest, ProgressIsToldWhileAStatementRuns) {
  EXPECT_EQ(session_->Progress(), std::nullopt);
  ASSERT_TRUE(
      session_
          ->Execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false; "
                    "SET progress_bar_time = 0")
          .ok());
  ASSERT_TRUE(session_->Execute("CREATE TABLE t AS SELECT range AS a FROM range(500000)").ok());
  // It may end before anybody looks: then it runs again.
  std::optional<double> done;
  for (int i = 0; i < 20 && !done; ++i) {
    std::atomic<bool> ended = false;
    std::thread statement([&] {
      EXPECT_TRUE(session_->Execute("SELECT sum(length(repeat(a::VARCHAR, 200))) FROM t").ok());
      ended = true;
    });
    while (!ended && !done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      done = session_->Progress();
    }
    statement.join();
  }
  ASSERT_TRUE(done.has_value());
  EXPECT_GE(*done, 0);
  EXPECT_LE(*done, 1);
}

}  // namespace
}  // namespace pyralog::tests
