#include "sql/postgres_statements.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "duckdb/common/string_util.hpp"
#include "sql/errors.h"
#include "sql/sql_text.h"
#include "sql/sql_tokens.h"

namespace pyralog::sql {
namespace {

// [schema.]name, quoted; "" when there is none.
std::string TakeQualified(TokenCursor* at) {
  std::string name;
  do {
    const std::string part = at->TakeName();
    if (part.empty()) return "";
    name += (name.empty() ? "" : ".") + QuoteName(part);
  } while (at->Take("."));
  return name;
}

// The greatest value of a sequence of this type.
std::string MostOf(const std::string& type) {
  if (type == "SMALLINT" || type == "INT2") return "32767";
  if (type == "INTEGER" || type == "INT" || type == "INT4") return "2147483647";
  return "";
}

// The options as DuckDB takes them.
std::string SequenceOptions(TokenCursor at) {
  std::string options;
  std::string most;
  bool has_most = false;
  while (!at.AtEnd() && !at.Is(";")) {
    const size_t first = at.position();
    if (at.Take("AS")) {
      most = MostOf(at.AtEnd() ? "" : at.Now().word);
      if (!at.AtEnd()) at.Skip();
    } else if (at.Take("CACHE")) {
      if (!at.AtEnd()) at.Skip();
    } else if (at.Take("OWNED BY NONE")) {
      continue;
    } else if (at.Is("OWNED BY")) {
      ThrowStatus(MakeError(ErrorCode::kNotSupported,
                            "CREATE SEQUENCE ... OWNED BY is not supported; create the table and "
                            "use ALTER SEQUENCE ... OWNED BY table.column"));
    } else if (at.Take("NO MAXVALUE")) {
      continue;
    } else {
      has_most = has_most || at.Is("MAXVALUE");
      at.Skip();
      options += std::string(at.Since(first));
    }
  }
  if (!has_most && !most.empty()) options += " MAXVALUE " + most;
  return options;
}

std::optional<std::string> CreateSequence(std::string_view sql, TokenCursor at) {
  at.Take("IF NOT EXISTS");
  if (TakeQualified(&at).empty() || at.AtEnd()) return std::nullopt;
  return std::string(sql.substr(0, at.Now().begin)) + SequenceOptions(at);
}

std::optional<std::string> AlterSequence(TokenCursor at) {
  const bool if_exists = at.Take("IF EXISTS");
  const std::string sequence = TakeQualified(&at);
  if (sequence.empty()) return std::nullopt;
  if (at.Take("RESTART")) {
    if (!at.Take("WITH")) at.Take("START");
    const std::string value(at.Rest());
    if (value.empty()) return std::nullopt;
    return "SELECT setval(" + QuoteText(sequence) + ", " + value.substr(0, value.find(';')) +
           ", false)";
  }
  if (!at.Take("OWNED BY") || at.Is("NONE")) return std::nullopt;
  std::vector<std::string> names;
  do {
    names.push_back(at.TakeName());
  } while (at.Take("."));
  if (names.size() < 2 || names.back().empty()) return std::nullopt;
  std::string table;
  for (size_t i = 0; i + 1 < names.size(); ++i) table += (i > 0 ? "." : "") + QuoteName(names[i]);
  const std::string action = "OWN " + QuoteName(names.back()) + " " + sequence;
  return "ALTER TABLE " + std::string(if_exists ? "IF EXISTS " : "") + table +
         " SET (pyralog_actions = " + QuoteText(action) + ")";
}

// SELECT pg_catalog.set_config('search_path', '', false)
bool EmptiesSearchPath(std::string_view sql, TokenCursor at) {
  if (!at.Take("SELECT")) return false;
  if (at.Take("PG_CATALOG") && !at.Take(".")) return false;
  if (!at.Take("SET_CONFIG") || !at.Take("(")) return false;
  std::string arguments;
  for (const char c : at.Rest()) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) arguments += c;
  }
  return arguments.starts_with("'search_path','',false)");
}

// SET [SESSION] name TO value: with the word ON, or a list of schemas.
std::optional<std::string> SetStatement(TokenCursor at) {
  if (!at.Take("SET")) return std::nullopt;
  at.Take("SESSION");
  const std::string setting = at.TakeName();
  if (setting.empty() || !(at.Take("=") || at.Take("TO"))) return std::nullopt;
  if (at.Take("ON")) {
    if (!at.AtEnd() && !at.Is(";")) return std::nullopt;
    return "SET " + QuoteName(setting) + " = 'on'";
  }
  if (!duckdb::StringUtil::CIEquals(setting, "search_path")) return std::nullopt;
  std::string schemas;
  int count = 0;
  do {
    const std::string schema = at.TakeName();
    if (schema.empty()) return std::nullopt;
    schemas += (count++ > 0 ? "," : "") + QuoteName(schema);
  } while (at.Take(","));
  if (count < 2) return std::nullopt;
  return "SET search_path = " + QuoteText(schemas);
}

// BEGIN ISOLATION LEVEL ...: each transaction has a snapshot of its own, which is more than READ
// COMMITTED and just REPEATABLE READ, but less than SERIALIZABLE.
std::optional<std::string> BeginStatement(TokenCursor at) {
  if (!at.Take("START TRANSACTION")) {
    if (!at.Take("BEGIN")) return std::nullopt;
    if (!at.Take("TRANSACTION")) at.Take("WORK");
  }
  if (!at.Take("ISOLATION LEVEL")) return std::nullopt;
  if (at.Is("SERIALIZABLE")) {
    ThrowStatus(
        MakeError(ErrorCode::kNotSupported,
                  "ISOLATION LEVEL SERIALIZABLE is not supported; transactions are "
                  "REPEATABLE READ: each has a snapshot, and of two that write the same row "
                  "one fails"));
  }
  const bool known =
      at.Take("REPEATABLE READ") || at.Take("READ COMMITTED") || at.Take("READ UNCOMMITTED");
  if (!known) return std::nullopt;
  at.Take(",");
  return "BEGIN TRANSACTION " + std::string(at.Rest());
}

// CREATE INDEX without a name gets the one that PostgreSQL gives it.
std::optional<std::string> CreateIndex(std::string_view sql, TokenCursor at) {
  if (!at.Take("CREATE")) return std::nullopt;
  at.Take("UNIQUE");
  if (!at.Take("INDEX")) return std::nullopt;
  at.Take("CONCURRENTLY");
  if (!at.Is("ON")) return std::nullopt;
  const size_t place = at.Now().begin;
  at.Skip();
  at.Take("ONLY");
  std::string name;
  do {
    name = at.TakeName();
  } while (at.Take("."));
  if (at.Take("USING")) at.TakeName();
  if (name.empty() || !at.Take("(")) return std::nullopt;
  while (!at.AtEnd() && !at.Is(")")) {
    const std::string column = at.TakeName();
    if (column.empty() || at.Is("(")) return std::nullopt;
    name += "_" + column;
    while (!at.AtEnd() && !at.Is(",") && !at.Is(")")) at.SkipWhole();
    at.Take(",");
  }
  return std::string(sql.substr(0, place)) + QuoteName(name + "_idx") + " " +
         std::string(sql.substr(place));
}

// nextval('s'::regclass) without the cast.
std::optional<std::string> WithoutRegclass(std::string_view sql, TokenCursor at) {
  std::string result;
  size_t copied = 0;
  while (!at.AtEnd()) {
    const bool call = at.Is("NEXTVAL (") || at.Is("CURRVAL (") || at.Is("SETVAL (");
    at.Skip();
    if (!call) continue;
    at.Skip();
    if (at.AtEnd() || !at.Now().text) continue;
    at.Skip();
    if (!at.Is(":")) continue;  // the first of two
    const size_t begin = at.Now().begin;
    at.Skip();
    if (!at.Take("REGCLASS")) continue;
    result += std::string(sql.substr(copied, begin - copied));
    copied = at.AtEnd() ? sql.size() : at.Now().begin;
  }
  if (copied == 0) return std::nullopt;
  return result + std::string(sql.substr(copied));
}

bool Contains(std::string_view sql, std::string_view lower) {
  return std::ranges::search(sql, lower, [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == b;
         }).begin() != sql.end();
}

struct StatementHint {
  std::string_view words;
  std::string_view hint;
};
constexpr StatementHint kStatementHints[] = {
    {"SAVEPOINT", "There are no savepoints: an error ends the whole transaction"},
    {"RELEASE", "There are no savepoints: an error ends the whole transaction"},
    {"ROLLBACK TO", "There are no savepoints: an error ends the whole transaction"},
    {"GRANT", "There are no users and no privileges; leave it out (pg_dump --no-privileges)"},
    {"REVOKE", "There are no users and no privileges; leave it out (pg_dump --no-privileges)"},
    {"CREATE ROLE", "There are no users and no privileges; leave it out"},
    {"CREATE USER", "There are no users and no privileges; leave it out"},
    {"CREATE FUNCTION", "A function is written as a macro: CREATE MACRO add(a, b) AS a + b"},
    {"CREATE OR REPLACE FUNCTION",
     "A function is written as a macro: CREATE OR REPLACE MACRO add(a, b) AS a + b"},
    {"CREATE PROCEDURE", "There are no procedures; statements stand in a file or a program"},
    {"DO", "There are no procedures; statements stand in a file or a program"},
    {"CREATE TRIGGER", "There are no triggers"},
    {"CREATE RULE", "There are no rules"},
    {"CREATE MATERIALIZED VIEW",
     "CREATE TABLE name AS SELECT ... keeps the rows, CREATE VIEW computes them when it is read"},
    {"CREATE EXTENSION", "There are no extensions to create; leave it out"},
    {"COMMENT ON EXTENSION", "There are no extensions; leave it out"},
    {"CREATE DOMAIN", "CREATE TYPE names a type; its CHECK stands with the columns"},
    {"ALTER TYPE",
     "Create another type, and give it to the columns: ALTER TABLE t ALTER c TYPE other"},
    {"LOCK",
     "Transactions take no locks: each reads a snapshot, and of two that write the same row "
     "one fails when it commits"},
    {"DECLARE", "There are no cursors: the rows of a result are streamed as they are read"},
    {"REINDEX", "Indexes are never out of date"},
    {"SHOW CREATE", "SELECT sql FROM duckdb_tables() WHERE table_name = 't'"},
    {"TRUNCATE", "TRUNCATE takes the name of one table, and nothing behind it"},
    {"DROP INDEX CONCURRENTLY", "DROP INDEX waits for nobody; leave CONCURRENTLY out"},
    {"SET TRANSACTION",
     "Transactions are REPEATABLE READ; BEGIN READ ONLY begins one without writes"},
    {"SET SESSION CHARACTERISTICS",
     "Transactions are REPEATABLE READ; BEGIN READ ONLY begins one without writes"},
};

// What messages of the parser mean here.
struct MessageHint {
  std::string_view message;
  std::string_view text;
};
constexpr MessageHint kMessageHints[] = {
    {"ColumnDef type not handled yet",
     "CREATE TABLE (LIKE t) is not supported; CREATE TABLE name AS FROM t LIMIT 0 makes a table "
     "with "
     "its columns"},
    {"ON CONSTRAINT conflict target is not supported",
     "ON CONFLICT ON CONSTRAINT is not supported; name the columns: ON CONFLICT (a, b)"},
    {"Can only drop one object at a time", "DROP takes one name; write a DROP for each"},
    {"Constraint not implemented!",
     "DEFERRABLE and INITIALLY DEFERRED are not supported: constraints hold when each statement "
     "ends"},
    {"SELECT locking clause is not supported",
     "FOR UPDATE and FOR SHARE are not supported: transactions take no locks, and of two that "
     "write "
     "the same row one fails when it commits; leave it out"},
};

}  // namespace

std::optional<std::string> RewritePostgres(std::string_view sql) {
  size_t begin = 0;
  while (begin < sql.size() && std::isspace(static_cast<unsigned char>(sql[begin])) != 0) ++begin;
  const std::string_view rest = sql.substr(begin);
  const auto begins = [&](std::string_view word) {
    return Contains(rest.substr(0, word.size()), word);
  };
  const bool casts = Contains(sql, "regclass");
  const bool may_be = begins("create") || begins("alter") || begins("set ") || begins("begin ") ||
                      begins("start") || rest.starts_with("-") || rest.starts_with("/") ||
                      (begins("select") && Contains(sql, "set_config"));
  if (!casts && !may_be) return std::nullopt;
  const std::vector<SqlToken> tokens = TokensOf(sql);
  const TokenCursor at(sql, tokens, 0, tokens.size());
  if (casts) {
    if (auto without = WithoutRegclass(sql, at)) return without;
  }
  TokenCursor sequence = at;
  if (sequence.Take("CREATE SEQUENCE")) return CreateSequence(sql, sequence);
  if (sequence.Take("ALTER SEQUENCE")) return AlterSequence(sequence);
  if (EmptiesSearchPath(sql, at)) return "SELECT '' AS set_config";
  if (at.Is("SET")) return SetStatement(at);
  if (at.Is("BEGIN") || at.Is("START")) return BeginStatement(at);
  return CreateIndex(sql, at);
}

arrow::Status WithStatementHint(const arrow::Status& status, std::string_view sql) {
  const auto again = [&](std::string message) {
    return MakeError(GetErrorCode(status), std::move(message));
  };
  for (const MessageHint& known : kMessageHints) {
    if (status.message().find(known.message) == std::string::npos) continue;
    return MakeError(ErrorCode::kNotSupported, std::string(known.text));
  }
  if (status.message().find("syntax error") == std::string::npos) return status;
  const std::vector<SqlToken> tokens = TokensOf(sql);
  const TokenCursor at(sql, tokens, 0, tokens.size());
  for (const StatementHint& known : kStatementHints) {
    if (!at.Is(known.words)) continue;
    std::string message = status.message();
    message.insert(std::min(message.find("\n\nLINE "), message.size()),
                   "\n" + std::string(known.hint));
    return again(std::move(message));
  }
  return status;
}

}  // namespace pyralog::sql
