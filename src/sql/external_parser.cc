#include "sql/external_parser.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

enum class TokenKind { kWord, kQuotedName, kText, kNumber, kSign, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string value;  // of names and texts without their quotes
  size_t begin = 0;   // in the statement
  size_t end = 0;
};

bool IsWordStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
}
bool IsWordPart(char c) {
  return IsWordStart(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '$';
}

bool SameWord(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string LowerWord(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

class Tokens {
 public:
  explicit Tokens(std::string_view sql) : sql_(sql) {}

  // Past the end comes kEnd for ever.
  arrow::Result<Token> Next() {
    SkipBlanks();
    Token token;
    token.begin = at_;
    if (at_ == sql_.size()) {
      token.end = at_;
      return token;
    }
    const char c = sql_[at_];
    if (c == '\'' || c == '"') {
      ARROW_RETURN_NOT_OK(ReadQuoted(c, &token));
    } else if (IsWordStart(c)) {
      token.kind = TokenKind::kWord;
      while (at_ < sql_.size() && IsWordPart(sql_[at_])) token.value += sql_[at_++];
    } else if (std::isdigit(static_cast<unsigned char>(c)) ||
               (c == '-' && at_ + 1 < sql_.size() &&
                std::isdigit(static_cast<unsigned char>(sql_[at_ + 1])))) {
      token.kind = TokenKind::kNumber;
      token.value += sql_[at_++];
      while (at_ < sql_.size() && (IsWordPart(sql_[at_]) || sql_[at_] == '.')) {
        token.value += sql_[at_++];
      }
    } else {
      token.kind = TokenKind::kSign;
      token.value = sql_[at_++];
    }
    token.end = at_;
    return token;
  }

 private:
  void SkipBlanks() {
    while (at_ < sql_.size()) {
      const std::string_view rest = sql_.substr(at_);
      if (std::isspace(static_cast<unsigned char>(rest.front()))) {
        ++at_;
      } else if (rest.starts_with("--")) {
        at_ = std::min(sql_.size(), sql_.find('\n', at_));
      } else if (rest.starts_with("/*")) {
        const size_t end = sql_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? sql_.size() : end + 2;
      } else {
        return;
      }
    }
  }

  arrow::Status ReadQuoted(char quote, Token* token) {
    token->kind = quote == '"' ? TokenKind::kQuotedName : TokenKind::kText;
    const size_t begin = at_++;
    while (at_ < sql_.size()) {
      const char c = sql_[at_++];
      if (c != quote) {
        token->value += c;
      } else if (at_ < sql_.size() && sql_[at_] == quote) {
        token->value += c;
        ++at_;
      } else {
        return arrow::Status::OK();
      }
    }
    return MakeError(ErrorCode::kInvalidArgument, "syntax error: the quote at byte " +
                                                      std::to_string(begin) + " is never closed");
  }

  const std::string_view sql_;
  size_t at_ = 0;
};

class ExternalParser {
 public:
  explicit ExternalParser(std::string_view sql) : sql_(sql), tokens_(sql) {}

  arrow::Result<std::optional<ExternalStatement>> Parse() {
    ARROW_RETURN_NOT_OK(Advance());
    if (IsWord("create") || IsWord("register")) return ParseCreate();
    if (IsWord("drop")) return ParseDrop();
    if (IsWord("verify")) return ParseTableOnly(ExternalStatement::Kind::kVerify);
    if (IsWord("refresh")) return ParseTableOnly(ExternalStatement::Kind::kRefresh);
    return std::nullopt;
  }

 private:
  using Parsed = arrow::Result<std::optional<ExternalStatement>>;

  arrow::Status Advance() {
    ARROW_ASSIGN_OR_RAISE(token_, tokens_.Next());
    return arrow::Status::OK();
  }
  bool IsWord(std::string_view word) const {
    return token_.kind == TokenKind::kWord && SameWord(token_.value, word);
  }
  bool IsSign(char sign) const {
    return token_.kind == TokenKind::kSign && token_.value.front() == sign;
  }
  // Takes the token when it is this word.
  arrow::Result<bool> Take(std::string_view word) {
    if (!IsWord(word)) return false;
    ARROW_RETURN_NOT_OK(Advance());
    return true;
  }
  arrow::Result<bool> TakeSign(char sign) {
    if (!IsSign(sign)) return false;
    ARROW_RETURN_NOT_OK(Advance());
    return true;
  }
  arrow::Status Expect(std::string_view word) {
    ARROW_ASSIGN_OR_RAISE(const bool taken, Take(word));
    return taken ? arrow::Status::OK() : Expected(std::string(word));
  }
  arrow::Status ExpectSign(char sign) {
    ARROW_ASSIGN_OR_RAISE(const bool taken, TakeSign(sign));
    return taken ? arrow::Status::OK() : Expected(std::string("'") + sign + "'");
  }
  arrow::Status Expected(const std::string& what) const {
    const std::string found =
        token_.kind == TokenKind::kEnd
            ? "the end"
            : "\"" + std::string(sql_.substr(token_.begin, token_.end - token_.begin)) + "\"";
    return MakeError(ErrorCode::kInvalidArgument, "syntax error at byte " +
                                                      std::to_string(token_.begin) + ": found " +
                                                      found + ", expected " + what);
  }

  Parsed ParseCreate() {
    const bool is_register = IsWord("register");
    ARROW_RETURN_NOT_OK(Advance());
    if (IsWord("or")) {
      ARROW_RETURN_NOT_OK(Advance());
      if (!IsWord("replace")) return std::nullopt;
      ARROW_RETURN_NOT_OK(Advance());
      statement_.or_replace = true;
    }
    if (!IsWord("external")) return std::nullopt;
    ARROW_RETURN_NOT_OK(Advance());
    if (is_register && (IsWord("array") || IsWord("snapshot"))) {
      return MakeError(ErrorCode::kNotSupported,
                       "REGISTER EXTERNAL " + token_.value + " is not supported; tables are");
    }
    ARROW_RETURN_NOT_OK(Expect("TABLE"));
    ARROW_RETURN_NOT_OK(ParseIfNotExists());
    ARROW_RETURN_NOT_OK(ParseName());
    if (IsSign('(')) {
      ARROW_ASSIGN_OR_RAISE(statement_.columns, ParseColumns());
    }
    ARROW_RETURN_NOT_OK(ParseClauses());
    if (statement_.format.empty()) return Expected("STORED AS format");
    if (statement_.location.empty()) return Expected("LOCATION 'path'");
    return statement_;
  }

  arrow::Status ParseIfNotExists() {
    ARROW_ASSIGN_OR_RAISE(statement_.if_not_exists, Take("if"));
    if (!statement_.if_not_exists) return arrow::Status::OK();
    if (statement_.or_replace) return Expected("a name (OR REPLACE excludes IF NOT EXISTS)");
    ARROW_RETURN_NOT_OK(Expect("NOT"));
    return Expect("EXISTS");
  }

  Parsed ParseDrop() {
    ARROW_RETURN_NOT_OK(Advance());
    if (!IsWord("external")) return std::nullopt;
    ARROW_RETURN_NOT_OK(Advance());
    statement_.kind = ExternalStatement::Kind::kDrop;
    ARROW_RETURN_NOT_OK(Expect("TABLE"));
    ARROW_ASSIGN_OR_RAISE(statement_.if_exists, Take("if"));
    if (statement_.if_exists) ARROW_RETURN_NOT_OK(Expect("EXISTS"));
    return NameAndEnd();
  }

  // VERIFY and REFRESH.
  Parsed ParseTableOnly(ExternalStatement::Kind kind) {
    ARROW_RETURN_NOT_OK(Advance());
    if (!IsWord("external")) return std::nullopt;
    ARROW_RETURN_NOT_OK(Advance());
    statement_.kind = kind;
    ARROW_RETURN_NOT_OK(Take("table").status());
    return NameAndEnd();
  }

  Parsed NameAndEnd() {
    ARROW_RETURN_NOT_OK(ParseName());
    ARROW_RETURN_NOT_OK(ExpectEnd());
    return statement_;
  }

  arrow::Status ExpectEnd() {
    ARROW_RETURN_NOT_OK(TakeSign(';').status());
    return token_.kind == TokenKind::kEnd ? arrow::Status::OK() : Expected("the end");
  }

  arrow::Result<std::string> Identifier(const std::string& what) {
    const bool is_name = token_.kind == TokenKind::kWord || token_.kind == TokenKind::kQuotedName;
    if (!is_name || token_.value.empty()) return Expected(what);
    std::string name = token_.value;
    ARROW_RETURN_NOT_OK(Advance());
    return name;
  }

  // [[database.]schema.]name
  arrow::Status ParseName() {
    ARROW_ASSIGN_OR_RAISE(statement_.name, Identifier("a name"));
    for (int parts = 1; IsSign('.'); ++parts) {
      if (parts == 3) return Expected("a clause");
      ARROW_RETURN_NOT_OK(Advance());
      statement_.database = std::exchange(statement_.schema, "");
      statement_.schema = std::exchange(statement_.name, "");
      ARROW_ASSIGN_OR_RAISE(statement_.name, Identifier("a name"));
    }
    return arrow::Status::OK();
  }

  // (name type [NOT NULL], ...)
  arrow::Result<std::vector<ExternalStatement::Column>> ParseColumns() {
    std::vector<ExternalStatement::Column> columns;
    ARROW_RETURN_NOT_OK(ExpectSign('('));
    do {
      ExternalStatement::Column column;
      ARROW_ASSIGN_OR_RAISE(column.name, Identifier("a column's name"));
      ARROW_RETURN_NOT_OK(ParseType(&column));
      columns.push_back(std::move(column));
      ARROW_ASSIGN_OR_RAISE(more_, TakeSign(','));
    } while (more_);
    ARROW_RETURN_NOT_OK(ExpectSign(')'));
    return columns;
  }

  // Everything up to the next ',' or ')' that is not within parentheses is the type's text.
  arrow::Status ParseType(ExternalStatement::Column* column) {
    const size_t begin = token_.begin;
    size_t end = begin;
    int depth = 0;
    while (depth > 0 || !(IsSign(',') || IsSign(')'))) {
      if (token_.kind == TokenKind::kEnd || IsSign(';')) return Expected("',' or ')'");
      if (depth == 0 && IsWord("not")) {
        ARROW_RETURN_NOT_OK(Advance());
        ARROW_RETURN_NOT_OK(Expect("NULL"));
        column->not_null = true;
        if (!IsSign(',') && !IsSign(')')) return Expected("',' or ')'");
        break;
      }
      if (IsSign('(')) ++depth;
      if (IsSign(')')) --depth;
      end = token_.end;
      ARROW_RETURN_NOT_OK(Advance());
    }
    column->type = sql_.substr(begin, end - begin);
    return column->type.empty() ? Expected("a type") : arrow::Status::OK();
  }

  arrow::Status ParseClauses() {
    while (token_.kind != TokenKind::kEnd && !IsSign(';')) {
      if (IsWord("stored")) {
        ARROW_RETURN_NOT_OK(Once(statement_.format.empty()));
        ARROW_RETURN_NOT_OK(Expect("AS"));
        ARROW_RETURN_NOT_OK(Value(&statement_.format));
      } else if (IsWord("location")) {
        ARROW_RETURN_NOT_OK(Once(statement_.location.empty()));
        if (token_.kind != TokenKind::kText) return Expected("a path in quotes");
        ARROW_RETURN_NOT_OK(Value(&statement_.location));
      } else if (IsWord("partitioned")) {
        ARROW_RETURN_NOT_OK(Once(statement_.partitions.empty()));
        ARROW_RETURN_NOT_OK(Expect("BY"));
        ARROW_ASSIGN_OR_RAISE(statement_.partitions, ParseColumns());
      } else if (IsWord("options")) {
        ARROW_RETURN_NOT_OK(Once(statement_.options.empty()));
        ARROW_RETURN_NOT_OK(ParseOptions());
      } else {
        return Expected("STORED AS, LOCATION, PARTITIONED BY or OPTIONS");
      }
    }
    return ExpectEnd();
  }

  // Takes the clause's first word; an error when the clause was there already.
  arrow::Status Once(bool first) {
    if (!first) return Expected("each clause once");
    return Advance();
  }

  // Text, a number or a word.
  arrow::Status Value(std::string* out) {
    if (token_.kind == TokenKind::kSign || token_.kind == TokenKind::kEnd) {
      return Expected("a value");
    }
    *out = token_.value;
    return Advance();
  }

  arrow::Status ParseOptions() {
    ARROW_RETURN_NOT_OK(ExpectSign('('));
    do {
      std::string key;
      ARROW_RETURN_NOT_OK(Value(&key));
      key = LowerWord(key);
      if (statement_.options.contains(key)) return Expected("option " + key + " once");
      ARROW_RETURN_NOT_OK(TakeSign('=').status());
      ARROW_RETURN_NOT_OK(Value(&statement_.options[key]));
      ARROW_ASSIGN_OR_RAISE(more_, TakeSign(','));
    } while (more_);
    return ExpectSign(')');
  }

  const std::string_view sql_;
  Tokens tokens_;
  Token token_;
  bool more_ = false;
  ExternalStatement statement_;
};

}  // namespace

arrow::Result<std::optional<ExternalStatement>> ParseExternalStatement(std::string_view sql) {
  return ExternalParser(sql).Parse();
}

}  // namespace pyralog::sql
