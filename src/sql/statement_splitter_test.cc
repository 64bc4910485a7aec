#include "sql/statement_splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pyralog::sql {
namespace {

using Statements = std::vector<std::string>;

// The statements of a text that comes in pieces of `piece` bytes.
Statements Split(std::string_view text, size_t piece = 1 << 20) {
  StatementSplitter splitter;
  Statements statements;
  for (size_t at = 0; at < text.size(); at += piece) {
    splitter.Feed(text.substr(at, piece));
    while (auto statement = splitter.Next()) statements.push_back(*statement);
  }
  while (auto statement = splitter.Finish()) statements.push_back(*statement);
  return statements;
}

struct SplitCase {
  const char* text;
  Statements statements;
};

const std::vector<SplitCase>& Cases() {
  static const std::vector<SplitCase>& cases = *new std::vector<SplitCase>{
      {"", {}},
      {" \n;; ; ", {}},
      {"SELECT 1", {"SELECT 1"}},
      {"SELECT 1; SELECT 2;", {"SELECT 1", "SELECT 2"}},
      {"SELECT ';'; SELECT 2", {"SELECT ';'", "SELECT 2"}},
      {"SELECT 'it''s;'; x", {"SELECT 'it''s;'", "x"}},
      {"SELECT E'it\\'s;'; x", {"SELECT E'it\\'s;'", "x"}},
      {"SELECT E'a''\\';'; x", {"SELECT E'a''\\';'", "x"}},
      {"SELECT 'back\\'; x", {"SELECT 'back\\'", "x"}},
      {"SELECT name'a\\'; x", {"SELECT name'a\\'", "x"}},
      {"SELECT \"a;\"\"b\"; x", {"SELECT \"a;\"\"b\"", "x"}},
      {"SELECT $$a;'b$$; x", {"SELECT $$a;'b$$", "x"}},
      {"SELECT $t$a;$$;$u$;$t$; x", {"SELECT $t$a;$$;$u$;$t$", "x"}},
      {"SELECT $1; SELECT $2", {"SELECT $1", "SELECT $2"}},
      {"SELECT a$b$; SELECT $b$", {"SELECT a$b$", "SELECT $b$"}},
      {"SELECT 1 -- one; two\n; x", {"SELECT 1 -- one; two", "x"}},
      {"SELECT 1 /* a; /* b; */ c; */; x", {"SELECT 1 /* a; /* b; */ c; */", "x"}},
      {"SELECT 1 - -1; SELECT 4 / 2", {"SELECT 1 - -1", "SELECT 4 / 2"}},
      {"-- nothing\n;/* nothing */; x", {"x"}},
      {"-- a\nSELECT 1", {"-- a\nSELECT 1"}},
      {"SELECT 1; -- the end", {"SELECT 1"}},
      {"SELECT 1;--", {"SELECT 1"}},
      {"SELECT 'größe;漢字'; x", {"SELECT 'größe;漢字'", "x"}},
      // Left to the parser, which says what is wrong.
      {"SELECT 'open; x", {"SELECT 'open; x"}},
      {"SELECT 1; /* open", {"SELECT 1", "/* open"}},
      {"SELECT $t$ open; $t", {"SELECT $t$ open; $t"}},
      {"SELECT E'open\\", {"SELECT E'open\\"}},
      {"SELECT 1 -", {"SELECT 1 -"}},
      {"SELECT $", {"SELECT $"}},
  };
  return cases;
}

TEST(StatementSplitterTest, Splits) {
  for (const SplitCase& test : Cases()) EXPECT_EQ(Split(test.text), test.statements) << test.text;
}

TEST(StatementSplitterTest, PiecesMakeNoDifference) {
  for (const SplitCase& test : Cases()) {
    for (const size_t piece : {1, 2, 3, 5}) {
      EXPECT_EQ(Split(test.text, piece), test.statements) << test.text << " in pieces of " << piece;
    }
  }
}

TEST(StatementSplitterTest, StatementsComeAsSoonAsTheyEnd) {
  StatementSplitter splitter;
  splitter.Feed("SELECT 1;");
  EXPECT_EQ(splitter.Next(), "SELECT 1");
  EXPECT_EQ(splitter.Next(), std::nullopt);
  splitter.Feed(" SEL");
  EXPECT_EQ(splitter.Next(), std::nullopt);
  splitter.Feed("ECT 2;");
  EXPECT_EQ(splitter.Next(), "SELECT 2");
}

TEST(StatementSplitterTest, KnowsWhetherAStatementHasBegun) {
  StatementSplitter splitter;
  EXPECT_TRUE(splitter.is_between_statements());
  splitter.Feed("  \n");
  EXPECT_EQ(splitter.Next(), std::nullopt);
  EXPECT_TRUE(splitter.is_between_statements());
  splitter.Feed("/* a\n");
  EXPECT_EQ(splitter.Next(), std::nullopt);
  EXPECT_FALSE(splitter.is_between_statements());
  splitter.Feed("*/ SELECT 'a\n");
  EXPECT_EQ(splitter.Next(), std::nullopt);
  EXPECT_FALSE(splitter.is_between_statements());
  splitter.Feed("';\n");
  EXPECT_EQ(splitter.Next(), "/* a\n*/ SELECT 'a\n'");
  EXPECT_EQ(splitter.Next(), std::nullopt);
  EXPECT_TRUE(splitter.is_between_statements());
}

TEST(StatementSplitterTest, LongTextsTakeLinearTime) {
  // Quadratic work on 8 MB would take minutes.
  std::string text = "SELECT '" + std::string(4 << 20, 'x') + "';";
  for (int i = 0; i < 400'000; ++i) text += "SELECT 1;\n";
  EXPECT_EQ(Split(text, 4096).size(), 400'001U);
}

TEST(StatementSplitterTest, TellsWhereStatementsBegin) {
  StatementSplitter splitter;
  splitter.Feed("SELECT 1;\n\n  SELECT '\u00e9'; SELECT 3");
  ASSERT_EQ(splitter.Next(), "SELECT 1");
  EXPECT_EQ(splitter.line(), 1);
  EXPECT_EQ(splitter.column(), 1);
  ASSERT_EQ(splitter.Next(), "SELECT '\u00e9'");
  EXPECT_EQ(splitter.line(), 3);
  EXPECT_EQ(splitter.column(), 3);
  ASSERT_EQ(splitter.Finish(), "SELECT 3");
}

TEST(StatementSplitterTest, KeepsStatementsOfAnotherLanguageWhole) {
  const std::string sparql =
      "sparql SELECT ?a WHERE { # it's; a comment\n ?a <http://x.org/a#b> ?b ; ex:c#d ?c }";
  StatementSplitter splitter;
  splitter.Feed("SELECT {'a': 1};" + sparql + "; SELECT 2");
  EXPECT_EQ(splitter.Next(), "SELECT {'a': 1}");
  EXPECT_EQ(splitter.Next(), sparql);
  EXPECT_EQ(splitter.Finish(), "SELECT 2");
}

}  // namespace
}  // namespace pyralog::sql
