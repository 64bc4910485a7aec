// Which statements run without DuckDB's executor. What they do is tested in tests/sql.
#include "sql/short_plan.h"

#include <gtest/gtest.h>

#include "sql/connection_state.h"
#include "sql/shared_database.h"

namespace pyralog::sql {
namespace {

class ShortPlanTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = SharedDatabase::Open("", {}).ValueOrDie();
    connection_ = database_->instance().ValueOrDie()->Connect().ValueOrDie();
    for (const char* sql : {"CREATE TABLE t (k BIGINT PRIMARY KEY, v INTEGER)",
                            "CREATE TABLE keyless (a INTEGER, b VARCHAR)"}) {
      ASSERT_FALSE(connection_->Query(sql)->HasError());
    }
  }
  bool IsShort(const std::string& sql) {
    duckdb::ClientContext& context = *connection_->context;
    ConnectionState::Of(context)->StartPreparing();
    const auto statement = connection_->Prepare(sql);
    EXPECT_FALSE(statement->HasError()) << sql << ": " << statement->GetError();
    return ShortPlan::Make(context, statement->data) != nullptr;
  }

  std::unique_ptr<SharedDatabase> database_;
  ConnectionPtr connection_;
};

TEST_F(ShortPlanTest, RowsByTheirKeys) {
  for (const char* sql : {
           "SELECT v FROM t WHERE k = $1",
           "SELECT v + 1, k FROM t WHERE k = 17",
           "SELECT $1::INTEGER + 1",
           "INSERT INTO t VALUES ($1, $2)",
           "INSERT INTO t VALUES ($1, 1), ($2, 2), ($3, 3)",
           "INSERT INTO t (k) VALUES (1) RETURNING v",
           "INSERT INTO t VALUES ($1, $2) ON CONFLICT DO NOTHING",
           "INSERT INTO t VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
           "INSERT INTO keyless VALUES (1, 'a'), (2, 'b')",
           "UPDATE t SET v = v + $2::INTEGER WHERE k = $1",
           "DELETE FROM t WHERE k = $1",
       }) {
    EXPECT_TRUE(IsShort(sql)) << sql;
  }
}

TEST_F(ShortPlanTest, OtherPlansHaveTheExecutor) {
  for (const char* sql : {
           "SELECT v FROM t WHERE v = $1",
           "SELECT sum(v) FROM t WHERE k = $1",
           "SELECT v FROM t WHERE k = 1 UNION ALL SELECT 2",
           "SELECT * FROM range($1::BIGINT)",
           "INSERT INTO keyless SELECT range, 'a' FROM range(1000000)",
           "INSERT INTO keyless SELECT v, 'a' FROM t",
           "INSERT INTO keyless VALUES (1, current_query())",
           "SELECT current_query() FROM t WHERE k = $1",
           "EXPLAIN SELECT v FROM t WHERE k = 1",
           "UPDATE t SET v = 1",
           "CREATE TABLE other AS SELECT 1 AS a",
           "CREATE TEMPORARY TABLE other (a INTEGER)",
       }) {
    EXPECT_FALSE(IsShort(sql)) << sql;
  }
  ASSERT_FALSE(connection_->Query("CREATE TEMPORARY TABLE own (a INTEGER)")->HasError());
  EXPECT_FALSE(IsShort("INSERT INTO own VALUES (1)"));
}

}  // namespace
}  // namespace pyralog::sql
