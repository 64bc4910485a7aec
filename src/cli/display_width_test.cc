#include "cli/display_width.h"

#include <gtest/gtest.h>

namespace pyralog::cli {
namespace {

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("größe"), 5);
  EXPECT_EQ(DisplayWidth("gro\u0308ße"), 5);  // o and a combining diaeresis
  EXPECT_EQ(DisplayWidth("漢字"), 4);
  EXPECT_EQ(DisplayWidth("한글"), 4);
  EXPECT_EQ(DisplayWidth("Ａ"), 2);  // fullwidth
  EXPECT_EQ(DisplayWidth("ｱ"), 1);   // halfwidth
  EXPECT_EQ(DisplayWidth("🙂"), 2);
  EXPECT_EQ(DisplayWidth("a\u200Bb"), 2);  // zero-width space
  EXPECT_EQ(DisplayWidth("नमस्ते"), 4);      // virama and vowel sign stand above and below
  EXPECT_EQ(DisplayWidth("\xFF\xFE"), 2);  // not UTF-8
  EXPECT_EQ(DisplayWidth("\xE6\xBC"), 2);  // cut
}

TEST(DisplayWidthTest, TablesAreSorted) {
  for (const auto ranges : {ZeroWidthRanges(), WideRanges()}) {
    char32_t last = 0;
    for (const CharacterRange& range : ranges) {
      EXPECT_GT(range.first, last);
      EXPECT_GE(range.last, range.first);
      last = range.last;
    }
  }
}

TEST(DisplayWidthTest, Cuts) {
  EXPECT_EQ(CutToWidth("abcdef", 6), "abcdef");
  EXPECT_EQ(CutToWidth("abcdef", 5), "abcd…");
  EXPECT_EQ(CutToWidth("abcdef", 1), "…");
  EXPECT_EQ(CutToWidth("漢字漢字", 8), "漢字漢字");
  EXPECT_EQ(CutToWidth("漢字漢字", 7), "漢字漢…");
  EXPECT_EQ(CutToWidth("漢字漢字", 6),
            "漢字…");  // a wide character does not fit into half its width
  EXPECT_EQ(CutToWidth("e\u0301e\u0301e\u0301", 2), "e\u0301…");
}

TEST(DisplayWidthTest, ShowsWhatATerminalWouldActOn) {
  EXPECT_EQ(Printable("a\tb\nc", LineBreaks::kEscape), "a\\tb\\nc");
  EXPECT_EQ(Printable("a\tb\nc", LineBreaks::kKeep), "a\tb\nc");
  EXPECT_EQ(Printable("\x1b[31mred\x07", LineBreaks::kKeep), "\\x1b[31mred\\x07");
  EXPECT_EQ(Printable("\u0085\u202Egnp", LineBreaks::kEscape), "\\x85\\u202egnp");
  EXPECT_EQ(Printable("\xC3\x28", LineBreaks::kEscape), "\uFFFD(");
  EXPECT_EQ(Printable("漢字 größe 🙂", LineBreaks::kEscape), "漢字 größe 🙂");
}

TEST(DisplayWidthTest, DecodesOnlyUtf8) {
  EXPECT_EQ(DecodeCharacter("é").character, U'é');
  EXPECT_EQ(DecodeCharacter("🙂").bytes, 4);
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5"}) {
    EXPECT_FALSE(DecodeCharacter(bad).valid);
    EXPECT_EQ(DecodeCharacter(bad).bytes, 1);
  }
}

}  // namespace
}  // namespace pyralog::cli
