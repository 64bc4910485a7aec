// Files in SQL: FROM 'file', external tables, COPY, and what is said of files that are not what
// they seem.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "formats/testing.h"
#include "pyralog/database.h"

namespace pyralog {
namespace {

using formats::FindFormat;
using formats::SomeRows;
using formats::WriteToString;
using io::ExpectError;

class ExternalTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(database_, Database::Open(":memory:"));
    ASSERT_OK_AND_ASSIGN(session_, database_->Connect());
    for (const char* format : {"parquet", "arrow_ipc", "csv", "json"}) {
      Put("t" + FindFormat(format)->info().suffixes.front(),
          WriteToString(*FindFormat(format), {SomeRows(0, 60), SomeRows(60, 40)}).ValueOrDie());
    }
  }

  void Put(const std::string& name, const std::string& bytes) {
    const std::filesystem::path path = dir_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  // The rows of the last statement as JSON, '@' standing for the folder; or the error.
  arrow::Result<std::string> Query(std::string sql) {
    for (size_t at; (at = sql.find('@')) != std::string::npos;) sql.replace(at, 1, dir_.path());
    ARROW_ASSIGN_OR_RAISE(const auto reader, session_->Query(sql));
    ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(const auto writer, FindFormat("json")->Create(out, reader->schema(), {}));
    std::shared_ptr<arrow::RecordBatch> batch;
    while (true) {
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch == nullptr) break;
      ARROW_RETURN_NOT_OK(writer->Write(*batch));
    }
    ARROW_RETURN_NOT_OK(writer->Finish());
    ARROW_ASSIGN_OR_RAISE(const auto text, out->Finish());
    return text->ToString();
  }
  void ExpectRows(const std::string& sql, const std::string& rows) {
    const auto result = Query(sql);
    ASSERT_TRUE(result.ok()) << sql << ": " << result.status().ToString();
    EXPECT_EQ(*result, rows) << sql;
  }
  void Run(const std::string& sql) {
    const auto result = Query(sql);
    ASSERT_TRUE(result.ok()) << sql << ": " << result.status().ToString();
  }

  io::TempDir dir_;
  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

TEST_F(ExternalTest, AFileIsATable) {
  for (const char* name : {"t.parquet", "t.arrow", "t.csv", "t.json"}) {
    ExpectRows(
        "SELECT count(*) AS n, sum(id)::BIGINT AS s, count(name) AS m, max(score) AS x FROM '@/" +
            std::string(name) + "'",
        "{\"n\":100,\"s\":4950,\"m\":66,\"x\":24.75}\n");
  }
  ExpectRows("SELECT id, name FROM 'file://@/t.arrow' WHERE id = 61",
             "{\"id\":61,\"name\":\"n61\"}\n");
  ExpectRows("SELECT t.id FROM '@/t.parquet' WHERE t.id = 7", "{\"id\":7}\n");
  ExpectRows("SELECT count(*) AS n FROM read_arrow(['@/t.arrow', '@/t.arrow'])", "{\"n\":200}\n");
  ExpectRows("SELECT count(*) AS n FROM '@/{t.parquet,t.pa*}'", "{\"n\":100}\n");
}

TEST_F(ExternalTest, AFileWithoutSuffixIsWhatItsBytesSay) {
  std::filesystem::copy(dir_ / "t.parquet", dir_ / "unnamed");
  ExpectRows("SELECT count(*) AS n FROM '@/unnamed'", "{\"n\":100}\n");
  std::filesystem::copy(dir_ / "t.arrow", dir_ / "really.csv");
  ExpectRows("SELECT count(*) AS n FROM '@/really.csv'", "{\"n\":100}\n");
}

TEST_F(ExternalTest, OrderIsThatOfTheFile) {
  ExpectRows("SELECT id FROM '@/t.arrow' LIMIT 3", "{\"id\":0}\n{\"id\":1}\n{\"id\":2}\n");
  ExpectRows("SELECT id FROM '@/t.arrow' LIMIT 3 OFFSET 59",
             "{\"id\":59}\n{\"id\":60}\n{\"id\":61}\n");
}

TEST_F(ExternalTest, BadFilesAreRefusedWithPathAndReason) {
  Put("cut.parquet", "PAR1 and no more of it");
  ExpectError(Query("FROM '@/cut.parquet'"), ErrorCode::kDamaged, "cut.parquet");
  ExpectError(Query("FROM '@/missing.parquet'"), ErrorCode::kNotFound, "missing.parquet");
  ExpectError(Query("FROM '@/none*.csv'"), ErrorCode::kNotFound, "none*.csv");
  ExpectError(Query("FROM 's3://bucket/x.parquet'"), ErrorCode::kNotSupported, "'s3'");
  Put("bad.json", "[{\"a\":1},]");
  ExpectError(Query("FROM '@/bad.json'"), ErrorCode::kDamaged, "bad.json");
  Put("nul.csv", std::string("a\n\0\n", 4));
  ExpectError(Query("FROM '@/nul.csv'"), ErrorCode::kDamaged, "nul.csv");
  for (const char* call :
       {"FROM '@/f.parquet'", "FROM read_csv('@/f.parquet')", "FROM read_text('@/f.parquet')",
        "FROM read_arrow('@/f.parquet')", "FROM parquet_metadata('@/f.parquet')"}) {
    if (!std::filesystem::exists(dir_ / "f.parquet")) {
      ASSERT_EQ(::mkfifo((dir_ / "f.parquet").c_str(), 0600), 0);
    }
    ExpectError(Query(call), ErrorCode::kInvalidArgument, "FIFO");
  }
  ExpectRows("SELECT 1 AS alive", "{\"alive\":1}\n");
}

TEST_F(ExternalTest, PageChecksumsAreVerifiedInSql) {
  std::string bytes = WriteToString(*FindFormat("parquet"), {SomeRows(0, 1000)},
                                    {{"page_checksum", "true"}, {"compression", "uncompressed"}})
                          .ValueOrDie();
  Put("crc.parquet", bytes);
  ExpectRows("SELECT sum(id)::BIGINT AS s FROM '@/crc.parquet' WHERE id >= 990", "{\"s\":9945}\n");
  bytes[bytes.find("n100")] ^= 1;
  Put("crc.parquet", bytes);
  ExpectError(Query("SELECT max(name) FROM '@/crc.parquet'"), ErrorCode::kDamaged, "crc.parquet");
}

TEST_F(ExternalTest, ATableOfFiles) {
  Run("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '@/t.parquet'");
  ExpectRows("SELECT count(*) AS n FROM t WHERE id < 10", "{\"n\":10}\n");
  ExpectRows("SELECT column_name, column_type FROM (DESCRIBE t) LIMIT 1",
             "{\"column_name\":\"id\",\"column_type\":\"BIGINT\"}\n");
  Run("CREATE TABLE hot (id BIGINT PRIMARY KEY); INSERT INTO hot VALUES (5), (6)");
  ExpectRows("SELECT t.name FROM hot JOIN t USING (id) WHERE name IS NOT NULL",
             "{\"name\":\"n5\"}\n");
  Run("CREATE VIEW v AS SELECT id FROM t WHERE id > 97");
  ExpectRows("SELECT * FROM v ORDER BY id", "{\"id\":98}\n{\"id\":99}\n");
  Run("DROP EXTERNAL TABLE t");
  EXPECT_TRUE(std::filesystem::exists(dir_ / "t.parquet"));
  ExpectError(Query("FROM t"), ErrorCode::kNotFound);
}

TEST_F(ExternalTest, NamesAreTakenOnce) {
  Run("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '@/t.parquet'");
  ExpectError(Query("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '@/t.csv'"),
              ErrorCode::kAlreadyExists, "external table \"t\"");
  Run("CREATE EXTERNAL TABLE IF NOT EXISTS t STORED AS CSV LOCATION '@/nothing'");
  Run("CREATE OR REPLACE EXTERNAL TABLE t STORED AS CSV LOCATION '@/t.csv'");
  ExpectError(Query("CREATE TABLE t (a INT)"), ErrorCode::kAlreadyExists);
  Run("CREATE TABLE hot (a INT)");
  ExpectError(Query("CREATE OR REPLACE EXTERNAL TABLE hot STORED AS CSV LOCATION '@/t.csv'"),
              ErrorCode::kAlreadyExists, "table \"hot\"");
  ExpectError(Query("DROP EXTERNAL TABLE hot"), ErrorCode::kInvalidArgument, "is a table");
  ExpectError(Query("DROP EXTERNAL TABLE u"), ErrorCode::kNotFound, "\"u\"");
  Run("DROP EXTERNAL TABLE IF EXISTS u");
}

TEST_F(ExternalTest, RollsBackWithItsTransaction) {
  Run("BEGIN; CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '@/t.parquet'");
  ExpectRows("SELECT count(*) AS n FROM t", "{\"n\":100}\n");
  Run("ROLLBACK");
  ExpectError(Query("FROM t"), ErrorCode::kNotFound);
}

TEST_F(ExternalTest, OutlivesTheProcess) {
  const std::string path = dir_ / "db";
  std::filesystem::create_directory(path);
  ASSERT_OK_AND_ASSIGN(database_, Database::Open(path));
  ASSERT_OK_AND_ASSIGN(session_, database_->Connect());
  Run("CREATE EXTERNAL TABLE t (id BIGINT, score DOUBLE) STORED AS PARQUET LOCATION '@/t.parquet' "
      "OPTIONS (binary_as_string true)");
  session_ = nullptr;
  ASSERT_OK(database_->Close());
  ASSERT_OK_AND_ASSIGN(database_, Database::Open(path));
  ASSERT_OK_AND_ASSIGN(session_, database_->Connect());
  ExpectRows("SELECT max(score) AS x FROM t", "{\"x\":24.75}\n");
  session_ = nullptr;
}

TEST_F(ExternalTest, DeclaredColumnsAreCheckedAgainstTheFiles) {
  ExpectError(
      Query("CREATE EXTERNAL TABLE t (id VARCHAR) STORED AS PARQUET LOCATION '@/t.parquet'"),
      ErrorCode::kInvalidArgument, "declared VARCHAR, but is BIGINT");
  ExpectError(Query("CREATE EXTERNAL TABLE t (no INT) STORED AS PARQUET LOCATION '@/t.parquet'"),
              ErrorCode::kInvalidArgument, "\"no\"");
  Run("CREATE EXTERNAL TABLE w (score DOUBLE, id HUGEINT) STORED AS PARQUET LOCATION "
      "'@/t.parquet'");
  ExpectRows("SELECT typeof(id) AS t, id::INT AS i FROM w LIMIT 1",
             "{\"t\":\"HUGEINT\",\"i\":0}\n");
  Run("CREATE EXTERNAL TABLE c (id INTEGER, name VARCHAR, score VARCHAR) STORED AS CSV LOCATION "
      "'@/t.csv'");
  ExpectRows("SELECT typeof(score) AS t, score FROM c LIMIT 1",
             "{\"t\":\"VARCHAR\",\"score\":\"0.0\"}\n");
  Run("CREATE EXTERNAL TABLE j (id INTEGER) STORED AS JSON LOCATION '@/t.json'");
  ExpectRows("SELECT sum(id)::INT AS s FROM j", "{\"s\":4950}\n");
}

TEST_F(ExternalTest, ChangedFilesAreNoticed) {
  Run("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '@/t.parquet'");
  ExpectRows("VERIFY EXTERNAL t",
             "{\"file\":\"" + (dir_ / "t.parquet") + "\",\"state\":\"unchanged\"}\n");
  const auto other = arrow::RecordBatch::Make(arrow::schema({arrow::field("id", arrow::utf8())}), 1,
                                              {formats::Values(arrow::utf8(), R"(["x"])")});
  Put("t.parquet", WriteToString(*FindFormat("parquet"), {other}).ValueOrDie());
  ExpectRows("VERIFY EXTERNAL TABLE t",
             "{\"file\":\"" + (dir_ / "t.parquet") + "\",\"state\":\"changed: size\"}\n");
  ExpectError(Query("SELECT id FROM t"), ErrorCode::kInvalidArgument, "external table \"t\"");
  std::filesystem::remove(dir_ / "t.parquet");
  ExpectError(Query("FROM t"), ErrorCode::kNotFound, "t.parquet");
  ExpectRows("VERIFY EXTERNAL t",
             "{\"file\":\"" + (dir_ / "t.parquet") + "\",\"state\":\"missing\"}\n");
  Run("DROP EXTERNAL TABLE t");
}

TEST_F(ExternalTest, WritesAreRefusedByName) {
  Run("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '@/t.csv'");
  for (const char* sql : {"INSERT INTO t VALUES (1, 'a', 2)", "UPDATE t SET id = 1",
                          "DELETE FROM t", "COPY t FROM '@/t.csv' (FORMAT csv)", "TRUNCATE t"}) {
    ExpectError(Query(sql), ErrorCode::kNotSupported, "external table \"t\" cannot be written");
  }
}

class PartitionTest : public ExternalTest {
 protected:
  void SetUp() override {
    ExternalTest::SetUp();
    const std::string a = WriteToString(*FindFormat("parquet"), {SomeRows(0, 3)}).ValueOrDie();
    const std::string b = WriteToString(*FindFormat("parquet"), {SomeRows(3, 4)}).ValueOrDie();
    Put("hive/year=2023/month=01/a.parquet", a);
    Put("hive/year=2024/month=12/b.parquet", b);
    Put("levels/2023/01/a.parquet", a);
    Put("levels/2024/12/b.parquet", b);
    Put("levels/_SUCCESS", "");
  }
};

TEST_F(PartitionTest, HiveNamesAreColumns) {
  Run("CREATE EXTERNAL TABLE t (id BIGINT) STORED AS PARQUET LOCATION '@/hive/**/*.parquet' "
      "PARTITIONED BY (year INT, month INT)");
  ExpectRows("SELECT year, month, count(*) AS n FROM t GROUP BY ALL ORDER BY ALL",
             "{\"year\":2023,\"month\":1,\"n\":3}\n{\"year\":2024,\"month\":12,\"n\":4}\n");
  Run("CREATE EXTERNAL TABLE v STORED AS PARQUET LOCATION '@/hive' PARTITIONED BY (month VARCHAR)");
  ExpectRows("SELECT count(*) AS n FROM v WHERE month = '01'", "{\"n\":3}\n");
}

TEST_F(PartitionTest, FolderLevelsAreColumnsToo) {
  Run("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '@/levels/' PARTITIONED BY (year INT, "
      "month INT)");
  ExpectRows("SELECT year, month, count(*) AS n FROM t GROUP BY ALL ORDER BY ALL",
             "{\"year\":2023,\"month\":1,\"n\":3}\n{\"year\":2024,\"month\":12,\"n\":4}\n");
  ASSERT_OK_AND_ASSIGN(const std::string plan, Query("EXPLAIN SELECT id FROM t WHERE year = 2024"));
  EXPECT_NE(plan.find("1/2"), std::string::npos) << plan;
}

TEST_F(PartitionTest, ColumnsOfTheFilesServeAsWell) {
  Run("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '@/t.parquet' PARTITIONED BY (id "
      "BIGINT)");
  ExpectRows("SELECT score FROM t WHERE id = 4", "{\"score\":1.0}\n");
  ExpectError(Query("CREATE EXTERNAL TABLE u STORED AS PARQUET LOCATION '@/t.parquet' "
                    "PARTITIONED BY (year INT)"),
              ErrorCode::kInvalidArgument, "partition column \"year\"");
}

TEST_F(ExternalTest, CopyWritesWhatReadsBack) {
  Run("CREATE TABLE t (id BIGINT PRIMARY KEY, s VARCHAR, d DECIMAL(10,2), ts TIMESTAMP, l INT[], "
      "b BLOB, u UUID, h HUGEINT)");
  Run("INSERT INTO t SELECT i, 's' || i, i / 4, TIMESTAMP '2024-02-29 12:00:00' + INTERVAL (i) "
      "DAY, "
      "[i, NULL], 'x'::BLOB, '00000000-0000-0000-0000-00000000000' || i % 10, i FROM range(1000) "
      "r(i)");
  for (const char* target : {"o.parquet' (FORMAT parquet)", "o.arrow' (FORMAT arrow)",
                             "o.arrows' (FORMAT arrow, STREAM true, COMPRESSION zstd)",
                             "o.json' (FORMAT json)", "o.csv' (FORMAT csv)"}) {
    Run("COPY t TO '@/" + std::string(target));
    const std::string file = std::string(target).substr(0, std::string(target).find('\''));
    ExpectRows(
        "SELECT count(*) AS n, sum(id)::INT AS s, max(s) AS m, sum(d)::DOUBLE AS d, max(ts) AS ts "
        "FROM '@/" +
            file + "'",
        "{\"n\":1000,\"s\":499500,\"m\":\"s999\",\"d\":124875.0,\"ts\":\"2026-11-24T12:00:00\"}\n");
  }
  Run("CREATE TABLE u AS SELECT id, s FROM t LIMIT 0");
  Run("COPY (SELECT id, s FROM t) TO '@/two.arrow' (FORMAT arrow, ROW_GROUP_SIZE 100)");
  Run("COPY u FROM '@/two.arrow' (FORMAT arrow)");
  ExpectRows("SELECT count(*) AS n FROM u", "{\"n\":1000}\n");
}

TEST_F(ExternalTest, CopyRefusesBeforeItMakesAFile) {
  ExpectError(Query("COPY (SELECT 1 AS a) TO '@/x.arrow' (FORMAT arrow, NONSENSE 1)"),
              ErrorCode::kInvalidArgument, "nonsense");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "x.arrow"));
  Run("CREATE TABLE t (id INTEGER)");
  ExpectError(Query("COPY t FROM '@/t.arrow' (FORMAT arrow)"), ErrorCode::kInvalidArgument,
              "INSERT INTO");
}

TEST_F(ExternalTest, TypesThatSqlDoesNotHaveAreConvertedOrRefused) {
  const auto one = [&](const std::string& name, const std::shared_ptr<arrow::Array>& array) {
    const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("c", array->type())}),
                                                array->length(), {array});
    Put(name, WriteToString(*FindFormat("arrow"), {batch}).ValueOrDie());
  };
  one("half.arrow", formats::Values(arrow::float16(), "[1.5, null]"));
  ExpectRows("SELECT typeof(c) AS t, c FROM '@/half.arrow' LIMIT 1",
             "{\"t\":\"FLOAT\",\"c\":1.5}\n");
  one("wide.arrow", formats::Values(arrow::decimal256(50, 3), R"(["1.500"])"));
  ExpectRows("SELECT typeof(c) AS t, c FROM '@/wide.arrow'",
             "{\"t\":\"VARCHAR\",\"c\":\"1.500\"}\n");
  one("nano.arrow", formats::Values(arrow::duration(arrow::TimeUnit::NANO), "[1001]"));
  ExpectError(Query("FROM '@/nano.arrow'"), ErrorCode::kInvalidArgument, "column 'c'");
  one("interval.arrow", formats::Values(arrow::month_day_nano_interval(), "[[0, 0, 3]]"));
  ExpectError(Query("FROM '@/interval.arrow'"), ErrorCode::kInvalidArgument, "nanoseconds");
  one("daytime.arrow", formats::Values(arrow::day_time_interval(), "[[1, 2]]"));
  ExpectError(Query("FROM '@/daytime.arrow'"), ErrorCode::kNotSupported, "column 'c'");
}

}  // namespace
}  // namespace pyralog
