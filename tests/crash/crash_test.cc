// The power fails at any operation of a workload: what was acknowledged is there afterwards, whole,
// and nothing half.
//
// A state is an operation of the workload x what becomes of the bytes that were not synced
// (io/fault_env.h). Each test prints how many different states it reached, and fails below the
// number that is promised.
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <tuple>

#include "pyralog/error.h"
#include "tests/crash/faulty_run.h"
#include "tests/crash/sync_hook_env.h"

namespace pyralog::lsm {
namespace {

using io::CrashMode;
using io::FaultEnv;
using io::FaultKind;

constexpr int kSteps = 90;
constexpr CrashMode kModes[] = {CrashMode::kLoseAll, CrashMode::kKeepAll, CrashMode::kPrefix,
                                CrashMode::kRandom};
constexpr const char* kModeNames[] = {"lose all", "keep all", "prefix", "random"};

uint64_t CountOperations() {
  FaultyRun run;
  const arrow::Status status = run.Run(kSteps);
  EXPECT_TRUE(status.ok()) << status.ToString();
  if (!status.ok()) return 0;
  EXPECT_EQ(run.workload.Check(run.database.engine.get()), "");
  std::cout << "workload seed " << WorkloadSeed() << ": " << run.workload.acknowledged()
            << " commits, " << run.env->operations() << " operations\n";
  return run.env->operations();
}

// Opens what a power failure left, compares it (it must show the commit `least` or more), works on,
// and opens it once more, after a clean end or (odd seeds) another power failure. Returns what is
// wrong, or "".
std::string CheckRecovery(FaultEnv* env, Workload workload, uint64_t seed, uint64_t least) {
  Database database{env, SmallOptions(), nullptr};
  auto check = [&](const std::string& when, const arrow::Status& status, const std::string& text) {
    return status.ok() ? (text.empty() ? "" : when + ": " + text) : when + ": " + status.ToString();
  };
  auto open = [&](const std::string& when, uint64_t least_commit) {
    const arrow::Status status = database.Open();
    std::string wrong =
        check(when, status, status.ok() ? workload.Adopt(database.engine.get(), least_commit) : "");
    return wrong.empty() ? check(when + ", Verify", database.engine->Verify(), "") : wrong;
  };
  if (std::string wrong = open("the first opening", least); !wrong.empty()) return wrong;
  workload.Reseed(seed);
  for (int i = 0; i < 6; ++i) {
    const arrow::Status status = workload.Step(&database);
    if (std::string wrong = check("working on", status, workload.wrong()); !wrong.empty())
      return wrong;
  }
  if (seed % 2 == 1) CutPower(env, &database, CrashMode::kLoseAll, seed);
  return open("the second opening", workload.acknowledged());
}

std::string CheckRecovery(FaultEnv* env, const Workload& workload, uint64_t seed) {
  return CheckRecovery(env, workload, seed, workload.acknowledged());
}

std::string Describe(uint64_t operation, CrashMode mode, uint64_t seed) {
  return "operation " + std::to_string(operation) + ", " + kModeNames[static_cast<int>(mode)] +
         ", seed " + std::to_string(seed);
}

TEST(CrashTest, AcknowledgedCommitsSurviveAPowerFailureAtAnyOperation) {
  const size_t promised = PromisedStates();
  const uint64_t operations = CountOperations();
  const uint64_t points = (promised + std::size(kModes) - 1) / std::size(kModes);
  ASSERT_GE(operations, points) << "the workload is too short for so many states";
  std::set<std::pair<uint64_t, CrashMode>> states;
  for (uint64_t i = 0; i < points; ++i) {
    const uint64_t operation = 1 + i * operations / points;
    FaultyRun run;
    ASSERT_TRUE(run.RunUntilCrash(operation, kSteps)) << operation;
    for (const CrashMode mode : kModes) {
      const uint64_t seed = operation * 4 + static_cast<uint64_t>(mode) + i % 2;
      auto env = run.env->Clone();
      env->Crash(mode, seed);
      EXPECT_EQ(CheckRecovery(env.get(), run.workload, seed), "")
          << Describe(operation, mode, seed);
      states.insert({operation, mode});
    }
  }
  std::cout << states.size() << " states (operation x fate of what was not synced)\n";
  EXPECT_GE(states.size(), promised);
}

// How many operations opening takes.
uint64_t CountOpening(const FaultEnv& env) {
  auto copy = env.Clone();
  const uint64_t before = copy->operations();
  Database database{copy.get(), SmallOptions(), nullptr};
  EXPECT_TRUE(database.Open().ok());
  return copy->operations() - before;
}

TEST(CrashTest, RecoveryItselfMayLosePower) {
  const size_t promised = PromisedStates() * 2 / 5;
  const uint64_t operations = CountOperations();
  std::set<std::tuple<uint64_t, CrashMode, uint64_t, CrashMode>> states;
  for (uint64_t i = 0; i * 4 < promised; ++i) {
    const uint64_t operation = 5 + i * (operations - 5) * 4 / promised;
    FaultyRun run;
    ASSERT_TRUE(run.RunUntilCrash(operation, kSteps)) << operation;
    const CrashMode mode = kModes[i % std::size(kModes)];
    run.env->Crash(mode, operation);
    const uint64_t opening = CountOpening(*run.env);
    ASSERT_GT(opening, 0u);
    for (uint64_t j = 0; j < 4; ++j) {
      const uint64_t second = 1 + (i + j * opening / 4) % opening;
      const CrashMode second_mode = kModes[(i / 4 + j) % std::size(kModes)];
      auto env = run.env->Clone();
      env->FailAt(env->operations() + second, FaultKind::kCrash, true);
      Database database{env.get(), SmallOptions(), nullptr};
      (void)database
          .Open();  // succeeds when what failed was not needed, as the removal of a left-over
      EXPECT_TRUE(env->fault_fired());
      database.Abandon();
      env->Crash(second_mode, operation + j);
      EXPECT_EQ(CheckRecovery(env.get(), run.workload, operation + j), "")
          << Describe(operation, mode, operation) << ", then opening's "
          << Describe(second, second_mode, operation + j);
      states.insert({operation, mode, second, second_mode});
    }
  }
  std::cout << states.size() << " states with a second power failure, during recovery\n";
  EXPECT_GE(states.size(), promised);
}

// `normal`: a killed process loses nothing, a power failure may lose the end, in order. `off`:
// everything up to the last flush is there; what came later may be.
TEST(CrashTest, WeakerDurabilityKeepsItsOwnPromise) {
  const size_t points = PromisedStates() / 20;
  for (const Durability durability : {Durability::kNormal, Durability::kOff}) {
    EngineOptions options = SmallOptions();
    options.durability = durability;
    FaultyRun whole(options);
    ASSERT_TRUE(whole.Run(kSteps).ok());
    for (size_t i = 0; i < points; ++i) {
      const uint64_t operation = 1 + i * whole.env->operations() / points;
      FaultyRun run(options);
      ASSERT_TRUE(run.RunUntilCrash(operation, kSteps)) << operation;
      for (const CrashMode mode : kModes) {
        const bool killed = durability == Durability::kNormal && mode == CrashMode::kKeepAll;
        const uint64_t least = killed ? run.workload.acknowledged() : run.workload.flushed();
        auto env = run.env->Clone();
        env->Crash(mode, operation);
        EXPECT_EQ(CheckRecovery(env.get(), run.workload, operation, least), "")
            << (durability == Durability::kOff ? "off, " : "normal, ")
            << Describe(operation, mode, operation);
      }
    }
  }
}

// What a reader sees before and after each sync of a run that ends in a failure; it must be a state
// of the model.
class Watcher {
 public:
  // `kind` is how the run is going to fail.
  Watcher(FaultEnv* disk, Workload* workload, FaultKind kind)
      : workload_(*workload),
        disk_(disk),
        kind_(kind),
        env_(disk, [this] { Look(); }),
        database_{&env_, SmallOptions(), nullptr} {}

  Database* database() { return &database_; }
  uint64_t newest_seen() const { return newest_seen_; }
  size_t looks() const { return looks_; }
  const std::string& wrong() const { return wrong_; }

  void Look() {
    Engine* engine = database_.engine.get();
    if (engine == nullptr || !wrong_.empty()) return;
    auto look = [&]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
      const uint64_t commit = txn->snapshot().value();
      newest_seen_ = std::max(newest_seen_, commit);
      if (++looks_ % 10 != 0) return arrow::Status::OK();
      ARROW_ASSIGN_OR_RAISE(const DatabaseModel seen, ReadDatabase(txn.get()));
      if (commit >= workload_.states().size())
        return arrow::Status::Invalid("sees a commit that was not made");
      const std::string text = Difference(*workload_.states()[commit], seen);
      return text.empty() ? arrow::Status::OK()
                          : arrow::Status::Invalid("at commit ", commit, ": ", text);
    };
    const arrow::Status status = look();
    // Without power nothing can be read that was not mapped before.
    const bool powerless = kind_ == FaultKind::kCrash && disk_->fault_fired();
    if (status.ok() || (powerless && GetErrorCode(status) == ErrorCode::kIo)) return;
    wrong_ = "a reader " + status.ToString();
  }

 private:
  Workload& workload_;
  FaultEnv* const disk_;
  const FaultKind kind_;
  SyncHookEnv env_;
  Database database_;
  uint64_t newest_seen_ = 0;
  size_t looks_ = 0;
  std::string wrong_;
};

TEST(CrashTest, NoReaderEverSawACommitThatIsGoneAfterwards) {
  const uint64_t operations = CountOperations();
  const uint64_t points = PromisedStates() / 16;
  size_t looks = 0;
  size_t runs = 0;
  for (uint64_t i = 0; i < points; ++i) {
    const uint64_t operation = 1 + i * operations / points;
    for (const FaultKind kind : {FaultKind::kCrash, FaultKind::kSyncError}) {
      auto env = FaultEnv::Make();
      Workload workload(WorkloadSeed());
      Watcher watcher(env.get(), &workload, kind);
      env->FailAt(operation, kind, kind == FaultKind::kCrash);
      arrow::Status status;
      for (int step = 0; step < kSteps && status.ok(); ++step)
        status = workload.Step(watcher.database());
      if (!env->fault_fired()) continue;
      if (kind == FaultKind::kSyncError) watcher.Look();
      ++runs;
      looks += watcher.looks();
      EXPECT_EQ(watcher.wrong(), "") << "operation " << operation;
      CutPower(env.get(), watcher.database(), CrashMode::kLoseAll, operation);
      const uint64_t least = std::max(workload.acknowledged(), watcher.newest_seen());
      EXPECT_EQ(CheckRecovery(env.get(), workload, operation, least), "")
          << "operation " << operation;
    }
  }
  std::cout << runs << " failures, " << looks << " looks of a reader at them\n";
  EXPECT_GE(runs, points);
}

// Known-bad control: on a disk that ignores syncs the same checker must cry out.
TEST(CrashTest, ADiskThatIgnoresSyncsIsCaught) {
  const uint64_t operations = CountOperations();
  size_t caught = 0;
  for (uint64_t i = 1; i <= 10; ++i) {
    const uint64_t operation = i * operations / 10;
    FaultyRun run(SmallOptions(), {.ignore_sync = true});
    ASSERT_TRUE(run.RunUntilCrash(operation, kSteps));
    run.env->Crash(CrashMode::kLoseAll, operation);
    caught += CheckRecovery(run.env.get(), run.workload, operation).empty() ? 0 : 1;
  }
  std::cout << caught << " of 10 runs on a disk that ignores syncs were caught\n";
  EXPECT_EQ(caught, 10u);
}

}  // namespace
}  // namespace pyralog::lsm
