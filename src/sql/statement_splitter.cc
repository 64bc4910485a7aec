#include "sql/statement_splitter.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pyralog::sql {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// Bytes above 0x7F are letters to the SQL parser.
bool IsIdentifierStart(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
         byte >= 0x80;
}

bool IsIdentifierPart(char c) { return IsIdentifierStart(c) || (c >= '0' && c <= '9'); }

// First words of statements that are in another language than SQL.
constexpr std::array<std::string_view, 1> kForeignLanguages = {"SPARQL"};

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

void StatementSplitter::Feed(std::string_view text) {
  text_.erase(0, start_);
  position_ -= start_;
  start_ = 0;
  text_ += text;
}

std::optional<std::string> StatementSplitter::Next() {
  while (position_ < text_.size()) {
    if (state_ == State::kPlain && text_[position_] == ';' && brace_depth_ == 0) {
      const bool wanted = has_content_;
      std::string statement = Take(position_);
      if (wanted) return statement;
    } else if (!Step()) {
      break;
    }
  }
  return std::nullopt;
}

std::optional<std::string> StatementSplitter::Finish() {
  at_end_ = true;
  std::optional<std::string> last = Next();
  if (!last) {
    // An open quote or comment is not nothing: the parser has to see it.
    if (has_content_ || state_ == State::kBlockComment) last = Take(text_.size());
    *this = StatementSplitter();
  }
  return last;
}

std::string StatementSplitter::Take(size_t end) {
  const std::string_view whole = std::string_view(text_).substr(start_, end - start_);
  const std::string_view trimmed = TrimSpace(whole);
  std::string statement(trimmed);
  const size_t lead = trimmed.empty() ? whole.size() : trimmed.data() - whole.data();
  Pass(whole.substr(0, lead));
  line_ = next_line_;
  column_ = next_column_;
  Pass(std::string_view(text_).substr(start_ + lead, end + 1 - start_ - lead));
  brace_depth_ = 0;
  start_ = std::min(end + 1, text_.size());
  position_ = start_;
  has_content_ = false;
  return statement;
}

void StatementSplitter::Pass(std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      ++next_line_;
      next_column_ = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++next_column_;
    }
  }
}

bool StatementSplitter::IsForeign() const {
  const std::string_view text = TrimSpace(std::string_view(text_).substr(start_));
  return std::ranges::any_of(kForeignLanguages, [&](std::string_view word) {
    if (text.size() <= word.size() || IsIdentifierPart(text[word.size()])) return false;
    return std::ranges::equal(word, text.substr(0, word.size()),
                              [](char a, char b) { return a == (b & ~0x20); });
  });
}

bool StatementSplitter::IsForeignComment() const {
  // In <http://example.org/a#b> and ex:a#b it is part of a name.
  const size_t before = position_ == start_ ? std::string::npos : position_ - 1;
  return before == std::string::npos || !(IsIdentifierPart(text_[before]) || text_[before] == '/');
}

bool StatementSplitter::Step() {
  switch (state_) {
    case State::kPlain:
      return StepPlain();
    case State::kQuoted:
      return StepQuoted('\'');
    case State::kIdentifier:
      return StepQuoted('"');
    case State::kEscapedQuoted:
      return StepEscapedQuoted();
    case State::kDollar:
      return StepDollar();
    case State::kLineComment:
      return StepLineComment();
    case State::kBlockComment:
      return StepBlockComment();
  }
  return false;
}

bool StatementSplitter::StepPlain() {
  const char c = text_[position_];
  const bool has_next = position_ + 1 < text_.size();
  if (c == '-' || c == '/') {
    if (!has_next && !at_end_) return false;
    if (has_next && text_[position_ + 1] == (c == '-' ? '-' : '*')) {
      state_ = c == '-' ? State::kLineComment : State::kBlockComment;
      comment_depth_ = 1;
      position_ += 2;
      return true;
    }
  }
  if (c == '$') {
    const std::optional<size_t> length = DollarTagLength();
    if (!length) return false;
    if (*length > 0) {
      dollar_tag_ = text_.substr(position_, *length);
      state_ = State::kDollar;
      has_content_ = true;
      position_ += *length;
      return true;
    }
  }
  if (c == '\'') {
    const size_t before = position_ - start_;
    const bool escaped = before > 0 && (text_[position_ - 1] | 0x20) == 'e' &&
                         (before == 1 || !IsIdentifierPart(text_[position_ - 2]));
    state_ = escaped ? State::kEscapedQuoted : State::kQuoted;
  } else if (c == '"') {
    state_ = State::kIdentifier;
  }
  if ((c == '{' || c == '}' || c == '#') && IsForeign()) {
    if (c == '{') ++brace_depth_;
    if (c == '}' && brace_depth_ > 0) --brace_depth_;
    if (c == '#' && IsForeignComment()) state_ = State::kLineComment;
  }
  if (!IsSpace(c)) has_content_ = true;
  ++position_;
  return true;
}

// A doubled quote closes and opens again at once, which is as good as staying inside.
bool StatementSplitter::StepQuoted(char quote) {
  const size_t end = text_.find(quote, position_);
  if (end != std::string::npos) state_ = State::kPlain;
  position_ = end == std::string::npos ? text_.size() : end + 1;
  return true;
}

bool StatementSplitter::StepEscapedQuoted() {
  const char c = text_[position_];
  if (c == '\\') {
    if (position_ + 1 == text_.size() && !at_end_) return false;
    position_ += position_ + 1 == text_.size() ? 1 : 2;
    return true;
  }
  if (c == '\'') {
    // '' stays inside, and inside is where backslashes count.
    if (position_ + 1 == text_.size() && !at_end_) return false;
    if (position_ + 1 < text_.size() && text_[position_ + 1] == '\'') {
      position_ += 2;
      return true;
    }
    state_ = State::kPlain;
  }
  ++position_;
  return true;
}

bool StatementSplitter::StepDollar() {
  const size_t end = text_.find(dollar_tag_, position_);
  if (end != std::string::npos) {
    state_ = State::kPlain;
    position_ = end + dollar_tag_.size();
    return true;
  }
  // The tag may be cut by the end of what has come.
  const size_t looked_at =
      text_.size() >= dollar_tag_.size() ? text_.size() - dollar_tag_.size() + 1 : 0;
  if (at_end_) position_ = text_.size();
  if (looked_at > position_) position_ = looked_at;
  return at_end_;
}

bool StatementSplitter::StepLineComment() {
  const size_t end = text_.find('\n', position_);
  if (end != std::string::npos) state_ = State::kPlain;
  position_ = end == std::string::npos ? text_.size() : end + 1;
  return true;
}

bool StatementSplitter::StepBlockComment() {
  const size_t mark = text_.find_first_of("*/", position_);
  if (mark == std::string::npos) {
    position_ = text_.size();
    return true;
  }
  position_ = mark;
  if (mark + 1 == text_.size() && !at_end_) return false;
  const char next = mark + 1 < text_.size() ? text_[mark + 1] : ' ';
  if (text_[mark] == '*' && next == '/') {
    if (--comment_depth_ == 0) state_ = State::kPlain;
    position_ += 2;
  } else if (text_[mark] == '/' && next == '*') {
    ++comment_depth_;
    position_ += 2;
  } else {
    ++position_;
  }
  return true;
}

std::optional<size_t> StatementSplitter::DollarTagLength() const {
  // Within an identifier (a$b$) or after a number's parameter sign it is none.
  if (position_ > start_ &&
      (IsIdentifierPart(text_[position_ - 1]) || text_[position_ - 1] == '$')) {
    return 0;
  }
  size_t end = position_ + 1;
  while (end < text_.size() &&
         (end == position_ + 1 ? IsIdentifierStart(text_[end]) : IsIdentifierPart(text_[end]))) {
    ++end;
  }
  if (end == text_.size()) {
    if (at_end_) return 0;
    return std::nullopt;
  }
  return text_[end] == '$' ? end + 1 - position_ : 0;
}

}  // namespace pyralog::sql
