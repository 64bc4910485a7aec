// The public C++ interface for rows without SQL: append, put, get, delete and scan in transactions,
// beside SQL on the same tables.
#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "arrow/compute/expression.h"
#include "arrow/json/from_string.h"
#include "tests/sql/testing.h"

namespace pyralog::tests {
namespace {

namespace cp = arrow::compute;
using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

struct Column {
  std::string name;
  std::shared_ptr<arrow::DataType> type;
  std::string json;
};

BatchPtr Batch(const std::vector<Column>& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const Column& column : columns) {
    fields.push_back(arrow::field(column.name, column.type));
    arrays.push_back(arrow::json::ArrayFromJSONString(column.type, column.json).ValueOrDie());
  }
  const int64_t rows = arrays.front()->length();
  return arrow::RecordBatch::Make(arrow::schema(fields), rows, arrays);
}

BatchPtr Ids(const std::string& json) { return Batch({{"id", arrow::int64(), json}}); }

// "1 one 0.5; 2 null null", the columns in the order given.
std::string Text(const arrow::RecordBatch& batch) {
  std::string text;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    text += row > 0 ? "; " : "";
    for (int column = 0; column < batch.num_columns(); ++column) {
      text +=
          (column > 0 ? " " : "") + batch.column(column)->GetScalar(row).ValueOrDie()->ToString();
    }
  }
  return text;
}

std::string Text(const arrow::Result<std::shared_ptr<arrow::RecordBatchReader>>& reader) {
  if (!reader.ok()) return reader.status().ToString();
  const auto table = (*reader)->ToTable();
  if (!table.ok()) return table.status().ToString();
  return Text(**(*table)->CombineChunksToBatch());
}

class TableTransactionTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    database_ = Database::Open(folder_.string()).ValueOrDie();
    session_ = database_->Connect().ValueOrDie();
    Sql("CREATE TABLE item (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL DEFAULT 'nameless',"
        "                   price DOUBLE CHECK (price >= 0));"
        "INSERT INTO item VALUES (1, 'one', 1.5), (2, 'two', NULL), (3, 'three', 3.5)");
  }
  void TearDown() override {
    session_.reset();
    database_.reset();
    FolderTest::TearDown();
  }

  void Sql(const std::string& sql) {
    const auto done = session_->Execute(sql);
    ASSERT_TRUE(done.ok()) << done.status().ToString();
  }
  std::string Items() {
    return Text(session_->Query("SELECT id, name, price FROM item ORDER BY id"));
  }
  std::unique_ptr<Transaction> Begin() { return database_->Begin().ValueOrDie(); }

  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

TEST_F(TableTransactionTest, AppendsByName) {
  auto txn = Begin();
  // Another order, a narrower type, a column left to its default and one to NULL.
  ASSERT_TRUE(txn->Append("item", Batch({{"PRICE", arrow::float32(), "[4.5, null]"},
                                         {"id", arrow::int32(), "[4, 5]"}}))
                  .ok());
  EXPECT_EQ(Items(), "1 one 1.5; 2 two null; 3 three 3.5");  // not before it commits
  EXPECT_GT(txn->Commit().ValueOrDie().value(), 0u);
  EXPECT_EQ(Items(), "1 one 1.5; 2 two null; 3 three 3.5; 4 nameless 4.5; 5 nameless null");
}

TEST_F(TableTransactionTest, PutsWholeRows) {
  auto txn = Begin();
  ASSERT_TRUE(txn->Put("item", Batch({{"id", arrow::int64(), "[2, 9]"},
                                      {"name", arrow::utf8(), R"(["zwei", "neun"])"},
                                      {"price", arrow::float64(), "[2.5, 9.5]"}}))
                  .ok());
  // What is not given is as in a new row, not as it was.
  ASSERT_TRUE(txn->Put("main.item", Batch({{"id", arrow::int64(), "[1]"}})).ok());
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Items(), "1 nameless null; 2 zwei 2.5; 3 three 3.5; 9 neun 9.5");
}

TEST_F(TableTransactionTest, GetsInTheOrderAsked) {
  auto txn = Begin();
  const auto got = txn->Get("item", Ids("[3, 7, 1, 3]")).ValueOrDie();
  EXPECT_EQ(Text(*got.rows), "3 three 3.5; null null null; 1 one 1.5; 3 three 3.5");
  EXPECT_EQ(got.found, (std::vector<bool>{true, false, true, true}));
  EXPECT_EQ(Text(*txn->Get("item", Ids("[2]"), {"price", "name"}).ValueOrDie().rows), "null two");
  EXPECT_EQ(txn->Get("item", Ids("[]")).ValueOrDie().rows->num_rows(), 0);
  // Its own writes are there, deleted rows are not.
  ASSERT_TRUE(txn->Put("item", Batch({{"id", arrow::int64(), "[7]"}})).ok());
  EXPECT_EQ(txn->Delete("item", Ids("[3, 3, 8]")).ValueOrDie(), 1);
  EXPECT_EQ(Text(*txn->Get("item", Ids("[7, 3]"), {"name"}).ValueOrDie().rows), "nameless; null");
  ASSERT_TRUE(txn->Rollback().ok());
  EXPECT_EQ(Items(), "1 one 1.5; 2 two null; 3 three 3.5");
}

TEST_F(TableTransactionTest, CompositeKeys) {
  Sql("CREATE SCHEMA s; CREATE TABLE s.grid (x INTEGER, y VARCHAR, v INTEGER, PRIMARY KEY (y, x));"
      "INSERT INTO s.grid VALUES (1, 'a', 10), (2, 'a', 20), (1, 'b', 30)");
  auto txn = Begin();
  const auto keys =
      Batch({{"x", arrow::int8(), "[1, 2, 1]"}, {"y", arrow::utf8(), R"(["b", "b", "a"])"}});
  EXPECT_EQ(Text(*txn->Get("s.grid", keys, {"v"}).ValueOrDie().rows), "30; null; 10");
  EXPECT_EQ(txn->Delete("s.grid", keys).ValueOrDie(), 2);
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Text(session_->Query("FROM s.grid")), "2 a 20");
  ExpectError(Begin()->Get("s.grid", Batch({{"x", arrow::int32(), "[1]"}})).status(),
              ErrorCode::kInvalidArgument, "lack column \"y\"");
}

TEST_F(TableTransactionTest, ScansProjectFilterAndLimit) {
  Sql("CREATE TABLE big AS SELECT range AS i, range % 7 AS r, 'text ' || range AS s "
      "FROM range(300000)");
  ASSERT_TRUE(database_->Flush().ok());
  Sql("DELETE FROM big WHERE i % 2 = 1; INSERT INTO big VALUES (-5, 3, 'late')");
  const auto rows = [&](const ScanOptions& options) {
    return database_->Scan("big", options).ValueOrDie()->ToTable().ValueOrDie();
  };
  EXPECT_EQ(rows({})->num_rows(), 150001);
  EXPECT_EQ(rows({.columns = {"S"}, .limit = 10})->num_rows(), 10);
  EXPECT_EQ(rows({.columns = {"S"}})->num_columns(), 1);
  const auto i = cp::field_ref("i"), r = cp::field_ref("R");
  EXPECT_EQ(Text(database_->Scan(
                "big", {.columns = {"s", "i"}, .filter = cp::less(i, cp::literal(int64_t{4}))})),
            "text 0 0; text 2 2; late -5");
  EXPECT_EQ(rows({.columns = {"i"},
                  .filter = cp::and_(cp::equal(r, cp::literal(int64_t{3})),
                                     cp::greater(i, cp::literal(int64_t{299000})))})
                ->num_rows(),
            71);
  EXPECT_EQ(rows({.filter = cp::greater(i, cp::literal(int64_t{400000}))})->num_rows(), 0);
  EXPECT_EQ(rows({.limit = 0})->num_rows(), 0);
  ExpectError(database_->Scan("big", {.columns = {"nope"}}).status(), ErrorCode::kNotFound, "nope");
  ExpectError(database_->Scan("big", {.filter = i}).status(), ErrorCode::kInvalidArgument,
              "not boolean");
}

TEST_F(TableTransactionTest, AScanKeepsItsSnapshot) {
  const auto reader = database_->Scan("item").ValueOrDie();
  Sql("DELETE FROM item; DROP TABLE item");
  EXPECT_EQ(reader->ToTable().ValueOrDie()->num_rows(), 3);
}

TEST_F(TableTransactionTest, RowsThatBreakARuleChangeNothing) {
  auto txn = Begin();
  const auto append = [&](const std::vector<Column>& columns) {
    return txn->Append("item", Batch(columns));
  };
  ExpectError(append({{"id", arrow::int64(), "[8, 1]"}}), ErrorCode::kConstraint, "id");
  ExpectError(append({{"id", arrow::int64(), "[8, 8]"}}), ErrorCode::kConstraint, "id");
  ExpectError(append({{"id", arrow::int64(), "[null]"}}), ErrorCode::kConstraint, "id");
  ExpectError(append({{"name", arrow::utf8(), R"(["x"])"}}), ErrorCode::kConstraint,
              "\"id\" is not given");
  ExpectError(append({{"id", arrow::int64(), "[8]"}, {"name", arrow::utf8(), "[null]"}}),
              ErrorCode::kConstraint, "\"name\" must not be NULL");
  ExpectError(append({{"id", arrow::int64(), "[8]"}, {"price", arrow::float64(), "[-1]"}}),
              ErrorCode::kConstraint, "price");
  ExpectError(append({{"id", arrow::int64(), "[8]"}, {"colour", arrow::utf8(), "[null]"}}),
              ErrorCode::kNotFound, "colour");
  ExpectError(append({{"id", arrow::int64(), "[8]"}, {"ID", arrow::int64(), "[8]"}}),
              ErrorCode::kInvalidArgument, "given twice");
  ExpectError(append({{"id", arrow::float64(), "[8.5]"}}), ErrorCode::kInvalidArgument,
              "stored as int64");
  ExpectError(append({{"id", arrow::utf8(), R"(["eight"])"}}), ErrorCode::kInvalidArgument,
              "stored as int64");
  EXPECT_EQ(txn->Commit().ValueOrDie().value(), 0u);  // nothing was written
  EXPECT_EQ(Items(), "1 one 1.5; 2 two null; 3 three 3.5");
}

TEST_F(TableTransactionTest, APutThatFailsHalfWayIsNotCommitted) {
  auto txn = Begin();
  ExpectError(txn->Put("item", Batch({{"id", arrow::int64(), "[1, 1]"}})), ErrorCode::kConstraint,
              "id");
  ExpectError(txn->Commit().status(), ErrorCode::kTransaction, "failed half-way");
  EXPECT_EQ(Items(), "1 one 1.5; 2 two null; 3 three 3.5");
}

TEST_F(TableTransactionTest, TheFirstCommitterWins) {
  auto one = Begin(), two = Begin();
  ASSERT_TRUE(one->Put("item", Batch({{"id", arrow::int64(), "[1]"}})).ok());
  ASSERT_EQ(two->Delete("item", Ids("[1]")).ValueOrDie(), 1);
  ASSERT_TRUE(two->Commit().ok());
  ExpectError(one->Commit().status(), ErrorCode::kConflict, "retry");
  ExpectError(one->Commit().status(), ErrorCode::kTransaction, "has ended");
  ExpectError(one->Get("item", Ids("[1]")).status(), ErrorCode::kTransaction, "has ended");
  EXPECT_EQ(Items(), "2 two null; 3 three 3.5");
}

TEST_F(TableTransactionTest, SeveralTablesAreOneTransaction) {
  Sql("CREATE TABLE log (what VARCHAR)");
  {
    auto lost = Begin();
    ASSERT_TRUE(lost->Append("log", Batch({{"what", arrow::utf8(), R"(["lost"])"}})).ok());
    ASSERT_EQ(lost->Delete("item", Ids("[1, 2, 3]")).ValueOrDie(), 3);
  }  // rolls back
  auto txn = Begin();
  ASSERT_TRUE(txn->Append("log", Batch({{"what", arrow::utf8(), R"(["sold two"])"}})).ok());
  ASSERT_EQ(txn->Delete("item", Ids("[2]")).ValueOrDie(), 1);
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Items(), "1 one 1.5; 3 three 3.5");
  EXPECT_EQ(Text(session_->Query("FROM log")), "sold two");
  // And after the process is gone.
  session_.reset();
  database_.reset();
  database_ = Database::Open(folder_.string()).ValueOrDie();
  session_ = database_->Connect().ValueOrDie();
  EXPECT_EQ(Items(), "1 one 1.5; 3 three 3.5");
  EXPECT_EQ(Text(session_->Query("FROM log")), "sold two");
}

TEST_F(TableTransactionTest, OtherNamesAreRefused) {
  Sql("CREATE VIEW cheap AS FROM item WHERE price < 2; CREATE TABLE keyless (a INTEGER)");
  auto txn = Begin();
  ExpectError(txn->Append("nothing", Ids("[1]")), ErrorCode::kNotFound, "no table \"nothing\"");
  ExpectError(txn->Scan("cheap").status(), ErrorCode::kNotSupported, "view");
  ExpectError(txn->Get("keyless", Batch({{"a", arrow::int32(), "[1]"}})).status(),
              ErrorCode::kInvalidArgument, "no primary key");
  ExpectError(txn->Put("keyless", Batch({{"a", arrow::int32(), "[1]"}})),
              ErrorCode::kInvalidArgument, "no primary key");
  ASSERT_TRUE(txn->Append("keyless", Batch({{"a", arrow::int32(), "[1, 1]"}})).ok());
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Text(session_->Query("FROM keyless")), "1; 1");
}

TEST_F(TableTransactionTest, EnumsAreText) {
  Sql("CREATE TABLE m (id BIGINT PRIMARY KEY, e ENUM('sad', 'ok', 'glad'))");
  const auto batch = [](const std::string& ids, const std::shared_ptr<arrow::DataType>& type,
                        const std::string& values) {
    return Batch({{"id", arrow::int64(), ids}, {"e", type, values}});
  };
  auto transaction = database_->Begin().ValueOrDie();
  ASSERT_TRUE(transaction->Append("m", batch("[1, 2]", arrow::utf8(), R"(["glad", null])")).ok());
  ASSERT_TRUE(
      transaction
          ->Append("m", batch("[3]", arrow::dictionary(arrow::int32(), arrow::utf8()), R"(["ok"])"))
          .ok());
  ASSERT_TRUE(transaction->Append("m", batch("[4]", arrow::int32(), "[0]")).ok());
  ExpectError(transaction->Append("m", batch("[5]", arrow::utf8(), R"(["mad"])")),
              ErrorCode::kInvalidArgument, "does not have");
  ExpectError(transaction->Append("m", batch("[5]", arrow::int32(), "[3]")),
              ErrorCode::kInvalidArgument, "does not have");
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(Text(session_->Query("SELECT id, e::VARCHAR FROM m ORDER BY id")),
            "1 glad; 2 null; 3 ok; 4 sad");
  const auto table = (*database_->Scan("m", {}))->ToTable().ValueOrDie();
  EXPECT_TRUE(
      table->schema()->field(1)->type()->Equals(arrow::dictionary(arrow::uint8(), arrow::utf8())))
      << table->schema()->ToString();
}

TEST_F(TableTransactionTest, IdentitiesAndGeneratedColumns) {
  Sql("CREATE TABLE g (twice BIGINT AS (v * 2), id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
      "                v BIGINT CHECK (v > 0))");
  auto transaction = database_->Begin().ValueOrDie();
  ASSERT_TRUE(transaction->Append("g", Batch({{"v", arrow::int64(), "[5, 6]"}})).ok());
  ExpectError(transaction->Append("g", Batch({{"id", arrow::int64(), "[9]"}})),
              ErrorCode::kConstraint, "GENERATED ALWAYS");
  ExpectError(transaction->Append("g", Batch({{"twice", arrow::int64(), "[9]"}})),
              ErrorCode::kNotFound, "twice");
  ExpectError(transaction->Append("g", Batch({{"v", arrow::int64(), "[0]"}})),
              ErrorCode::kConstraint, "CHECK");
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(Text(session_->Query("SELECT * FROM g ORDER BY id")), "10 1 5; 12 2 6");
  EXPECT_EQ(Text(database_->Scan("g", {})), "1 5; 2 6");
}

}  // namespace
}  // namespace pyralog::tests
