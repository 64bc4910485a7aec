// A seeded workload and the model of what it made: tables with and without keys, transactions over
// several tables and metadata, updates, deletes, spills, definitions that change, flushes, merges,
// reopening.
//
// Everything is decided by the seed and the model, so that two runs from the same point do the
// same; only the engine's database id differs.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "io/env.h"
#include "lsm/engine.h"
#include "tests/crash/database_model.h"

namespace pyralog::lsm {

// A database that may be open or not.
struct Database {
  io::Env* env = nullptr;
  EngineOptions options;
  std::unique_ptr<Engine> engine;

  // Opens; what was open is closed first.
  arrow::Status Open();
  // As a process that dies does: nothing is waited for. REQUIRES: the env's power is off, or it
  // refuses writes.
  void Abandon() { engine.reset(); }
};

// Everything small: a flush every few commits, spills after a few dozen rows, merges of three
// files.
EngineOptions SmallOptions();

class Workload {
 public:
  explicit Workload(uint64_t seed);

  // One random step: mostly a transaction, now and then a rollback, a flush, a merge or a
  // reopening. An error of the engine ends the step; what it did not acknowledge is remembered as
  // in flight.
  arrow::Status Step(Database* database);
  // One random transaction, committed.
  arrow::Status Commit(Engine* engine);
  // Commits transactions of `rows` rows each, with texts of this size, into the table "rows" (n
  // int64, text utf8), which is made when it is not there.
  arrow::Status CommitRows(Engine* engine, int commits, size_t text_size, int rows = 1);
  // Commits a transaction that only deletes: all but every tenth row of every table.
  arrow::Status DeleteMost(Engine* engine);

  // Compares an engine that just recovered. It may show what was acknowledged (or, with `least`, at
  // least that commit), and what was in flight, whole or not at all. Goes on from what is there.
  // Returns what is wrong, or "".
  std::string Adopt(Engine* engine);
  std::string Adopt(Engine* engine, uint64_t least);
  // Compares an engine with what was acknowledged, by scan and by key; in flight is nothing.
  std::string Check(Engine* engine) const;

  // What was in flight certainly failed: the engine said so and goes on taking writes.
  void ForgetInFlight() { states_.resize(acknowledged_ + 1); }

  // Commits so far. The model after commit i is states()[i]; behind `acknowledged` there may be one
  // that was in flight.
  uint64_t acknowledged() const { return acknowledged_; }
  const std::vector<std::shared_ptr<const DatabaseModel>>& states() const { return states_; }
  // Commits at the last Flush that succeeded: what survives without a log.
  uint64_t flushed() const { return flushed_; }
  const DatabaseModel& model() const { return *states_[acknowledged_]; }
  // What the model found wrong inside a transaction (its own writes not seen, a key twice); "" when
  // nothing.
  const std::string& wrong() const { return wrong_; }
  // Begins another sequence of random choices.
  void Reseed(uint64_t seed) { random_.seed(seed); }

 private:
  arrow::Status CommitAttempt(Transaction* txn, DatabaseModel next);

  std::mt19937_64 random_;
  std::vector<std::shared_ptr<const DatabaseModel>> states_;
  uint64_t acknowledged_ = 0;
  uint64_t flushed_ = 0;
  std::string wrong_;
};

}  // namespace pyralog::lsm
