#include "formats/json_check.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Bytes of the UTF-8 sequence that starts here (RFC 3629: no overlong forms, no surrogates), 0 when
// it is none; `left` bytes are there.
size_t Utf8Length(const unsigned char* at, size_t left) {
  const unsigned char lead = at[0];
  const size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  const unsigned char second_min = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char second_max = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (at[1] < second_min || at[1] > second_max) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Walks the text with a stack of its own, so that depth costs no stack of the machine.
class JsonWalker {
 public:
  JsonWalker(std::string_view text, const JsonCheckOptions& options, JsonFacts* facts)
      : text_(text), options_(options), facts_(facts) {}

  arrow::Status Walk() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    *facts_ = JsonFacts{.lines = true};
    SkipSpace();
    while (!failed_ && at_ < text_.size()) {
      const size_t start = at_;
      Document();
      if (failed_) break;
      ++facts_->documents;
      const bool one_line = text_.substr(start, at_ - start).find('\n') == std::string_view::npos;
      facts_->lines = facts_->lines && one_line;
      if (!SkipSpace() && at_ < text_.size()) Fail("something follows the document on its line");
    }
    if (failed_ && (options_.whole || !ran_out_)) return Failure();
    if (facts_->documents == 0 && options_.whole && !options_.may_be_empty) {
      return MakeError(ErrorCode::kDamaged, "there is no JSON value in it");
    }
    return arrow::Status::OK();
  }

 private:
  struct Level {
    bool object = false;
    std::vector<uint64_t> keys;  // hashes of an object's keys so far
  };

  // One value and all that is in it.
  void Document() {
    do {
      bool ended = Value();
      while (!failed_ && ended && depth_ > 0) ended = AfterValue();
    } while (!failed_ && depth_ > 0);
  }

  // Reads a scalar or an empty object or array (true: a value has ended), or opens one that has
  // something in it.
  bool Value() {
    if (at_ == text_.size()) {
      RunOut();
      return false;
    }
    const char c = text_[at_];
    if (c == '{' || c == '[') return Open(c == '{');
    facts_->scalar = facts_->scalar || depth_ == 0;
    if (c == '"') {
      String();
    } else if (c == 't') {
      Word("true");
    } else if (c == 'f') {
      Word("false");
    } else if (c == 'n') {
      Word("null");
    } else {
      Number();
    }
    return true;
  }

  bool Open(bool object) {
    if (depth_ >= static_cast<size_t>(options_.max_depth)) {
      Fail("it is nested deeper than " + std::to_string(options_.max_depth) + " levels");
      return false;
    }
    ++at_;
    SkipSpace();
    if (at_ < text_.size() && text_[at_] == (object ? '}' : ']')) {
      ++at_;
      return true;
    }
    if (depth_ == levels_.size()) levels_.emplace_back();
    levels_[depth_].object = object;
    levels_[depth_].keys.clear();
    ++depth_;
    if (object) Key();
    return false;
  }

  // Behind a value in an object or array: true when that closes here (and so is a value that has
  // ended), false when its next value is to be read.
  bool AfterValue() {
    SkipSpace();
    if (at_ == text_.size()) {
      RunOut();
      return false;
    }
    const bool object = levels_[depth_ - 1].object;
    const char c = text_[at_];
    if (c == (object ? '}' : ']')) {
      ++at_;
      Close();
      return true;
    }
    if (c != ',') {
      Fail(object ? "a ',' or '}' is missing" : "a ',' or ']' is missing");
      return false;
    }
    ++at_;
    SkipSpace();
    if (object) Key();
    return false;
  }

  void Close() {
    auto& keys = levels_[--depth_].keys;
    if (keys.size() < 2 || facts_->duplicate_keys) return;
    std::sort(keys.begin(), keys.end());
    facts_->duplicate_keys = std::adjacent_find(keys.begin(), keys.end()) != keys.end();
  }

  void Key() {
    if (at_ == text_.size()) return RunOut();
    if (text_[at_] != '"') return Fail("a key in double quotes is missing");
    const size_t start = at_;
    String();
    if (failed_) return;
    levels_[depth_ - 1].keys.push_back(Hash64(text_.substr(start, at_ - start)));
    SkipSpace();
    if (at_ == text_.size()) return RunOut();
    if (text_[at_] != ':') return Fail("a ':' is missing");
    ++at_;
    SkipSpace();
  }

  void String() {
    ++at_;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return;
      }
      if (c < 0x20) return Fail("a control character stands in a string");
      if (c == '\\') {
        Escape();
        if (failed_) return;
      } else if (c < 0x80) {
        ++at_;
      } else {
        const size_t length = Utf8Length(reinterpret_cast<const unsigned char*>(text_.data()) + at_,
                                         text_.size() - at_);
        if (length == 0 && text_.size() - at_ < 4) ran_out_ = true;
        if (length == 0) return Fail("a string is not UTF-8");
        at_ += length;
      }
    }
    RunOut();
  }

  void Escape() {
    constexpr std::string_view kSimple = "\"\\/bfnrt";
    constexpr size_t kHexDigits = 4;
    ++at_;
    if (at_ == text_.size()) return RunOut();
    if (kSimple.find(text_[at_]) != std::string_view::npos) {
      ++at_;
      return;
    }
    if (text_[at_] != 'u') return Fail("a string has an unknown escape");
    ++at_;
    for (size_t i = 0; i < kHexDigits; ++i, ++at_) {
      if (at_ == text_.size()) return RunOut();
      if (!IsHex(text_[at_])) return Fail("\\u is not followed by four hexadecimal digits");
    }
  }

  void Word(std::string_view word) {
    if (text_.substr(at_, word.size()) == word) {
      at_ += word.size();
      return;
    }
    if (word.starts_with(text_.substr(at_))) return RunOut();
    Fail("a value is none of JSON's");
  }

  void Number() {
    if (text_[at_] == '-') ++at_;
    if (at_ == text_.size()) return RunOut();
    if (text_[at_] == '0') {
      ++at_;
    } else if (!Digits()) {
      return;
    }
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      if (!Digits()) return;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      Digits();
    }
  }

  bool Digits() {
    if (at_ == text_.size()) {
      RunOut();
      return false;
    }
    if (!IsDigit(text_[at_])) {
      Fail("a value is none of JSON's");
      return false;
    }
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return true;
  }

  // True when a line break was among it.
  bool SkipSpace() {
    bool line_break = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
      line_break = line_break || c == '\n' || c == '\r';
      ++at_;
    }
    return line_break;
  }

  void RunOut() {
    ran_out_ = true;
    Fail("it ends within a value");
  }

  void Fail(std::string reason) {
    failed_ = true;
    reason_ = std::move(reason);
  }

  arrow::Status Failure() const {
    return MakeError(ErrorCode::kDamaged,
                     "it is not JSON: at byte " + std::to_string(at_) + " " + reason_);
  }

  const std::string_view text_;
  const JsonCheckOptions options_;
  JsonFacts* const facts_;
  size_t at_ = 0;
  // The first depth_ of them are open; the others wait to be used again.
  std::vector<Level> levels_;
  size_t depth_ = 0;
  bool failed_ = false;
  bool ran_out_ = false;
  std::string reason_;
};

}  // namespace

arrow::Status CheckJson(std::string_view text, const JsonCheckOptions& options, JsonFacts* facts) {
  return JsonWalker(text, options, facts).Walk();
}

}  // namespace pyralog::formats
