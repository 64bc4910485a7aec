// Runs every story in tests/sql/*.test under several configurations: as it is, with a memtable so
// small that every commit flushes, and with the database closed and opened again between
// statements.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/scalar.h"
#include "gtest/gtest.h"
#include "pyralog/database.h"
#include "tests/sql/story.h"

namespace pyralog::tests {
namespace {

namespace fs = std::filesystem;

enum class Configuration { kDefault, kTinyMemtable, kReopened };

std::string NameOf(Configuration configuration) {
  switch (configuration) {
    case Configuration::kDefault:
      return "default";
    case Configuration::kTinyMemtable:
      return "tiny_memtable";
    case Configuration::kReopened:
      return "reopened";
  }
  return "";
}

fs::path StoriesFolder() {
  const char* source = std::getenv("PYRALOG_SOURCE_DIR");
  return fs::path(source == nullptr ? "." : source) / "tests" / "sql";
}

std::vector<std::string> StoryNames() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(StoriesFolder())) {
    if (entry.path().extension() == ".test") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string ValueText(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return "NULL";
  const std::string text = array.GetScalar(row).ValueOrDie()->ToString();
  return text.empty() ? "(empty)" : text;
}

arrow::Result<std::vector<std::string>> ReadRows(arrow::RecordBatchReader& reader) {
  std::vector<std::string> rows;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader.Next());
    if (batch == nullptr) return rows;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      std::string text;
      for (int column = 0; column < batch->num_columns(); ++column) {
        if (column > 0) text += '\t';
        text += ValueText(*batch->column(column), row);
      }
      rows.push_back(std::move(text));
    }
  }
}

// What the letters of a query promise of its columns.
bool FitsType(char letter, const arrow::DataType& type) {
  switch (letter) {
    case 'I':
      return arrow::is_integer(type.id());
    case 'R':
      return arrow::is_floating(type.id()) || arrow::is_decimal(type.id());
    default:
      return !arrow::is_integer(type.id()) && !arrow::is_floating(type.id()) &&
             !arrow::is_decimal(type.id());
  }
}

std::string FirstWord(const std::string& sql) {
  std::string word;
  for (const char c : sql) {
    if (!std::isalpha(static_cast<unsigned char>(c))) break;
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return word;
}

using Case = std::pair<std::string, Configuration>;

class SqlStories : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("pyralog-story-" + std::to_string(getpid()) + "-" +
                                           GetParam().first + "-" + NameOf(GetParam().second));
    fs::remove_all(folder_);
    Open();
  }

  void TearDown() override {
    sessions_.clear();
    database_.reset();
    fs::remove_all(folder_);
  }

  void Open() {
    DatabaseOptions options;
    options.durability = Durability::kNormal;
    if (GetParam().second == Configuration::kTinyMemtable) options.memtable_size = 1;
    ASSERT_TRUE(Database::Open(folder_.string(), options).Value(&database_).ok());
  }

  void Reopen() {
    sessions_.clear();
    const arrow::Status closed = database_->Close();
    ASSERT_TRUE(closed.ok()) << closed.ToString();
    database_.reset();
    Open();
  }

  Session& SessionOf(const std::string& name) {
    auto& session = sessions_[name];
    if (session == nullptr) session = database_->Connect().ValueOrDie();
    return *session;
  }

  // Keeps track of which sessions have a transaction open.
  void NoteTransaction(const StoryRecord& record) {
    const std::string word = FirstWord(record.sql);
    if (word == "BEGIN") open_transactions_[record.connection] = true;
    if (word == "COMMIT" || word == "ROLLBACK") open_transactions_.erase(record.connection);
  }

  void Run(const StoryRecord& record);
  void RunQuery(const StoryRecord& record);
  void CheckPlan(const StoryRecord& record);

  fs::path folder_;
  std::shared_ptr<Database> database_;
  std::map<std::string, std::unique_ptr<Session>> sessions_;
  std::map<std::string, bool> open_transactions_;
};

void SqlStories::RunQuery(const StoryRecord& record) {
  const auto reader = SessionOf(record.connection).Query(record.sql);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const auto rows = ReadRows(**reader);
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  const arrow::Schema& schema = *(*reader)->schema();
  ASSERT_EQ(schema.num_fields(), static_cast<int>(record.types.size())) << schema.ToString();
  for (int i = 0; i < schema.num_fields(); ++i) {
    EXPECT_TRUE(FitsType(record.types[i], *schema.field(i)->type())) << schema.field(i)->ToString();
  }
  std::vector<std::string> expected = record.rows;
  std::vector<std::string> actual = *rows;
  if (record.sorted) {
    std::ranges::sort(expected);
    std::ranges::sort(actual);
  }
  EXPECT_EQ(expected, actual);
}

void SqlStories::CheckPlan(const StoryRecord& record) {
  const auto reader = SessionOf(record.connection).Query("EXPLAIN " + record.sql);
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const auto rows = ReadRows(**reader);
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  std::string plan;
  for (const std::string& row : *rows) plan += row + "\n";
  EXPECT_EQ(std::regex_search(plan, std::regex(record.pattern)),
            record.kind == StoryRecord::Kind::kPlanHas)
      << plan;
}

void SqlStories::Run(const StoryRecord& record) {
  switch (record.kind) {
    case StoryRecord::Kind::kFlush: {
      const arrow::Status status = database_->Flush();
      ASSERT_TRUE(status.ok()) << status.ToString();
      return;
    }
    case StoryRecord::Kind::kQuery:
      RunQuery(record);
      return;
    case StoryRecord::Kind::kPlanHas:
    case StoryRecord::Kind::kPlanLacks:
      CheckPlan(record);
      return;
    default:
      break;
  }
  const auto changed = SessionOf(record.connection).Execute(record.sql);
  if (record.kind == StoryRecord::Kind::kError) {
    ASSERT_FALSE(changed.ok()) << "no error";
    const std::string text = std::string(ErrorCodeName(GetErrorCode(changed.status()))) + ": " +
                             changed.status().message();
    EXPECT_TRUE(std::regex_search(text, std::regex(record.pattern)))
        << "expected: " << record.pattern << "\nerror:    " << text;
    return;
  }
  ASSERT_TRUE(changed.ok()) << ErrorCodeName(GetErrorCode(changed.status())) << ": "
                            << changed.status().message();
  if (record.kind == StoryRecord::Kind::kCount) {
    EXPECT_EQ(record.count, *changed);
  }
}

TEST_P(SqlStories, Holds) {
  const fs::path path = StoriesFolder() / (GetParam().first + ".test");
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  const auto story = ParseStory(text.str());
  ASSERT_TRUE(story.ok()) << path << ": " << story.status().message();
  const bool reopens = GetParam().second == Configuration::kReopened;
  if (reopens && story->needs_session) GTEST_SKIP() << "needs one session";
  for (const StoryRecord& record : story->records) {
    SCOPED_TRACE(path.string() + ":" + std::to_string(record.line) + "\n" + record.sql);
    if (reopens && open_transactions_.empty()) Reopen();
    Run(record);
    NoteTransaction(record);
    if (HasFatalFailure()) return;
  }
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const std::string& name : StoryNames()) {
    for (const auto configuration :
         {Configuration::kDefault, Configuration::kTinyMemtable, Configuration::kReopened}) {
      cases.emplace_back(name, configuration);
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, SqlStories, testing::ValuesIn(AllCases()), [](const auto& info) {
  return info.param.first + "_" + NameOf(info.param.second);
});

}  // namespace
}  // namespace pyralog::tests
