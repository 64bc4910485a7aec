#include "formats/json_check.h"

#include <gtest/gtest.h>

#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

bool IsJson(std::string_view text, const JsonCheckOptions& options = {}) {
  JsonFacts facts;
  return CheckJson(text, options, &facts).ok();
}

JsonFacts FactsOf(std::string_view text) {
  JsonFacts facts;
  EXPECT_TRUE(CheckJson(text, {}, &facts).ok()) << text;
  return facts;
}

TEST(JsonCheck, TakesValues) {
  for (const char* text :
       {"{}", "[]", "0", "-0", "1.5e-3", "\"\\u00e9\\n\"", "null", " [1, {\"a\" : [ ] } ] \n",
        "\xEF\xBB\xBF{\"a\":1}", "\"\xF0\x9F\x98\x80\"", "{\"a\":{\"b\":[[],[{}]]}}"}) {
    EXPECT_TRUE(IsJson(text)) << text;
  }
}

TEST(JsonCheck, RefusesWhatIsLax) {
  for (const char* text : {"",
                           "  ",
                           "[1,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "[1 2]",
                           "01",
                           "+1",
                           ".5",
                           "1.",
                           "1e",
                           "nul",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\t\"",
                           "[1",
                           "{\"a\"",
                           "// c\n1",
                           "[1]]",
                           "[1] [2]",
                           "{} x",
                           "\"\xC0\x80\"",
                           "\"\xED\xA0\x80\"",
                           "NaN",
                           "Infinity",
                           "'a'"}) {
    EXPECT_FALSE(IsJson(text)) << text;
  }
}

TEST(JsonCheck, NamesTheByte) {
  JsonFacts facts;
  const arrow::Status status = CheckJson("[1, 2, x]", {}, &facts);
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kDamaged);
  EXPECT_NE(status.message().find("byte 7"), std::string::npos) << status.message();
}

TEST(JsonCheck, CountsDocumentsOnLines) {
  EXPECT_EQ(FactsOf("{\"a\":1}\n{\"a\":2}\n").documents, 2);
  EXPECT_TRUE(FactsOf("{\"a\":1}\n{\"a\":2}\n").lines);
  EXPECT_FALSE(FactsOf("{\"a\":\n1}\n{\"a\":2}\n").lines);
  EXPECT_TRUE(FactsOf("1\n[2]").scalar);
  EXPECT_FALSE(FactsOf("[1]").scalar);
}

TEST(JsonCheck, SeesDuplicateKeysOfOneObjectOnly) {
  EXPECT_TRUE(FactsOf("{\"a\":1,\"b\":2,\"a\":3}").duplicate_keys);
  EXPECT_FALSE(FactsOf("{\"a\":{\"a\":1},\"b\":{\"a\":1}}").duplicate_keys);
}

TEST(JsonCheck, LimitsDepthWithoutRecursion) {
  const std::string deep(1000, '[');
  EXPECT_TRUE(IsJson(deep + std::string(1000, ']')));
  EXPECT_FALSE(IsJson("[" + deep + std::string(1001, ']')));
  EXPECT_FALSE(IsJson(std::string(10'000'000, '[')));
}

TEST(JsonCheck, ACutTextIsFineWhereItIsCut) {
  const std::string text = R"({"key": [1, -2.5e1, "h\u00e9\u0041 )"
                           "\xC3\xA9"
                           R"(", true, false, null, {}]})";
  const JsonCheckOptions cut{.whole = false};
  for (size_t size = 0; size <= text.size(); ++size) {
    EXPECT_TRUE(IsJson(text.substr(0, size), cut)) << size;
  }
  EXPECT_FALSE(IsJson("[1, x", cut));
}

TEST(JsonCheck, EmptyLinesAreFineWhereAsked) {
  EXPECT_TRUE(IsJson("\n\n", {.may_be_empty = true}));
  EXPECT_FALSE(IsJson("\n\n"));
}

}  // namespace
}  // namespace pyralog::formats
