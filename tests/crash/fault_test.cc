// Operations that fail while the machine goes on: EIO, failed syncs, short writes, a full disk.
//
// Whatever fails, what was acknowledged stays, an unacknowledged commit is there whole or not at
// all, and reads go on. The model is compared after every error, after reopening, and after a power
// failure at the end: a sync that failed once has left bytes that look written and are not, which
// shows only then.
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "pyralog/error.h"
#include "tests/crash/faulty_run.h"

namespace pyralog::lsm {
namespace {

using io::CrashMode;
using io::FaultEnv;
using io::FaultKind;

constexpr int kFaultSteps = 34;

const char* FaultName(FaultKind kind) {
  switch (kind) {
    case FaultKind::kIoError:
      return "EIO";
    case FaultKind::kShortWrite:
      return "short write";
    case FaultKind::kNoSpace:
      return "no space";
    case FaultKind::kSyncError:
      return "EIO on sync";
    default:
      return "crash";
  }
}

struct FaultCounts {
  size_t survived = 0;   // errors after which the database took writes
  size_t read_only = 0;  // after which it had to be opened again
  size_t opening = 0;    // errors of opening
};

// What must hold after an error of a step. Goes on with a database that is open and takes writes,
// or says what is wrong.
std::string GoOnAfter(const arrow::Status& error, FaultyRun* run, FaultCounts* counts) {
  const ErrorCode code = GetErrorCode(error);
  if (!run->workload.wrong().empty()) return run->workload.wrong();
  if (code != ErrorCode::kIo && code != ErrorCode::kNoSpace && code != ErrorCode::kReadOnly) {
    return "failed with " + error.ToString();
  }
  Engine* engine = run->database.engine.get();
  if (engine == nullptr) {
    ++counts->opening;
  } else if (engine->WriteState().ok()) {
    ++counts->survived;
    run->workload.ForgetInFlight();
    return run->workload.Check(engine);
  } else {
    ++counts->read_only;
    if (GetErrorCode(engine->WriteState()) != ErrorCode::kReadOnly)
      return "not kReadOnly: " + engine->WriteState().ToString();
    if (std::string text = run->workload.Check(engine); !text.empty()) return "reading on: " + text;
    auto txn = engine->Begin().ValueOrDie();
    (void)txn->PutMeta("after", "the error");
    const arrow::Status refused = txn->Commit().status();
    txn.reset();
    if (GetErrorCode(refused) != ErrorCode::kReadOnly)
      return "a commit was not refused: " + refused.ToString();
    if (std::string text = run->workload.Check(engine); !text.empty()) return "reading on: " + text;
  }
  run->env->FailAt(0, FaultKind::kIoError, false);
  if (const arrow::Status status = run->database.Open(); !status.ok())
    return "reopening: " + status.ToString();
  return run->workload.Adopt(run->database.engine.get());
}

// The folder of the database, durable: nobody but its owner could make its name durable after a
// sync that failed.
arrow::Status MakeFolder(FaultEnv* env) {
  ARROW_RETURN_NOT_OK(env->CreateDir("db"));
  return env->SyncDir(".");
}

// One run with one plan of failure. Returns what is wrong, or "".
std::string RunWithFault(uint64_t operation, FaultKind kind, bool persistent, bool* fired,
                         FaultCounts* counts) {
  FaultyRun run;
  if (!MakeFolder(run.env.get()).ok()) return "no folder";
  run.env->FailAt(operation, kind, persistent);
  int errors = 0;
  for (int i = 0; i < kFaultSteps; ++i) {
    const arrow::Status status = run.workload.Step(&run.database);
    if (status.ok()) continue;
    if (std::string text = GoOnAfter(status, &run, counts); !text.empty()) return text;
    // A disk that stays broken is repaired after a while.
    if (++errors == 3) run.env->FailAt(0, FaultKind::kIoError, false);
  }
  *fired = run.env->fault_fired() || errors > 0;
  if (!*fired) return "";
  run.env->FailAt(0, FaultKind::kIoError, false);
  if (run.database.engine == nullptr) return "";
  if (std::string text = run.workload.Check(run.database.engine.get()); !text.empty())
    return "at the end: " + text;
  CutPower(run.env.get(), &run.database, CrashMode::kLoseAll, operation);
  if (const arrow::Status status = run.database.Open(); !status.ok())
    return "after a power failure: " + status.ToString();
  const std::string text = run.workload.Adopt(run.database.engine.get());
  if (!text.empty()) return "after a power failure: " + text;
  const arrow::Status verified = run.database.engine->Verify();
  return verified.ok() ? "" : verified.ToString();
}

void FailEveryOperation(FaultKind kind, bool persistent, uint64_t stride) {
  FaultyRun whole;
  ASSERT_TRUE(MakeFolder(whole.env.get()).ok());
  ASSERT_TRUE(whole.Run(kFaultSteps).ok());
  const uint64_t operations = whole.env->operations();
  FaultCounts counts;
  uint64_t states = 0;
  for (uint64_t operation = 3; operation <= operations; operation += stride) {
    bool fired = false;
    const std::string wrong = RunWithFault(operation, kind, persistent, &fired, &counts);
    EXPECT_EQ(wrong, "") << FaultName(kind) << (persistent ? " from operation " : " at operation ")
                         << operation;
    states += fired || !wrong.empty() ? 1 : 0;
  }
  std::cout << "seed " << WorkloadSeed() << ", " << FaultName(kind)
            << (persistent ? " for a while" : " once") << ": " << states << " of " << operations
            << " operations failed; after " << counts.survived << " errors it took writes, after "
            << counts.read_only << " it was read-only, " << counts.opening
            << " were errors of opening\n";
  // Not every operation is a sync.
  EXPECT_GE(states, (operations - 2) / stride / (kind == FaultKind::kSyncError ? 5 : 1));
}

TEST(FaultTest, EioAtAnyOperation) { FailEveryOperation(FaultKind::kIoError, false, 1); }
TEST(FaultTest, AFailedSync) { FailEveryOperation(FaultKind::kSyncError, false, 1); }
TEST(FaultTest, AShortWriteAtAnyOperation) { FailEveryOperation(FaultKind::kShortWrite, false, 1); }
TEST(FaultTest, NoSpaceAtAnyOperation) { FailEveryOperation(FaultKind::kNoSpace, false, 1); }
TEST(FaultTest, ADiskThatIsBrokenForAWhile) { FailEveryOperation(FaultKind::kIoError, true, 5); }
TEST(FaultTest, ADiskThatIsFullForAWhile) { FailEveryOperation(FaultKind::kNoSpace, true, 3); }

}  // namespace
}  // namespace pyralog::lsm
