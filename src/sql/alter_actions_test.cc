#include "sql/alter_actions.h"

#include <gtest/gtest.h>

#include "sql/sql_tokens.h"

namespace pyralog::sql {
namespace {

std::string Carried(const std::string& sql) { return RewriteAlter(sql).value_or("as it is"); }

TEST(RewriteAlter, CarriesWhatDuckDbRefusesOrDrops) {
  EXPECT_EQ(Carried("ALTER TABLE t ADD CHECK (a > 0)"),
            "ALTER TABLE t SET (pyralog_actions = 'ADD CHECK (a > 0)')");
  EXPECT_EQ(Carried("alter table if exists only \"s\".\"T\"\"x\" drop constraint \"it's\";"),
            "alter table if exists only \"s\".\"T\"\"x\" SET (pyralog_actions = 'drop constraint "
            "\"it''s\"')");
  for (const char* action :
       {"ADD CONSTRAINT c PRIMARY KEY (a)", "ADD UNIQUE (a)", "ADD FOREIGN KEY (a) REFERENCES p",
        "RENAME CONSTRAINT a TO b", "ADD a INT NOT NULL", "ADD COLUMN IF NOT EXISTS a INT UNIQUE",
        "ADD a DECIMAL(10, 2) DEFAULT 1 CHECK (a > 0)", "ADD a SERIAL", "ADD a INT, ADD b INT",
        "ALTER a DROP IDENTITY", "ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY"}) {
    EXPECT_NE(Carried(std::string("ALTER TABLE t ") + action), "as it is") << action;
  }
}

TEST(RewriteAlter, LeavesOtherTextAlone) {
  for (const char* sql :
       {"SELECT 'ALTER TABLE t ADD CHECK (a)'", "ALTER VIEW v RENAME TO w", "ALTER TABLE t",
        "ALTER TABLE t ADD PRIMARY KEY (a)", "ALTER TABLE t ADD COLUMN a DECIMAL(10, 2) DEFAULT 1",
        "ALTER TABLE t ADD COLUMN \"unique\" INT", "ALTER TABLE t ADD COLUMN s.f INT",
        "ALTER TABLE t DROP COLUMN a", "ALTER TABLE t RENAME a TO b",
        "ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a SET DEFAULT f(1, 2)",
        "ALTER TABLE t SET (a = 1, b = 2)", "", "ALTER"}) {
    EXPECT_EQ(Carried(sql), "as it is") << sql;
  }
}

TEST(SqlTokens, HaveNamesAndPlaces) {
  const std::string sql = "ADD \"a \"\"b\" x1 'CHECK' (1.5, /* no */ y) -- end";
  const auto tokens = TokensOf(sql);
  ASSERT_EQ(tokens.size(), 9u);
  EXPECT_EQ(tokens[1].name, "a \"b");
  EXPECT_EQ(tokens[1].word, "");
  EXPECT_EQ(tokens[2].name, "x1");
  EXPECT_EQ(tokens[2].word, "X1");
  EXPECT_TRUE(tokens[3].text);
  EXPECT_EQ(tokens[3].word, "");
  TokenCursor at(sql, tokens, 4, tokens.size());
  at.SkipWhole();
  EXPECT_TRUE(at.AtEnd());
  EXPECT_EQ(at.Since(4).substr(0, 6), "(1.5, ");
}

}  // namespace
}  // namespace pyralog::sql
