#include "sql/sql_tokens.h"

#include <algorithm>
#include <cctype>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/simplified_token.hpp"

namespace pyralog::sql {
namespace {

bool IsNameCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '$' || byte >= 0x80;
}

// DuckDB says only where a token begins.
SqlToken SqlTokenAt(std::string_view sql, size_t begin, bool is_text) {
  SqlToken token;
  token.begin = begin;
  token.text = is_text;
  if (is_text) return token;
  if (sql[begin] == '"') {
    for (size_t at = begin + 1; at < sql.size(); ++at) {
      const bool quote = sql[at] == '"';
      if (quote && (at + 1 == sql.size() || sql[at + 1] != '"')) break;
      if (quote) ++at;
      token.name += sql[at];
    }
    return token;
  }
  size_t end = begin;
  while (end < sql.size() && IsNameCharacter(sql[end])) ++end;
  const std::string text(sql.substr(begin, std::max<size_t>(end - begin, 1)));
  token.word = duckdb::StringUtil::Upper(text);
  if (IsNameCharacter(text[0]) && std::isdigit(static_cast<unsigned char>(text[0])) == 0)
    token.name = text;
  return token;
}

}  // namespace

std::vector<SqlToken> TokensOf(std::string_view sql) {
  using Type = duckdb::SimplifiedTokenType;
  std::vector<SqlToken> tokens;
  for (const auto& token : duckdb::Parser::Tokenize(std::string(sql))) {
    if (token.type == Type::SIMPLIFIED_TOKEN_COMMENT) continue;
    tokens.push_back(
        SqlTokenAt(sql, token.start, token.type == Type::SIMPLIFIED_TOKEN_STRING_CONSTANT));
  }
  return tokens;
}

bool TokenCursor::Is(std::string_view words) const {
  for (size_t at = next_; !words.empty(); ++at) {
    const size_t space = std::min(words.find(' '), words.size());
    if (at >= end_ || (*tokens_)[at].word != words.substr(0, space)) return false;
    words.remove_prefix(std::min(space + 1, words.size()));
  }
  return true;
}

bool TokenCursor::Take(std::string_view words) {
  if (!Is(words)) return false;
  next_ += 1 + static_cast<size_t>(std::count(words.begin(), words.end(), ' '));
  return true;
}

void TokenCursor::SkipWhole() {
  int depth = 0;
  do {
    const std::string& word = Now().word;
    if (word == "(" || word == "[" || word == "{") ++depth;
    if (word == ")" || word == "]" || word == "}") --depth;
    Skip();
  } while (depth > 0 && !AtEnd());
}

std::string TokenCursor::TakeName() {
  if (AtEnd() || Now().name.empty()) return "";
  return (*tokens_)[next_++].name;
}

std::string_view TokenCursor::Rest() const { return Between(next_, end_); }

std::string_view TokenCursor::Since(size_t first) const { return Between(first, next_); }

std::string_view TokenCursor::Between(size_t first, size_t end) const {
  if (first >= end) return "";
  const size_t begin = (*tokens_)[first].begin;
  const size_t behind = end < tokens_->size() ? (*tokens_)[end].begin : sql_.size();
  return sql_.substr(begin, behind - begin);
}

}  // namespace pyralog::sql
