// Faults, capacity, locks and copies of the disk model. What a crash leaves is in
// fault_disk_test.cc.
#include "io/fault_env.h"

#include <thread>

#include "io/testing.h"

namespace pyralog::io {
namespace {

std::string Content(Env* env, const std::string& path) {
  return ReadFileToString(env, path).ValueOr("(none)");
}

TEST(FaultEnv, CountsMutatingOperationsOnly) {
  auto env = FaultEnv::Make();
  ASSERT_OK(env->CreateDir("d"));  // 1
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("d/a", OpenMode::kCreate));
  ASSERT_OK(file->WriteAt(0, "x"));  // 3
  ASSERT_OK(file->Sync());
  ASSERT_OK(file->Truncate(0));  // 5
  ASSERT_OK(env->Rename("d/a", "d/b"));
  ASSERT_OK(env->SyncDir("d"));  // 7
  ASSERT_OK(env->RemoveFile("d/b"));
  EXPECT_EQ(env->operations(), 8);
  ASSERT_OK(env->List("d").status());
  ASSERT_OK(file->Size().status());
  EXPECT_FALSE(env->RemoveFile("d/b").ok());
  EXPECT_FALSE(env->Open("d/b", OpenMode::kRead).ok());
  EXPECT_FALSE(env->CreateDir("d").ok());
  EXPECT_EQ(env->operations(), 8);
}

TEST(FaultEnv, IoErrorFailsOneOperationAndNothingOfItHappens) {
  auto env = FaultEnv::Make();
  ASSERT_OK(WriteWholeFile(env.get(), "a", "before"));
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kReadWrite));
  const auto fail_next = [&] {
    env->FailAt(env->operations() + 1, FaultKind::kIoError, false);
    EXPECT_FALSE(env->fault_fired());
  };
  fail_next();
  ExpectError(file->WriteAt(0, "after!"), ErrorCode::kIo, "write a");
  EXPECT_TRUE(env->fault_fired());
  fail_next();
  ExpectError(file->Truncate(0), ErrorCode::kIo);
  fail_next();
  ExpectError(env->Rename("a", "b"), ErrorCode::kIo);
  fail_next();
  ExpectError(env->RemoveFile("a"), ErrorCode::kIo);
  fail_next();
  ExpectError(env->CreateDir("d"), ErrorCode::kIo);
  fail_next();
  ExpectError(env->Open("c", OpenMode::kCreate), ErrorCode::kIo);
  fail_next();
  ExpectError(env->Lock("c"), ErrorCode::kIo);
  fail_next();
  ExpectError(env->SyncDir("/"), ErrorCode::kIo);
  fail_next();
  ExpectError(file->Sync(), ErrorCode::kIo);
  EXPECT_EQ(Content(env.get(), "a"), "before");
  EXPECT_EQ(env->List("/")->size(), 1);
  // The failed syncs were not lost either: trying again is enough, unlike with kSyncError.
  ASSERT_OK(file->Sync());
  ASSERT_OK(env->SyncDir("/"));
  env->Crash(CrashMode::kLoseAll, 1);
  EXPECT_EQ(Content(env.get(), "a"), "before");
}

TEST(FaultEnv, PersistentFaultsGoOnUntilCleared) {
  auto env = FaultEnv::Make();
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kCreate));
  env->FailAt(3, FaultKind::kIoError, true);
  ASSERT_OK(file->WriteAt(0, "1"));
  for (int i = 0; i < 3; ++i) ExpectError(file->WriteAt(1, "2"), ErrorCode::kIo);
  env->FailAt(0, FaultKind::kIoError, true);
  EXPECT_FALSE(env->fault_fired());
  ASSERT_OK(file->WriteAt(1, "2"));
  EXPECT_EQ(Content(env.get(), "a"), "12");
}

TEST(FaultEnv, ShortWriteAndNoSpaceLeaveAPrefix) {
  for (const FaultKind kind : {FaultKind::kShortWrite, FaultKind::kNoSpace}) {
    auto env = FaultEnv::Make();
    ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kCreate));
    env->FailAt(2, kind, false);
    const std::string data = std::string(5000, 'x') + std::string(5000, 'y');
    ExpectError(file->WriteAt(0, data),
                kind == FaultKind::kNoSpace ? ErrorCode::kNoSpace : ErrorCode::kIo);
    const std::string left = Content(env.get(), "a");
    EXPECT_LT(left.size(), data.size());
    EXPECT_EQ(left, data.substr(0, left.size()));
    ASSERT_OK(file->WriteAt(0, data));
  }
}

TEST(FaultEnv, AFailedSyncIsNeverMadeUpFor) {
  auto env = FaultEnv::Make();
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kCreate));
  ASSERT_OK(file->WriteAt(0, std::string(512, '1')));
  ASSERT_OK(file->Sync());
  ASSERT_OK(env->SyncDir("/"));
  ASSERT_OK(file->WriteAt(512, std::string(512, '2')));
  env->FailAt(env->operations() + 1, FaultKind::kSyncError, false);
  ExpectError(file->Sync(), ErrorCode::kIo, "sync a");
  ASSERT_OK(file->WriteAt(1024, std::string(512, '3')));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(Content(env.get(), "a").size(), 1536);
  auto lost = env->Clone();
  lost->Crash(CrashMode::kLoseAll, 1);
  EXPECT_EQ(Content(lost.get(), "a"),
            std::string(512, '1') + std::string(512, '\0') + std::string(512, '3'));
  // Nor is it lost for certain.
  env->Crash(CrashMode::kKeepAll, 1);
  EXPECT_EQ(Content(env.get(), "a")[600], '2');
}

TEST(FaultEnv, AFailedFolderSyncIsNeverMadeUpFor) {
  auto env = FaultEnv::Make();
  ASSERT_OK(WriteWholeFile(env.get(), "a", ""));
  env->FailAt(env->operations() + 1, FaultKind::kSyncError, false);
  ExpectError(env->SyncDir("/"), ErrorCode::kIo);
  ASSERT_OK(WriteWholeFile(env.get(), "b", ""));
  ASSERT_OK(env->SyncDir("/"));
  auto lost = env->Clone();
  lost->Crash(CrashMode::kLoseAll, 1);
  EXPECT_FALSE(*lost->Exists("a"));
  EXPECT_TRUE(*lost->Exists("b"));
  env->Crash(CrashMode::kKeepAll, 1);
  EXPECT_TRUE(*env->Exists("a"));
}

TEST(FaultEnv, SyncErrorsPassOtherOperationsBy) {
  auto env = FaultEnv::Make();
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kCreate));
  env->FailAt(2, FaultKind::kSyncError, false);
  ASSERT_OK(file->WriteAt(0, "x"));
  ASSERT_OK(file->Sync());
  EXPECT_FALSE(env->fault_fired());
  env->FailAt(1, FaultKind::kSyncError, true);
  ASSERT_OK(file->WriteAt(0, "x"));
  ExpectError(file->Sync(), ErrorCode::kIo);
  ExpectError(env->SyncDir("/"), ErrorCode::kIo);
  EXPECT_TRUE(env->fault_fired());
}

TEST(FaultEnv, AfterThePowerCutEverythingFailsUntilReboot) {
  auto env = FaultEnv::Make();
  ASSERT_OK(WriteWholeFile(env.get(), "a", "x"));
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kReadWrite));
  ASSERT_OK_AND_ASSIGN(auto mapping, env->Map("a"));
  ASSERT_OK_AND_ASSIGN(auto lock, env->Lock("a"));
  env->FailAt(env->operations() + 1, FaultKind::kCrash, false);
  char byte;
  ExpectError(file->WriteAt(0, "y"), ErrorCode::kIo, "power");
  ExpectError(file->ReadAt(0, 1, &byte), ErrorCode::kIo, "power");
  ExpectError(file->Sync(), ErrorCode::kIo);
  ExpectError(env->Open("a", OpenMode::kRead), ErrorCode::kIo);
  ExpectError(env->List("/"), ErrorCode::kIo);
  ExpectError(env->Exists("a"), ErrorCode::kIo);
  ExpectError(env->Map("a"), ErrorCode::kIo);
  EXPECT_TRUE(env->fault_fired());
  env->Crash(CrashMode::kKeepAll, 1);
  EXPECT_FALSE(env->fault_fired());
  EXPECT_EQ(Content(env.get(), "a"), "x");
  EXPECT_EQ(mapping->ToString(), "x");
  ExpectError(file->ReadAt(0, 1, &byte), ErrorCode::kIo, "open it again");
  ExpectError(file->WriteAt(0, "y"), ErrorCode::kIo, "open it again");
  // The lock went with the power, and its late release does not release the new one.
  ASSERT_OK_AND_ASSIGN(auto new_lock, env->Lock("a"));
  lock = nullptr;
  ExpectError(env->Lock("a"), ErrorCode::kLocked);
}

TEST(FaultEnv, CapacityIsSharedByAllFilesAndFreedByRemoval) {
  auto env = FaultEnv::Make({.capacity_bytes = 1000});
  ASSERT_OK(WriteWholeFile(env.get(), "a", std::string(600, 'a')));
  EXPECT_EQ(*env->FreeSpace("/"), 400);
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("b", OpenMode::kCreate));
  ExpectError(file->WriteAt(0, std::string(500, 'b')), ErrorCode::kNoSpace, "write b");
  EXPECT_EQ(*file->Size(), 400);
  ASSERT_OK(file->WriteAt(0, std::string(400, 'B')));  // overwriting needs no space
  ExpectError(file->Truncate(401), ErrorCode::kNoSpace);
  ASSERT_OK(file->Truncate(100));
  EXPECT_EQ(*env->FreeSpace("/"), 300);
  ASSERT_OK(env->RemoveFile("a"));
  EXPECT_EQ(*env->FreeSpace("/"), 900);
  ASSERT_OK(WriteWholeFile(env.get(), "c", std::string(900, 'c')));
  ASSERT_OK(env->Rename("c", "b"));  // replaces the 100 bytes of b
  EXPECT_EQ(*env->FreeSpace("/"), 100);
  env->SetCapacity(2000);
  EXPECT_EQ(*env->FreeSpace("/"), 1100);
  env->Crash(CrashMode::kLoseAll, 1);
  EXPECT_EQ(*env->FreeSpace("/"), 2000);
}

TEST(FaultEnv, FlippedBitsStayFlipped) {
  auto env = FaultEnv::Make();
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kCreate));
  ASSERT_OK(file->WriteAt(0, "AB"));
  ASSERT_OK(file->Sync());
  ASSERT_OK(env->SyncDir("/"));
  ASSERT_OK(file->WriteAt(2, "CD"));
  ASSERT_OK(env->FlipBit("a", 0, 1));
  ASSERT_OK(env->FlipBit("a", 3, 5));
  EXPECT_EQ(Content(env.get(), "a"), "CBCd");
  auto kept = env->Clone();
  kept->Crash(CrashMode::kPrefix, 2);
  EXPECT_EQ(Content(kept.get(), "a")[0], 'C');
  env->Crash(CrashMode::kLoseAll, 1);
  EXPECT_EQ(Content(env.get(), "a"), "CB");
  ExpectError(env->FlipBit("a", 2, 0), ErrorCode::kInvalidArgument);
  ExpectError(env->FlipBit("a", 0, 8), ErrorCode::kInvalidArgument);
  ExpectError(env->FlipBit("no", 0, 0), ErrorCode::kNotFound);
}

TEST(FaultEnv, ACloneGoesItsOwnWay) {
  auto env = FaultEnv::Make();
  ASSERT_OK(env->CreateDir("d"));
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("d/a", OpenMode::kCreate));
  ASSERT_OK(file->WriteAt(0, std::string(10000, 'o')));
  ASSERT_OK_AND_ASSIGN(auto lock, env->Lock("d/a"));
  auto copy = env->Clone();
  EXPECT_EQ(copy->operations(), env->operations());
  ASSERT_OK(file->WriteAt(5000, "original"));
  ASSERT_OK(WriteWholeFile(copy.get(), "d/a", "copy"));
  ASSERT_OK(copy->Lock("d/a").status());
  ExpectError(env->Lock("d/a"), ErrorCode::kLocked);
  ASSERT_OK(copy->CreateDir("e"));
  EXPECT_FALSE(*env->Exists("e"));
  EXPECT_EQ(Content(env.get(), "d/a").substr(0, 4), "oooo");
  EXPECT_EQ(Content(env.get(), "d/a").substr(5000, 8), "original");
  EXPECT_EQ(Content(copy.get(), "d/a").substr(0, 5), "copyo");
  EXPECT_EQ(Content(copy.get(), "d/a").substr(5000, 8), "oooooooo");
  copy->Crash(CrashMode::kLoseAll, 1);
  EXPECT_FALSE(*copy->Exists("d"));
  EXPECT_EQ(env->List("d")->size(), 1);
}

TEST(FaultEnv, ClonesAreUsedFromOtherThreads) {
  auto env = FaultEnv::Make();
  ASSERT_OK(WriteWholeFile(env.get(), "a", std::string(100000, 'a')));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = std::shared_ptr<FaultEnv>(env->Clone()), i] {
      ASSERT_OK(WriteWholeFile(copy.get(), "a", std::string(50000, static_cast<char>('0' + i))));
      EXPECT_EQ(Content(copy.get(), "a").substr(49999, 2), std::to_string(i) + "a");
      copy->Crash(CrashMode::kRandom, static_cast<uint64_t>(i));
    });
  }
  ASSERT_OK(WriteWholeFile(env.get(), "a", std::string(100000, 'b')));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Content(env.get(), "a"), std::string(100000, 'b'));
}

}  // namespace
}  // namespace pyralog::io
