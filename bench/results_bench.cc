// Results as Arrow: 10,000,000 rows of five columns (500,000 at small scale), from C++ (a session's
// reader, read to its end) and from Python (`to_arrow`), against the Python package of DuckDB
// (`to_arrow_table`), each Python in a process of its own (peers/arrow_results.py).
//
//   results_cpp_scan, results_python_scan       a whole table
//   results_cpp_filter, results_python_filter   every second row of a table of twice the rows
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "arrow/compute/api.h"
#include "harness/child_peer.h"
#include "harness/pyralog_side.h"
#include "harness/suite.h"

namespace pyralog::bench {
namespace {

constexpr int64_t kLoadStep = 2'000'000;  // rows in one statement

// Table r has `rows` rows, table r2 twice as many.
std::vector<std::string> LoadStatements(int64_t rows) {
  std::vector<std::string> statements;
  for (const auto& [table, count] : {std::pair("r", rows), std::pair("r2", 2 * rows)}) {
    statements.push_back("CREATE TABLE " + std::string(table) +
                         " (i BIGINT, k INTEGER, d DOUBLE, t TIMESTAMP, s VARCHAR)");
    for (int64_t first = 0; first < count; first += kLoadStep) {
      statements.push_back(
          "INSERT INTO " + std::string(table) +
          " SELECT i, (hash(i) % 100)::INTEGER, hash(i + 1)::DOUBLE / 1e9, "
          "make_timestamp(1700000000000000 + i * 1000), 'label number ' || (hash(i + 2) % 1000) "
          "FROM range(" +
          std::to_string(first) + ", " + std::to_string(std::min(first + kLoadStep, count)) +
          ") n(i)");
    }
  }
  return statements;
}

arrow::Result<std::string> SumOf(const arrow::Datum& values) {
  ARROW_ASSIGN_OR_RAISE(const auto sum, arrow::compute::Sum(values));
  return sum.scalar()->ToString();
}

// What the peers' `row` says.
arrow::Result<Row> AnswerOf(const arrow::RecordBatchVector& batches,
                            const std::shared_ptr<arrow::Schema>& schema) {
  ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches(schema, batches));
  ARROW_ASSIGN_OR_RAISE(auto i, SumOf(table->GetColumnByName("i")));
  ARROW_ASSIGN_OR_RAISE(auto k, SumOf(table->GetColumnByName("k")));
  ARROW_ASSIGN_OR_RAISE(const auto texts,
                        arrow::compute::Cast(table->GetColumnByName("s"), arrow::utf8()));
  ARROW_ASSIGN_OR_RAISE(const auto lengths, arrow::compute::CallFunction("binary_length", {texts}));
  ARROW_ASSIGN_OR_RAISE(auto length, SumOf(lengths));
  return Row{std::to_string(table->num_rows()), std::move(i), std::move(k), std::move(length)};
}

arrow::Result<Sample> AskChild(ChildPeer* child, const std::string& sql) {
  ARROW_ASSIGN_OR_RAISE(const auto answer, child->Call({{"op", "query"}, {"sql", sql}}));
  Sample sample{.seconds = answer["seconds"].get<double>()};
  Row row;
  for (const auto& cell : answer["row"]) row.push_back(cell.get<std::string>());
  sample.answer = {std::move(row)};
  return sample;
}

class Results {
 public:
  Results(Suite* suite, int64_t rows) : suite_(suite), rows_(rows) {}

  arrow::Status Open() {
    const auto statements = LoadStatements(rows_);
    ARROW_ASSIGN_OR_RAISE(ours_, PyralogSide::Open(suite_->Path("cpp"), suite_->threads()));
    for (const auto& statement : statements) ARROW_RETURN_NOT_OK(ours_->Execute(statement));
    ARROW_RETURN_NOT_OK(ours_->database().Flush());
    ARROW_ASSIGN_OR_RAISE(python_, Start("pyralog", statements));
    ARROW_ASSIGN_OR_RAISE(duckdb_, Start("duckdb", statements));
    return arrow::Status::OK();
  }

  arrow::Status Measure(const std::string& name, const std::string& sql) {
    const Side theirs{"DuckDB " + version_, [&] { return AskChild(duckdb_.get(), sql); },
                      duckdb_->pid()};
    ARROW_RETURN_NOT_OK(
        Run("results_cpp_" + name, sql, {"Pyralog", [&] { return RunCpp(sql); }}, theirs));
    return Run("results_python_" + name, sql,
               {"Pyralog", [&] { return AskChild(python_.get(), sql); }, python_->pid()}, theirs);
  }

 private:
  arrow::Result<std::unique_ptr<ChildPeer>> Start(const std::string& engine,
                                                  const std::vector<std::string>& statements) {
    const SuiteOptions& options = suite_->options();
    ARROW_ASSIGN_OR_RAISE(
        auto child,
        ChildPeer::Start({options.python, options.peers + "/arrow_results.py", engine}));
    ARROW_ASSIGN_OR_RAISE(const auto answer, child->Call({{"op", "open"},
                                                          {"path", suite_->Path(engine)},
                                                          {"threads", suite_->threads()},
                                                          {"statements", statements}}));
    version_ = answer["version"].get<std::string>();
    return child;
  }

  arrow::Status Run(const std::string& name, const std::string& sql, Side ours,
                    const Side& theirs) {
    Pair pair;
    pair.name = name;
    pair.what = sql + " to Arrow, " + std::to_string(rows_) + " rows";
    pair.measure = Measure::kRateRatio;
    pair.goal = {Direction::kAtLeast, 1.5};
    pair.ours = std::move(ours);
    pair.peer = theirs;
    return suite_->Run(pair);
  }

  arrow::Result<Sample> RunCpp(const std::string& sql) {
    const double start = Now();
    ARROW_ASSIGN_OR_RAISE(const auto reader, ours_->session().Query(sql));
    ARROW_ASSIGN_OR_RAISE(const auto batches, ReadRest(*reader));
    Sample sample{.seconds = Now() - start};
    ARROW_ASSIGN_OR_RAISE(auto row, AnswerOf(batches, reader->schema()));
    sample.answer = {std::move(row)};
    return sample;
  }

  Suite* suite_;
  const int64_t rows_;
  std::string version_;
  std::unique_ptr<PyralogSide> ours_;
  std::unique_ptr<ChildPeer> python_;
  std::unique_ptr<ChildPeer> duckdb_;
};

arrow::Status Run(Suite* suite) {
  if (!suite->WantsAny({"results_cpp_scan", "results_python_scan", "results_cpp_filter",
                        "results_python_filter"})) {
    return arrow::Status::OK();
  }
  Results results(suite, suite->Scaled<int64_t>(500'000, 10'000'000));
  ARROW_RETURN_NOT_OK(results.Open());
  ARROW_RETURN_NOT_OK(results.Measure("scan", "SELECT * FROM r"));
  return results.Measure("filter", "SELECT * FROM r2 WHERE i % 2 = 0");
}

}  // namespace
}  // namespace pyralog::bench

int main(int argc, char** argv) {
  return pyralog::bench::RunSuite("results", argc, argv, pyralog::bench::Run);
}
