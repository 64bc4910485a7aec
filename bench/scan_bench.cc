// Analytical queries over a table of ten columns and 30,000,000 rows (1,000,000 at small scale),
// against DuckDB's own storage: the DuckDB that Pyralog embeds, in this process, loaded by the same
// statements, a file database at rest after a checkpoint. Two threads on both sides, all in memory.
//
//   scan_sum          one column                     scan_top10       order by, limit, all columns
//   scan_filter_sum   a tenth of the rows            scan_time_range  a thousandth of the rows
//   scan_group        100 groups                     scan_join        with a table of 1,000,000
//   rows
//
// Each as loaded (_fresh) and after 1 % of the rows were updated by key (_updated).
#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "harness/sql_pairs.h"

namespace pyralog::bench {
namespace {

constexpr int64_t kLoadStep = 2'000'000;  // rows in one statement

constexpr char kCreateFacts[] =
    "CREATE TABLE facts (id BIGINT PRIMARY KEY, moment TIMESTAMP, category INTEGER, bucket "
    "INTEGER, "
    "product INTEGER, amount DOUBLE, score DOUBLE, quantity SMALLINT, day DATE, label VARCHAR)";

// hash() is the same function on both sides, so the rows are, too.
std::string LoadFacts(int64_t first, int64_t end) {
  return "INSERT INTO facts SELECT i, make_timestamp(1700000000000000 + i * 1000), "
         "(hash(i) % 100)::INTEGER, (hash(i + 1) % 10000)::INTEGER, "
         "(hash(i + 2) % 1000000)::INTEGER, (hash(i + 3) % 100000000)::DOUBLE / 100, "
         "hash(i + 4)::DOUBLE / 18446744073709551616, (hash(i + 5) % 1000)::SMALLINT, "
         "DATE '2020-01-01' + (i // 100000)::INTEGER, 'label number ' || (hash(i + 6) % 1000) "
         "FROM range(" +
         std::to_string(first) + ", " + std::to_string(end) + ") r(i)";
}

std::vector<std::string> LoadStatements(int64_t rows) {
  std::vector<std::string> statements = {
      kCreateFacts,
      "CREATE TABLE products (id INTEGER PRIMARY KEY, price DOUBLE)",
      "INSERT INTO products SELECT i::INTEGER, (hash(i) % 10000)::DOUBLE / 100 FROM "
      "range(1000000) r(i)",
  };
  for (int64_t first = 0; first < rows; first += kLoadStep) {
    statements.push_back(LoadFacts(first, std::min(first + kLoadStep, rows)));
  }
  return statements;
}

std::vector<std::string> UpdateStatements(int64_t rows) {
  const std::string bound = std::to_string(rows);
  return {
      "CREATE TABLE changes (id BIGINT PRIMARY KEY)",
      "INSERT INTO changes SELECT DISTINCT (hash(i) % " + bound + ")::BIGINT FROM range(" + bound +
          " // 100) r(i)",
      "UPDATE facts SET amount = amount + 1, quantity = 7 FROM changes WHERE facts.id = "
      "changes.id",
  };
}

struct ScanQuery {
  const char* name;
  std::string sql;
  double row_bytes;  // of a row of facts that the query must see, at the width of the columns
  double share;      // of the rows that it must see
};

std::vector<ScanQuery> Queries(int64_t rows) {
  const int64_t from = 1700000000000000 + rows / 2 * 1000;
  const int64_t to = from + rows / 1000 * 1000;
  return {
      {"scan_sum", "SELECT sum(amount) FROM facts", 8, 1},
      {"scan_filter_sum", "SELECT sum(amount) FROM facts WHERE category < 10", 12, 1},
      {"scan_group",
       "SELECT category, count(*), sum(amount) FROM facts GROUP BY category ORDER BY category", 12,
       1},
      {"scan_top10", "SELECT * FROM facts ORDER BY score DESC LIMIT 10", 8, 1},
      {"scan_time_range",
       "SELECT count(*), sum(amount) FROM facts WHERE moment >= make_timestamp(" +
           std::to_string(from) + ") AND moment < make_timestamp(" + std::to_string(to) + ")",
       16, 0.001},
      {"scan_join",
       "SELECT count(*), sum(facts.quantity * products.price) FROM facts JOIN products ON "
       "facts.product = products.id",
       6, 1},
  };
}

arrow::Status Run(Suite* suite) {
  const auto rows = suite->Scaled<int64_t>(1'000'000, 30'000'000);
  SqlPairs pairs(suite);
  const auto queries = Queries(rows);
  const auto measure = [&](const ScanQuery& query, const std::string& state) {
    Pair pair;
    pair.name = query.name + state;
    pair.what = query.sql + " over " + std::to_string(rows) + " rows";
    pair.goal = {Direction::kAtMost, 1.3};
    pair.floor = [&] {
      return BytesFloor(suite->limits(), query.row_bytes * query.share * static_cast<double>(rows));
    };
    return pairs.Measure(std::move(pair), query.sql);
  };
  const auto wanted = [&](const std::string& state) {
    std::vector<std::string> names;
    for (const auto& query : queries) names.push_back(query.name + state);
    return suite->WantsAny(names);
  };
  if (!wanted("_fresh") && !wanted("_updated")) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(pairs.Open("tables"));
  ARROW_RETURN_NOT_OK(pairs.Apply(LoadStatements(rows)));
  for (const auto& query : queries) ARROW_RETURN_NOT_OK(measure(query, "_fresh"));
  if (!wanted("_updated")) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(pairs.Apply(UpdateStatements(rows)));
  for (const auto& query : queries) ARROW_RETURN_NOT_OK(measure(query, "_updated"));
  return arrow::Status::OK();
}

}  // namespace
}  // namespace pyralog::bench

int main(int argc, char** argv) {
  return pyralog::bench::RunSuite("scan", argc, argv, pyralog::bench::Run);
}
