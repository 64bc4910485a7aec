#include "sql/postgres_statements.h"

#include <gtest/gtest.h>

#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

std::string Rewritten(const std::string& sql) { return RewritePostgres(sql).value_or("as it is"); }

TEST(RewritePostgres, SequencesLoseWhatMeansNothing) {
  EXPECT_EQ(Rewritten("CREATE SEQUENCE a.s AS integer START WITH 1 NO MAXVALUE CACHE 1"),
            "CREATE SEQUENCE a.s START WITH 1  MAXVALUE 2147483647");
  EXPECT_EQ(Rewritten("create sequence if not exists s as bigint maxvalue 7"),
            "create sequence if not exists s maxvalue 7");
  EXPECT_EQ(Rewritten("ALTER SEQUENCE a.s OWNED BY b.t.c;"),
            "ALTER TABLE \"b\".\"t\" SET (pyralog_actions = 'OWN \"c\" \"a\".\"s\"')");
  EXPECT_EQ(Rewritten("ALTER SEQUENCE s RESTART WITH 100;"), "SELECT setval('\"s\"', 100, false)");
}

TEST(RewritePostgres, OtherStatements) {
  EXPECT_EQ(Rewritten("SET search_path TO a, \"B b\""), "SET search_path = '\"a\",\"B b\"'");
  EXPECT_EQ(Rewritten("SET x = on"), "SET \"x\" = 'on'");
  EXPECT_EQ(Rewritten("BEGIN WORK ISOLATION LEVEL REPEATABLE READ, READ ONLY"),
            "BEGIN TRANSACTION READ ONLY");
  EXPECT_EQ(Rewritten("CREATE UNIQUE INDEX ON s.t USING btree (a, \"b c\" DESC)"),
            "CREATE UNIQUE INDEX \"t_a_b c_idx\" ON s.t USING btree (a, \"b c\" DESC)");
  EXPECT_EQ(Rewritten("SELECT nextval('s'::regclass) + 1, 'a'::regclass"),
            "SELECT nextval('s') + 1, 'a'::regclass");
}

TEST(RewritePostgres, LeavesOtherTextAlone) {
  for (const char* sql :
       {"SELECT 'CREATE SEQUENCE s CACHE 1'", "SET search_path = 'a'", "SET x = 'on'", "SET x = 1",
        "BEGIN", "BEGIN TRANSACTION READ ONLY", "CREATE INDEX i ON t (a)",
        "CREATE INDEX ON t (lower(a))", "CREATE TABLE t(a INT)", "ALTER SEQUENCE s OWNED BY NONE",
        "", "-- nothing"}) {
    EXPECT_EQ(Rewritten(sql), "as it is") << sql;
  }
}

TEST(WithStatementHint, SaysWhatToWriteInstead) {
  const auto error = MakeError(ErrorCode::kInvalidArgument,
                               "syntax error at or near \"GRANT\"\n\nLINE 1: GRANT x\n        ^");
  EXPECT_EQ(WithStatementHint(error, "GRANT x TO y").message(),
            "syntax error at or near \"GRANT\"\nThere are no users and no privileges; leave it out "
            "(pg_dump --no-privileges)\n\nLINE 1: GRANT x\n        ^");
  EXPECT_EQ(WithStatementHint(error, "SELECT 1").message(), error.message());
}

}  // namespace
}  // namespace pyralog::sql
