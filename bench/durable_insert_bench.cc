// Durable one-row inserts through prepared statements, each a commit of its own.
//
//   durable_insert_1, durable_insert_8   one and eight sessions, against DuckDB 2.0 (a process of
//                                        its own, peers/duckdb_insert.py)
//   durable_insert_1_embedded, ..._8_embedded
//                                        the same against the DuckDB 1.5 that Pyralog embeds, in
//                                        this process; stated, without a goal
//
// Both sides acknowledge a row when it survives power loss. The table grows from round to round;
// what it holds is compared after each.
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "harness/child_peer.h"
#include "harness/duckdb_peer.h"
#include "harness/pyralog_side.h"
#include "harness/suite.h"

namespace pyralog::bench {
namespace {

constexpr char kCreate[] =
    "CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR, price DOUBLE)";
constexpr char kInsert[] = "INSERT INTO orders VALUES ($1, $2, $3)";
constexpr char kAnswer[] =
    "SELECT count(*), sum(id)::BIGINT, sum(length(name))::BIGINT, sum(price) FROM orders";

std::string NameOf(int64_t id) { return "customer " + std::to_string(id % 1000); }
double PriceOf(int64_t id) { return static_cast<double>(id) * 0.25; }

// Calls `insert(thread, id)` for `rows` ids in each of `threads` threads and times each call.
template <class Insert>
arrow::Result<Sample> InsertInThreads(size_t threads, int64_t first, int64_t rows,
                                      const Insert& insert) {
  std::vector<arrow::Status> statuses(threads);
  std::vector<std::vector<double>> times(threads);
  std::latch ready(static_cast<std::ptrdiff_t>(threads) + 1);
  const auto work = [&](size_t thread) {
    std::vector<double> mine(static_cast<size_t>(rows));
    const int64_t from = first + static_cast<int64_t>(thread) * rows;
    ready.arrive_and_wait();
    double before = Now();
    for (int64_t i = 0; i < rows && statuses[thread].ok(); ++i) {
      statuses[thread] = insert(thread, from + i);
      const double now = Now();
      mine[static_cast<size_t>(i)] = (now - before) * 1e6;
      before = now;
    }
    times[thread] = std::move(mine);
  };
  std::vector<std::thread> workers;
  for (size_t thread = 0; thread < threads; ++thread) workers.emplace_back(work, thread);
  ready.arrive_and_wait();
  const double start = Now();
  for (auto& worker : workers) worker.join();
  Sample sample{.seconds = Now() - start,
                .work = static_cast<double>(rows) * static_cast<double>(threads)};
  for (size_t thread = 0; thread < threads; ++thread) {
    ARROW_RETURN_NOT_OK(statuses[thread]);
    auto& all = sample.latencies_us;
    all.insert(all.end(), times[thread].begin(), times[thread].end());
  }
  return sample;
}

class PyralogInserts {
 public:
  arrow::Status Open(const std::string& path, size_t cores, size_t threads) {
    ARROW_ASSIGN_OR_RAISE(side_, PyralogSide::Open(path, cores));
    ARROW_RETURN_NOT_OK(side_->Execute(kCreate));
    for (size_t i = 0; i < threads; ++i) {
      ARROW_ASSIGN_OR_RAISE(sessions_.emplace_back(), side_->database().Connect());
      ARROW_ASSIGN_OR_RAISE(statements_.emplace_back(), sessions_.back()->Prepare(kInsert));
    }
    return arrow::Status::OK();
  }

  arrow::Result<Sample> Run(int64_t rows) {
    const auto insert = [this](size_t thread, int64_t id) {
      return statements_[thread]
          ->Execute({arrow::MakeScalar(id), arrow::MakeScalar(NameOf(id)),
                     arrow::MakeScalar(PriceOf(id))})
          .status();
    };
    ARROW_ASSIGN_OR_RAISE(Sample sample, InsertInThreads(statements_.size(), next_, rows, insert));
    next_ += static_cast<int64_t>(statements_.size()) * rows;
    ARROW_ASSIGN_OR_RAISE(const auto batches, side_->Query(kAnswer));
    ARROW_ASSIGN_OR_RAISE(sample.answer, ReadAnswer(batches));
    return sample;
  }

 private:
  std::unique_ptr<PyralogSide> side_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<PreparedStatement>> statements_;
  int64_t next_ = 0;
};

class EmbeddedInserts {
 public:
  arrow::Status Open(const std::string& path, size_t cores, size_t threads) {
    ARROW_ASSIGN_OR_RAISE(peer_, DuckDBPeer::Open(path, cores));
    ARROW_RETURN_NOT_OK(peer_->Execute(kCreate));
    for (size_t i = 0; i < threads; ++i) {
      connections_.push_back(peer_->Connect());
      statements_.push_back(connections_.back()->Prepare(kInsert));
      if (statements_.back()->HasError()) return arrow::Status::Invalid(kInsert);
    }
    return arrow::Status::OK();
  }

  arrow::Result<Sample> Run(int64_t rows) {
    const auto insert = [this](size_t thread, int64_t id) {
      duckdb::vector<duckdb::Value> values = {duckdb::Value::BIGINT(id), duckdb::Value(NameOf(id)),
                                              duckdb::Value::DOUBLE(PriceOf(id))};
      const auto result = statements_[thread]->Execute(values, false);
      return result->HasError() ? arrow::Status::Invalid(result->GetError()) : arrow::Status::OK();
    };
    ARROW_ASSIGN_OR_RAISE(Sample sample, InsertInThreads(statements_.size(), next_, rows, insert));
    next_ += static_cast<int64_t>(statements_.size()) * rows;
    ARROW_ASSIGN_OR_RAISE(const auto result, peer_->Query(kAnswer));
    sample.answer = ToAnswer(*result);
    return sample;
  }

 private:
  std::unique_ptr<DuckDBPeer> peer_;
  std::vector<std::unique_ptr<duckdb::Connection>> connections_;
  std::vector<duckdb::unique_ptr<duckdb::PreparedStatement>> statements_;
  int64_t next_ = 0;
};

// DuckDB 2.0 in its own process.
class ChildInserts {
 public:
  arrow::Status Open(const SuiteOptions& options, const std::string& path, size_t threads) {
    ARROW_ASSIGN_OR_RAISE(child_,
                          ChildPeer::Start({options.python, options.peers + "/duckdb_insert.py"}));
    ARROW_ASSIGN_OR_RAISE(const auto opened,
                          child_->Call({{"op", "open"}, {"path", path}, {"threads", threads}}));
    version_ = opened["version"].get<std::string>();
    threads_ = static_cast<int64_t>(threads);
    return arrow::Status::OK();
  }

  int pid() const { return child_->pid(); }
  const std::string& version() const { return version_; }

  arrow::Result<Sample> Run(int64_t rows) {
    ARROW_ASSIGN_OR_RAISE(auto ran,
                          child_->Call({{"op", "insert"}, {"first", next_}, {"rows", rows}}));
    next_ += threads_ * rows;
    ARROW_ASSIGN_OR_RAISE(auto answer, child_->Call({{"op", "answer"}}));
    Sample sample{.seconds = ran["seconds"].get<double>(),
                  .work = static_cast<double>(threads_ * rows)};
    sample.latencies_us = ran["latencies_us"].get<std::vector<double>>();
    Row row;
    for (const auto& cell : answer["row"]) {
      row.push_back(cell.is_string() ? Cell(cell.get<std::string>()) : Cell(cell.get<double>()));
    }
    sample.answer = {row};
    return sample;
  }

 private:
  std::unique_ptr<ChildPeer> child_;
  std::string version_;
  int64_t threads_ = 0;
  int64_t next_ = 0;
};

Pair MakePair(Suite* suite, const std::string& name, size_t threads, int64_t rows) {
  Pair pair;
  pair.name = name;
  pair.what = std::to_string(threads) + " session(s), each " + std::to_string(rows) +
              " durable one-row inserts a run";
  pair.measure = Measure::kRateRatio;
  // Commits that wait at the same time can share one sync.
  pair.floor = [suite, rows] { return SyncFloor(suite->limits(), static_cast<double>(rows)); };
  return pair;
}

arrow::Status MeasureAgainstChild(Suite* suite, size_t threads, int64_t rows, double goal) {
  const std::string name = "durable_insert_" + std::to_string(threads);
  if (!suite->Wants(name)) return arrow::Status::OK();
  PyralogInserts ours;
  ChildInserts theirs;
  ARROW_RETURN_NOT_OK(ours.Open(suite->Path(name), suite->threads(), threads));
  ARROW_RETURN_NOT_OK(theirs.Open(suite->options(), suite->Path(name + ".duckdb"), threads));
  Pair pair = MakePair(suite, name, threads, rows);
  pair.goal = {Direction::kAtLeast, goal};
  pair.ours = {"Pyralog", [&ours, rows] { return ours.Run(rows); }};
  pair.peer = Side{"DuckDB " + theirs.version(), [&theirs, rows] { return theirs.Run(rows); },
                   theirs.pid()};
  return suite->Run(pair);
}

arrow::Status MeasureAgainstEmbedded(Suite* suite, size_t threads, int64_t rows) {
  const std::string name = "durable_insert_" + std::to_string(threads) + "_embedded";
  if (!suite->Wants(name)) return arrow::Status::OK();
  PyralogInserts ours;
  EmbeddedInserts theirs;
  ARROW_RETURN_NOT_OK(ours.Open(suite->Path(name), suite->threads(), threads));
  ARROW_RETURN_NOT_OK(theirs.Open(suite->Path(name + ".duckdb"), suite->threads(), threads));
  Pair pair = MakePair(suite, name, threads, rows);
  pair.goal.wanted = false;
  pair.ours = {"Pyralog", [&ours, rows] { return ours.Run(rows); }};
  pair.peer = Side{std::string("DuckDB ") + duckdb::DuckDB::LibraryVersion(),
                   [&theirs, rows] { return theirs.Run(rows); }};
  return suite->Run(pair);
}

arrow::Status Run(Suite* suite) {
  const auto one = suite->Scaled<int64_t>(500, 10'000);
  const auto eight = suite->Scaled<int64_t>(250, 2'500);
  ARROW_RETURN_NOT_OK(MeasureAgainstChild(suite, 1, one, 1));
  ARROW_RETURN_NOT_OK(MeasureAgainstChild(suite, 8, eight, 3));
  ARROW_RETURN_NOT_OK(MeasureAgainstEmbedded(suite, 1, one));
  return MeasureAgainstEmbedded(suite, 8, eight);
}

}  // namespace
}  // namespace pyralog::bench

int main(int argc, char** argv) {
  return pyralog::bench::RunSuite("durable_insert", argc, argv, pyralog::bench::Run);
}
