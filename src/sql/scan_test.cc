// Scans of hot tables, answer for answer against DuckDB's own tables with the same rows.
#include "sql/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sql/collector.h"
#include "sql/errors.h"
#include "sql/mask.h"
#include "sql/result_batch.h"
#include "sql/result_reader.h"
#include "sql/shared_database.h"

namespace pyralog::sql {
namespace {

using Rows = std::vector<std::string>;

class ScanTest : public testing::Test {
 protected:
  void SetUp() override {
    DatabaseOptions options;
    options.threads = 2;
    database_ = SharedDatabase::Open("", options).ValueOrDie();
    ours_ = database_->instance().ValueOrDie()->Connect().ValueOrDie();
    native_ = std::make_unique<duckdb::Connection>(duckdb_);
  }
  static Rows Run(duckdb::Connection& connection, const std::string& sql) {
    auto result = connection.Query(sql);
    if (result->HasError()) return {"error: " + result->GetError()};
    Rows rows;
    for (duckdb::idx_t row = 0; row < result->RowCount(); ++row) {
      std::string text;
      for (duckdb::idx_t column = 0; column < result->ColumnCount(); ++column) {
        text += result->GetValue(column, row).ToString() + "|";
      }
      rows.push_back(std::move(text));
    }
    return rows;
  }
  void Both(const std::string& sql) {
    const Rows native = Run(*native_, sql);
    EXPECT_EQ(Run(*ours_, sql), native) << sql;
    ASSERT_FALSE(native.size() == 1 && native[0].starts_with("error")) << sql << ": " << native[0];
  }
  void Ours(const std::string& sql) {
    const Rows rows = Run(*ours_, sql);
    ASSERT_FALSE(rows.size() == 1 && rows[0].starts_with("error")) << sql << ": " << rows[0];
  }
  // The same rows, in the same order unless `sorted`.
  void Check(const std::string& sql, bool sorted = false) {
    Rows native = Run(*native_, sql), ours = Run(*ours_, sql);
    if (sorted) {
      std::sort(native.begin(), native.end());
      std::sort(ours.begin(), ours.end());
    }
    EXPECT_EQ(ours, native) << sql;
    EXPECT_FALSE(native.size() == 1 && native[0].starts_with("error")) << sql << ": " << native[0];
  }
  std::string Explain(const std::string& sql) {
    std::string plan;
    for (const auto& row : Run(*ours_, sql)) plan += row + "\n";
    return plan;
  }

  // Rows of several units: some in segments, some in memory, some deleted, some updated.
  void MakeTable(int64_t rows, bool deletes) {
    Both(
        "CREATE TABLE t (i INTEGER, b BIGINT, u UTINYINT, d DOUBLE, m DECIMAL(15,2), s VARCHAR, dt "
        "DATE, ts TIMESTAMP, "
        "h HUGEINT, o BOOLEAN, l INTEGER[], st STRUCT(x INTEGER, y VARCHAR), uu UUID, iv "
        "INTERVAL)");
    const std::string values =
        "SELECT i, CASE WHEN i % 11 = 0 THEN NULL ELSE hash(i)::UBIGINT::HUGEINT - "
        "9223372036854775808 END, i % 251, "
        "CASE i % 13 WHEN 0 THEN NULL WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN -0.0::DOUBLE ELSE "
        "sin(i) END, "
        "(i % 100000) / 100, CASE WHEN i % 7 = 0 THEN NULL WHEN i % 7 < 4 THEN 'v' || (i % 1000) "
        "ELSE 'a longer string value ' || (i % 1000) END, DATE '2020-01-01' + (i // "
        "1000)::INTEGER, "
        "TIMESTAMP '2020-01-01' + to_seconds(i), i::HUGEINT * 1000000007, i % 3 = 0, "
        "CASE WHEN i % 5 > 0 THEN [i, NULL, i + 1] END, CASE WHEN i % 6 > 0 THEN {'x': i, 'y': 's' "
        "|| i} END, "
        "CASE WHEN i % 9 > 0 THEN ('00000000-0000-0000-0000-' || printf('%012d', i))::UUID END, "
        "to_days((i % 40)::INTEGER) "
        "FROM range(";
    const auto insert = [&](int64_t from, int64_t to) {
      Both("INSERT INTO t " + values + std::to_string(from) + ", " + std::to_string(to) + ") r(i)");
    };
    insert(0, rows / 2);
    Ours("CHECKPOINT");
    insert(rows / 2, rows * 9 / 10);
    if (deletes) {
      Both("DELETE FROM t WHERE i % 97 = 3 OR i BETWEEN 5000 AND 9000");
      Both("UPDATE t SET s = 'updated' WHERE i % 1000 = 7");
    }
    Ours("CHECKPOINT");
    insert(rows * 9 / 10, rows);
    if (deletes) Both("DELETE FROM t WHERE i % 101 = 5");
  }

  duckdb::DuckDB duckdb_;
  std::unique_ptr<duckdb::Connection> native_;
  std::unique_ptr<SharedDatabase> database_;
  ConnectionPtr ours_;
};

class ScanKernelsTest : public ScanTest, public testing::WithParamInterface<SimdLevel> {
 protected:
  void SetUp() override {
    SetSimdLevelForTesting(GetParam());
    ScanTest::SetUp();
  }
  void TearDown() override { SetSimdLevelForTesting(SimdLevel::kAvx512); }
};

const char* const kFilters[] = {
    "true",
    "i = 4711",
    "i <> 4711",
    "i BETWEEN 1000 AND 1100",
    "i > 250000",
    "i IN (5, 4711, 123456, 200000, 299999, 7)",
    "i NOT IN (5, 4711)",
    "b < 0",
    "b IS NULL",
    "b IS NOT NULL AND u = 7",
    "u = 7 OR u = 9",
    "u > 300",
    "d > 0.5",
    "d = 'nan'",
    "d >= 'nan'",
    "d = 0",
    "d < -0.99",
    "d IS NULL OR d > 0.999",
    "m = 12.34",
    "m BETWEEN 10 AND 10.05",
    "s = 'v17'",
    "s = 'a longer string value 18'",
    "s > 'v99'",
    "s LIKE 'a longer%99'",
    "s LIKE '%99'",
    "s LIKE 'v1%'",
    "s IS NULL AND i % 2 = 0",
    "length(s) > 22",
    "dt = '2020-03-01'",
    "dt > '2020-10-25'",
    "ts BETWEEN '2020-01-02' AND '2020-01-02 00:10:00'",
    "h = 4711000032977",
    "h > 299990000000000::HUGEINT AND h < 299999000000000::HUGEINT",
    "o",
    "NOT o AND i < 100",
    "o IS DISTINCT FROM true AND i < 50",
    "l[1] = 77",
    "st.x = 77",
    "st.y = 's100'",
    "st IS NULL AND i < 1000",
    "uu = '00000000-0000-0000-0000-000000000100'",
    "uu > '00000000-0000-0000-0000-000000299990'",
    "iv > INTERVAL '1 month' AND i < 300",
    "i + u > 300200",
    "CAST(s[2:] AS INTEGER) = 17 AND s LIKE 'v%' AND i = 17",
    "i = (SELECT max(i) FROM t)",
    "i % 50000 = 1 AND b > 0",
};

TEST_P(ScanKernelsTest, FiltersAndColumns) {
  for (bool deletes : {false, true}) {
    MakeTable(300000, deletes);
    for (const char* filter : kFilters) {
      const std::string where = std::string(" FROM t WHERE ") + filter;
      Check("SELECT count(*), sum(i), min(b), max(m), count(s), max(dt)" + where);
      Check("SELECT sum(hash(i, s))::HUGEINT, sum(hash(l, st, uu, iv, h, o, d))::HUGEINT" + where);
      Check("SELECT i, s" + where + " ORDER BY i LIMIT 20");
      Check("SELECT count(*) FROM (SELECT i, s" + where + " LIMIT 20)");
      Check("SELECT * FROM (SELECT *" + where + ") ORDER BY i LIMIT 5");
    }
    Both("DROP TABLE t");
  }
}

TEST_F(ScanTest, OrderOfRowsIsKept) {
  MakeTable(300000, true);
  for (const char* where : {"true", "u < 200", "s = 'v17'"}) {
    const std::string query = std::string("SELECT rowid FROM t WHERE ") + where;
    EXPECT_EQ(Run(*ours_, query), Run(*ours_, query + " ORDER BY rowid"));
  }
  Ours("CREATE TABLE copied AS SELECT row_number() OVER () n, rowid r FROM t");
  EXPECT_EQ(
      Run(*ours_, "SELECT count(*) FROM copied a JOIN copied b ON b.n = a.n + 1 WHERE a.r > b.r"),
      Rows{"0|"});
}

TEST_F(ScanTest, NarrowedIntegersOfMergedSegments) {
  Both(
      "CREATE TABLE t (i INTEGER, s SMALLINT, n BIGINT, m BIGINT, u UBIGINT, x INTEGER, h HUGEINT, "
      "b "
      "BIGINT)");
  for (int part = 0; part < 20; ++part) {
    Both(
        "INSERT INTO t SELECT i, i % 200 - 100, CASE WHEN i % 5 > 0 THEN i % 1000 - 500 END, "
        "i * 100000, i % 256, NULL, i, hash(i)::UBIGINT::HUGEINT - 9223372036854775808 FROM "
        "range(" +
        std::to_string(part * 8000) + ", " + std::to_string((part + 1) * 8000) + ") r(i)");
    Ours("CHECKPOINT");
  }
  ASSERT_TRUE(database_->catalog().engine().DrainBackgroundWork().ok());
  const Rows files = Run(*ours_, "SELECT count(*) FROM storage_stats WHERE kind = 'segment'");
  ASSERT_LT(std::stoi(files[0]), 20) << "merges ran";
  const auto check = [&] {
    Check("SELECT sum(i), sum(s), sum(n), sum(m), sum(u), count(x), sum(h), sum(b) FROM t");
    Check("SELECT min(s), max(s), min(n), max(n), min(u), max(u), min(m), max(m) FROM t");
    for (const char* filter :
         {"s = 7", "s < -95", "n BETWEEN -3 AND 4", "n IS NULL AND u > 250", "m > 15000000000",
          "u <> 17 AND s > 97", "s = 1000", "s <> 1000 AND n = 499", "n IN (1, 2, 70000)",
          "u < 3 OR n = 12", "x IS NULL AND i % 1000 = 7", "n IS DISTINCT FROM 5 AND s = 3"}) {
      Check(std::string("SELECT * FROM t WHERE ") + filter, /*sorted=*/true);
    }
    Check("SELECT * FROM t WHERE i BETWEEN 3990 AND 4010", /*sorted=*/true);
    Check("SELECT n, count(*), sum(s) FROM t GROUP BY n ORDER BY n");
    Check("SELECT s, u, i FROM t ORDER BY s DESC, u, i LIMIT 50");
    Check("SELECT a.i, b.u FROM t a JOIN t b ON a.n = b.i AND a.s = b.s", /*sorted=*/true);
  };
  check();
  Both("UPDATE t SET s = 30000, u = 18446744073709551615 WHERE i % 5000 = 1");
  Both("DELETE FROM t WHERE i % 3 = 0");
  check();
  Both("ALTER TABLE t ALTER s TYPE INTEGER");
  Both("ALTER TABLE t ADD COLUMN late BIGINT DEFAULT 5");
  check();
  Check("SELECT sum(late), min(late) FROM t WHERE late < 100");
}

TEST_F(ScanTest, TopRowsOffsetsAndLateColumns) {
  for (bool deletes : {false, true}) {
    MakeTable(300000, deletes);
    for (const char* order :
         {"i DESC", "i", "d DESC, i", "d DESC NULLS LAST, i", "b DESC NULLS FIRST, i", "s, i",
          "s DESC, i DESC", "dt DESC, i", "ts DESC", "h DESC"}) {
      for (const char* limit : {"10", "40 OFFSET 7", "5 OFFSET 130000"}) {
        Check(std::string("SELECT * FROM t ORDER BY ") + order + " LIMIT " + limit);
        Check(std::string("SELECT i FROM t WHERE u = 5 ORDER BY ") + order + " LIMIT " + limit);
      }
    }
    Both("DROP TABLE t");
  }
}

TEST_F(ScanTest, JoinsGroupsAndFoldedAggregates) {
  for (bool deletes : {false, true}) {
    MakeTable(300000, deletes);
    Both("CREATE TABLE k AS SELECT i * 3 AS k, 'name ' || i AS name FROM range(5000) r(i)");
    Check("SELECT count(*), min(i), max(i), min(dt), max(ts) FROM t");
    Check("SELECT min(d), max(d), min(m), max(h), min(s), max(s), min(b), max(u) FROM t");
    Check("SELECT count(*) FROM t WHERE i >= 0");
    Check("SELECT max(i) FROM t WHERE i < 1000");
    Check("SELECT u, count(*), sum(i), max(s) FROM t GROUP BY u ORDER BY u");
    Check("SELECT o, dt, count(*) FROM t GROUP BY ALL ORDER BY ALL LIMIT 50");
    Check("SELECT count(*), sum(k), min(name) FROM t JOIN k ON i = k");
    Check("SELECT count(*), sum(i) FROM t JOIN k ON i = k WHERE k.k % 1000 = 0");
    Check("SELECT count(*) FROM t WHERE i IN (SELECT k FROM k WHERE k > 14000)");
    Check("SELECT i, name FROM t LEFT JOIN k ON i = k WHERE u = 250 ORDER BY i LIMIT 30");
    Check("SELECT count(*) FROM t a JOIN t b ON a.i = b.i + 1 WHERE a.u = 1");
    Check("SELECT count(DISTINCT s), count(DISTINCT b) FROM t");
    Both("DROP TABLE k");
    Both("DROP TABLE t");
  }
}

TEST_F(ScanTest, OwnWritesAndRowIds) {
  MakeTable(20000, true);
  Both("BEGIN");
  Both("INSERT INTO t (i, s) VALUES (-1, 'mine'), (-2, NULL)");
  Both("DELETE FROM t WHERE i BETWEEN 100 AND 200");
  Check("SELECT count(*), min(i), sum(i) FROM t");
  Check("SELECT i, s FROM t WHERE i < 300 AND i % 10 = 0 ORDER BY i");
  Both("INSERT INTO t SELECT * FROM t WHERE u = 3");
  Check("SELECT count(*), sum(i) FROM t");
  Both("ROLLBACK");
  Check("SELECT count(*), min(i), sum(i) FROM t");
  // A row id names one row, and ascends in scan order.
  EXPECT_EQ(Run(*ours_, "SELECT count(*) - count(DISTINCT rowid) FROM t"), Rows{"0|"});
  const Rows some = Run(*ours_, "SELECT rowid, i FROM t WHERE u = 5 LIMIT 3 OFFSET 20");
  for (const std::string& row : some) {
    const std::string id = row.substr(0, row.find('|'));
    EXPECT_EQ(Run(*ours_, "SELECT rowid, i FROM t WHERE rowid = " + id), Rows{row});
  }
  EXPECT_EQ(
      Run(*ours_, "SELECT count(*) FROM (SELECT rowid r, lag(rowid) OVER () b FROM t) WHERE b > r"),
      Rows{"0|"});
}

TEST_F(ScanTest, EmptyTablesAndPlansMadeBeforeAnInsert) {
  Both("CREATE TABLE e (i INTEGER, s VARCHAR)");
  Check("SELECT count(*), max(i) FROM e");
  Check("SELECT * FROM e ORDER BY i LIMIT 3");
  auto count = ours_->Prepare("SELECT count(*), max(i) FROM e");
  auto filtered = ours_->Prepare("SELECT count(*) FROM e WHERE i > 10");
  const auto run = [](duckdb::PreparedStatement& statement) {
    duckdb::vector<duckdb::Value> none;
    auto result = statement.Execute(none, /*allow_stream_result=*/false);
    return result->HasError() ? result->GetError() : result->Fetch()->GetValue(0, 0).ToString();
  };
  EXPECT_EQ(run(*count), "0");
  EXPECT_EQ(run(*filtered), "0");
  Both("INSERT INTO e VALUES (1, 'a'), (5, 'b')");
  EXPECT_EQ(run(*count), "2");
  EXPECT_EQ(run(*filtered), "0");
  Both("INSERT INTO e VALUES (50, 'c')");
  EXPECT_EQ(run(*count), "3");
  EXPECT_EQ(run(*filtered), "1");
}

TEST_F(ScanTest, ExplainNamesUnits) {
  MakeTable(300000, false);
  EXPECT_NE(Explain("EXPLAIN SELECT sum(i) FROM t WHERE i < 10").find("HOT_SCAN"),
            std::string::npos);
  const std::string plan = Explain("EXPLAIN ANALYZE SELECT sum(i) FROM t WHERE i < 10");
  EXPECT_NE(plan.find("Units Read"), std::string::npos) << plan;
  EXPECT_NE(plan.find("1 of 4"), std::string::npos) << plan;
  EXPECT_NE(plan.find("Units Pruned"), std::string::npos) << plan;
  EXPECT_NE(plan.find("Rows Masked"), std::string::npos) << plan;
}

TEST_F(ScanTest, ExplainAnalyzeCountsBytesAndMaskedRows) {
  Run(*ours_, "CREATE TABLE b AS SELECT range AS i, range AS j FROM range(1000)");
  Run(*ours_, "DELETE FROM b WHERE i < 10");
  const std::string one = Explain("EXPLAIN ANALYZE SELECT sum(i) FROM b");
  EXPECT_NE(one.find("Bytes Read: 8000"), std::string::npos) << one;
  EXPECT_NE(one.find("Rows Masked: 10"), std::string::npos) << one;
  EXPECT_NE(Explain("EXPLAIN ANALYZE SELECT sum(i), sum(j) FROM b").find("Bytes Read: 16000"),
            std::string::npos);
}

// The rows of a result, whatever made it.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ReadArrow(
    duckdb::unique_ptr<duckdb::QueryResult> result) {
  if (result->HasError()) return StatusOf(result->GetErrorObject());
  auto schema = ResultSchema(result->types, result->names, "UTC");
  return MakeResultReader(
      std::move(result), {std::move(schema)},
      [](const duckdb::ErrorData& error) { return StatusOf(error); }, nullptr);
}

// A query by the collector of our own.
duckdb::unique_ptr<duckdb::QueryResult> Collected(duckdb::Connection& connection,
                                                  const std::string& sql) {
  ArrowCollection collection(*connection.context);
  return collection.Start(connection.PendingQuery(sql, false));
}

TEST_F(ScanTest, ResultsAsArrow) {
  MakeTable(300000, true);
  auto plain = database_->instance().ValueOrDie()->Connect().ValueOrDie();
  for (const char* sql :
       {"SELECT i, s, d FROM t WHERE u < 240", "SELECT * FROM t WHERE i % 1000 = 1 ORDER BY i DESC",
        "SELECT o, sum(i), avg(d), max(h), list(u ORDER BY i)[:3] FROM t GROUP BY o ORDER BY o",
        "SELECT * FROM t WHERE false"}) {
    auto expected = plain->Query(sql);
    for (const char* how : {"chunks", "streamed chunks", "batches", "the rest"}) {
      SCOPED_TRACE(std::string(how) + " of " + sql);
      const bool as_arrow = how[0] == 'b' || how[0] == 't';
      auto result =
          as_arrow ? Collected(*ours_, sql) : ours_->PendingQuery(sql, how[0] == 's')->Execute();
      auto reader = ReadArrow(std::move(result)).ValueOrDie();
      EXPECT_TRUE(reader->schema()->Equals(*ResultSchema(expected->types, expected->names, "UTC")));
      const auto batches =
          how[0] == 't' ? ReadRest(*reader).ValueOrDie() : reader->ToRecordBatches().ValueOrDie();
      auto table = arrow::Table::FromRecordBatches(reader->schema(), batches).ValueOrDie();
      ASSERT_TRUE(table->ValidateFull().ok()) << table->ValidateFull();
      ASSERT_EQ(table->num_rows(), static_cast<int64_t>(expected->RowCount()));
      if (table->schema()->field(0)->name() != "i") continue;
      int64_t row = 0;
      for (const auto& chunk : table->column(0)->chunks()) {
        for (int64_t i = 0; i < chunk->length(); ++i, ++row) {
          ASSERT_EQ(static_cast<const arrow::Int32Array&>(*chunk).Value(i),
                    expected->GetValue(0, row).GetValue<int32_t>());
        }
      }
    }
  }
  EXPECT_TRUE(Collected(*ours_, "SELECT 170141183460469231731687303715884105727")->HasError());
}

TEST_F(ScanTest, OddResultTypesAsArrow) {
  const std::vector<std::vector<std::string>> expected = {
      {"NULL", "int32", "null"},
      {"union_value(a := 1)", "sparse_union<a: int32=0>", "union{a: int32 = 1}"},
      {"[union_value(a := 2)]", "list<item: sparse_union<a: int32=0>>",
       "list<item: sparse_union<a: int32=0>>[union{a: int32 = 2}]"},
      {"'1'::BIGNUM", "string", "1"},
      {"'00000000-0000-0000-0000-000000000001'::UUID", "string",
       "00000000-0000-0000-0000-000000000001"},
      {"5::HUGEINT", "decimal128(38, 0)", "5"},
      {"5::UHUGEINT", "decimal128(38, 0)", "5"},
      {"'10:00:00+01'::TIMETZ", "string", "10:00:00+01"},
      {"['10:00:00-05:30'::TIMETZ]", "list<item: string>", "list<item: string>[10:00:00-05:30]"},
      {"'1011'::BIT", "string", "1011"},
      {"'b'::ENUM('a', 'b')", "dictionary<values=string, indices=uint8, ordered=0>", ""},
      {"1.5::DECIMAL(4, 1)", "decimal128(4, 1)", "1.5"},
      {"'POINT (1 2)'::GEOMETRY", "string", "POINT (1 2)"},
      {"42::VARIANT", "string", "42"},
  };
  for (const auto& row : expected) {
    auto batch = ReadArrow(Collected(*ours_, "SELECT " + row[0])).ValueOrDie()->Next().ValueOrDie();
    ASSERT_TRUE(batch->ValidateFull().ok()) << row[0];
    EXPECT_EQ(batch->column(0)->type()->ToString(), row[1]) << row[0];
    const auto value = batch->column(0)->GetScalar(0).ValueOrDie();
    if (!row[2].empty()) {
      EXPECT_EQ(value->ToString(), row[2]) << row[0];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, ScanKernelsTest,
                         testing::Values(SimdLevel::kScalar, SimdLevel::kAvx2, SimdLevel::kAvx512));

}  // namespace
}  // namespace pyralog::sql
