// SQL text cut into statements, as it comes in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pyralog::sql {

// Cuts at each ';' that stands outside of '...' (also E'...\'...'), "...", $tag$...$tag$, -- and /*
// */ comments (which nest). Each byte is looked at once, whatever pieces the text comes in.
//
// A statement of another language (see kForeignLanguages in the .cc) ends at a ';' outside of {},
// and has # comments too.
//
//   splitter.Feed("SELECT 'a;b'; SELECT");   Next() -> "SELECT 'a;b'"    Next() -> nothing yet
//   splitter.Feed(" 2");                     Finish() -> "SELECT 2"
class StatementSplitter {
 public:
  void Feed(std::string_view text);

  // The next whole statement, without its ';' and the space around it. Statements of nothing but
  // comments are left out.
  std::optional<std::string> Next();

  // To be called, until it gives nothing, when no more text follows: the remaining statements, of
  // which the last needs no ';'. An open quote or comment is left to the SQL parser, which says so.
  // Afterwards the splitter is empty.
  std::optional<std::string> Finish();

  // Where the statement that was given last begins in the whole text, from 1; columns count
  // characters.
  int64_t line() const { return line_; }
  int64_t column() const { return column_; }

  // Whether the text ended within a statement, quote or comment.
  bool is_between_statements() const { return !has_content_ && state_ == State::kPlain; }

 private:
  enum class State {
    kPlain,
    kQuoted,         // '...'
    kEscapedQuoted,  // E'...'
    kIdentifier,     // "..."
    kDollar,         // $tag$...$tag$
    kLineComment,
    kBlockComment,
  };

  // Each advances position_ by at least one, or returns false because it needs to see more text
  // first.
  bool StepPlain();
  bool StepQuoted(char quote);
  bool StepEscapedQuoted();
  bool StepDollar();
  bool StepLineComment();
  bool StepBlockComment();
  bool Step();
  // The length of the $tag$ that starts at position_: 0 when none does, nothing when the text ends
  // before that is known.
  std::optional<size_t> DollarTagLength() const;
  std::string Take(size_t end);
  // Counts lines and columns of what is passed over.
  void Pass(std::string_view text);
  // Whether the current statement begins with a word of kForeignLanguages.
  bool IsForeign() const;
  // Of a foreign statement, at position_: whether '#' begins a comment there.
  bool IsForeignComment() const;

  std::string text_;
  size_t start_ = 0;     // of the current statement, in text_
  size_t position_ = 0;  // in text_; what stands before was looked at
  State state_ = State::kPlain;
  int64_t line_ = 1;  // of the statement given last
  int64_t column_ = 1;
  int64_t next_line_ = 1;  // of start_
  int64_t next_column_ = 1;
  int brace_depth_ = 0;     // of a foreign statement
  int comment_depth_ = 0;   // of kBlockComment
  std::string dollar_tag_;  // with both $, of kDollar
  bool has_content_ = false;
  bool at_end_ = false;  // no text follows
};

}  // namespace pyralog::sql
