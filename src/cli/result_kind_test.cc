#include "cli/result_kind.h"

#include <gtest/gtest.h>

namespace pyralog::cli {
namespace {

std::shared_ptr<arrow::Schema> CountColumn() {
  return arrow::schema({arrow::field("Count", arrow::int64())});
}
std::shared_ptr<arrow::Schema> SuccessColumn() {
  return arrow::schema({arrow::field("Success", arrow::boolean())});
}

TEST(ResultKindTest, Words) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(TopLevelWords("-- INSERT\nselect 'UPDATE', \"DELETE\" /* x */ from (t where y)"),
            (Words{"SELECT", "FROM"}));
  EXPECT_EQ(TopLevelWords("SELECT $t$ RETURNING $t$ a"), (Words{"SELECT", "A"}));
  EXPECT_EQ(TopLevelWords("SELECT 'open"), (Words{"SELECT"}));
}

TEST(ResultKindTest, CountsAreToldFromQueries) {
  EXPECT_EQ(ResultKindOf("INSERT INTO t VALUES (1)", *CountColumn()), ResultKind::kChanges);
  EXPECT_EQ(ResultKindOf("/* a */ update t set a = 1", *CountColumn()), ResultKind::kChanges);
  EXPECT_EQ(ResultKindOf("WITH x AS (SELECT 1) DELETE FROM t", *CountColumn()),
            ResultKind::kChanges);
  EXPECT_EQ(ResultKindOf("INSERT INTO t VALUES (1) RETURNING a AS \"Count\"", *CountColumn()),
            ResultKind::kRows);
  EXPECT_EQ(ResultKindOf("SELECT count(*) AS \"Count\" FROM t", *CountColumn()), ResultKind::kRows);
  EXPECT_EQ(ResultKindOf("(SELECT 1 AS \"Count\")", *CountColumn()), ResultKind::kRows);
  EXPECT_EQ(ResultKindOf("WITH x AS (DELETE) SELECT 1 AS \"Count\"", *CountColumn()),
            ResultKind::kRows);
  EXPECT_EQ(ResultKindOf("COPY t TO 'f'", *CountColumn()), ResultKind::kWritten);
  EXPECT_EQ(ResultKindOf("CREATE TABLE t AS SELECT 1", *CountColumn()), ResultKind::kWritten);
  EXPECT_EQ(ResultKindOf("BEGIN", *SuccessColumn()), ResultKind::kNothing);
  EXPECT_EQ(ResultKindOf("SELECT true AS \"Success\"", *SuccessColumn()), ResultKind::kRows);
  EXPECT_EQ(ResultKindOf("", *arrow::schema({})), ResultKind::kNothing);
}

TEST(ResultKindTest, PlansAreText) {
  const auto plan = arrow::schema(
      {arrow::field("explain_key", arrow::utf8()), arrow::field("explain_value", arrow::utf8())});
  EXPECT_EQ(ResultKindOf("explain analyze SELECT 1", *plan), ResultKind::kPlan);
  EXPECT_EQ(ResultKindOf("SELECT explain_key, explain_value FROM t", *plan), ResultKind::kRows);
}

}  // namespace
}  // namespace pyralog::cli
