#include "cli/history.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/completion.h"

namespace pyralog::cli {
namespace {

class HistoryFileTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("history-" + std::to_string(::getpid()));
  const std::string path_ = folder_ / "state" / "history";
};

TEST_F(HistoryFileTest, EntriesComeBackAsTheyWere) {
  HistoryFile(path_).Append("SELECT 1\n  AS x; -- \\n is no line break");
  HistoryFile(path_).Append("SELECT 2;");
  EXPECT_EQ(HistoryFile(path_).Load(),
            (std::vector<std::string>{"SELECT 1\n  AS x; -- \\n is no line break", "SELECT 2;"}));
}

TEST_F(HistoryFileTest, EachEntryIsThereOnceAtItsLatestPlace) {
  HistoryFile file(path_);
  for (const char* entry : {"a", "b", "a", "c"}) file.Append(entry);
  EXPECT_EQ(file.Load(), (std::vector<std::string>{"b", "a", "c"}));
  std::ifstream shortened(path_);
  const std::string text((std::istreambuf_iterator<char>(shortened)), {});
  EXPECT_EQ(text, "b\na\nc\n");
}

TEST_F(HistoryFileTest, IsForItsOwnerOnly) {
  HistoryFile file(path_);
  for (const char* entry : {"a", "a"}) file.Append(entry);
  file.Load();
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(HistoryFileTest, KeepsTheNewest) {
  HistoryFile file(path_);
  for (size_t i = 0; i <= HistoryFile::kMaxEntries; ++i) file.Append(std::to_string(i));
  const auto entries = file.Load();
  ASSERT_EQ(entries.size(), HistoryFile::kMaxEntries);
  EXPECT_EQ(entries.front(), "1");
}

TEST_F(HistoryFileTest, WithoutAFileNothingIsKept) {
  HistoryFile("").Append("a");
  EXPECT_TRUE(HistoryFile("").Load().empty());
  EXPECT_TRUE(HistoryFile("/dev/null/history").Load().empty());
}

TEST(HistoryTest, SecretsAreKnownByTheirWords) {
  EXPECT_TRUE(HoldsSecret("create secret s (type s3)"));
  EXPECT_TRUE(HoldsSecret("SET s3_access_key_id = 'x'"));
  EXPECT_FALSE(HoldsSecret("SELECT 1"));
}

TEST(CompletionTest, CommonBeginning) {
  EXPECT_EQ(CommonBeginning({"stock", "storage"}), "sto");
  EXPECT_EQ(CommonBeginning({"größe"}), "größe");
  EXPECT_EQ(CommonBeginning({"größe", "grüße"}), "gr");
  EXPECT_EQ(CommonBeginning({}), "");
}

}  // namespace
}  // namespace pyralog::cli
