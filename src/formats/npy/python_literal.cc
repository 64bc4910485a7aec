#include "formats/npy/python_literal.h"

#include <charconv>

#include "formats/npy/code_point.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

constexpr int kMaxLiteralDepth = 32;

class LiteralParser {
 public:
  explicit LiteralParser(std::string_view text) : text_(text) {}

  arrow::Result<PythonLiteral> ParseAll() {
    ARROW_ASSIGN_OR_RAISE(PythonLiteral value, Parse(0));
    SkipBlanks();
    if (at_ != text_.size()) return Unexpected();
    return value;
  }

 private:
  arrow::Status Unexpected() const {
    return MakeError(ErrorCode::kDamaged,
                     "its header is no Python literal: byte " + std::to_string(at_) + " of it");
  }

  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool Take(std::string_view token) {
    SkipBlanks();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  arrow::Result<PythonLiteral> Parse(int depth) {
    if (depth > kMaxLiteralDepth) {
      return MakeError(ErrorCode::kDamaged, "its header is nested too deeply");
    }
    if (Take("True")) return PythonLiteral{.kind = PythonLiteral::Kind::kBool, .number = 1};
    if (Take("False")) return PythonLiteral{.kind = PythonLiteral::Kind::kBool};
    if (Take("{")) return ParseDictionary(depth);
    if (Take("(")) return ParseSequence(')', depth);
    if (Take("[")) return ParseSequence(']', depth);
    SkipBlanks();
    if (at_ < text_.size() && (text_[at_] == '-' || (text_[at_] >= '0' && text_[at_] <= '9'))) {
      return ParseNumber();
    }
    return ParseText();
  }

  arrow::Result<PythonLiteral> ParseSequence(char end, int depth) {
    PythonLiteral sequence{.kind = PythonLiteral::Kind::kSequence};
    bool comma = true;
    while (!Take(std::string_view(&end, 1))) {
      if (!comma) return Unexpected();
      ARROW_ASSIGN_OR_RAISE(PythonLiteral item, Parse(depth + 1));
      sequence.items.push_back(std::move(item));
      comma = Take(",");
    }
    // A text or number in parentheses is itself.
    if (end == ')' && sequence.items.size() == 1 && !comma) {
      PythonLiteral item = std::move(sequence.items.front());
      return item;
    }
    return sequence;
  }

  arrow::Result<PythonLiteral> ParseDictionary(int depth) {
    PythonLiteral dictionary{.kind = PythonLiteral::Kind::kDictionary};
    bool comma = true;
    while (!Take("}")) {
      if (!comma) return Unexpected();
      ARROW_ASSIGN_OR_RAISE(const PythonLiteral key, ParseText());
      if (!Take(":")) return Unexpected();
      ARROW_ASSIGN_OR_RAISE(PythonLiteral item, Parse(depth + 1));
      dictionary.keys.push_back(key.text);
      dictionary.items.push_back(std::move(item));
      comma = Take(",");
    }
    return dictionary;
  }

  arrow::Result<PythonLiteral> ParseNumber() {
    PythonLiteral value;
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), value.number);
    if (error != std::errc()) return Unexpected();
    at_ = static_cast<size_t>(end - text_.data());
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote 3L
    return value;
  }

  arrow::Result<PythonLiteral> ParseText() {
    SkipBlanks();
    if (at_ < text_.size() && (text_[at_] == 'u' || text_[at_] == 'b')) ++at_;  // Python 2
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return Unexpected();
    const char quote = text_[at_++];
    PythonLiteral value{.kind = PythonLiteral::Kind::kText};
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\') {
        ARROW_RETURN_NOT_OK(ParseEscape(&value.text));
      } else {
        value.text += text_[at_++];
      }
    }
    if (at_ == text_.size()) return Unexpected();
    ++at_;
    return value;
  }

  arrow::Status ParseEscape(std::string* out) {
    ++at_;
    if (at_ == text_.size()) return Unexpected();
    const char kind = text_[at_++];
    const size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits == 0) {
      const size_t known = std::string_view("\\'\"nrt").find(kind);
      if (known == std::string_view::npos) return Unexpected();
      *out += "\\'\"\n\r\t"[known];
      return arrow::Status::OK();
    }
    uint32_t code = 0;
    const size_t end_of_code = at_ + digits;
    if (end_of_code > text_.size()) return Unexpected();
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + end_of_code, code, 16);
    if (error != std::errc() || end != text_.data() + end_of_code || !IsCharacter(code)) {
      return Unexpected();
    }
    at_ = end_of_code;
    AppendCharacter(code, out);
    return arrow::Status::OK();
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

arrow::Result<PythonLiteral> ParsePythonLiteral(std::string_view text) {
  return LiteralParser(text).ParseAll();
}

}  // namespace pyralog::formats
