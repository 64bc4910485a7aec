// The public C++ interface: opening and closing, sessions, prepared statements, errors.
#include "pyralog/database.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/scalar.h"
#include "arrow/table.h"
#include "tests/sql/testing.h"

namespace pyralog::tests {
namespace {

class DatabaseTest : public FolderTest {
 protected:
  std::shared_ptr<Database> Open(const DatabaseOptions& options = {}) {
    return Database::Open(folder_.string(), options).ValueOrDie();
  }
};

// The one value of a query.
arrow::Result<std::shared_ptr<arrow::Scalar>> ValueOf(
    const std::shared_ptr<arrow::RecordBatchReader>& reader) {
  ARROW_ASSIGN_OR_RAISE(const auto table, reader->ToTable());
  if (table->num_rows() != 1 || table->num_columns() != 1) {
    return arrow::Status::Invalid("not one value: ", table->ToString());
  }
  return table->column(0)->GetScalar(0);
}

std::string Value(Session& session, const std::string& sql, const Params& params = {}) {
  const auto reader = session.Query(sql, params);
  if (!reader.ok()) return reader.status().ToString();
  const auto value = ValueOf(*reader);
  return value.ok() ? (*value)->ToString() : value.status().ToString();
}

std::string Value(PreparedStatement& statement, const Params& params) {
  const auto reader = statement.Query(params);
  if (!reader.ok()) return reader.status().ToString();
  const auto value = ValueOf(*reader);
  return value.ok() ? (*value)->ToString() : value.status().ToString();
}

TEST_F(DatabaseTest, RowsOutliveTheProcessOfOpening) {
  {
    const auto database = Open();
    const auto session = database->Connect().ValueOrDie();
    ASSERT_EQ(
        session->Execute("CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (1), (2)").ValueOrDie(),
        2);
    session->Execute("BEGIN; INSERT INTO t VALUES (3)").ValueOrDie();  // never committed
  }
  const auto database = Open();
  EXPECT_EQ(database->recovery_notice(), "");
  EXPECT_EQ(Value(*database->Connect().ValueOrDie(), "SELECT count(*) FROM t"), "2");
}

TEST_F(DatabaseTest, OneFolderIsOneEngine) {
  const auto one = Open();
  const auto two = Database::Open((folder_ / "." / "").string()).ValueOrDie();
  one->Connect().ValueOrDie()->Execute("CREATE TABLE t AS SELECT 7 AS a").ValueOrDie();
  EXPECT_EQ(Value(*two->Connect().ValueOrDie(), "SELECT a FROM t"), "7");
  ExpectError(Database::Open(folder_.string(), {.durability = Durability::kOff}).status(),
              ErrorCode::kInvalidArgument, "another durability");
  ASSERT_TRUE(one->Close().ok());
  ExpectError(one->Connect().status(), ErrorCode::kTransaction, "was closed");
  EXPECT_EQ(Value(*two->Connect().ValueOrDie(), "SELECT a FROM t"), "7");
  ASSERT_TRUE(two->Close().ok());
  EXPECT_EQ(
      Value(*Open({.durability = Durability::kOff})->Connect().ValueOrDie(), "SELECT a FROM t"),
      "7");
}

TEST_F(DatabaseTest, MemoryDatabasesAreApart) {
  const auto one = Database::Open(":memory:").ValueOrDie();
  const auto two = Database::Open("").ValueOrDie();
  one->Connect().ValueOrDie()->Execute("CREATE TABLE t(a INTEGER)").ValueOrDie();
  ExpectError(two->Connect().ValueOrDie()->Execute("SELECT * FROM t").status(),
              ErrorCode::kNotFound, "t");
}

TEST_F(DatabaseTest, MissingFolderCanBeRefused) {
  ExpectError(Database::Open(folder_.string(), {.create_if_missing = false}).status(),
              ErrorCode::kNotFound, folder_.string());
}

TEST_F(DatabaseTest, ReadOnlyTakesNoWrites) {
  Open()->Connect().ValueOrDie()->Execute("CREATE TABLE t AS SELECT 1 AS a").ValueOrDie();
  const auto database = Open({.read_only = true});
  const auto session = database->Connect().ValueOrDie();
  EXPECT_EQ(Value(*session, "SELECT a FROM t"), "1");
  ExpectError(session->Execute("INSERT INTO t VALUES (2)").status(), ErrorCode::kReadOnly, "read");
  ExpectError(session->Execute("CREATE TABLE u(a INTEGER)").status(), ErrorCode::kReadOnly, "read");
  session->Execute("CREATE TEMP TABLE own AS SELECT a + 1 AS b FROM t").ValueOrDie();
  EXPECT_EQ(Value(*session, "SELECT b FROM own"), "2");
}

TEST_F(DatabaseTest, CloseWaitsForNobody) {
  const auto database = Open();
  const auto session = database->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t(a INTEGER)").ValueOrDie();
  session->Execute("BEGIN; INSERT INTO t VALUES (1)").ValueOrDie();
  ExpectError(database->Close(), ErrorCode::kTransaction, "1 transaction is open");
  session->Execute("COMMIT").ValueOrDie();
  ASSERT_TRUE(database->Close().ok());
  EXPECT_FALSE(session->Execute("SELECT * FROM t").ok());
}

TEST_F(DatabaseTest, ParametersKeepTheirMeaning) {
  const auto session = Open()->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t(k BIGINT PRIMARY KEY, s VARCHAR)").ValueOrDie();
  ASSERT_EQ(session->Execute("INSERT INTO t VALUES ($1, $2)", {Int(5), Text("five")}).ValueOrDie(),
            1);
  EXPECT_EQ(Value(*session, "SELECT s FROM t WHERE k = ?", {Int(5)}), "five");
  const auto statement = session->Prepare("SELECT count(*) FROM t WHERE k = $1").ValueOrDie();
  EXPECT_EQ(Value(*statement, {Int(5)}), "1");
  EXPECT_EQ(Value(*statement, {std::make_shared<arrow::Int8Scalar>(5)}), "1");
  EXPECT_EQ(Value(*statement, {Text("5")}), "1");
  EXPECT_EQ(Value(*statement, {std::make_shared<arrow::DoubleScalar>(5)}), "1");
  // Never rounded to a key that was not asked for.
  EXPECT_EQ(Value(*statement, {std::make_shared<arrow::DoubleScalar>(5.4)}), "0");
  EXPECT_EQ(Value(*statement, {std::make_shared<arrow::UInt64Scalar>(UINT64_MAX)}), "0");
  EXPECT_EQ(Value(*statement, {arrow::MakeNullScalar(arrow::int64())}), "0");
  EXPECT_EQ(Value(*statement, {arrow::MakeNullScalar(arrow::null())}), "0");
}

TEST_F(DatabaseTest, ParametersAreCounted) {
  const auto session = Open()->Connect().ValueOrDie();
  const auto statement = session->Prepare("SELECT $1::INTEGER + $2::INTEGER").ValueOrDie();
  EXPECT_EQ(Value(*statement, {Int(1), Int(2)}), "3");
  ExpectError(statement->Query({Int(1)}).status(), ErrorCode::kInvalidArgument,
              "takes 2 parameters, 1 were given");
  ExpectError(session->Query("SELECT 1", {Int(1)}).status(), ErrorCode::kInvalidArgument,
              "takes 0 parameters");
  ExpectError(session->Query("SELECT $1; SELECT 2", {Int(1)}).status(), ErrorCode::kInvalidArgument,
              "one statement only");
  ExpectError(session->Prepare("SELECT 1; SELECT 2").status(), ErrorCode::kInvalidArgument,
              "one statement");
}

TEST_F(DatabaseTest, PreparedStatementsFollowTheCatalog) {
  const auto database = Open();
  const auto session = database->Connect().ValueOrDie();
  const auto other = database->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v INTEGER)").ValueOrDie();
  session->Execute("INSERT INTO t VALUES (1, 10)").ValueOrDie();
  const auto read = session->Prepare("SELECT v FROM t WHERE k = $1").ValueOrDie();
  const auto write = session->Prepare("UPDATE t SET v = v + $2 WHERE k = $1").ValueOrDie();
  const auto put =
      session->Prepare("INSERT INTO t VALUES ($1, $2) ON CONFLICT DO UPDATE SET v = excluded.v")
          .ValueOrDie();
  EXPECT_EQ(Value(*read, {Int(1)}), "10");
  EXPECT_EQ(write->Execute({Int(1), Int(5)}).ValueOrDie(), 1);
  EXPECT_EQ(write->Execute({Int(2), Int(5)}).ValueOrDie(), 0);
  EXPECT_EQ(put->Execute({Int(2), Int(20)}).ValueOrDie(), 1);
  EXPECT_EQ(put->Execute({Int(2), Int(21)}).ValueOrDie(), 1);
  EXPECT_EQ(Value(*read, {Int(1)}), "15");
  EXPECT_EQ(Value(*read, {Int(2)}), "21");
  // The table goes, and comes back as another, while older statements are at hand.
  other->Execute("DROP TABLE t").ValueOrDie();
  ExpectError(read->Query({Int(1)}).status(), ErrorCode::kNotFound, "t");
  other->Execute("CREATE TABLE t(v VARCHAR, k INTEGER PRIMARY KEY)").ValueOrDie();
  other->Execute("INSERT INTO t VALUES ('new', 1)").ValueOrDie();
  EXPECT_EQ(Value(*read, {Int(1)}), "new");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Value(*read, {Int(1)}), "new");
  EXPECT_FALSE(write->Execute({Int(1), Int(5)}).ok());
}

TEST_F(DatabaseTest, PreparedCountsAreNotRemembered) {
  const auto session = Open()->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t(k INTEGER PRIMARY KEY)").ValueOrDie();
  const auto count = session->Prepare("SELECT count(*) FROM t").ValueOrDie();
  const auto insert = session->Prepare("INSERT INTO t VALUES ($1)").ValueOrDie();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Value(*count, {}), std::to_string(i));
    ASSERT_EQ(insert->Execute({Int(i)}).ValueOrDie(), 1);
  }
}

TEST_F(DatabaseTest, AStreamedResultHoldsTheSession) {
  const auto database = Open();
  const auto session = database->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t AS SELECT range AS i FROM range(1000000)").ValueOrDie();
  auto reader = session->Query("SELECT i FROM t").ValueOrDie();
  ASSERT_GT(reader->Next().ValueOrDie()->num_rows(), 0);
  ExpectError(session->Execute("SELECT 1").status(), ErrorCode::kTransaction, "streaming a result");
  ExpectError(database->Close(), ErrorCode::kTransaction, "open");
  reader.reset();
  EXPECT_EQ(Value(*session, "SELECT count(*) FROM t"), "1000000");
  // Read to its end it holds nothing, though it is still there.
  reader = session->Query("SELECT i FROM t").ValueOrDie();
  int64_t rows = 0;
  while (const auto batch = reader->Next().ValueOrDie()) rows += batch->num_rows();
  EXPECT_EQ(rows, 1000000);
  EXPECT_EQ(Value(*session, "SELECT 1"), "1");
  ASSERT_TRUE(database->Close().ok());
}

TEST_F(DatabaseTest, AResultOutlivesItsSession) {
  auto session = Open()->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t AS SELECT range AS i FROM range(300000)").ValueOrDie();
  const auto reader = session->Query("SELECT i FROM t").ValueOrDie();
  session.reset();
  EXPECT_EQ(reader->ToTable().ValueOrDie()->num_rows(), 300000);
}

TEST_F(DatabaseTest, ErrorsWhileStreamingComeThrough) {
  const auto session = Open()->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t AS SELECT range::VARCHAR AS s FROM range(500000)").ValueOrDie();
  session->Execute("INSERT INTO t VALUES ('x')").ValueOrDie();
  const auto reader = session->Query("SELECT s::INTEGER FROM t");
  const arrow::Status status = reader.ok() ? (*reader)->ToTable().status() : reader.status();
  ExpectError(status, ErrorCode::kInvalidArgument, "Conversion Error");
  EXPECT_EQ(Value(*session, "SELECT 1"), "1");
}

TEST_F(DatabaseTest, InterruptEndsAStatement) {
  const auto session = Open()->Connect().ValueOrDie();
  std::thread interrupter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    session->Interrupt();
  });
  const auto result = session->Execute(
      "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 3 = b.range % 7");
  interrupter.join();
  ExpectError(result.status(), ErrorCode::kInterrupted, "");
  EXPECT_EQ(Value(*session, "SELECT 1"), "1");
}

TEST_F(DatabaseTest, CommitErrorsKeepTheirCode) {
  const auto database = Open();
  const auto one = database->Connect().ValueOrDie();
  const auto two = database->Connect().ValueOrDie();
  one->Execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v INTEGER)").ValueOrDie();
  one->Execute("INSERT INTO t VALUES (1, 1)").ValueOrDie();
  one->Execute("BEGIN; UPDATE t SET v = 2").ValueOrDie();
  two->Execute("UPDATE t SET v = 3").ValueOrDie();
  const auto commit = one->Prepare("COMMIT");
  ASSERT_TRUE(commit.ok()) << commit.status().ToString();
  ExpectError((*commit)->Execute().status(), ErrorCode::kConflict, "roll back and retry");
  EXPECT_EQ(Value(*one, "SELECT v FROM t"), "3");
}

TEST_F(DatabaseTest, SessionsAreIndependent) {
  const auto database = Open();
  database->Connect().ValueOrDie()->Execute("CREATE TABLE t(k BIGINT PRIMARY KEY)").ValueOrDie();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const auto session = database->Connect().ValueOrDie();
      const auto insert = session->Prepare("INSERT INTO t VALUES ($1)").ValueOrDie();
      const auto read = session->Prepare("SELECT k FROM t WHERE k = $1").ValueOrDie();
      for (int i = 0; i < 100; ++i) {
        const int64_t key = thread * 1000 + i;
        EXPECT_EQ(insert->Execute({Int(key)}).ValueOrDie(), 1);
        EXPECT_EQ(Value(*read, {Int(key)}), std::to_string(key));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Value(*database->Connect().ValueOrDie(), "SELECT count(*) FROM t"), "400");
}

TEST_F(DatabaseTest, ManyVersionsOfTheCatalog) {
  const auto database = Open();
  const auto session = database->Connect().ValueOrDie();
  const auto other = database->Connect().ValueOrDie();
  other->Execute("CREATE TABLE fixed(k INTEGER PRIMARY KEY); INSERT INTO fixed VALUES (1)")
      .ValueOrDie();
  const auto read = other->Prepare("SELECT k FROM fixed WHERE k = $1").ValueOrDie();
  for (int i = 0; i < 50; ++i) {
    session->Execute("CREATE OR REPLACE TABLE t AS SELECT " + std::to_string(i) + " AS a")
        .ValueOrDie();
    EXPECT_EQ(Value(*other, "SELECT a FROM t"), std::to_string(i));
    EXPECT_EQ(Value(*read, {Int(1)}), "1");
  }
}

TEST_F(DatabaseTest, FlushAndVerify) {
  const auto database = Open();
  const auto session = database->Connect().ValueOrDie();
  session->Execute("CREATE TABLE t AS SELECT range AS i, 'text ' || range AS s FROM range(10000)")
      .ValueOrDie();
  ASSERT_TRUE(database->Flush().ok());
  ASSERT_TRUE(database->Verify().ok());
  EXPECT_EQ(Value(*session, "SELECT max(i) FROM t"), "9999");
}

TEST_F(DatabaseTest, EmptyTextIsNoStatement) {
  const auto session = Open()->Connect().ValueOrDie();
  EXPECT_EQ(session->Execute("").ValueOrDie(), 0);
  EXPECT_EQ(session->Execute(" ; -- nothing").ValueOrDie(), 0);
  EXPECT_EQ(session->Query("").ValueOrDie()->schema()->num_fields(), 0);
}

}  // namespace
}  // namespace pyralog::tests
