#include <algorithm>
#include <optional>
#include <vector>

#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/simplified_token.hpp"
#include "pyralog/error.h"
#include "sql/errors.h"
#include "sql/identity.h"

namespace pyralog::sql {
namespace {

using duckdb::SimplifiedTokenType;

struct IdentityToken {
  size_t begin = 0;
  size_t end = 0;
  std::string word;  // in upper case; of quoted names and strings: empty
};

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '$';
}

// DuckDB says only where a token begins. Of a word or number the end is easily found; of others
// nothing but the first character matters here.
IdentityToken IdentityTokenAt(std::string_view sql, size_t begin) {
  IdentityToken token;
  token.begin = token.end = begin;
  while (token.end < sql.size() && IsWordCharacter(sql[token.end])) ++token.end;
  if (token.end == begin) token.end = begin + 1;
  const char first = sql[begin];
  if (first != '"' && first != '\'' && first != '$') {
    token.word = duckdb::StringUtil::Upper(std::string(sql.substr(begin, token.end - begin)));
  }
  return token;
}

// Writes the statements of one text anew.
class IdentityRewriter {
 public:
  explicit IdentityRewriter(std::string_view sql) : sql_(sql) {
    for (const auto& token : duckdb::Parser::Tokenize(std::string(sql))) {
      const bool is_string = token.type == SimplifiedTokenType::SIMPLIFIED_TOKEN_STRING_CONSTANT;
      tokens_.push_back(IdentityTokenAt(sql, token.start));
      if (is_string) tokens_.back().word.clear();
    }
  }

  arrow::Result<std::string> Rewrite() {
    while (next_ < tokens_.size()) ARROW_RETURN_NOT_OK(Statement());
    result_ += sql_.substr(copied_);
    return std::move(result_);
  }

 private:
  bool Is(size_t at, std::string_view word) const {
    return at < tokens_.size() && tokens_[at].word == word;
  }
  bool Take(std::string_view word) {
    if (!Is(next_, word)) return false;
    ++next_;
    return true;
  }

  // To behind the statement's semicolon.
  arrow::Status Statement() {
    if (Take("CREATE")) {
      if (Take("OR")) Take("REPLACE");
      const bool temporary = Take("TEMP") || Take("TEMPORARY");
      if (Take("TABLE")) ARROW_RETURN_NOT_OK(Table(temporary));
    }
    while (next_ < tokens_.size() && !Take(";")) ++next_;
    return arrow::Status::OK();
  }

  arrow::Status Table(bool temporary) {
    while (next_ < tokens_.size() && !Is(next_, ";") && !Is(next_, "(") && !Is(next_, "AS"))
      ++next_;
    if (!Take("(")) return arrow::Status::OK();
    size_t element = next_;  // its first token
    for (int depth = 1; next_ < tokens_.size() && depth > 0;) {
      if (Is(next_, ";")) return arrow::Status::OK();
      if (depth == 1) {
        const size_t before = next_;
        if (next_ == element + 1) Serial();
        Generated();
        if (next_ != before) {
          if (temporary) {
            return MakeError(ErrorCode::kNotSupported,
                             "identity columns of temporary tables are not supported; use a "
                             "default of nextval('a temporary sequence')");
          }
          continue;
        }
      }
      if (Is(next_, "(")) ++depth;
      if (Is(next_, ")")) --depth;
      if (depth == 1 && Is(next_, ",")) element = next_ + 1;
      ++next_;
    }
    return arrow::Status::OK();
  }

  // The type SERIAL of a column.
  void Serial() {
    static constexpr std::pair<const char*, const char*> kTypes[] = {
        {"SERIAL", "INTEGER"}, {"SERIAL4", "INTEGER"},      {"BIGSERIAL", "BIGINT"},
        {"SERIAL8", "BIGINT"}, {"SMALLSERIAL", "SMALLINT"}, {"SERIAL2", "SMALLINT"}};
    for (const auto& [serial, type] : kTypes) {
      if (!Is(next_, serial)) continue;
      Replace(next_, next_ + 1, std::string(type) + " " + Default("by default", ""));
      ++next_;
      return;
    }
  }

  // GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(options)]
  void Generated() {
    if (!Is(next_, "GENERATED")) return;
    const bool always = Is(next_ + 1, "ALWAYS");
    const size_t as = next_ + (always ? 2 : 3);
    if (!always && !(Is(next_ + 1, "BY") && Is(next_ + 2, "DEFAULT"))) return;
    if (!Is(as, "AS") || !Is(as + 1, "IDENTITY")) return;
    size_t end = as + 2;
    std::string options;
    if (Is(end, "(")) {
      for (++end; end < tokens_.size() && !Is(end, ")"); ++end) {
        const IdentityToken& token = tokens_[end];
        options += sql_.substr(token.begin, token.end - token.begin);
        if (token.word != "-" && token.word != "+") options += ' ';
      }
      if (end == tokens_.size()) return;  // DuckDB says what is wrong
      ++end;
    }
    Replace(next_, end, Default(always ? "always" : "by default", options));
    next_ = end;
  }

  static std::string Default(const std::string& how, const std::string& options) {
    return "DEFAULT pyralog_identity('" + how + "', " +
           duckdb::KeywordHelper::WriteQuoted(options, '\'') + ") NOT NULL";
  }

  void Replace(size_t first, size_t end, const std::string& text) {
    result_ += sql_.substr(copied_, tokens_[first].begin - copied_);
    result_ += text;
    copied_ = tokens_[end - 1].end;
  }

  const std::string_view sql_;
  std::vector<IdentityToken> tokens_;
  size_t next_ = 0;
  std::string result_;
  size_t copied_ = 0;  // bytes of sql_ that are in the result
};

// Most statements have neither word.
bool MayHaveIdentity(std::string_view sql) {
  const auto has = [&](std::string_view word) {
    return std::ranges::search(sql, word, [](char a, char b) {
             return std::toupper(static_cast<unsigned char>(a)) == b;
           }).begin() != sql.end();
  };
  return has("IDENTITY") || has("SERIAL");
}

}  // namespace

arrow::Result<std::string> RewriteIdentity(std::string_view sql) {
  if (!MayHaveIdentity(sql)) return std::string(sql);
  return Guard([&] { return IdentityRewriter(sql).Rewrite(); });
}

}  // namespace pyralog::sql
