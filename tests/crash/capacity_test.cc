// A disk that is full, and then has room again: the process goes on, without being started anew.
#include <gtest/gtest.h>

#include <iostream>

#include "pyralog/error.h"
#include "tests/crash/faulty_run.h"

namespace pyralog::lsm {
namespace {

EngineOptions CapacityOptions() {
  EngineOptions options = SmallOptions();
  options.memtable_bytes = 64 << 10;
  options.wal_bytes = 256 << 10;
  options.spill_bytes = 64 << 10;
  options.reserve_bytes = 128 << 10;
  return options;
}

// Commits until the disk is full; the error must say so, and change nothing. Returns commits that
// succeeded.
uint64_t FillUp(FaultyRun* run, int rows) {
  const uint64_t before = run->workload.acknowledged();
  arrow::Status status;
  while (status.ok()) status = run->workload.CommitRows(run->database.engine.get(), 1, 2000, rows);
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kNoSpace) << status.ToString();
  EXPECT_TRUE(run->database.engine->WriteState().ok())
      << run->database.engine->WriteState().ToString();
  run->workload.ForgetInFlight();
  EXPECT_EQ(run->workload.Check(run->database.engine.get()), "");
  return run->workload.acknowledged() - before;
}

void ExpectWholeAfterReopening(FaultyRun* run) {
  CutPower(run->env.get(), &run->database, io::CrashMode::kLoseAll, 1);
  const arrow::Status status = run->database.Open();
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(run->workload.Adopt(run->database.engine.get()), "");
  EXPECT_TRUE(run->database.engine->Verify().ok());
}

// Transactions of a few rows fill the log; of many rows, segments.
class CapacityTest : public ::testing::TestWithParam<int> {};

TEST_P(CapacityTest, DeletingMakesRoom) {
  for (uint64_t capacity = 1600 << 10; capacity < 3200 << 10; capacity += 237 << 10) {
    FaultyRun run(CapacityOptions(), {.capacity_bytes = capacity});
    ASSERT_TRUE(run.database.Open().ok());
    Engine* engine = run.database.engine.get();
    const uint64_t filled = FillUp(&run, GetParam());
    for (int round = 0; round < 3; ++round) {
      const arrow::Status deleted = run.workload.DeleteMost(engine);
      ASSERT_TRUE(deleted.ok()) << capacity << ": " << deleted.ToString();
      const arrow::Status drained = engine->DrainBackgroundWork();
      // A merge may want more room than there is; it then leaves all as it was.
      ASSERT_TRUE(drained.ok() || GetErrorCode(drained) == ErrorCode::kNoSpace)
          << drained.ToString();
      EXPECT_EQ(run.workload.Check(engine), "");
      // Most of what was deleted can be inserted again.
      EXPECT_GE(FillUp(&run, GetParam()), filled / 2) << capacity << ", round " << round;
    }
    ExpectWholeAfterReopening(&run);
  }
}

TEST_P(CapacityTest, MoreRoomIsUsedAtOnce) {
  for (uint64_t capacity = 1600 << 10; capacity < 3200 << 10; capacity += 237 << 10) {
    FaultyRun run(CapacityOptions(), {.capacity_bytes = capacity});
    ASSERT_TRUE(run.database.Open().ok());
    FillUp(&run, GetParam());
    FillUp(&run, GetParam());
    run.env->SetCapacity(capacity * 2);
    EXPECT_GE(FillUp(&run, GetParam()), 1u) << capacity;
    ExpectWholeAfterReopening(&run);
  }
}

INSTANTIATE_TEST_SUITE_P(RowsOfATransaction, CapacityTest, ::testing::Values(8, 150));

}  // namespace
}  // namespace pyralog::lsm
