// A prepared statement does what the same statement does when it is sent as text with the same
// parameters: same rows, same counts, same errors, same transaction afterwards. The prepared one is
// run by its kept plan, often without DuckDB's executor; the text is planned each time.
#include <string>
#include <thread>
#include <vector>

#include "arrow/api.h"
#include "tests/sql/testing.h"

namespace pyralog::tests {
namespace {

std::string RowsText(const arrow::Result<std::shared_ptr<arrow::RecordBatchReader>>& reader) {
  if (!reader.ok()) return reader.status().ToString();
  const auto table = (*reader)->ToTable();
  if (!table.ok()) return table.status().ToString();
  const auto whole = (*table)->CombineChunks().ValueOrDie();
  return whole->schema()->ToString() + "\n" + whole->ToString();
}

std::string CountText(const arrow::Result<int64_t>& count) {
  return count.ok() ? std::to_string(*count) : count.status().ToString();
}

constexpr char kSetup[] =
    "CREATE TABLE t (k BIGINT PRIMARY KEY, name VARCHAR NOT NULL DEFAULT 'none',"
    "                n INTEGER CHECK (n < 1000), d DECIMAL(9, 2));"
    "INSERT INTO t VALUES (1, 'one', 1, 1.5), (2, 'two', NULL, 2.25), (3, 'three', 3, NULL);"
    "CREATE TABLE pair (a INTEGER, b VARCHAR, v DOUBLE, PRIMARY KEY (b, a));"
    "INSERT INTO pair VALUES (1, 'x', 0.5), (2, 'x', 1.5), (1, 'y', 2.5);"
    "CREATE TABLE keyless (a INTEGER, s VARCHAR)";
constexpr char kState[] =
    "SELECT 't' AS name, k::VARCHAR || ' ' || name || ' ' || coalesce(n::VARCHAR, '-') || ' ' || "
    "coalesce(d::VARCHAR, '-') AS row FROM t UNION ALL SELECT 'pair', a || b || v FROM pair "
    "UNION ALL SELECT 'keyless', coalesce(a::VARCHAR, '-') || coalesce(s, '-') FROM keyless "
    "ORDER BY ALL";

struct Case {
  std::string sql;
  std::vector<Params> runs;
};

const std::vector<Case>& Cases() {
  static const auto& cases = *new std::vector<Case>{
      {"SELECT name, d, n + 1 AS more FROM t WHERE k = $1",
       {{Int(1)}, {Int(2)}, {Int(9)}, {Null()}}},
      {"SELECT * FROM t WHERE k = $1 AND n > $2", {{Int(1), Int(0)}, {Int(1), Int(5)}}},
      {"SELECT v FROM pair WHERE a = $1 AND b = $2", {{Int(1), Text("x")}, {Int(2), Text("y")}}},
      {"SELECT v FROM pair WHERE b = $1", {{Text("x")}}},
      {"SELECT $1::INTEGER + 1 AS more", {{Int(1)}, {Int(INT32_MAX)}, {Null()}}},
      {"SELECT upper($1::VARCHAR) AS loud, length(current_query()) > 0 AS known", {{Text("a")}}},
      {"SELECT k, error('stop ' || name) AS never FROM t WHERE k = $1", {{Int(1)}, {Int(9)}}},
      {"INSERT INTO t VALUES ($1, $2, $3, 1.1)",
       {{Int(10), Text("ten"), Int(10)},
        {Int(10), Text("again"), Int(10)},
        {Int(11), Null(), Int(10)},
        {Int(12), Text("large"), Int(1000)},
        {Null(), Text("no key"), Int(1)},
        {Int(13), Text("not an integer"), Text("ten")},
        {Int(14), Text("fits"), Text("14")}}},
      {"INSERT INTO t (k, n) VALUES ($1, $2), ($1 + 1, $2)",
       {{Int(20), Int(1)}, {Int(21), Int(1)}, {Int(30), Int(1)}}},
      {"INSERT INTO t (k) VALUES ($1) RETURNING k, name, n", {{Int(40)}, {Int(1)}, {Int(41)}}},
      {"INSERT INTO t VALUES ($1, current_query(), 1, 1) RETURNING length(name) > 9",
       {{Int(45)}, {Int(46)}}},
      {"INSERT INTO t VALUES ($1, $2, 5, 5) ON CONFLICT DO NOTHING",
       {{Int(1), Text("kept")}, {Int(50), Text("new")}, {Int(51), Null()}}},
      {"INSERT INTO t VALUES ($1, $2, $3, 5) ON CONFLICT (k) DO UPDATE SET name = excluded.name, "
       "n = t.n + excluded.n",
       {{Int(1), Text("uno"), Int(5)},
        {Int(60), Text("sixty"), Int(6)},
        {Int(60), Text("60"), Int(999)},
        {Int(61), Text("x"), Int(1000)}}},
      {"INSERT INTO t VALUES ($1, $2, 1, 1) ON CONFLICT (k) DO UPDATE SET n = 7 RETURNING *",
       {{Int(2), Text("x")}, {Int(70), Text("y")}}},
      {"INSERT OR REPLACE INTO pair VALUES ($1, $2, $3)",
       {{Int(1), Text("x"), Int(9)}, {Int(8), Text("z"), Int(8)}}},
      {"INSERT INTO keyless VALUES ($1, 'a'), (2, $2)", {{Int(1), Text("b")}, {Null(), Null()}}},
      {"UPDATE t SET d = d + $2 WHERE k = $1",
       {{Int(1), Int(1)}, {Int(9), Int(1)}, {Int(3), Int(1)}}},
      {"UPDATE t SET n = $2 WHERE k = $1", {{Int(1), Int(1000)}, {Int(1), Int(999)}}},
      {"UPDATE t SET k = $2 WHERE k = $1", {{Int(3), Int(33)}, {Int(33), Int(1)}}},
      {"UPDATE t SET name = name || $2 WHERE k = $1 RETURNING k, name", {{Int(1), Text("!")}}},
      {"DELETE FROM t WHERE k = $1", {{Int(2)}, {Int(2)}}},
      {"DELETE FROM pair WHERE a = $1 AND b = $2 RETURNING v", {{Int(1), Text("y")}}},
      {"MERGE INTO t USING (SELECT $1::BIGINT AS k, $2::VARCHAR AS s) u ON t.k = u.k "
       "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (k, name) VALUES (u.k, u.s)",
       {{Int(1), Text("m")}, {Int(80), Text("m")}}},
  };
  return cases;
}

class PreparedTest : public testing::TestWithParam<size_t> {
 protected:
  struct Side {
    std::shared_ptr<Database> database = Database::Open(":memory:").ValueOrDie();
    std::unique_ptr<Session> session = database->Connect().ValueOrDie();
    std::string State() { return RowsText(session->Query(kState)); }
  };
  void SetUp() override {
    for (Side* side : {&text_, &prepared_}) side->session->Execute(kSetup).ValueOrDie();
  }
  Side text_, prepared_;
};

TEST_P(PreparedTest, DoesWhatItsTextDoes) {
  const Case& tested = Cases()[GetParam()];
  SCOPED_TRACE(tested.sql);
  auto statement = prepared_.session->Prepare(tested.sql).ValueOrDie();
  for (const bool in_transaction : {false, true}) {
    for (const bool by_query : {true, false}) {
      for (size_t run = 0; run < tested.runs.size(); ++run) {
        SCOPED_TRACE("run " + std::to_string(run) + (in_transaction ? " in a transaction" : ""));
        const Params& params = tested.runs[run];
        if (in_transaction) {
          text_.session->Execute("BEGIN").ValueOrDie();
          prepared_.session->Execute("BEGIN").ValueOrDie();
        }
        if (by_query) {
          EXPECT_EQ(RowsText(statement->Query(params)),
                    RowsText(text_.session->Query(tested.sql, params)));
        } else {
          EXPECT_EQ(CountText(statement->Execute(params)),
                    CountText(text_.session->Execute(tested.sql, params)));
        }
        // Inside the transaction: it goes on, or is aborted, alike.
        EXPECT_EQ(prepared_.State(), text_.State());
        if (in_transaction) {
          EXPECT_EQ(CountText(prepared_.session->Execute("COMMIT")),
                    CountText(text_.session->Execute("COMMIT")));
          EXPECT_EQ(prepared_.State(), text_.State());
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PreparedTest, testing::Range(size_t{0}, Cases().size()));

class PreparedSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    session_->Execute(kSetup).ValueOrDie();
    other_->Execute("BEGIN").ValueOrDie();
  }
  std::shared_ptr<Database> database_ = Database::Open(":memory:").ValueOrDie();
  std::unique_ptr<Session> session_ = database_->Connect().ValueOrDie();
  std::unique_ptr<Session> other_ = database_->Connect().ValueOrDie();
};

TEST_F(PreparedSessionTest, AConflictKeepsItsCode) {
  const auto update = session_->Prepare("UPDATE t SET n = $1 WHERE k = 1").ValueOrDie();
  other_->Execute("UPDATE t SET n = 5 WHERE k = 1").ValueOrDie();
  EXPECT_EQ(update->Execute({Int(6)}).ValueOrDie(), 1);
  EXPECT_EQ(GetErrorCode(other_->Execute("COMMIT").status()), ErrorCode::kConflict);
  EXPECT_EQ(update->Execute({Int(7)}).ValueOrDie(), 1);
}

TEST_F(PreparedSessionTest, EachRunSeesItsTransaction) {
  const auto read = session_->Prepare("SELECT n FROM t WHERE k = 1").ValueOrDie();
  const auto update = session_->Prepare("UPDATE t SET n = n + 1 WHERE k = 1").ValueOrDie();
  const std::string one = RowsText(read->Query({}));
  session_->Execute("BEGIN").ValueOrDie();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(update->Execute({}).ValueOrDie(), 1);
  EXPECT_EQ(RowsText(read->Query({})), RowsText(session_->Query("SELECT 4::INTEGER AS n")));
  EXPECT_EQ(RowsText(other_->Query("SELECT n FROM t WHERE k = 1")), one);
  session_->Execute("ROLLBACK").ValueOrDie();
  EXPECT_EQ(RowsText(read->Query({})), one);
}

TEST_F(PreparedSessionTest, AnUncommittedDefinitionIsFollowed) {
  const auto insert = session_->Prepare("INSERT INTO keyless VALUES ($1, $2)").ValueOrDie();
  EXPECT_EQ(insert->Execute({Int(1), Text("a")}).ValueOrDie(), 1);
  session_->Execute("BEGIN; CREATE OR REPLACE TABLE keyless (s VARCHAR, t VARCHAR)").ValueOrDie();
  EXPECT_EQ(insert->Execute({Int(2), Text("b")}).ValueOrDie(), 1);
  EXPECT_EQ(RowsText(session_->Query("FROM keyless")),
            RowsText(session_->Query("SELECT '2' AS s, 'b' AS t")));
  session_->Execute("ROLLBACK").ValueOrDie();
  EXPECT_EQ(insert->Execute({Int(3), Text("c")}).ValueOrDie(), 1);
  EXPECT_EQ(RowsText(session_->Query("SELECT count(*)::INTEGER AS n FROM keyless")),
            RowsText(session_->Query("SELECT 2::INTEGER AS n")));
}

TEST_F(PreparedSessionTest, WritesInReadOnlyTransactionsAreRefused) {
  const auto insert = session_->Prepare("INSERT INTO keyless VALUES ($1, 'a')").ValueOrDie();
  session_->Execute("BEGIN TRANSACTION READ ONLY").ValueOrDie();
  const auto refused = insert->Execute({Int(1)});
  EXPECT_NE(refused.status().message().find("read-only"), std::string::npos)
      << refused.status().ToString();
  session_->Execute("ROLLBACK").ValueOrDie();
  EXPECT_EQ(insert->Execute({Int(1)}).ValueOrDie(), 1);
}

TEST_F(PreparedSessionTest, AnInterruptBetweenRunsIsForgotten) {
  const auto read = session_->Prepare("SELECT n FROM t WHERE k = $1").ValueOrDie();
  const std::string one = RowsText(read->Query({Int(1)}));
  session_->Interrupt();
  EXPECT_EQ(RowsText(read->Query({Int(1)})), one);
}

TEST_F(PreparedSessionTest, SessionsRunTheirPlansAtOnce) {
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([this, number] {
      const auto session = database_->Connect().ValueOrDie();
      const auto put = session
                           ->Prepare(
                               "INSERT INTO t VALUES ($1, 'x', 1, 1) ON CONFLICT DO UPDATE "
                               "SET d = t.d + 1")
                           .ValueOrDie();
      for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(put->Execute({Int(1000 + number * 100 + i % 50)}).ValueOrDie(), 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(RowsText(session_->Query("SELECT count(*)::INTEGER AS n, sum(d)::INTEGER AS d FROM t "
                                     "WHERE k >= 1000")),
            RowsText(session_->Query("SELECT 200::INTEGER AS n, 800::INTEGER AS d")));
}

}  // namespace
}  // namespace pyralog::tests
