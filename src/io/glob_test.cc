#include "io/glob.h"

#include <sys/stat.h>

#include <filesystem>

#include "io/testing.h"

namespace pyralog::io {
namespace {

using Strings = std::vector<std::string>;

TEST(MatchName, StarsAndQuestionMarks) {
  EXPECT_TRUE(MatchName("", ""));
  EXPECT_FALSE(MatchName("", "a"));
  EXPECT_FALSE(MatchName("a", ""));
  EXPECT_TRUE(MatchName("*", ""));
  EXPECT_TRUE(MatchName("*", "abc"));
  EXPECT_TRUE(MatchName("*.csv", "a.b.csv"));
  EXPECT_FALSE(MatchName("*.csv", "a.csv.gz"));
  EXPECT_TRUE(MatchName("a*b*c", "a12b3b4c"));
  EXPECT_FALSE(MatchName("a*b*c", "acb"));
  EXPECT_TRUE(MatchName("**a**", "xay"));
  EXPECT_TRUE(MatchName("a?c", "abc"));
  EXPECT_FALSE(MatchName("a?c", "ac"));
  EXPECT_TRUE(MatchName("?", "\xc3\xa4"));  // one character of two bytes
  EXPECT_FALSE(MatchName("??", "\xc3\xa4"));
  EXPECT_TRUE(MatchName("??", "\xc3\x28"));  // a broken one is two
  EXPECT_TRUE(MatchName("*?\xa4", "\xa4\xa4"));
}

TEST(MatchName, Sets) {
  EXPECT_TRUE(MatchName("[abc]", "b"));
  EXPECT_FALSE(MatchName("[abc]", "d"));
  EXPECT_TRUE(MatchName("x[a-cx]y", "xby"));
  EXPECT_FALSE(MatchName("[a-c]", "-"));
  EXPECT_TRUE(MatchName("[a-]", "-"));
  EXPECT_TRUE(MatchName("[!a-c]", "d"));
  EXPECT_FALSE(MatchName("[^a-c]", "b"));
  EXPECT_TRUE(MatchName("[]a]", "]"));
  EXPECT_TRUE(MatchName("[!]]", "a"));
  EXPECT_TRUE(MatchName("[*]", "*"));
  EXPECT_FALSE(MatchName("[*]", "a"));
  EXPECT_TRUE(MatchName("[ab", "[ab"));  // unclosed: literal
  EXPECT_TRUE(MatchName("[\xc3\xa4-\xc3\xb6]", "\xc3\xa5"));
  EXPECT_TRUE(MatchName("*[0-9]*", "part-7.csv"));
}

TEST(MatchName, HiddenNamesOnlyWhenNamed) {
  EXPECT_FALSE(MatchName("*", ".a"));
  EXPECT_FALSE(MatchName("?a", ".a"));
  EXPECT_FALSE(MatchName("[.]a", ".a"));
  EXPECT_TRUE(MatchName(".*", ".a"));
}

TEST(MatchName, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(MatchName(pattern + "b", std::string(10000, 'a')));
}

class GlobTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* folder : {"d", "d/e", "d/e/f", "g", ".h"}) {
      ASSERT_OK(PosixEnv()->CreateDir(dir_ / folder));
    }
    for (const char* file : {"a.csv", "b.csv", "c.txt", ".x.csv", "d/a.csv", "d/e/a.csv",
                             "d/e/f/b.csv", "g/a.csv", ".h/a.csv", "q[1].csv", "{z}.csv"}) {
      ASSERT_OK(WriteWholeFile(PosixEnv(), dir_ / file, ""));
    }
  }
  // The matches, without the test's own folder.
  Strings Found(const std::string& pattern, GlobOptions options = {}) {
    auto matches = Glob(dir_ / pattern, options);
    if (!matches.ok()) return {matches.status().ToString()};
    for (std::string& match : *matches) match = match.substr(dir_.path().size() + 1);
    return *matches;
  }

  TempDir dir_;
};

TEST_F(GlobTest, OneFolder) {
  EXPECT_EQ(Found("[abc].csv"), (Strings{"a.csv", "b.csv"}));
  EXPECT_EQ(Found("?.*"), (Strings{"a.csv", "b.csv", "c.txt"}));
  EXPECT_EQ(Found(".*"), Strings{".x.csv"});
  EXPECT_EQ(Found("*/a.csv"), (Strings{"d/a.csv", "g/a.csv"}));
  EXPECT_EQ(Found(".h/*"), Strings{".h/a.csv"});
  EXPECT_EQ(Found("d//*.csv"), Strings{"d/a.csv"});
}

TEST_F(GlobTest, AnyNumberOfFolders) {
  EXPECT_EQ(Found("**/a.csv"), (Strings{"a.csv", "d/a.csv", "d/e/a.csv", "g/a.csv"}));
  EXPECT_EQ(Found("d/**"), (Strings{"d/a.csv", "d/e/a.csv", "d/e/f/b.csv"}));
  EXPECT_EQ(Found("d/**/**/[ab].csv"), (Strings{"d/a.csv", "d/e/a.csv", "d/e/f/b.csv"}));
  EXPECT_EQ(Found("**/e/**/*.csv"), (Strings{"d/e/a.csv", "d/e/f/b.csv"}));
  EXPECT_EQ(Found("**/e", {.files = false, .directories = true}), Strings{"d/e"});
  EXPECT_EQ(Found("d/*", {.directories = true}), (Strings{"d/a.csv", "d/e"}));
}

TEST_F(GlobTest, Braces) {
  EXPECT_EQ(Found("{b,a}.csv"), (Strings{"a.csv", "b.csv"}));
  EXPECT_EQ(Found("{a.csv,d/{a,e/a}.csv}"), (Strings{"a.csv", "d/a.csv", "d/e/a.csv"}));
  EXPECT_EQ(Found("{*,a}.csv"), (Strings{"a.csv", "b.csv", "q[1].csv", "{z}.csv"}));
  EXPECT_EQ(Found("{a,nothing}.{csv,txt}"), Strings{"a.csv"});
  EXPECT_EQ(Found("{z}.*"), Strings{"{z}.csv"});
  EXPECT_FALSE(HasWildcard("{z}"));
  EXPECT_FALSE(HasWildcard("a{b,c"));
  EXPECT_TRUE(HasWildcard("a{{b,c}"));
  std::string bomb;
  for (int i = 0; i < 30; ++i) bomb += "{a,b}";
  ExpectError(Glob(dir_ / bomb), ErrorCode::kInvalidArgument, "alternatives");
}

TEST_F(GlobTest, AnExistingNameStandsForItself) {
  EXPECT_EQ(Found("q[1].csv"), Strings{"q[1].csv"});
  EXPECT_EQ(Found("a.csv"), Strings{"a.csv"});
  ExpectError(Glob(dir_ / "no.csv"), ErrorCode::kNotFound, "no.csv");
}

TEST_F(GlobTest, LinksAreFollowedButNotInCircles) {
  std::filesystem::create_directory_symlink("..", dir_ / "d/up");
  std::filesystem::create_symlink("../a.csv", dir_ / "d/link.csv");
  std::filesystem::create_symlink("nowhere", dir_ / "d/lost.csv");
  std::filesystem::create_symlink("self.csv", dir_ / "d/self.csv");
  ASSERT_EQ(::mkfifo((dir_ / "d/fifo.csv").c_str(), 0600), 0);
  EXPECT_EQ(Found("d/*.csv"), (Strings{"d/a.csv", "d/link.csv"}));
  EXPECT_EQ(Found("d/*/c.txt"), Strings{"d/up/c.txt"});
  EXPECT_EQ(Found("**/c.txt"), Strings{"c.txt"});
  EXPECT_EQ(Found("d/up/**/c.txt"), Strings{"d/up/c.txt"});
}

TEST_F(GlobTest, NoMatchNamesPatternAndFolder) {
  ExpectError(Glob(dir_ / "d/*.parquet"), ErrorCode::kNotFound,
              "pattern " + (dir_ / "d/*.parquet") + " in folder " + (dir_ / "d"));
  ExpectError(Glob(dir_ / "no/*.csv"), ErrorCode::kNotFound, "does not exist");
  ExpectError(Glob("no_such_*_name"), ErrorCode::kNotFound, "the working directory");
  ExpectError(Glob(dir_ / "a.csv/*"), ErrorCode::kNotFound);
  ExpectError(Glob(std::string("a*\0b", 4)), ErrorCode::kInvalidArgument, "NUL");
}

TEST_F(GlobTest, TooManyEntriesAreAnError) {
  ExpectError(Glob(dir_ / "**", {.max_entries = 5}), ErrorCode::kInvalidArgument, "more than 5");
}

TEST(Hive, KeysAndValuesOfTheFolders) {
  using Parts = std::vector<HivePart>;
  EXPECT_EQ(HivePartitions("t/year=2024/month=07/a.parquet"),
            (Parts{{"year", "2024"}, {"month", "07"}}));
  EXPECT_EQ(HivePartitions("/t/a=x%20y%2Fz/b=1=2/=3/c=/k=1.csv"),
            (Parts{{"a", "x y/z"}, {"b", "1=2"}, {"c", ""}}));
  EXPECT_EQ(HivePartitions("k%3D=%zz/a"), (Parts{{"k=", "%zz"}}));
  EXPECT_EQ(HivePartitions("k=__HIVE_DEFAULT_PARTITION__/a"), (Parts{{"k", std::nullopt}}));
  EXPECT_EQ(HivePartitions("k=1/"), (Parts{{"k", "1"}}));
  EXPECT_EQ(HivePartitions("k=1"), Parts{});
  EXPECT_EQ(HivePartitions(""), Parts{});
}

}  // namespace
}  // namespace pyralog::io
