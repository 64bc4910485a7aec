// SQL text as tokens, for the statements that are rewritten or read before DuckDB parses them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pyralog::sql {

struct SqlToken {
  size_t begin = 0;   // in the text
  std::string word;   // in upper case; of quoted names and texts: empty
  std::string name;   // of words and quoted names: what they name; else empty
  bool text = false;  // '...' or $$...$$
};

// Comments and spaces are left out. A sign is one token, but for operators of several.
std::vector<SqlToken> TokensOf(std::string_view sql);

// Tokens from one position up to another.
class TokenCursor {
 public:
  TokenCursor(std::string_view sql, const std::vector<SqlToken>& tokens, size_t first, size_t end)
      : sql_(sql), tokens_(&tokens), next_(first), end_(end) {}

  bool AtEnd() const { return next_ >= end_; }
  size_t position() const { return next_; }
  const SqlToken& Now() const { return (*tokens_)[next_]; }
  // Whether the words (separated by one space) come next.
  bool Is(std::string_view words) const;
  // The same, and goes past them.
  bool Take(std::string_view words);
  void Skip() { ++next_; }
  // Past a token, and if it opens a bracket, past what closes that.
  void SkipWhole();
  // Takes a word or a quoted name; "" when there is none.
  std::string TakeName();
  // The text from here to the end, or to the token behind it.
  std::string_view Rest() const;
  // The text from the token at `first` to before the next one.
  std::string_view Since(size_t first) const;

 private:
  std::string_view Between(size_t first, size_t end) const;

  std::string_view sql_;
  const std::vector<SqlToken>* tokens_;
  size_t next_;
  size_t end_;
};

}  // namespace pyralog::sql
