// An internal error inside DuckDB ends its instance. One statement fails; the sessions go on with a
// new instance, and each says what it lost.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "arrow/api.h"
#include "arrow/testing/gtest_util.h"
#include "duckdb.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "sql/session.h"
#include "sql/shared_database.h"

namespace pyralog::sql {
namespace {

void ExpectError(const arrow::Status& status, ErrorCode code, const std::string& part) {
  EXPECT_EQ(ErrorCodeName(GetErrorCode(status)), ErrorCodeName(code)) << status.ToString();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.ToString();
}

std::shared_ptr<arrow::Scalar> Int(int64_t value) {
  return std::make_shared<arrow::Int64Scalar>(value);
}

// Passes its argument on, and fails as a fault of DuckDB's would when it is 13 or 14.
void Unlucky(duckdb::DataChunk& arguments, duckdb::ExpressionState& state, duckdb::Vector& result) {
  duckdb::UnaryExecutor::Execute<int64_t, int64_t>(
      arguments.data[0], result, arguments.size(), [](int64_t value) {
        if (value == 13) throw duckdb::InternalException("Attempted to read 13 of 12");
        if (value == 14) throw duckdb::FatalException("Could not write 14");
        return value;
      });
}

// Fails each commit once it is told to.
class BadCommit final : public duckdb::ClientContextState {
 public:
  void TransactionCommit(duckdb::MetaTransaction& transaction,
                         duckdb::ClientContext& context) override {
    throw duckdb::FatalException("Failed to finish the commit");
  }
};

class InternalErrorTest : public testing::Test {
 protected:
  struct User {
    std::shared_ptr<SessionConnection> connection;
    std::unique_ptr<Session> session;

    arrow::Status Run(const std::string& sql) { return session->Execute(sql).status(); }
    // The rows of the first column, as text.
    std::string Rows(const std::string& sql) {
      auto reader = session->Query(sql);
      return reader.ok() ? TextOf(**reader) : reader.status().ToString();
    }
    void MakeUnlucky() {
      duckdb::ScalarFunction function("unlucky", {duckdb::LogicalType::BIGINT},
                                      duckdb::LogicalType::BIGINT, Unlucky);
      function.SetVolatile();
      duckdb::ExtensionLoader(*connection->connection().context->db, "test")
          .RegisterFunction(function);
    }
  };

  static std::string TextOf(arrow::RecordBatchReader& reader) {
    std::string text;
    while (true) {
      const auto batch = reader.Next();
      if (!batch.ok()) return text + batch.status().ToString();
      if (*batch == nullptr) return text;
      for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
        text += (*batch)->column(0)->GetScalar(i).ValueOrDie()->ToString() + ";";
      }
    }
  }

  void SetUp() override {
    database_ = SharedDatabase::Open("", {}).ValueOrDie();
    for (User* user : {&ann_, &bob_}) *user = Connect();
    ann_.MakeUnlucky();
    ASSERT_OK(ann_.Run("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT)"));
    ASSERT_OK(ann_.Run("INSERT INTO t VALUES (1, 10), (2, 20)"));
  }

  User Connect() {
    User user;
    user.connection = SessionConnection::Open(database_).ValueOrDie();
    user.session = std::make_unique<SqlSession>(user.connection);
    return user;
  }

  std::shared_ptr<SharedDatabase> database_;
  User ann_, bob_;
};

TEST_F(InternalErrorTest, FailsOneStatementAndTheSessionGoesOn) {
  const arrow::Status failed = ann_.Run("SELECT unlucky(k + 12) FROM t");
  ExpectError(failed, ErrorCode::kUnknown, "Attempted to read 13 of 12; nothing was changed");
  EXPECT_EQ(ann_.Rows("SELECT v FROM t ORDER BY k"), "10;20;");
  ASSERT_OK(ann_.Run("INSERT INTO t VALUES (3, 30)"));
  EXPECT_EQ(ann_.Rows("SELECT count(*) FROM t"), "3;");
}

TEST_F(InternalErrorTest, RollsBackOwnTransactionAndSaysSo) {
  ASSERT_OK(ann_.Run("BEGIN"));
  ASSERT_OK(ann_.Run("INSERT INTO t VALUES (3, 30)"));
  ExpectError(ann_.Run("SELECT unlucky(13)"), ErrorCode::kUnknown,
              "the transaction was rolled back");
  EXPECT_EQ(ann_.Rows("SELECT count(*) FROM t"), "2;");
  ExpectError(ann_.Run("COMMIT"), ErrorCode::kTransaction, "no transaction is active");
}

TEST_F(InternalErrorTest, IsNotNoticedByOthersWithoutTransaction) {
  ASSERT_OK(bob_.Run("CREATE SCHEMA work"));
  ASSERT_OK(bob_.Run("USE work"));
  ASSERT_OK(bob_.Run("SET default_null_order = 'nulls_first'"));
  ASSERT_OK(bob_.Run("SET statement_timeout = '5min'"));
  ASSERT_OK(bob_.Run("SET VARIABLE color = 'red'"));
  ASSERT_OK(bob_.Run("SET GLOBAL threads = 3"));
  ASSERT_OK(bob_.Run("PREPARE by_key AS SELECT v FROM main.t WHERE k = $1"));
  auto prepared = bob_.session->Prepare("SELECT v FROM main.t WHERE k = $1").ValueOrDie();
  EXPECT_EQ(TextOf(*prepared->Query({Int(2)}).ValueOrDie()), "20;");

  EXPECT_FALSE(ann_.Run("SELECT unlucky(13)").ok());

  EXPECT_EQ(TextOf(*prepared->Query({Int(1)}).ValueOrDie()), "10;");
  EXPECT_EQ(bob_.Rows("EXECUTE by_key(2)"), "20;");
  EXPECT_EQ(bob_.Rows("SELECT current_schema()"), "work;");
  EXPECT_EQ(bob_.Rows("SELECT current_setting('default_null_order')"), "NULLS_FIRST;");
  EXPECT_EQ(bob_.Rows("SELECT current_setting('statement_timeout')"), "5 min;");
  EXPECT_EQ(bob_.Rows("SELECT getvariable('color')"), "red;");
  EXPECT_EQ(ann_.Rows("SELECT current_setting('threads')"), "3;");
}

TEST_F(InternalErrorTest, IsAConflictForTransactionsOfOthers) {
  ASSERT_OK(bob_.Run("BEGIN"));
  ASSERT_OK(bob_.Run("INSERT INTO t VALUES (3, 30)"));
  EXPECT_FALSE(ann_.Run("SELECT unlucky(13)").ok());
  ExpectError(bob_.Run("COMMIT"), ErrorCode::kConflict, "run the transaction again");
  EXPECT_EQ(bob_.Rows("SELECT count(*) FROM t"), "2;");
  ASSERT_OK(bob_.Run("BEGIN"));
  ASSERT_OK(bob_.Run("INSERT INTO t VALUES (3, 30)"));
  ASSERT_OK(bob_.Run("COMMIT"));
  EXPECT_EQ(ann_.Rows("SELECT count(*) FROM t"), "3;");
}

TEST_F(InternalErrorTest, NamesTemporaryTablesThatAreGone) {
  ASSERT_OK(bob_.Run("CREATE TEMP TABLE basket (i INTEGER)"));
  EXPECT_FALSE(ann_.Run("SELECT unlucky(13)").ok());
  ExpectError(bob_.Run("SELECT 1"), ErrorCode::kTransaction, "gone (basket)");
  EXPECT_EQ(bob_.Rows("SELECT 1"), "1;");

  ASSERT_OK(ann_.Run("CREATE TEMP TABLE cart (i INTEGER)"));
  ann_.MakeUnlucky();
  ExpectError(ann_.Run("SELECT unlucky(13)"), ErrorCode::kUnknown, "gone (cart)");
  EXPECT_EQ(ann_.Rows("SELECT 1"), "1;");
}

TEST_F(InternalErrorTest, LetsAnOpenResultOfAnotherEnd) {
  ASSERT_OK(bob_.Run("INSERT INTO t SELECT range + 10, range FROM range(500000)"));
  auto reader = bob_.session->Query("SELECT k FROM t").ValueOrDie();
  ASSERT_NE(reader->Next().ValueOrDie(), nullptr);
  EXPECT_FALSE(ann_.Run("SELECT unlucky(13)").ok());
  // It may go on or say that it ended; it may not stop short as if it were done.
  arrow::Status status;
  int64_t rows = 0;
  while (true) {
    const auto batch = reader->Next();
    status = batch.status();
    if (!batch.ok() || *batch == nullptr) break;
    rows += (*batch)->num_rows();
  }
  if (status.ok()) {
    EXPECT_GT(rows, 300000);
  } else {
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kConflict) << status.ToString();
  }
  reader.reset();
  EXPECT_EQ(bob_.Rows("SELECT count(*) FROM t"), "500002;");
}

TEST_F(InternalErrorTest, WhileAResultIsRead) {
  ASSERT_OK(ann_.Run("CREATE TABLE many AS SELECT range AS i FROM range(1000, 501000)"));
  ASSERT_OK(ann_.Run("INSERT INTO many VALUES (13)"));
  const std::string rows = ann_.Rows("SELECT unlucky(i) FROM many");
  EXPECT_NE(rows.find("Attempted to read 13 of 12"), std::string::npos) << rows.substr(0, 200);
  EXPECT_EQ(ann_.Rows("SELECT count(*) FROM many"), "500001;");
}

TEST_F(InternalErrorTest, FatalErrorOfAStatement) {
  ExpectError(ann_.Run("SELECT unlucky(14)"), ErrorCode::kUnknown, "Could not write 14");
  EXPECT_EQ(ann_.Rows("SELECT count(*) FROM t"), "2;");
}

TEST_F(InternalErrorTest, AfterTheCommitSaysThatItHolds) {
  ann_.connection->connection().context->registered_state->Insert(
      "bad_commit", duckdb::make_shared_ptr<BadCommit>());
  ExpectError(ann_.Run("INSERT INTO t VALUES (3, 30)"), ErrorCode::kUnknown,
              "after the commit, which holds");
  EXPECT_EQ(ann_.Rows("SELECT count(*) FROM t"), "3;");
}

TEST_F(InternalErrorTest, LeavesNoTransactionOpen) {
  ASSERT_OK(bob_.Run("BEGIN"));
  ASSERT_OK(bob_.Run("INSERT INTO t VALUES (3, 30)"));
  EXPECT_FALSE(ann_.Run("INSERT INTO t SELECT unlucky(13), 1").ok());
  ExpectError(database_->Close(), ErrorCode::kTransaction, "1 transaction is open");
  bob_ = User();  // closed without another statement
  ASSERT_OK(database_->Close());
}

TEST_F(InternalErrorTest, AgainAndAgain) {
  auto prepared = bob_.session->Prepare("SELECT v FROM t WHERE k = $1").ValueOrDie();
  for (int i = 0; i < 20; ++i) {
    ExpectError(ann_.Run("SELECT unlucky(13)"), ErrorCode::kUnknown, "Attempted");
    EXPECT_EQ(TextOf(*prepared->Query({Int(1)}).ValueOrDie()), "10;");
    ann_.Rows("SELECT 1");
    ann_.MakeUnlucky();
  }
}

}  // namespace
}  // namespace pyralog::sql
