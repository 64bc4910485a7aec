// The power fails at any operation of a workload: what was acknowledged is there afterwards, whole, and nothing half.
//
// A state is an operation of the workload x what becomes of the bytes that were not synced (io/fault_env.h). Each test
// prints how many different states it reached, and fails below the number that is promised.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <set>
#include <tuple>

#include "io/fault_env.h"
#include "tests/crash/workload.h"

namespace pyralog::lsm {
namespace {

using io::CrashMode;
using io::FaultEnv;
using io::FaultKind;

constexpr uint64_t kWorkloadSeed = 20240607;
constexpr int kSteps = 90;
constexpr CrashMode kModes[] = {CrashMode::kLoseAll, CrashMode::kKeepAll, CrashMode::kPrefix, CrashMode::kRandom};
constexpr const char* kModeNames[] = {"lose all", "keep all", "prefix", "random"};

// How many states to reach: the environment says so, or 500.
size_t PromisedStates() {
  const char* text = std::getenv("PYRALOG_CRASH_STATES");
  return text == nullptr ? 500 : std::strtoull(text, nullptr, 10);
}

// A workload over a disk of its own, up to its end or to the first error.
struct CrashRun {
  explicit CrashRun(EngineOptions options = SmallOptions(), io::FaultEnvOptions disk = {})
      : env(FaultEnv::Make(disk)), workload(kWorkloadSeed), database{env.get(), options, nullptr} {}

  arrow::Status Run(int steps = kSteps) {
    for (int i = 0; i < steps; ++i) ARROW_RETURN_NOT_OK(workload.Step(&database));
    return arrow::Status::OK();
  }
  // Runs into a power failure at this operation. False when the workload ended before.
  bool RunUntilCrash(uint64_t operation) {
    env->FailAt(operation, FaultKind::kCrash, true);
    EXPECT_FALSE(Run().ok() && env->fault_fired());
    EXPECT_EQ(workload.wrong(), "");
    database.Abandon();
    return env->fault_fired();
  }

  std::unique_ptr<FaultEnv> env;
  Workload workload;
  Database database;
};

uint64_t CountOperations() {
  CrashRun run;
  const arrow::Status status = run.Run();
  EXPECT_TRUE(status.ok()) << status.ToString();
  if (!status.ok()) return 0;
  EXPECT_EQ(run.workload.Check(run.database.engine.get()), "");
  std::cout << "workload seed " << kWorkloadSeed << ": " << run.workload.acknowledged() << " commits, "
            << run.env->operations() << " operations\n";
  return run.env->operations();
}

// As if the power failed now, between two operations.
void CutPower(FaultEnv* env, Database* database, CrashMode mode, uint64_t seed) {
  env->FailAt(env->operations() + 1, FaultKind::kCrash, true);
  database->Abandon();
  env->Crash(mode, seed);
}

// Opens what a power failure left, compares it, works on, and opens it once more, after a clean end or (odd seeds) another
// power failure. Returns what is wrong, or "".
std::string CheckRecovery(FaultEnv* env, Workload workload, uint64_t seed) {
  Database database{env, SmallOptions(), nullptr};
  auto check = [&](const std::string& when, const arrow::Status& status, const std::string& text) {
    return status.ok() ? (text.empty() ? "" : when + ": " + text) : when + ": " + status.ToString();
  };
  auto open = [&](const std::string& when) {
    const arrow::Status status = database.Open();
    std::string wrong = check(when, status, status.ok() ? workload.Adopt(database.engine.get()) : "");
    return wrong.empty() ? check(when + ", Verify", database.engine->Verify(), "") : wrong;
  };
  if (std::string wrong = open("the first opening"); !wrong.empty()) return wrong;
  workload.Reseed(seed);
  for (int i = 0; i < 6; ++i) {
    const arrow::Status status = workload.Step(&database);
    if (std::string wrong = check("working on", status, workload.wrong()); !wrong.empty()) return wrong;
  }
  if (seed % 2 == 1) CutPower(env, &database, CrashMode::kLoseAll, seed);
  return open("the second opening");
}

TEST(CrashTest, AcknowledgedCommitsSurviveAPowerFailureAtAnyOperation) {
  const size_t promised = PromisedStates();
  const uint64_t operations = CountOperations();
  const uint64_t points = (promised + std::size(kModes) - 1) / std::size(kModes);
  ASSERT_GE(operations, points) << "the workload is too short for so many states";
  std::set<std::pair<uint64_t, CrashMode>> states;
  for (uint64_t i = 0; i < points; ++i) {
    const uint64_t operation = 1 + i * operations / points;
    CrashRun run;
    ASSERT_TRUE(run.RunUntilCrash(operation)) << operation;
    for (const CrashMode mode : kModes) {
      const uint64_t seed = operation * 4 + static_cast<uint64_t>(mode) + i % 2;
      auto env = run.env->Clone();
      env->Crash(mode, seed);
      const std::string wrong = CheckRecovery(env.get(), run.workload, seed);
      EXPECT_EQ(wrong, "") << "operation " << operation << ", " << kModeNames[static_cast<int>(mode)] << ", seed " << seed;
      states.insert({operation, mode});
    }
  }
  std::cout << states.size() << " states (operation x fate of what was not synced)\n";
  EXPECT_GE(states.size(), promised);
}

}  // namespace
}  // namespace pyralog::lsm
