// A workload over a simulated disk of its own, for tests that make the disk fail.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "io/fault_env.h"
#include "tests/crash/workload.h"

namespace pyralog::lsm {

inline uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// PYRALOG_CRASH_STATES: how many states the crash tests promise to reach.
inline size_t PromisedStates() { return NumberFromEnvironment("PYRALOG_CRASH_STATES", 500); }
// PYRALOG_CRASH_SEED: the workload's.
inline uint64_t WorkloadSeed() { return NumberFromEnvironment("PYRALOG_CRASH_SEED", 20240607); }

struct FaultyRun {
  explicit FaultyRun(EngineOptions options = SmallOptions(), io::FaultEnvOptions disk = {})
      : env(io::FaultEnv::Make(disk)),
        workload(WorkloadSeed()),
        database{env.get(), options, nullptr} {}

  // Up to the first error.
  arrow::Status Run(int steps) {
    for (int i = 0; i < steps; ++i) ARROW_RETURN_NOT_OK(workload.Step(&database));
    return arrow::Status::OK();
  }
  // Runs into a power failure at this operation. False when the workload ended before.
  bool RunUntilCrash(uint64_t operation, int steps) {
    env->FailAt(operation, io::FaultKind::kCrash, true);
    (void)Run(steps);
    EXPECT_EQ(workload.wrong(), "");
    database.Abandon();
    return env->fault_fired();
  }

  std::unique_ptr<io::FaultEnv> env;
  Workload workload;
  Database database;
};

// As if the power failed now, between two operations.
inline void CutPower(io::FaultEnv* env, Database* database, io::CrashMode mode, uint64_t seed) {
  env->FailAt(env->operations() + 1, io::FaultKind::kCrash, true);
  database->Abandon();
  env->Crash(mode, seed);
}

}  // namespace pyralog::lsm
