// Thirteen queries over a table of six columns and 100,000,000 rows (1,000,000 at small scale), each
// the kind that a scan answers well or badly: filters, metadata, groups, strings, order, joins.
// Against DuckDB's own storage (columns_*), and over one Parquet file that DuckDB wrote, as an
// external table here and by read_parquet there (parquet_*, 20,000,000 rows).
//
// Columns: a int32 of 100 values, v int32 below 10,000, ts int64 that grows, d double, k int32 of
// 1,000,000 keys, s one of 1,000 strings of 4 to 20 bytes. Two threads on both sides, all in memory.
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "harness/sql_pairs.h"

namespace pyralog::bench {
namespace {

constexpr int64_t kLoadStep = 5'000'000;  // rows in one statement

// hash() is the same function on both sides, so the rows are, too.
std::string LoadRows(int64_t first, int64_t end) {
  return "INSERT INTO numbers SELECT (hash(i) % 100)::INTEGER, (hash(i + 1) % 10000)::INTEGER, "
         "i * 3, hash(i + 2)::DOUBLE / 18446744073709551616, (hash(i + 3) % 1000000)::INTEGER, "
         "substr('abcdefghijklmnopqrstuvwxyz', 1 + (hash(i + 4) % 1000 % 10)::INTEGER, "
         "1 + (hash(i + 4) % 1000 % 17)::INTEGER) || (hash(i + 4) % 1000)::VARCHAR "
         "FROM range(" +
         std::to_string(first) + ", " + std::to_string(end) + ") r(i)";
}

std::vector<std::string> LoadStatements(int64_t rows) {
  std::vector<std::string> statements = {
      "CREATE TABLE numbers (a INTEGER, v INTEGER, ts BIGINT, d DOUBLE, k INTEGER, s VARCHAR)",
      "CREATE TABLE dim (k INTEGER, w INTEGER)",
      "INSERT INTO dim SELECT i::INTEGER, (hash(i) % 1000)::INTEGER FROM range(1000000) r(i)",
  };
  for (int64_t first = 0; first < rows; first += kLoadStep) {
    statements.push_back(LoadRows(first, std::min(first + kLoadStep, rows)));
  }
  return statements;
}

struct ColumnQuery {
  const char* name;
  std::string sql;
};

// `from` is the relation.
std::vector<ColumnQuery> Queries(const std::string& from, int64_t rows) {
  const std::string begin = std::to_string(rows / 2 * 3);
  const std::string end = std::to_string((rows / 2 + rows / 1000) * 3);
  const std::string in = " FROM " + from + " ";
  return {
      {"sums", "SELECT sum(v), sum(ts), max(d)" + in},
      {"filter_half", "SELECT sum(v)" + in + "WHERE a < 50"},
      {"filter_hundredth", "SELECT sum(v)" + in + "WHERE a = 7"},
      {"filter_four", "SELECT sum(v), sum(ts), max(d), min(k)" + in + "WHERE a < 50"},
      {"time_range", "SELECT count(*)" + in + "WHERE ts BETWEEN " + begin + " AND " + end},
      {"group_hundred", "SELECT a, count(*), sum(v)" + in + "GROUP BY a ORDER BY a"},
      {"group_million",
       "SELECT count(*), sum(n), max(t) FROM (SELECT k, count(*) AS n, sum(v) AS t" + in +
           "GROUP BY k)"},
      {"group_string", "SELECT s, count(*), sum(v)" + in + "GROUP BY s ORDER BY s"},
      {"like", "SELECT count(*)" + in + "WHERE s LIKE '%xyz%'"},
      {"string_lengths", "SELECT max(s), sum(strlen(s))" + in},
      {"top10", "SELECT *" + in + "ORDER BY d DESC LIMIT 10"},
      {"join", "SELECT count(*), sum(w)" + in + "f JOIN dim ON f.k = dim.k"},
      {"join_filtered",
       "SELECT count(*), sum(w)" + in + "f JOIN dim ON f.k = dim.k WHERE dim.w = 3"},
      {"point", "SELECT *" + in + "WHERE ts = " + begin},
  };
}

std::vector<std::string> Names(const std::string& prefix) {
  std::vector<std::string> names;
  for (const ColumnQuery& query : Queries("", 0)) names.push_back(prefix + query.name);
  return names;
}

arrow::Status MeasureAll(Suite* suite, SqlPairs* pairs, const std::string& prefix,
                         const std::string& from, int64_t rows, double goal) {
  for (const ColumnQuery& query : Queries(from, rows)) {
    Pair pair;
    pair.name = prefix + query.name;
    pair.what = query.sql + " over " + std::to_string(rows) + " rows";
    pair.goal = {Direction::kAtMost, goal};
    ARROW_RETURN_NOT_OK(pairs->Measure(std::move(pair), query.sql));
  }
  return arrow::Status::OK();
}

arrow::Status OverTables(Suite* suite) {
  if (!suite->WantsAny(Names("columns_"))) return arrow::Status::OK();
  const auto rows = suite->Scaled<int64_t>(1'000'000, 100'000'000);
  SqlPairs pairs(suite);
  ARROW_RETURN_NOT_OK(pairs.Open("tables"));
  ARROW_RETURN_NOT_OK(pairs.Apply(LoadStatements(rows)));
  return MeasureAll(suite, &pairs, "columns_", "numbers", rows, 1);
}

arrow::Status OverParquet(Suite* suite) {
  if (!suite->WantsAny(Names("parquet_"))) return arrow::Status::OK();
  const auto rows = suite->Scaled<int64_t>(1'000'000, 20'000'000);
  const std::string file = std::filesystem::absolute(suite->Path("numbers.parquet"));
  SqlPairs pairs(suite);
  ARROW_RETURN_NOT_OK(pairs.Open("files"));
  ARROW_RETURN_NOT_OK(pairs.Apply(LoadStatements(rows)));
  ARROW_RETURN_NOT_OK(pairs.theirs().Execute("COPY numbers TO '" + file + "' (FORMAT PARQUET)"));
  ARROW_RETURN_NOT_OK(pairs.theirs().Execute(
      "CREATE VIEW numbers_file AS SELECT * FROM read_parquet('" + file + "')"));
  ARROW_RETURN_NOT_OK(pairs.ours().Execute(
      "CREATE EXTERNAL TABLE numbers_file STORED AS PARQUET LOCATION '" + file + "'"));
  // A file that changed a moment ago is read anew by each statement.
  std::this_thread::sleep_for(std::chrono::seconds(3));
  return MeasureAll(suite, &pairs, "parquet_", "numbers_file", rows, 1.1);
}

arrow::Status Run(Suite* suite) {
  ARROW_RETURN_NOT_OK(OverTables(suite));
  return OverParquet(suite);
}

}  // namespace
}  // namespace pyralog::bench

int main(int argc, char** argv) {
  return pyralog::bench::RunSuite("columns", argc, argv, pyralog::bench::Run);
}
