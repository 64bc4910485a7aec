// EXPORT DATABASE and IMPORT DATABASE: everything that a catalog holds comes back.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "arrow/table.h"
#include "tests/sql/testing.h"

namespace pyralog::tests {
namespace {

class ExportTest : public FolderTest, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("pyralog-export-" + std::to_string(getpid()) + "-" + GetParam());
    std::filesystem::remove_all(folder_);
    from_ = Database::Open(":memory:").ValueOrDie();
    to_ = Database::Open(":memory:").ValueOrDie();
    source_ = from_->Connect().ValueOrDie();
    target_ = to_->Connect().ValueOrDie();
  }

  void Run(const std::string& sql) {
    const auto done = source_->Execute(sql);
    ASSERT_TRUE(done.ok()) << sql << "\n" << done.status().ToString();
  }

  void Move() {
    Run("EXPORT DATABASE '" + folder_.string() + "' (FORMAT " + GetParam() + ")");
    const auto done = target_->Execute("IMPORT DATABASE '" + folder_.string() + "'");
    ASSERT_TRUE(done.ok()) << done.status().ToString();
  }

  static std::string Rows(Session& session, const std::string& sql) {
    const auto reader = session.Query(sql);
    if (!reader.ok()) return reader.status().ToString();
    const auto table = (*reader)->ToTable();
    if (!table.ok()) return table.status().ToString();
    return (*(*table)->CombineChunks())->ToString();
  }

  static bool ParquetChanges(const std::string& type) {
    return type == "HUGEINT" || type == "UHUGEINT" || type == "INTERVAL" || type == "TIMETZ";
  }

  // Both databases answer the same.
  void ExpectSame(const std::string& sql) {
    EXPECT_EQ(Rows(*source_, sql), Rows(*target_, sql)) << sql;
  }

  std::shared_ptr<Database> from_, to_;
  std::unique_ptr<Session> source_, target_;
};

TEST_P(ExportTest, ConstraintsComeBackWithTheirNames) {
  Run("CREATE TABLE \"the parent\"(id INTEGER CONSTRAINT \"its key\" PRIMARY KEY, u INTEGER "
      "UNIQUE, \"up to\" INTEGER CONSTRAINT up REFERENCES \"the parent\", v INTEGER, "
      "CONSTRAINT few CHECK (v > 0), CHECK (v < 9))");
  Run("CREATE TABLE a_child(x INTEGER, y INTEGER)");
  Run("ALTER TABLE a_child ADD CONSTRAINT down FOREIGN KEY (x) REFERENCES \"the parent\", "
      "ADD CONSTRAINT one UNIQUE (x, y)");
  Run("INSERT INTO \"the parent\" VALUES (1, 1, 1, 1)");
  Run("INSERT INTO a_child VALUES (1, 1)");
  Move();
  ExpectSame(
      "SELECT table_name, constraint_name, constraint_text FROM duckdb_constraints() "
      "ORDER BY ALL");
  ExpectSame("FROM a_child");
  EXPECT_EQ(target_->Execute("ALTER TABLE a_child DROP CONSTRAINT down").ok(), true);
}

TEST_P(ExportTest, EveryKindOfEntryComesBack) {
  Run("CREATE SCHEMA s");
  Run("CREATE TYPE mood AS ENUM ('sad', 'it''s fine')");
  Run("CREATE TYPE s.point AS STRUCT(x DOUBLE, \"y y\" DOUBLE)");
  Run("CREATE SEQUENCE seq START 5 INCREMENT 3; SELECT nextval('seq')");
  Run("CREATE SEQUENCE ended MAXVALUE 2; SELECT nextval('ended') FROM range(2)");
  Run("CREATE MACRO twice(x, y := 1) AS x * 2 + y");
  Run("CREATE MACRO fourfold(x) AS twice(twice(x))");
  Run("CREATE MACRO a_table(n) AS TABLE SELECT fourfold(range) AS v FROM range(n)");
  Run("CREATE TABLE t(id INTEGER PRIMARY KEY DEFAULT nextval('seq'), m mood, g INTEGER AS (id * 2),"
      " n VARCHAR NOT NULL, c INTEGER CHECK (c > 0), pt s.point)");
  Run("INSERT INTO t(m, n, c, pt) VALUES ('it''s fine', '', 1, {'x': 1, 'y y': 2}), (NULL, 'NULL', "
      "NULL, NULL)");
  Run("CREATE TABLE s.always(id BIGINT GENERATED ALWAYS AS IDENTITY, v VARCHAR)");
  Run("INSERT INTO s.always(v) VALUES (''), (NULL), ('a,\"b\"\nc')");
  Run("CREATE TABLE z_parent(id INTEGER PRIMARY KEY, u INTEGER UNIQUE)");
  Run("CREATE TABLE a_child(id INTEGER REFERENCES z_parent(id), u INTEGER REFERENCES z_parent(u))");
  Run("INSERT INTO z_parent VALUES (1, 10); INSERT INTO a_child VALUES (1, 10), (NULL, NULL)");
  Run("CREATE VIEW z_base AS SELECT id, fourfold(id) AS f FROM t");
  Run("CREATE VIEW a_over AS SELECT f + 1 AS f FROM z_base");
  Move();
  for (const char* table : {"t ORDER BY id", "s.always ORDER BY id", "a_over ORDER BY f",
                            "a_table(4) ORDER BY v", "(SELECT nextval('seq'))"}) {
    ExpectSame(std::string("SELECT * FROM ") + table);
  }
  ExpectSame("SELECT table_name, sql FROM duckdb_tables() ORDER BY ALL");
  ExpectSame("SELECT constraint_text FROM duckdb_constraints() ORDER BY ALL");
  ExpectError(target_->Execute("SELECT nextval('ended')").status(), ErrorCode::kConstraint,
              "has reached its maximum");
  ExpectError(target_->Execute("INSERT INTO t(id, n) VALUES (8, 'x')").status(),
              ErrorCode::kConstraint, "duplicate key");
  ExpectError(target_->Execute("INSERT INTO t(n, c) VALUES ('x', -1)").status(),
              ErrorCode::kConstraint, "CHECK");
  ExpectError(target_->Execute("INSERT INTO s.always VALUES (1, 'x')").status(),
              ErrorCode::kConstraint, "GENERATED ALWAYS");
  ExpectError(target_->Execute("INSERT INTO a_child VALUES (2, NULL)").status(),
              ErrorCode::kConstraint, "");
  ExpectError(target_->Execute("INSERT INTO z_parent VALUES (2, 10)").status(),
              ErrorCode::kConstraint, "");
  ASSERT_TRUE(target_->Execute("INSERT INTO s.always(v) VALUES ('next')").ok());
  EXPECT_EQ(Rows(*target_, "SELECT max(id) FROM s.always"),
            Rows(*source_, "SELECT 4::BIGINT AS \"max(id)\""));
  ExpectError(target_->Execute("DROP TYPE mood").status(), ErrorCode::kInvalidArgument,
              "is used by table");
}

TEST_P(ExportTest, EveryStoredTypeComesBack) {
  const std::vector<std::pair<std::string, std::string>> columns = {
      {"BOOLEAN", "true"},
      {"TINYINT", "(-128)"},
      {"SMALLINT", "(-32768)"},
      {"INTEGER", "(-2147483648)"},
      {"BIGINT", "(-9223372036854775808)"},
      {"HUGEINT", "(-170141183460469231731687303715884105728)"},
      {"UTINYINT", "255"},
      {"USMALLINT", "65535"},
      {"UINTEGER", "4294967295"},
      {"UBIGINT", "18446744073709551615"},
      {"UHUGEINT", "340282366920938463463374607431768211455"},
      {"FLOAT", "0.1"},
      {"DOUBLE", "'nan'"},
      {"DECIMAL(4,1)", "999.9"},
      {"DECIMAL(18,3)", "123456789012345.678"},
      {"DECIMAL(38,10)", "1234567890123456789012345678.0123456789"},
      {"VARCHAR", "'a''\"\\ b,'"},
      {"BLOB", "'\\x00\\xFF,\"'"},
      {"BIT", "'0101101'"},
      {"UUID", "'f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f'"},
      {"DATE", "'1752-09-14'"},
      {"TIME", "'23:59:59.999999'"},
      {"TIME_NS", "'23:59:59.999999999'"},
      {"TIMETZ", "'01:02:03.000004+05:30'"},
      {"TIMESTAMP", "'2000-01-01 00:00:00.000001'"},
      {"TIMESTAMP_S", "'2000-01-01 00:00:01'"},
      {"TIMESTAMP_MS", "'2000-01-01 00:00:00.001'"},
      {"TIMESTAMP_NS", "'2000-01-01 00:00:00.000000001'"},
      {"TIMESTAMPTZ", "'2000-01-01 00:00:00.5+02'"},
      {"INTERVAL", "'1 year 2 months -3 days 04:05:06.000007'"},
      {"JSON", "'{\"a\": [1, null, \"x\"]}'"},
      {"ENUM('x', 'y,z', '')", "'y,z'"},
      {"INTEGER[]", "[1, NULL, 3]"},
      {"VARCHAR[]", "['', NULL, 'NULL', 'a,b', '\"']"},
      {"INTEGER[3]", "[1, 2, NULL]"},
      {"STRUCT(a INTEGER, \"b c\" VARCHAR)", "{'a': 1, 'b c': 'x, y'}"},
      {"MAP(VARCHAR, INTEGER)", "MAP {'k=1': 1, '': NULL}"},
      {"STRUCT(l DATE[], m MAP(INTEGER, VARCHAR[]))[]",
       "[{'l': ['2020-02-29'], 'm': MAP {7: ['', 'a']}}, NULL]"},
  };
  std::string types = "id INTEGER";
  std::string values = "1";
  std::string nulls = "2";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (GetParam() == "parquet" && ParquetChanges(columns[i].first)) continue;
    types += ", c" + std::to_string(i) + " " + columns[i].first;
    values += ", " + columns[i].second + "::" + columns[i].first;
    nulls += ", NULL";
  }
  Run("CREATE TABLE t(" + types + ")");
  Run("INSERT INTO t VALUES (" + values + "), (" + nulls + ")");
  Move();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (GetParam() == "parquet" && ParquetChanges(columns[i].first)) continue;
    const std::string name = "c" + std::to_string(i);
    SCOPED_TRACE(columns[i].first);
    ExpectSame("SELECT " + name + " FROM t ORDER BY id");
    ExpectSame("SELECT " + name + "::VARCHAR FROM t ORDER BY id");
  }
}

TEST_P(ExportTest, WhatParquetWouldChangeIsRefused) {
  for (const char* type : {"HUGEINT", "STRUCT(a UHUGEINT)", "INTERVAL[]", "TIMETZ"}) {
    Run(std::string("CREATE OR REPLACE TABLE changed(v ") + type + ")");
    const auto done =
        source_->Execute("EXPORT DATABASE '" + folder_.string() + "' (FORMAT " + GetParam() + ")");
    if (GetParam() == "csv") {
      EXPECT_TRUE(done.ok()) << done.status().ToString();
    } else {
      ExpectError(done.status(), ErrorCode::kNotSupported, "use FORMAT csv");
    }
    std::filesystem::remove_all(folder_);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ExportTest, testing::Values("csv", "parquet"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace pyralog::tests
