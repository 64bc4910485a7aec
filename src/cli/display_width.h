// How many columns of a terminal text takes, and text that is safe to show on one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pyralog::cli {

// Columns of one character: 0 for combining marks and format characters, 2 for East Asian wide and
// fullwidth ones and emoji (UAX #11), else 1.
int CharacterWidth(char32_t character);

// Columns of a line of UTF-8. A byte that is not UTF-8 counts as one character.
int DisplayWidth(std::string_view text);

// The longest beginning of `text` that is at most `max_width` columns wide; where something was
// left out the last column is "…". REQUIRES: max_width >= 1.
std::string CutToWidth(std::string_view text, int max_width);

// Rows of cells as lines, each column as wide as its widest cell. REQUIRES: all rows have as many.
std::string AlignedText(const std::vector<std::vector<std::string>>& rows);

enum class LineBreaks {
  kEscape,  // "\n"
  kKeep,    // line breaks and tabs stay
};

// The text with everything that a terminal would act on spelled out: \n, \t, \x1b, \u202e; bytes
// that are not UTF-8 become U+FFFD.
std::string Printable(std::string_view text, LineBreaks breaks);

// A character and the bytes it takes. U+FFFD and one byte where the text is not UTF-8.
struct DecodedCharacter {
  char32_t character = 0;
  int bytes = 0;
  bool valid = false;
};
// REQUIRES: text is not empty.
DecodedCharacter DecodeCharacter(std::string_view text);

// First and last character of a range, both included.
struct CharacterRange {
  char32_t first;
  char32_t last;
};
// Sorted, without overlaps: Unicode 14's categories Mn, Me and Cf; widths W and F.
std::span<const CharacterRange> ZeroWidthRanges();
std::span<const CharacterRange> WideRanges();

}  // namespace pyralog::cli
