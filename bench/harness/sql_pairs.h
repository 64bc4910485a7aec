// The same SQL on both sides: Pyralog, and DuckDB in this process.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "duckdb_peer.h"
#include "pyralog_side.h"
#include "suite.h"

namespace pyralog::bench {

class SqlPairs {
 public:
  explicit SqlPairs(Suite* suite) : suite_(suite) {}

  // Two new databases in the suite's folder, `name`d apart from others there.
  arrow::Status Open(const std::string& name) {
    ARROW_ASSIGN_OR_RAISE(ours_,
                          PyralogSide::Open(suite_->Path(name + ".pyralog"), suite_->threads()));
    ARROW_ASSIGN_OR_RAISE(theirs_,
                          DuckDBPeer::Open(suite_->Path(name + ".duckdb"), suite_->threads()));
    return arrow::Status::OK();
  }

  // The same statements on both sides, then both to rest.
  arrow::Status Apply(const std::vector<std::string>& statements) {
    for (const std::string& statement : statements) {
      double start = Now();
      ARROW_RETURN_NOT_OK(ours_->Execute(statement));
      const double ours = Now() - start;
      start = Now();
      ARROW_RETURN_NOT_OK(theirs_->Execute(statement));
      (void)std::printf("    %.40s...: %s, DuckDB %s\n", statement.c_str(),
                        FormatSeconds(ours).c_str(), FormatSeconds(Now() - start).c_str());
    }
    ARROW_RETURN_NOT_OK(ours_->database().Flush());
    ARROW_RETURN_NOT_OK(theirs_->Execute("CHECKPOINT"));
    WaitUntilIdle();
    return arrow::Status::OK();
  }

  // Times `sql` on both sides. `pair` has all but its sides.
  arrow::Status Measure(Pair pair, const std::string& sql) {
    pair.ours = {"Pyralog", [&] { return RunOurs(sql); }};
    pair.peer = Side{std::string("DuckDB ") + duckdb::DuckDB::LibraryVersion(),
                     [&] { return RunTheirs(sql); }};
    return suite_->Run(pair);
  }

  PyralogSide& ours() { return *ours_; }
  DuckDBPeer& theirs() { return *theirs_; }

 private:
  arrow::Result<Sample> RunOurs(const std::string& sql) {
    const double start = Now();
    ARROW_ASSIGN_OR_RAISE(const auto batches, ours_->Query(sql));
    Sample sample{.seconds = Now() - start};
    ARROW_ASSIGN_OR_RAISE(sample.answer, ReadAnswer(batches));
    return sample;
  }

  arrow::Result<Sample> RunTheirs(const std::string& sql) {
    const double start = Now();
    ARROW_ASSIGN_OR_RAISE(const auto result, theirs_->Query(sql));
    Sample sample{.seconds = Now() - start};
    sample.answer = ToAnswer(*result);
    return sample;
  }

  Suite* suite_;
  std::unique_ptr<PyralogSide> ours_;
  std::unique_ptr<DuckDBPeer> theirs_;
};

}  // namespace pyralog::bench
