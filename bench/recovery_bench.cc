// Opening a database after a crash, and opening a large one. Through the engine, without SQL.
//
//   recovery_one_row      replaying 64 MiB of log that holds commits of one row
//   recovery_hundred_rows the same, commits of 100 rows
//   open_many_segments    opening a database of 10,000 segments (500 at small scale)
//
// Every run opens a fresh copy of the folder (in the page cache), with default options. The log is
// made without syncing each commit, so that it is as dense as the engine can write it.
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "arrow/api.h"
#include "harness/suite.h"
#include "io/env.h"
#include "lsm/engine.h"

namespace pyralog::bench {
namespace {

constexpr double kLogUnit = 64 << 20;  // bytes of log that the recovery goal speaks of
constexpr int kTables = 10;            // that the segments are spread over

std::shared_ptr<arrow::Schema> OrderSchema() {
  return arrow::schema({arrow::field("id", arrow::int64(), false),
                        arrow::field("name", arrow::utf8()),
                        arrow::field("price", arrow::float64())});
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Orders(int64_t first, int64_t count) {
  arrow::Int64Builder ids;
  arrow::StringBuilder names;
  arrow::DoubleBuilder prices;
  for (int64_t id = first; id < first + count; ++id) {
    ARROW_RETURN_NOT_OK(ids.Append(id));
    ARROW_RETURN_NOT_OK(names.Append("customer " + std::to_string(id % 1000)));
    ARROW_RETURN_NOT_OK(prices.Append(static_cast<double>(id) * 0.25));
  }
  ARROW_ASSIGN_OR_RAISE(auto id, ids.Finish());
  ARROW_ASSIGN_OR_RAISE(auto name, names.Finish());
  ARROW_ASSIGN_OR_RAISE(auto price, prices.Finish());
  return arrow::RecordBatch::Make(OrderSchema(), count, {id, name, price});
}

arrow::Result<TableId> CreateOrders(lsm::Engine* engine) {
  ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
  ARROW_ASSIGN_OR_RAISE(auto schema, lsm::MakeTableSchema(OrderSchema(), {0}));
  ARROW_ASSIGN_OR_RAISE(const TableId table, txn->CreateTable(schema));
  ARROW_RETURN_NOT_OK(txn->Commit());
  return table;
}

arrow::Status CommitOrders(lsm::Engine* engine, TableId table, int64_t first, int64_t count) {
  ARROW_ASSIGN_OR_RAISE(auto batch, Orders(first, count));
  ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
  ARROW_RETURN_NOT_OK(txn->Append(table, batch));
  return txn->Commit().status();
}

uint64_t LogBytes(const lsm::Engine& engine) {
  uint64_t bytes = 0;
  for (const auto& file : engine.Files()) {
    if (file.kind == "wal") bytes += file.bytes;
  }
  return bytes;
}

// A database whose log has about `bytes` bytes, all of them live. Returns the number of rows.
arrow::Result<int64_t> MakeLog(const std::string& path, int64_t rows_each, double bytes) {
  lsm::EngineOptions options;
  options.durability = lsm::Durability::kNormal;
  options.memtable_bytes = uint64_t{4} << 30;
  options.wal_bytes = uint64_t{4} << 30;
  options.wal_preallocate_bytes = 64 << 10;  // so that the file's size is about that of its content
  ARROW_ASSIGN_OR_RAISE(auto engine, lsm::Engine::Open(io::PosixEnv(), path, options));
  ARROW_ASSIGN_OR_RAISE(const TableId table, CreateOrders(engine.get()));
  int64_t rows = 0;
  for (int64_t commits = 0;; ++commits) {
    // Asking for the size costs a little, so not at each commit.
    if (commits % 256 == 0 && static_cast<double>(LogBytes(*engine)) >= bytes) break;
    ARROW_RETURN_NOT_OK(CommitOrders(engine.get(), table, rows, rows_each));
    rows += rows_each;
  }
  ARROW_RETURN_NOT_OK(engine->Close());
  return rows;
}

arrow::Status CopyFolder(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::remove_all(to, error);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
  if (error) return arrow::Status::IOError("cannot copy ", from, ": ", error.message());
  return arrow::Status::OK();
}

// Opens `path`; the seconds are those for 64 MiB of log.
arrow::Result<Sample> Recover(const std::string& path, int64_t rows) {
  const double start = Now();
  ARROW_ASSIGN_OR_RAISE(auto engine, lsm::Engine::Open(io::PosixEnv(), path, lsm::EngineOptions{}));
  const double seconds = Now() - start;
  const lsm::RecoveryReport& report = engine->recovery();
  ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
  ARROW_ASSIGN_OR_RAISE(auto view, txn->View(TableId(1)));
  if (view->num_rows() != rows) {
    return arrow::Status::Invalid("recovered ", view->num_rows(), " of ", rows, " rows");
  }
  return Sample{.seconds = seconds * kLogUnit / static_cast<double>(report.log_bytes),
                .work = static_cast<double>(report.log_records)};
}

arrow::Status MeasureRecovery(Suite* suite, const std::string& name, int64_t rows_each) {
  if (!suite->Wants(name)) return arrow::Status::OK();
  const double bytes = suite->Scaled<double>(4 << 20, kLogUnit);
  const std::string made = suite->Path(name + "_made");
  const std::string copy = suite->Path(name);
  ARROW_ASSIGN_OR_RAISE(const int64_t rows, MakeLog(made, rows_each, bytes));
  Pair pair;
  pair.name = name;
  pair.what = "seconds for each 64 MiB of log, commits of " + std::to_string(rows_each) +
              " rows; measured on " + Format("%.0f MiB", bytes / (1 << 20)) + " with " +
              std::to_string(rows / rows_each) + " commits";
  pair.measure = Measure::kSeconds;
  pair.goal = {Direction::kAtMost, 2.0};
  pair.before_round = [made, copy] { return CopyFolder(made, copy); };
  pair.ours = {"Pyralog", [copy, rows] { return Recover(copy, rows); }};
  pair.floor = [suite] { return BytesFloor(suite->limits(), kLogUnit); };
  return suite->Run(pair);
}

// A database of `segments` segments of a few rows each.
arrow::Status MakeSegments(const std::string& path, int64_t segments) {
  lsm::EngineOptions options;
  options.durability = lsm::Durability::kOff;
  options.merge_fanin = 1 << 30;
  options.background_work = false;
  ARROW_ASSIGN_OR_RAISE(auto engine, lsm::Engine::Open(io::PosixEnv(), path, options));
  std::vector<TableId> tables;
  for (int i = 0; i < kTables; ++i) {
    ARROW_ASSIGN_OR_RAISE(tables.emplace_back(), CreateOrders(engine.get()));
  }
  constexpr int64_t kRows = 4;
  for (int64_t i = 0; i < segments / kTables; ++i) {
    for (const TableId table : tables) {
      ARROW_RETURN_NOT_OK(CommitOrders(engine.get(), table, i * kRows, kRows));
    }
    ARROW_RETURN_NOT_OK(engine->Flush());
  }
  return engine->Close();
}

arrow::Result<Sample> OpenSegments(const std::string& path, int64_t segments) {
  lsm::EngineOptions options;
  options.merge_fanin = 1 << 30;  // so that the next run finds the same
  const double start = Now();
  ARROW_ASSIGN_OR_RAISE(auto engine, lsm::Engine::Open(io::PosixEnv(), path, options));
  const double seconds = Now() - start;
  int64_t found = 0;
  for (const auto& file : engine->Files()) found += file.kind == "segment" ? 1 : 0;
  if (found != segments) {
    return arrow::Status::Invalid("the database has ", found, " segments instead of ", segments);
  }
  return Sample{.seconds = seconds, .work = static_cast<double>(segments)};
}

arrow::Status MeasureOpening(Suite* suite) {
  const std::string name = "open_many_segments";
  if (!suite->Wants(name)) return arrow::Status::OK();
  const int64_t segments = suite->Scaled<int64_t>(500, 10'000);
  const std::string path = suite->Path(name);
  ARROW_RETURN_NOT_OK(MakeSegments(path, segments));
  Pair pair;
  pair.name = name;
  pair.what = "opening a database of " + std::to_string(segments) + " segments in " +
              std::to_string(kTables) + " tables, closed cleanly";
  pair.measure = Measure::kSeconds;
  pair.goal = {Direction::kAtMost, 1.0};
  pair.ours = {"Pyralog", [path, segments] { return OpenSegments(path, segments); }};
  return suite->Run(pair);
}

arrow::Status Run(Suite* suite) {
  ARROW_RETURN_NOT_OK(MeasureRecovery(suite, "recovery_one_row", 1));
  ARROW_RETURN_NOT_OK(MeasureRecovery(suite, "recovery_hundred_rows", 100));
  return MeasureOpening(suite);
}

}  // namespace
}  // namespace pyralog::bench

int main(int argc, char** argv) {
  return pyralog::bench::RunSuite("recovery", argc, argv, pyralog::bench::Run);
}
