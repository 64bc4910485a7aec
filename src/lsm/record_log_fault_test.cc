// A record log on a disk that fails and loses power.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "arrow/testing/gtest_util.h"
#include "io/fault_env.h"
#include "lsm/record_log.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

using io::CrashMode;
using io::FaultEnv;
using io::FaultKind;

const DatabaseId kFaultDatabase{9, 8, 7};
const char kFaultPath[] = "00000001.wal";
constexpr CrashMode kCrashModes[] = {CrashMode::kLoseAll, CrashMode::kKeepAll, CrashMode::kPrefix,
                                     CrashMode::kRandom};

arrow::Result<std::unique_ptr<RecordLogWriter>> CreateFaultLog(io::Env* env) {
  return RecordLogWriter::Create(env, kFaultPath, LogKind::kManifest, kFaultDatabase, 1, 4096);
}

struct FaultLogContent {
  LogEnd end;
  std::vector<std::string> bodies;
};

arrow::Result<FaultLogContent> ReadFaultLog(io::Env* env) {
  FaultLogContent content;
  const auto visit = [&](const LogRecord& record) {
    content.bodies.emplace_back(record.body);
    return arrow::Status::OK();
  };
  ARROW_ASSIGN_OR_RAISE(
      content.end, ReadRecordLog(env, kFaultPath, LogKind::kManifest, kFaultDatabase, 1, visit));
  return content;
}

arrow::Status SealFaultLog(io::Env* env, const FaultLogContent& content) {
  return SealRecordLog(env, kFaultPath, LogKind::kManifest, kFaultDatabase, 1, content.end,
                       content.bodies.size());
}

// What one run of a writer did, as its caller knows it.
struct History {
  std::vector<std::string> bodies;  // of all groups that were appended, also in vain
  std::vector<size_t> group_ends;   // how many bodies there were after each group
  size_t acknowledged = 0;          // bodies that a sync covered
};

// Appends groups of records and syncs now and then, until something fails.
History RunWriter(RecordLogWriter* log, uint64_t seed, bool close) {
  std::mt19937_64 random(seed);
  History history;
  for (int i = 0; i < 12; ++i) {
    std::vector<std::string> group(1 + random() % 3);
    for (auto& body : group) body = std::string(random() % 1500, static_cast<char>('a' + i));
    std::vector<LogRecord> records;
    for (const auto& body : group) records.push_back({1, body});
    history.bodies.insert(history.bodies.end(), group.begin(), group.end());
    history.group_ends.push_back(history.bodies.size());
    // A refused reservation is no reason to stop here: the group may fit all the same.
    if (random() % 2 == 0) (void)log->Reserve(random() % 6000);
    if (!log->AppendGroup(records).ok()) return history;
    if (random() % 3 != 0) continue;
    if (!log->Sync().ok()) return history;
    history.acknowledged = history.bodies.size();
  }
  if (close && log->CloseCleanly().ok()) history.acknowledged = history.bodies.size();
  return history;
}

// "" or what is wrong with what is left of a history: it must read, as whole groups in order, with
// all that was acknowledged.
std::string CheckRemains(io::Env* env, const History& history) {
  const auto content = ReadFaultLog(env);
  if (!content.ok()) return content.status().ToString();
  const size_t kept = content->bodies.size();
  if (kept < history.acknowledged) return "an acknowledged record is lost";
  if (kept > 0 && std::find(history.group_ends.begin(), history.group_ends.end(), kept) ==
                      history.group_ends.end()) {
    return "a group is there in part";
  }
  if (!std::equal(content->bodies.begin(), content->bodies.end(), history.bodies.begin())) {
    return "a record is another one";
  }
  const arrow::Status sealed = SealFaultLog(env, *content);
  if (!sealed.ok()) return sealed.ToString();
  const auto again = ReadFaultLog(env);
  if (!again.ok()) return again.status().ToString();
  if (again->end.kind != LogEnd::Kind::kClosed) return "a sealed log is not closed";
  return again->bodies == content->bodies ? "" : "sealing changed the records";
}

TEST(RecordLogFault, EveryOperationFailsInEveryWay) {
  int states = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    uint64_t operations = 0;
    for (uint64_t operation = 0; operation <= operations; ++operation) {
      for (FaultKind kind : {FaultKind::kIoError, FaultKind::kShortWrite, FaultKind::kNoSpace,
                             FaultKind::kSyncError, FaultKind::kCrash}) {
        const bool persistent = (operation + seed) % 2 == 0;
        const auto env = FaultEnv::Make();
        ASSERT_OK_AND_ASSIGN(auto log, CreateFaultLog(env.get()));
        ASSERT_OK(env->SyncDir("."));
        const uint64_t before = env->operations();
        if (operation > 0) env->FailAt(before + operation, kind, persistent);
        const History history = RunWriter(log.get(), seed, seed % 2 == 0);
        if (operation == 0) operations = env->operations() - before;
        for (CrashMode mode : kCrashModes) {
          const auto crashed = env->Clone();
          crashed->Crash(mode, seed * 1000 + operation);
          EXPECT_EQ(CheckRemains(crashed.get(), history), "")
              << "seed " << seed << " operation " << operation << " fault "
              << static_cast<int>(kind) << " crash " << static_cast<int>(mode);
          ++states;
        }
      }
    }
  }
  std::printf("%d states of seeds 0..39\n", states);
  EXPECT_GE(states, 15000);
}

TEST(RecordLogFault, ADiskThatIgnoresSyncIsCaught) {
  int caught = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto env = FaultEnv::Make({.ignore_sync = true});
    ASSERT_OK_AND_ASSIGN(auto log, CreateFaultLog(env.get()));
    const History history = RunWriter(log.get(), seed, true);
    env->Crash(CrashMode::kLoseAll, seed);
    caught += !CheckRemains(env.get(), history).empty();
  }
  EXPECT_EQ(caught, 20);
}

TEST(RecordLogFault, UnderItsNameALogAlwaysHasItsHeader) {
  for (uint64_t operation = 1; operation <= 6; ++operation) {
    for (CrashMode mode : kCrashModes) {
      for (uint64_t seed = 0; seed < 20; ++seed) {
        const auto env = FaultEnv::Make();
        env->FailAt(operation, FaultKind::kCrash, false);
        const auto log = CreateFaultLog(env.get());
        env->Crash(mode, seed);
        ASSERT_OK_AND_ASSIGN(bool exists, env->Exists(kFaultPath));
        if (exists) EXPECT_OK(ReadFaultLog(env.get()).status());
        if (!exists) EXPECT_OK(CreateFaultLog(env.get()).status());
      }
    }
  }
}

TEST(RecordLogFault, SealingSurvivesACrashAtAnyOperation) {
  for (uint64_t operation = 1; operation <= 4; ++operation) {
    for (CrashMode mode : kCrashModes) {
      for (uint64_t seed = 0; seed < 20; ++seed) {
        const auto env = FaultEnv::Make();
        ASSERT_OK_AND_ASSIGN(auto log, CreateFaultLog(env.get()));
        ASSERT_OK(env->SyncDir("."));
        const History history = RunWriter(log.get(), seed, false);
        env->Crash(CrashMode::kRandom, seed);
        ASSERT_OK_AND_ASSIGN(auto content, ReadFaultLog(env.get()));
        env->FailAt(env->operations() + operation, FaultKind::kCrash, false);
        EXPECT_FALSE(SealFaultLog(env.get(), content).ok());
        env->Crash(mode, seed);
        ASSERT_OK_AND_ASSIGN(auto again, ReadFaultLog(env.get()));
        EXPECT_EQ(again.bodies, content.bodies);
        EXPECT_EQ(CheckRemains(env.get(), history), "");
      }
    }
  }
}

TEST(RecordLogFault, ADeadWriterKeepsItsError) {
  for (FaultKind kind : {FaultKind::kIoError, FaultKind::kSyncError}) {
    const auto env = FaultEnv::Make();
    ASSERT_OK_AND_ASSIGN(auto log, CreateFaultLog(env.get()));
    const LogRecord record{1, "body"};
    ASSERT_OK(log->AppendGroup({&record, 1}));
    env->FailAt(env->operations() + 1, kind, /*persistent=*/false);
    const arrow::Status failed =
        kind == FaultKind::kIoError ? log->AppendGroup({&record, 1}) : log->Sync();
    EXPECT_EQ(GetErrorCode(failed), ErrorCode::kIo);
    EXPECT_EQ(log->AppendGroup({&record, 1}).ToString(), failed.ToString());
    EXPECT_EQ(log->Sync().ToString(), failed.ToString());
    EXPECT_EQ(log->CloseCleanly().ToString(), failed.ToString());
    EXPECT_EQ(log->AppendGroup({}).ToString(), failed.ToString());
  }
}

TEST(RecordLogFault, AFullDiskEndsZeroFillingNotTheLog) {
  const auto env = FaultEnv::Make();
  ASSERT_OK_AND_ASSIGN(auto log, CreateFaultLog(env.get()));
  env->SetCapacity(4096 + 2048);  // the next step of 4096 does not fit
  const std::string body(4000, 'x');
  const LogRecord record{1, body};
  ASSERT_OK(log->AppendGroup({&record, 1}));
  const LogRecord small{1, "y"};
  ASSERT_OK(log->AppendGroup({&small, 1}));
  ASSERT_OK(log->Sync());
  ASSERT_OK_AND_ASSIGN(auto content, ReadFaultLog(env.get()));
  EXPECT_EQ(content.bodies, (std::vector<std::string>{body, "y"}));
  EXPECT_EQ(GetErrorCode(log->AppendGroup({&record, 1})), ErrorCode::kNoSpace);
}

std::vector<std::string> AppendBodies(RecordLogWriter* log, int count, size_t size) {
  std::vector<std::string> bodies;
  for (int i = 0; i < count; ++i) {
    bodies.push_back(std::string(size, static_cast<char>('a' + i)));
    const LogRecord record{1, bodies.back()};
    EXPECT_OK(log->AppendGroup({&record, 1}));
  }
  return bodies;
}

TEST(RecordLogFault, ReservingKeepsWhatWasWritten) {
  for (uint64_t preallocate : {0, 512, 4096}) {
    const auto env = FaultEnv::Make();
    ASSERT_OK_AND_ASSIGN(
        auto log, RecordLogWriter::Create(env.get(), kFaultPath, LogKind::kManifest, kFaultDatabase,
                                          1, preallocate));
    std::vector<std::string> bodies;
    for (uint64_t bytes : {1, 10, 488, 489, 5000, 100, 30000}) {
      for (auto& body : AppendBodies(log.get(), 3, 700)) bodies.push_back(body);
      ASSERT_OK(log->Reserve(bytes));
      EXPECT_GE(log->reserved(), bytes);
      const uint64_t reserved = log->reserved();
      ASSERT_OK(log->Reserve(reserved));
      EXPECT_EQ(log->reserved(), reserved);
    }
    ASSERT_OK_AND_ASSIGN(auto content, ReadFaultLog(env.get()));
    EXPECT_EQ(content.bodies, bodies);
    EXPECT_EQ(content.end.kind, LogEnd::Kind::kOpen);
    // What was reserved needs no more space, and neither does closing the log.
    env->SetCapacity(env->FileSize(kFaultPath).ValueOrDie());
    const uint64_t last = log->reserved() - 16;
    bodies.push_back(AppendBodies(log.get(), 1, last).front());
    ASSERT_OK(log->CloseCleanly());
    ASSERT_OK_AND_ASSIGN(auto closed, ReadFaultLog(env.get()));
    EXPECT_EQ(closed.bodies, bodies);
  }
}

TEST(RecordLogFault, ReservingOnAFullDiskFailsAndChangesNothing) {
  const auto env = FaultEnv::Make();
  ASSERT_OK_AND_ASSIGN(auto log, CreateFaultLog(env.get()));
  env->SetCapacity(4096 + 2048);
  auto bodies = AppendBodies(log.get(), 1, 3600);  // zero-filling ends here: a step does not fit
  const uint64_t reserved = log->reserved();
  EXPECT_EQ(GetErrorCode(log->Reserve(4000)), ErrorCode::kNoSpace);
  EXPECT_EQ(log->reserved(), reserved);
  ASSERT_OK(log->Reserve(500));  // less than a step fits
  EXPECT_GE(log->reserved(), 500u);
  EXPECT_EQ(GetErrorCode(log->Reserve(4000)), ErrorCode::kNoSpace);
  bodies.push_back(AppendBodies(log.get(), 1, 400).front());
  ASSERT_OK(log->Sync());
  ASSERT_OK_AND_ASSIGN(auto content, ReadFaultLog(env.get()));
  EXPECT_EQ(content.bodies, bodies);
  env->FailAt(env->operations() + 1, FaultKind::kIoError, /*persistent=*/false);
  EXPECT_EQ(GetErrorCode(log->Reserve(900)), ErrorCode::kIo);
  EXPECT_EQ(GetErrorCode(log->Sync()), ErrorCode::kIo) << "other failures end the writer";
}

}  // namespace
}  // namespace pyralog::lsm
