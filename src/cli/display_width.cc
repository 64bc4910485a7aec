#include "cli/display_width.h"

#include <algorithm>
#include <iterator>

namespace pyralog::cli {
namespace {

constexpr std::string_view kEllipsis = "…";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool InRanges(std::span<const CharacterRange> ranges, char32_t character) {
  const auto next = std::upper_bound(
      ranges.begin(), ranges.end(), character,
      [](char32_t value, const CharacterRange& range) { return value < range.first; });
  return next != ranges.begin() && character <= std::prev(next)->last;
}

// Controls, and the characters that reorder what stands around them (Unicode TR #36, "bidirectional
// text spoofing").
bool IsActive(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
}

void AppendHex(char32_t value, int digits, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) *out += kDigits[(value >> shift) & 15];
}

void AppendEscape(char32_t c, std::string* out) {
  switch (c) {
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    default:
      *out += c < 0x100 ? "\\x" : "\\u";
      AppendHex(c, c < 0x100 ? 2 : 4, out);
  }
}

}  // namespace

DecodedCharacter DecodeCharacter(std::string_view text) {
  const DecodedCharacter invalid{0xFFFD, 1, false};
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const int length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < static_cast<size_t>(length)) return invalid;
  char32_t value = lead & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    if ((byte(static_cast<size_t>(i)) & 0xC0) != 0x80) return invalid;
    value = value << 6 | (byte(static_cast<size_t>(i)) & 0x3F);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[length] || value > 0x10FFFF || surrogate) return invalid;
  return {value, length, true};
}

int CharacterWidth(char32_t character) {
  if (character < 0x300) return 1;  // U+00AD, the soft hyphen, is drawn
  if (InRanges(ZeroWidthRanges(), character)) return 0;
  return InRanges(WideRanges(), character) ? 2 : 1;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const DecodedCharacter next = DecodeCharacter(text);
    width += CharacterWidth(next.character);
    text.remove_prefix(static_cast<size_t>(next.bytes));
  }
  return width;
}

std::string CutToWidth(std::string_view text, int max_width) {
  size_t position = 0;
  size_t room_for_ellipsis = 0;  // the longest beginning that leaves one column
  int width = 0;
  while (position < text.size()) {
    const DecodedCharacter next = DecodeCharacter(text.substr(position));
    const int added = CharacterWidth(next.character);
    if (width + added > max_width) {
      return std::string(text.substr(0, room_for_ellipsis)) + std::string(kEllipsis);
    }
    width += added;
    position += static_cast<size_t>(next.bytes);
    if (width < max_width) room_for_ellipsis = position;
  }
  return std::string(text);
}

std::string AlignedText(const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  std::vector<int> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) {
      line += ' ' + row[i];
      line.append(1 + static_cast<size_t>(widths[i] - DisplayWidth(row[i])), ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

std::string Printable(std::string_view text, LineBreaks breaks) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedCharacter next = DecodeCharacter(text);
    const char32_t c = next.character;
    const bool kept = breaks == LineBreaks::kKeep && (c == '\n' || c == '\t');
    if (!next.valid) {
      out += kReplacement;
    } else if (IsActive(c) && !kept) {
      AppendEscape(c, &out);
    } else {
      out += text.substr(0, static_cast<size_t>(next.bytes));
    }
    text.remove_prefix(static_cast<size_t>(next.bytes));
  }
  return out;
}

}  // namespace pyralog::cli
