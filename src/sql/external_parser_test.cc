#include "sql/external_parser.h"

#include <gtest/gtest.h>

#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

ExternalStatement Parsed(std::string_view sql) {
  auto result = ParseExternalStatement(sql);
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_TRUE(result.ok() && result->has_value()) << sql;
  return result.ok() && result->has_value() ? **result : ExternalStatement();
}

std::string Refusal(std::string_view sql) {
  const auto result = ParseExternalStatement(sql);
  EXPECT_FALSE(result.ok()) << sql;
  return result.status().message();
}

TEST(ExternalParser, ReadsTheWholeStatement) {
  const ExternalStatement s = Parsed(
      "CREATE EXTERNAL TABLE IF NOT EXISTS lake.sales (id BIGINT NOT NULL, \"a b\" DECIMAL(10, 2), "
      "tags STRUCT(x INT, y VARCHAR)[]) -- a comment, with (signs\n"
      "STORED AS PARQUET LOCATION 's/*.parquet' PARTITIONED BY (year INT, month INT) "
      "OPTIONS (delim ';', header = true, sample_size -1);");
  EXPECT_EQ(s.kind, ExternalStatement::Kind::kCreate);
  EXPECT_TRUE(s.if_not_exists);
  EXPECT_EQ(s.schema, "lake");
  EXPECT_EQ(s.name, "sales");
  ASSERT_EQ(s.columns.size(), 3U);
  EXPECT_TRUE(s.columns[0].not_null);
  EXPECT_EQ(s.columns[0].type, "BIGINT");
  EXPECT_EQ(s.columns[1].name, "a b");
  EXPECT_EQ(s.columns[1].type, "DECIMAL(10, 2)");
  EXPECT_EQ(s.columns[2].type, "STRUCT(x INT, y VARCHAR)[]");
  EXPECT_EQ(s.format, "PARQUET");
  EXPECT_EQ(s.location, "s/*.parquet");
  ASSERT_EQ(s.partitions.size(), 2U);
  EXPECT_EQ(s.partitions[1].name, "month");
  EXPECT_EQ(s.options.at("delim"), ";");
  EXPECT_EQ(s.options.at("header"), "true");
  EXPECT_EQ(s.options.at("sample_size"), "-1");
}

TEST(ExternalParser, ClausesComeInAnyOrder) {
  const ExternalStatement s = Parsed(
      "create or replace external table t location 'it''s' partitioned by (d DATE) stored as csv");
  EXPECT_TRUE(s.or_replace);
  EXPECT_EQ(s.location, "it's");
  EXPECT_EQ(s.format, "csv");
  EXPECT_TRUE(s.columns.empty());
}

TEST(ExternalParser, OtherFormsAreKnown) {
  EXPECT_EQ(Parsed("REGISTER EXTERNAL TABLE t STORED AS json LOCATION 'x'").name, "t");
  EXPECT_EQ(Parsed("DROP EXTERNAL TABLE IF EXISTS main.t;").kind, ExternalStatement::Kind::kDrop);
  EXPECT_TRUE(Parsed("DROP EXTERNAL TABLE IF EXISTS t").if_exists);
  EXPECT_EQ(Parsed("VERIFY EXTERNAL t").kind, ExternalStatement::Kind::kVerify);
  EXPECT_EQ(Parsed("/* x */ VERIFY EXTERNAL TABLE pyralog.main.t").database, "pyralog");
}

TEST(ExternalParser, LeavesOtherStatementsAlone) {
  for (const char* sql : {"", ";", "SELECT 1", "CREATE TABLE t (a INT)", "CREATE OR FOO",
                          "DROP TABLE t", "VERIFY t", "create"}) {
    const auto result = ParseExternalStatement(sql);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_FALSE(result->has_value()) << sql;
  }
}

TEST(ExternalParser, SaysWhereAndWhatIsWrong) {
  EXPECT_EQ(
      Refusal("CREATE EXTERNAL TABLE t STORD AS csv LOCATION 'x'"),
      "syntax error at byte 24: found \"STORD\", expected STORED AS, LOCATION, PARTITIONED BY or "
      "OPTIONS");
  EXPECT_NE(Refusal("CREATE EXTERNAL TABLE t STORED AS csv").find("expected LOCATION"),
            std::string::npos);
  EXPECT_NE(Refusal("CREATE EXTERNAL TABLE t LOCATION 'x'").find("expected STORED AS"),
            std::string::npos);
  EXPECT_NE(Refusal("CREATE EXTERNAL t").find("expected TABLE"), std::string::npos);
  EXPECT_NE(Refusal("CREATE EXTERNAL TABLE t (a) STORED AS csv LOCATION 'x'").find("a type"),
            std::string::npos);
  EXPECT_NE(Refusal("CREATE EXTERNAL TABLE t (a INT").find("the end"), std::string::npos);
  EXPECT_NE(Refusal("CREATE EXTERNAL TABLE t STORED AS csv LOCATION x").find("in quotes"),
            std::string::npos);
  EXPECT_NE(Refusal("CREATE EXTERNAL TABLE t LOCATION 'x").find("never closed"), std::string::npos);
  EXPECT_NE(Refusal("CREATE EXTERNAL TABLE t LOCATION 'x' LOCATION 'y'").find("once"),
            std::string::npos);
  EXPECT_NE(Refusal("DROP EXTERNAL TABLE t u").find("expected the end"), std::string::npos);
  EXPECT_NE(Refusal("REGISTER EXTERNAL ARRAY a").find("not supported"), std::string::npos);
}

TEST(ExternalParser, NoPrefixOfAStatementIsTrouble) {
  const std::string sql =
      "CREATE OR REPLACE EXTERNAL TABLE a.b (\"c\" DECIMAL(1,2) NOT NULL, d INT) STORED AS csv "
      "LOCATION 'x' PARTITIONED BY (e INT) OPTIONS (f 'g', h = 1) ;";
  for (size_t size = 0; size <= sql.size(); ++size) {
    const auto result = ParseExternalStatement(sql.substr(0, size));
    EXPECT_TRUE(result.ok() || !result.status().message().empty());
  }
}

}  // namespace
}  // namespace pyralog::sql
