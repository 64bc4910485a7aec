#include "sql/front_parser.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "duckdb/common/string_util.hpp"
#include "duckdb/main/config.hpp"

namespace pyralog::sql {
namespace {

using duckdb::StringUtil;

struct FrontToken {
  enum class Kind { kWord, kText, kOther };
  Kind kind = Kind::kOther;
  std::string_view text;
  size_t begin = 0;

  bool Is(const char* word) const { return StringUtil::CIEquals(std::string(text), word); }
};

bool IsWordChar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '.' || byte >= 0x80;
}

// The position behind a comment or space at `at`, or `at`.
size_t SkipBlank(std::string_view sql, size_t at) {
  if (std::isspace(static_cast<unsigned char>(sql[at])) != 0) return at + 1;
  const std::string_view rest = sql.substr(at);
  if (rest.starts_with("--")) return std::min(sql.find('\n', at), sql.size());
  if (rest.starts_with("/*")) {
    const size_t end = sql.find("*/", at + 2);
    return end == std::string_view::npos ? sql.size() : end + 2;
  }
  return at;
}

// The position behind the quoted text at `at`; a doubled quote stays inside.
size_t SkipQuoted(std::string_view sql, size_t at) {
  const char quote = sql[at];
  for (size_t end = at + 1; end < sql.size(); ++end) {
    if (sql[end] != quote) continue;
    if (end + 1 == sql.size() || sql[end + 1] != quote) return end + 1;
    ++end;
  }
  return sql.size();
}

// The first `most` tokens.
std::vector<FrontToken> Tokenize(std::string_view sql, size_t most) {
  std::vector<FrontToken> tokens;
  size_t at = 0;
  while (at < sql.size() && tokens.size() < most) {
    const size_t behind = SkipBlank(sql, at);
    if (behind > at) {
      at = behind;
      continue;
    }
    size_t end = at + 1;
    auto kind = FrontToken::Kind::kOther;
    if (sql[at] == '\'') {
      end = SkipQuoted(sql, at);
      kind = FrontToken::Kind::kText;
    } else if (sql[at] == '"') {
      end = SkipQuoted(sql, at);
      kind = FrontToken::Kind::kWord;
    } else if (IsWordChar(sql[at])) {
      while (end < sql.size() && IsWordChar(sql[end])) ++end;
      kind = FrontToken::Kind::kWord;
    }
    tokens.push_back({kind, sql.substr(at, end - at), at});
    at = end;
  }
  while (!tokens.empty() && tokens.back().text == ";") tokens.pop_back();
  return tokens;
}

bool IsSetting(duckdb::ClientContext& context, const std::string& name) {
  duckdb::Value ignored;
  return static_cast<bool>(duckdb::DBConfig::GetOptionByName(name)) ||
         static_cast<bool>(context.TryGetCurrentSetting(name, ignored));
}

std::optional<std::string> RewriteShow(duckdb::ClientContext& context, const FrontToken& what) {
  const std::string name = StringUtil::Lower(std::string(what.text));
  if (name == "all") return "SELECT name, value AS setting, description FROM system.settings";
  if (name == "search_path") {
    return "SELECT coalesce(nullif(array_to_string(current_schemas(false), ', '), ''), "
           "current_schema()) AS search_path";
  }
  if (what.text.front() == '"' || name.find('.') != std::string::npos) return std::nullopt;
  if (!IsSetting(context, name)) return std::nullopt;
  return "SELECT current_setting('" + name + "') AS \"" + name + "\"";
}

// ---- COPY ----

// Options of COPY that stand alone.
bool IsFlag(const FrontToken& token) {
  constexpr std::array kFlags = {"append",
                                 "force_quote",
                                 "header",
                                 "ignore_errors",
                                 "null_padding",
                                 "overwrite",
                                 "overwrite_or_ignore",
                                 "per_thread_output",
                                 "preserve_order",
                                 "return_files",
                                 "return_stats",
                                 "store_rejects",
                                 "union_by_name",
                                 "use_tmp_file",
                                 "write_empty_file",
                                 "write_partition_columns"};
  return std::ranges::any_of(kFlags, [&](const char* flag) { return token.Is(flag); });
}

class CopyOptions {
 public:
  CopyOptions(const std::vector<FrontToken>& tokens, size_t first) : tokens_(tokens), at_(first) {}

  // "FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 3"; nothing when they are not understood.
  std::optional<std::string> Parse() {
    while (at_ < tokens_.size()) {
      if (!ParseOption()) return std::nullopt;
      const bool more = at_ + 1 < tokens_.size();
      if (more && Now().text == ",") ++at_;
    }
    return text_;
  }

 private:
  bool ParseOption() {
    const FrontToken& name = tokens_[at_];
    if (name.kind != FrontToken::Kind::kWord) return false;
    ++at_;
    const bool has_truth = at_ < tokens_.size() && (Now().Is("true") || Now().Is("false"));
    if (IsFlag(name) && !has_truth) {
      Add(std::string(name.text));
      return true;
    }
    if (at_ < tokens_.size() && Now().text == "=") ++at_;
    if (at_ == tokens_.size()) return false;
    if (Now().text == "(") {
      std::string list;
      if (!ParseParenthesis(&list)) return false;
      Add(std::string(name.text) + " (" + list + ")");
      return true;
    }
    if (Now().kind == FrontToken::Kind::kOther) return false;
    Add(std::string(name.text) + " " + std::string(Now().text));
    ++at_;
    // COMPRESSION ZSTD(level=3) or ZSTD(3)
    const bool has_level = name.Is("compression") && at_ < tokens_.size() && Now().text == "(";
    return !has_level || ParseLevel();
  }

  bool ParseLevel() {
    size_t level = at_ + 1;
    const bool is_named =
        level + 1 < tokens_.size() && tokens_[level].Is("level") && tokens_[level + 1].text == "=";
    if (is_named) level += 2;
    if (level + 1 >= tokens_.size() || tokens_[level + 1].text != ")") return false;
    Add("COMPRESSION_LEVEL " + std::string(tokens_[level].text));
    at_ = level + 2;
    return true;
  }

  bool ParseParenthesis(std::string* list) {
    for (++at_; at_ < tokens_.size() && Now().text != ")"; ++at_) {
      if (Now().text == "(") return false;
      *list += (list->empty() ? "" : " ") + std::string(Now().text);
    }
    if (at_ == tokens_.size()) return false;
    ++at_;
    return true;
  }

  const FrontToken& Now() const { return tokens_[at_]; }
  void Add(const std::string& option) { text_ += (text_.empty() ? "" : ", ") + option; }

  const std::vector<FrontToken>& tokens_;
  size_t at_;
  std::string text_;
};

}  // namespace

std::optional<std::string> RewriteStatement(duckdb::ClientContext& context, std::string_view sql) {
  constexpr size_t kLongest = 3;  // more than a statement that is rewritten has
  const std::vector<FrontToken> tokens = Tokenize(sql, kLongest);
  if (tokens.size() != 2 || tokens[1].kind != FrontToken::Kind::kWord) return std::nullopt;
  if (tokens[0].Is("show")) return RewriteShow(context, tokens[1]);
  if (tokens[0].Is("pragma") && tokens[1].Is("version")) {
    return "SELECT * FROM system.versions";
  }
  return std::nullopt;
}

std::optional<std::string> RewriteCopy(std::string_view sql) {
  const std::vector<FrontToken> tokens = Tokenize(sql, sql.size());
  if (tokens.empty() || !tokens[0].Is("copy")) return std::nullopt;
  int depth = 0;
  for (size_t i = 1; i + 2 < tokens.size(); ++i) {
    if (tokens[i].text == "(") ++depth;
    if (tokens[i].text == ")") --depth;
    const bool is_target = depth == 0 && (tokens[i].Is("to") || tokens[i].Is("from")) &&
                           tokens[i + 1].kind == FrontToken::Kind::kText;
    if (!is_target) continue;
    size_t first = i + 2;
    if (tokens[first].Is("with")) ++first;
    if (first == tokens.size() || tokens[first].text == "(") return std::nullopt;
    const auto options = CopyOptions(tokens, first).Parse();
    if (!options) return std::nullopt;
    const size_t end = tokens[i + 1].begin + tokens[i + 1].text.size();
    return std::string(sql.substr(0, end)) + " (" + *options + ")";
  }
  return std::nullopt;
}

}  // namespace pyralog::sql
