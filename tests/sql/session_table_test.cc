// Rows from outside as tables of a session: what a resolver gives for a name in FROM.
#include <atomic>
#include <limits>
#include <string>
#include <utility>

#include "arrow/api.h"
#include "arrow/extension/opaque.h"
#include "arrow/extension/uuid.h"
#include "tests/sql/testing.h"

namespace pyralog::tests {
namespace {

std::shared_ptr<arrow::Table> Numbers(int64_t rows) {
  arrow::Int64Builder ids;
  arrow::StringBuilder names;
  for (int64_t i = 0; i < rows; ++i) {
    EXPECT_TRUE(ids.Append(i).ok());
    EXPECT_TRUE((i % 7 == 0 ? names.AppendNull() : names.Append(std::to_string(i))).ok());
  }
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8())});
  return arrow::Table::Make(schema, {ids.Finish().ValueOrDie(), names.Finish().ValueOrDie()});
}

// What the tests ask of a session; the resolver knows "numbers" and counts how often it is opened.
class SessionTableTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = Database::Open(":memory:").ValueOrDie();
    session_ = database_->Connect().ValueOrDie();
  }

  void Resolve(std::shared_ptr<arrow::Table> rows, bool in_memory, bool once = false) {
    auto table = std::make_shared<ArrowTable>();
    table->schema = rows->schema();
    table->rows = rows->num_rows();
    table->in_memory = in_memory;
    table->open = [this, rows, once](const ScanOptions& options)
        -> arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> {
      columns_ = options.columns;
      if (++opened_ > 1 && once) {
        return MakeError(ErrorCode::kInvalidArgument, "can be read once");
      }
      return std::make_shared<arrow::TableBatchReader>(rows);
    };
    session_->SetTableResolver(
        [table](std::string_view name) -> arrow::Result<std::shared_ptr<const ArrowTable>> {
          return name == "numbers" ? table : nullptr;
        });
  }

  int64_t Value(const std::string& sql) {
    const auto result = session_->Run(sql);
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    if (!result.ok()) return -1;
    const auto table = result->rows->ToTable().ValueOrDie();
    const auto scalar = table->column(0)->GetScalar(0).ValueOrDie();
    return static_cast<const arrow::Int64Scalar&>(*scalar).value;
  }

  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
  std::atomic<int> opened_ = 0;
  std::vector<std::string> columns_;
};

TEST_F(SessionTableTest, RowsAreScannedByManyThreadsOrOneAfterTheOther) {
  for (const bool in_memory : {true, false}) {
    Resolve(Numbers(300'000), in_memory);
    EXPECT_EQ(Value("SELECT count(*) FROM numbers"), 300'000);
    EXPECT_EQ(Value("SELECT sum(id)::BIGINT FROM numbers WHERE id >= 299990"), 2'999'945);
    EXPECT_EQ(Value("SELECT count(*) FROM numbers WHERE name IS NULL"), 42'858);
    EXPECT_EQ(Value("SELECT count(*) FROM numbers a JOIN numbers b USING (id)"), 300'000);
  }
}

TEST_F(SessionTableTest, OnlyColumnsThatAreNeededAreAskedFor) {
  Resolve(Numbers(10), true);
  EXPECT_EQ(Value("SELECT id FROM numbers ORDER BY id DESC LIMIT 1"), 9);
  EXPECT_EQ(columns_, (std::vector<std::string>{"id"}));
}

TEST_F(SessionTableTest, TheCatalogComesFirst) {
  Resolve(Numbers(10), true);
  ASSERT_TRUE(session_->Execute("CREATE TABLE numbers (x BIGINT)").ok());
  EXPECT_EQ(Value("SELECT count(*) FROM numbers"), 0);
  ASSERT_TRUE(session_->Execute("DROP TABLE numbers").ok());
  EXPECT_EQ(Value("SELECT count(*) FROM numbers"), 10);
}

TEST_F(SessionTableTest, RowsGoIntoTables) {
  Resolve(Numbers(1000), true);
  ASSERT_TRUE(session_->Execute("CREATE TABLE t (name VARCHAR, id BIGINT PRIMARY KEY)").ok());
  const auto result = session_->Run("INSERT INTO t BY NAME SELECT * FROM numbers").ValueOrDie();
  EXPECT_EQ(result.rows, nullptr);
  EXPECT_EQ(result.changes, 1000);
  EXPECT_EQ(Value("SELECT id FROM t WHERE name = '13'"), 13);
}

TEST_F(SessionTableTest, RowsThatCanBeReadOnceSaySo) {
  Resolve(Numbers(10), false, /*once=*/true);
  EXPECT_EQ(Value("SELECT count(*) FROM numbers"), 10);
  ExpectError(session_->Execute("SELECT * FROM numbers").status(), ErrorCode::kInvalidArgument,
              "can be read once");
}

TEST_F(SessionTableTest, AViewMustNotOutliveItsRows) {
  Resolve(Numbers(10), true);
  ExpectError(session_->Execute("CREATE VIEW v AS SELECT * FROM numbers").status(),
              ErrorCode::kNotSupported, "made over \"numbers\"");
  ASSERT_TRUE(session_->Execute("CREATE TEMP VIEW v AS SELECT * FROM numbers").ok());
  EXPECT_EQ(Value("SELECT count(*) FROM v"), 10);
}

TEST_F(SessionTableTest, PreparedStatementsLookAgain) {
  Resolve(Numbers(10), true);
  const auto statement =
      session_->Prepare("SELECT count(*) FROM numbers WHERE id < $1").ValueOrDie();
  const auto count = [&] {
    const auto table = statement->Run({Int(8)}).ValueOrDie().rows->ToTable().ValueOrDie();
    const auto scalar = table->column(0)->GetScalar(0).ValueOrDie();
    return static_cast<const arrow::Int64Scalar&>(*scalar).value;
  };
  EXPECT_EQ(count(), 8);
  Resolve(Numbers(3), true);
  EXPECT_EQ(count(), 3);
}

TEST_F(SessionTableTest, AReaderMustGiveWhatWasAnnounced) {
  auto table = std::make_shared<ArrowTable>();
  table->schema = arrow::schema({arrow::field("id", arrow::utf8())});
  table->open = [](const ScanOptions&) -> arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> {
    return std::make_shared<arrow::TableBatchReader>(Numbers(1));
  };
  session_->SetTableResolver(
      [table](std::string_view) -> arrow::Result<std::shared_ptr<const ArrowTable>> {
        return table;
      });
  ExpectError(session_->Execute("SELECT * FROM anything").status(), ErrorCode::kInvalidArgument,
              "was announced as string");
}

TEST_F(SessionTableTest, NamesOfParameters) {
  const auto named = session_->Prepare("SELECT $b, $a, $b").ValueOrDie();
  EXPECT_EQ(named->parameter_names(), (std::vector<std::string>{"b", "a"}));
  const auto numbered = session_->Prepare("SELECT $2, $1").ValueOrDie();
  EXPECT_EQ(numbered->parameter_names(), (std::vector<std::string>{"1", "2"}));
}

TEST_F(SessionTableTest, AStatementGivesRowsOrACount) {
  EXPECT_FALSE(session_->InTransaction());
  const auto begun = session_->Run("BEGIN").ValueOrDie();
  EXPECT_EQ(begun.rows, nullptr);
  EXPECT_EQ(begun.changes, std::nullopt);
  EXPECT_TRUE(session_->InTransaction());
  ASSERT_TRUE(session_->Execute("CREATE TABLE t (a INTEGER)").ok());
  EXPECT_EQ(session_->Run("INSERT INTO t VALUES (1), (2)").ValueOrDie().changes, 2);
  EXPECT_EQ(session_->Run("UPDATE t SET a = 3 WHERE a = 2").ValueOrDie().changes, 1);
  EXPECT_NE(session_->Run("DELETE FROM t RETURNING a").ValueOrDie().rows, nullptr);
  ASSERT_TRUE(session_->Run("COMMIT").ok());
  EXPECT_FALSE(session_->InTransaction());
}

std::shared_ptr<arrow::Scalar> Bytes16(const std::string& bytes,
                                       std::shared_ptr<arrow::DataType> type) {
  auto storage = std::make_shared<arrow::FixedSizeBinaryScalar>(arrow::Buffer::FromString(bytes));
  return std::make_shared<arrow::ExtensionScalar>(std::move(storage), std::move(type));
}

TEST_F(SessionTableTest, ParametersOfSqlsOwnTypes) {
  const auto huge = arrow::extension::opaque(arrow::fixed_size_binary(16), "hugeint", "DuckDB");
  const std::string minus_two = "\xfe" + std::string(15, '\xff');
  const auto text = [&](std::shared_ptr<arrow::Scalar> value) {
    const auto rows = session_->Query("SELECT typeof($1) || ' ' || $1::VARCHAR", {std::move(value)})
                          .ValueOrDie()
                          ->ToTable()
                          .ValueOrDie();
    return rows->column(0)->GetScalar(0).ValueOrDie()->ToString();
  };
  EXPECT_EQ(text(Bytes16(minus_two, huge)), "HUGEINT -2");
  EXPECT_EQ(text(Bytes16("0123456789abcdef", arrow::extension::uuid())),
            "UUID 30313233-3435-3637-3839-616263646566");
}

}  // namespace
}  // namespace pyralog::tests
