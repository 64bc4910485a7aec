#include "sql/alter_actions.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/statement/alter_statement.hpp"
#include "duckdb/parser/statement/create_statement.hpp"
#include "sql/add_column.h"
#include "sql/alter_constraints.h"
#include "sql/alter_table.h"
#include "sql/constraint_names.h"
#include "sql/errors.h"
#include "sql/identity.h"
#include "sql/sql_tokens.h"

namespace pyralog::sql {
namespace {

constexpr char kOption[] = "pyralog_actions";

bool BeginsWithWord(std::string_view sql, std::string_view word) {
  return sql.size() > word.size() &&
         std::equal(word.begin(), word.end(), sql.begin(), [](char a, char b) {
           return a == std::toupper(static_cast<unsigned char>(b));
         });
}

// The actions of `tokens` from `first` on, as ranges of tokens.
std::vector<std::pair<size_t, size_t>> SplitActions(std::string_view sql,
                                                    const std::vector<SqlToken>& tokens,
                                                    size_t first) {
  std::vector<std::pair<size_t, size_t>> actions;
  TokenCursor at(sql, tokens, first, tokens.size());
  size_t begin = first;
  while (!at.AtEnd() && !at.Is(";")) {
    if (at.Is(",")) {
      actions.emplace_back(begin, at.position());
      begin = at.position() + 1;
    }
    at.SkipWhole();
  }
  actions.emplace_back(begin, at.position());
  return actions;
}

bool IsColumnConstraint(const TokenCursor& at) {
  constexpr std::array kWords = {"NOT",        "UNIQUE",    "PRIMARY", "CHECK",      "REFERENCES",
                                 "CONSTRAINT", "GENERATED", "SERIAL",  "SERIAL2",    "SERIAL4",
                                 "SERIAL8",    "BIGSERIAL", "SERIAL2", "SMALLSERIAL"};
  return std::ranges::any_of(kWords, [&](const char* word) { return at.Is(word); });
}

bool BeginsTableConstraint(const TokenCursor& at) {
  return at.Is("CONSTRAINT") || at.Is("CHECK (") || at.Is("UNIQUE") || at.Is("FOREIGN KEY") ||
         at.Is("PRIMARY KEY");
}

// ADD of a column with constraints, or with a DEFAULT if that counts.
bool AddsConstrainedColumn(TokenCursor at, bool or_default = false) {
  if (!at.Take("ADD")) return false;
  at.Take("COLUMN");
  at.Take("IF NOT EXISTS");
  if (at.TakeName().empty() || at.AtEnd() || at.Is(".")) return false;  // a struct's field
  while (!at.AtEnd()) {
    if (IsColumnConstraint(at) || (or_default && at.Is("DEFAULT"))) return true;
    at.SkipWhole();
  }
  return false;
}

bool AltersIdentity(TokenCursor at) {
  if (!at.Take("ALTER")) return false;
  at.Take("COLUMN");
  if (at.TakeName().empty()) return false;
  return at.Is("ADD GENERATED") || at.Is("DROP IDENTITY");
}

// Whether DuckDB does not take the action, or drops a part of it.
bool IsOwnAction(TokenCursor at) {
  if (at.Is("ADD PRIMARY")) return false;
  TokenCursor added = at;
  if (added.Take("ADD") && BeginsTableConstraint(added)) return true;
  return at.Is("DROP CONSTRAINT") || at.Is("RENAME CONSTRAINT") || at.Is("ALTER CONSTRAINT") ||
         at.Is("VALIDATE CONSTRAINT") || at.Is("OWNER TO") || AddsConstrainedColumn(at) ||
         AltersIdentity(at);
}

// ---- Applying ----

[[noreturn]] void RefuseAction(const std::string& what) {
  ThrowStatus(MakeError(ErrorCode::kInvalidArgument, "ALTER TABLE: " + what));
}

// A CREATE TABLE around a part of the text. Positions in its errors would mean nothing.
duckdb::unique_ptr<duckdb::CreateTableInfo> ParseAround(duckdb::ClientContext& context,
                                                        const std::string& part) {
  const std::string text = ValueOrThrow(RewriteIdentity("CREATE TABLE t(" + part + "\n)"));
  duckdb::Parser parser(context.GetParserOptions());
  try {
    parser.ParseQuery(text);
  } catch (const duckdb::Exception& error) {
    std::string message = duckdb::ErrorData(error).RawMessage();
    RefuseAction(message.substr(0, message.find("\n\nLINE ")));
  }
  if (parser.statements.size() != 1 ||
      parser.statements[0]->type != duckdb::StatementType::CREATE_STATEMENT)
    RefuseAction("\"" + part + "\" is not understood");
  auto& statement = parser.statements[0]->Cast<duckdb::CreateStatement>();
  statement.query = text;
  NameConstraints(&statement);
  return duckdb::unique_ptr_cast<duckdb::CreateInfo, duckdb::CreateTableInfo>(
      std::move(statement.info));
}

[[noreturn]] void NotSupportedAction(const std::string& what) {
  ThrowStatus(MakeError(ErrorCode::kNotSupported, "ALTER TABLE: " + what));
}

// What PostgreSQL lets one say of a constraint and would be ignored here.
void RefuseAttributes(TokenCursor at) {
  while (!at.AtEnd()) {
    if (at.Is("NOT VALID")) {
      NotSupportedAction(
          "NOT VALID is not supported: rows are held to a constraint when it is added; leave it "
          "out");
    }
    if (at.Take("NOT DEFERRABLE")) continue;
    if (at.Is("DEFERRABLE") || at.Is("INITIALLY DEFERRED")) {
      NotSupportedAction(
          "DEFERRABLE is not supported: constraints hold when each statement ends; leave it out");
    }
    if (at.Is("USING INDEX"))
      NotSupportedAction("USING INDEX is not supported; name the columns instead");
    at.SkipWhole();
  }
}

class ActionRunner {
 public:
  ActionRunner(duckdb::ClientContext& context, SqlTransaction& transaction, catalog::EntryPtr table)
      : context_(context), transaction_(transaction), table_(std::move(table)) {}

  void Run(TokenCursor action, bool alone) {
    Apply(action, alone);
    transaction_.ForgetViews();
    table_ = ValueOrThrow(transaction_.state().Find(table_->schema, table_->name));
  }

 private:
  void Apply(TokenCursor at, bool alone) {
    TokenCursor added = at;
    if (added.Take("ADD") && BeginsTableConstraint(added)) return AddConstraint(added);
    if (AddsConstrainedColumn(at, /*or_default=*/true)) return AddColumn(at);
    if (at.Take("DROP CONSTRAINT")) return DropConstraint(at);
    if (at.Take("RENAME CONSTRAINT")) return RenameConstraint(at);
    if (AltersIdentity(at)) return AlterIdentity(at);
    if (at.Take("OWN")) return Own(at);
    if (at.Is("OWNER TO")) {
      NotSupportedAction(
          "OWNER TO is not supported: tables have no owners; leave it out (pg_dump --no-owner)");
    }
    if (at.Is("ALTER CONSTRAINT"))
      NotSupportedAction("ALTER CONSTRAINT is not supported; drop it and add it again");
    if (at.Is("VALIDATE CONSTRAINT"))
      NotSupportedAction("VALIDATE CONSTRAINT is not supported: each constraint holds already");
    if (at.Is("RENAME") && !alone) RefuseAction("RENAME stands alone");
    Other(std::string(at.Rest()));
  }

  void AddConstraint(TokenCursor at) {
    RefuseAttributes(at);
    auto parsed = ParseAround(context_, "pyralog_column INTEGER, " + std::string(at.Rest()));
    if (parsed->constraints.size() != 1) RefuseAction("one constraint is added at a time");
    sql::AddConstraint(context_, transaction_, table_, std::move(parsed->constraints[0]));
  }

  void AddColumn(TokenCursor at) {
    at.Take("ADD");
    at.Take("COLUMN");
    const bool if_not_exists = at.Take("IF NOT EXISTS");
    RefuseAttributes(at);
    auto parsed = ParseAround(context_, std::string(at.Rest()));
    if (parsed->columns.LogicalColumnCount() != 1) RefuseAction("one column is added at a time");
    AddConstrainedColumn(context_, transaction_, table_, *parsed, if_not_exists);
  }

  void DropConstraint(TokenCursor at) {
    const bool if_exists = at.Take("IF EXISTS");
    const std::string name = at.TakeName();
    const bool cascade = at.Take("CASCADE");
    if (!cascade) at.Take("RESTRICT");
    if (name.empty() || !at.AtEnd()) RefuseAction("DROP CONSTRAINT takes a constraint's name");
    sql::DropConstraint(context_, transaction_, table_, name, if_exists, cascade);
  }

  void RenameConstraint(TokenCursor at) {
    const std::string name = at.TakeName();
    const bool to = at.Take("TO");
    const std::string next = at.TakeName();
    if (name.empty() || !to || next.empty() || !at.AtEnd())
      RefuseAction("RENAME CONSTRAINT takes a name, TO and another name");
    sql::RenameConstraint(transaction_, table_, name, next);
  }

  void AlterIdentity(TokenCursor at) {
    at.Take("ALTER");
    at.Take("COLUMN");
    const std::string column = at.TakeName();
    if (at.Take("DROP IDENTITY")) {
      const bool if_exists = at.Take("IF EXISTS");
      return DropIdentity(transaction_, table_, column, if_exists);
    }
    at.Take("ADD");
    std::string clause;
    while (!at.AtEnd()) {
      if (at.Take("SEQUENCE NAME")) {  // it is called after the column, as this says
        at.TakeName();
        if (at.Take(".")) at.TakeName();
        continue;
      }
      if (at.Take("CACHE")) {  // values are always taken in blocks
        at.Skip();
        continue;
      }
      const size_t first = at.position();
      at.Skip();
      clause += std::string(at.Since(first));
    }
    const auto parsed = ParseAround(context_, "c BIGINT " + clause);
    if (!parsed->columns.GetColumn(duckdb::LogicalIndex(0)).HasDefaultValue())
      RefuseAction("only GENERATED ... AS IDENTITY can be added to a column");
    AddIdentity(context_, transaction_, table_, column, *parsed);
  }

  // See postgres_statements.h.
  void Own(TokenCursor at) {
    const std::string column = at.TakeName();
    std::string schema;
    std::string name = at.TakeName();
    if (at.Take(".")) schema = std::exchange(name, at.TakeName());
    if (name.empty() || !at.AtEnd()) RefuseAction("OWNED BY takes a table and a column");
    OwnSequence(context_, transaction_, table_, column, schema, name);
  }

  // One that DuckDB parses.
  void Other(const std::string& action) {
    duckdb::Parser parser(context_.GetParserOptions());
    parser.ParseQuery("ALTER TABLE " + duckdb::KeywordHelper::WriteOptionallyQuoted(table_->name) +
                      " " + action);
    const bool one = parser.statements.size() == 1 &&
                     parser.statements[0]->type == duckdb::StatementType::ALTER_STATEMENT;
    if (!one) RefuseAction("\"" + action + "\" stands alone");
    auto& info = *parser.statements[0]->Cast<duckdb::AlterStatement>().info;
    AlterHotTable(context_, transaction_, table_, info.Cast<duckdb::AlterTableInfo>());
  }

  duckdb::ClientContext& context_;
  SqlTransaction& transaction_;
  catalog::EntryPtr table_;
};

}  // namespace

std::optional<std::string> RewriteAlter(std::string_view sql) {
  size_t begin = 0;
  while (begin < sql.size() && std::isspace(static_cast<unsigned char>(sql[begin])) != 0) ++begin;
  const bool commented = sql.substr(begin).starts_with("--") || sql.substr(begin).starts_with("/*");
  if (!commented && !BeginsWithWord(sql.substr(begin), "ALTER")) return std::nullopt;
  const std::vector<SqlToken> tokens = TokensOf(sql);
  TokenCursor at(sql, tokens, 0, tokens.size());
  if (!at.Take("ALTER TABLE")) return std::nullopt;
  at.Take("IF EXISTS");
  at.Take("ONLY");
  do {
    if (at.TakeName().empty()) return std::nullopt;
  } while (at.Take("."));
  if (at.AtEnd()) return std::nullopt;
  const auto actions = SplitActions(sql, tokens, at.position());
  const bool own = actions.size() > 1 ||
                   IsOwnAction(TokenCursor(sql, tokens, actions[0].first, actions[0].second));
  if (!own) return std::nullopt;
  const std::string_view text =
      TokenCursor(sql, tokens, at.position(), actions.back().second).Rest();
  return std::string(sql.substr(0, at.Now().begin)) + "SET (" + kOption + " = " +
         duckdb::KeywordHelper::WriteQuoted(std::string(text), '\'') + ")";
}

std::optional<std::string> ActionsIn(const duckdb::AlterTableInfo& info) {
  if (info.alter_table_type != duckdb::AlterTableType::SET_TABLE_OPTIONS) return std::nullopt;
  const auto& options = info.Cast<duckdb::SetTableOptionsInfo>().table_options;
  const auto found = options.find(kOption);
  if (options.size() != 1 || found == options.end()) return std::nullopt;
  if (found->second->GetExpressionClass() != duckdb::ExpressionClass::CONSTANT) return std::nullopt;
  return found->second->Cast<duckdb::ConstantExpression>().value.ToString();
}

void ApplyActions(duckdb::ClientContext& context, SqlTransaction& transaction,
                  const catalog::EntryPtr& table, const std::string& actions) {
  const std::vector<SqlToken> tokens = TokensOf(actions);
  const auto ranges = SplitActions(actions, tokens, 0);
  ActionRunner runner(context, transaction, table);
  for (const auto& [first, end] : ranges)
    runner.Run(TokenCursor(actions, tokens, first, end), ranges.size() == 1);
}

}  // namespace pyralog::sql
