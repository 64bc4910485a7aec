// SQLite's sqllogictest, select1 to select5, on Pyralog's own tables: 8,884 queries with answers,
// 1,822 statements. Format: sqlite.org/sqllogictest. Run with the default memtable and with one
// that is flushed at every commit.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "arrow/api.h"
#include "pyralog/database.h"
#include "suites.h"

namespace pyralog::suites {
namespace {

constexpr int kExpected = 8884 + 1822;

struct Case {
  bool query = false;
  std::string types;  // one letter a column: I, R or T
  std::string sort;   // nosort, rowsort or valuesort
  std::string sql;
  std::vector<std::string> answer;  // values, or one "N values hashing to H"
  int line = 0;
};

std::vector<Case> ReadCases(const std::string& path) {
  std::ifstream file(path);
  std::vector<Case> cases;
  int number = 0;
  std::string line;
  auto next = [&] { return ++number, static_cast<bool>(std::getline(file, line)); };
  while (next()) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind != "query" && kind != "statement") continue;
    Case c;
    c.query = kind == "query";
    c.line = number;
    words >> c.types >> c.sort;
    bool answer = false;
    while (next() && !line.empty()) {
      if (line == "----") {
        answer = true;
      } else if (answer) {
        c.answer.push_back(line);
      } else {
        c.sql += line + "\n";
      }
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

// A value as the format wants it for a column of this type letter.
std::string ValueText(const arrow::Scalar& value, char type) {
  if (!value.is_valid) return "NULL";
  if (type == 'T') return value.ToString().empty() ? "(empty)" : value.ToString();
  const auto number = value.CastTo(type == 'I' ? arrow::int64() : arrow::float64());
  if (!number.ok()) return value.ToString();
  if (type == 'I') return (*number)->ToString();
  char text[64];
  std::snprintf(text, sizeof(text), "%.3f",
                static_cast<const arrow::DoubleScalar&>(**number).value);
  return text;
}

class SqlLogic {
 public:
  explicit SqlLogic(DatabaseOptions options) {
    const std::string folder =
        (std::filesystem::temp_directory_path() / "pyralog_sqllogic_XXXXXX").string();
    folder_ = folder;
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    db_ = Database::Open(folder_ + "/db", options).ValueOrDie();
    session_ = db_->Connect().ValueOrDie();
    EXPECT_TRUE(session_->Execute("SET integer_division=true").ok());
    hasher_ = db_->Connect().ValueOrDie();
    md5_ = hasher_->Prepare("SELECT md5($1::VARCHAR)").ValueOrDie();
  }
  ~SqlLogic() {
    md5_.reset();
    hasher_.reset();
    session_.reset();
    db_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Empty when the case passes, else what was wrong.
  std::string Run(const Case& c) {
    if (!c.query) {
      const auto status = session_->Execute(c.sql).status();
      return status.ok() ? "" : status.ToString();
    }
    auto reader = session_->Query(c.sql);
    if (!reader.ok()) return reader.status().ToString();
    auto table = (*reader)->ToTable();
    if (!table.ok()) return table.status().ToString();
    std::vector<std::string> values = Values(**table, c);
    if (c.answer.size() == 1 && c.answer[0].find(" values hashing to ") != std::string::npos) {
      const std::string got = std::to_string(values.size()) + " values hashing to " + Md5(values);
      return got == c.answer[0] ? "" : "got " + got + ", want " + c.answer[0];
    }
    if (values == c.answer) return "";
    return "got " + std::to_string(values.size()) + " values" +
           (values.empty() ? "" : ", first " + values[0]);
  }

 private:
  static std::vector<std::string> Values(const arrow::Table& table, const Case& c) {
    std::vector<std::vector<std::string>> rows(table.num_rows());
    for (int column = 0; column < table.num_columns(); ++column) {
      for (int64_t row = 0; row < table.num_rows(); ++row) {
        rows[row].push_back(
            ValueText(*table.column(column)->GetScalar(row).ValueOrDie(), c.types[column]));
      }
    }
    if (c.sort == "rowsort") std::sort(rows.begin(), rows.end());
    std::vector<std::string> values;
    for (auto& row : rows) values.insert(values.end(), row.begin(), row.end());
    if (c.sort == "valuesort") std::sort(values.begin(), values.end());
    return values;
  }

  std::string Md5(const std::vector<std::string>& values) {
    std::string text;
    for (const std::string& value : values) text += value + "\n";
    auto table = md5_->Query({arrow::MakeScalar(text)}).ValueOrDie()->ToTable().ValueOrDie();
    return table->column(0)->GetScalar(0).ValueOrDie()->ToString();
  }

  std::string folder_;
  std::shared_ptr<Database> db_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Session> hasher_;
  std::unique_ptr<PreparedStatement> md5_;
};

void RunSuite(const char* name, DatabaseOptions options) {
  const std::string folder = SuiteFolder("sqllogictest/test");
  if (folder.empty()) GTEST_SKIP() << "no outside test data: " << kExpected << " cases skipped";
  Tally tally;
  for (int file = 1; file <= 5; ++file) {
    SqlLogic logic(options);
    const std::string path = folder + "/select" + std::to_string(file) + ".test";
    for (const Case& c : ReadCases(path)) {
      const std::string wrong = logic.Run(c);
      ++(wrong.empty() ? tally.passed : tally.failed);
      if (!wrong.empty() && tally.failed <= 10)
        ADD_FAILURE() << path << ":" << c.line << ": " << wrong << "\n" << c.sql;
    }
  }
  tally.Report(name, kExpected);
}

TEST(SqlLogicTest, SelectsOnDefaultTables) { RunSuite("sqllogictest, default", {}); }

TEST(SqlLogicTest, SelectsOnTablesFlushedAtEveryCommit) {
  DatabaseOptions options;
  options.memtable_size = 1;
  RunSuite("sqllogictest, tiny memtable", options);
}

}  // namespace
}  // namespace pyralog::suites
