// What each CrashMode leaves, and a random walk beside files in memory.
#include "io/fault_disk.h"

#include <algorithm>
#include <set>

#include "io/testing.h"

namespace pyralog::io {
namespace {

constexpr size_t kSector = 512;
constexpr uint64_t kSeeds = 300;

std::string Content(Env* env, const std::string& path) {
  return ReadFileToString(env, path).ValueOr("(none)");
}

std::string Sectors(std::string_view letters) {
  std::string data;
  for (const char letter : letters) data.append(kSector, letter);
  return data;
}

// The file of whole sectors, each shown by its letter; '.' for zeros and '?' for a mixed one.
std::string Letters(const std::string& data) {
  std::string letters;
  for (size_t at = 0; at < data.size(); at += kSector) {
    const std::string sector = data.substr(at, kSector);
    const bool same = sector == std::string(sector.size(), sector[0]);
    letters += !same ? '?' : sector[0] == '\0' ? '.' : sector[0];
  }
  return letters;
}

// A disk on which "a" holds Sectors("abcdef"), durable, and whose handle is open in `file`.
struct Disk {
  Disk() : env(FaultEnv::Make()), file(*env->Open("a", OpenMode::kCreate)) {
    ARROW_EXPECT_OK(file->WriteAt(0, Sectors("abcdef")));
    ARROW_EXPECT_OK(file->Sync());
    ARROW_EXPECT_OK(env->SyncDir("/"));
  }
  void Write(size_t sector, std::string_view letters) {
    ARROW_EXPECT_OK(file->WriteAt(sector * kSector, Sectors(letters)));
  }
  // What is seen in "a" after a crash with each of many seeds.
  std::set<std::string> Outcomes(CrashMode mode) const {
    std::set<std::string> outcomes;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      auto copy = env->Clone();
      copy->Crash(mode, seed);
      outcomes.insert(Letters(Content(copy.get(), "a")));
    }
    return outcomes;
  }

  std::unique_ptr<FaultEnv> env;
  std::unique_ptr<File> file;
};

using Set = std::set<std::string>;

TEST(Crash, WhatWasSyncedSurvivesEveryMode) {
  Disk disk;
  for (const CrashMode mode :
       {CrashMode::kLoseAll, CrashMode::kKeepAll, CrashMode::kPrefix, CrashMode::kRandom}) {
    EXPECT_EQ(disk.Outcomes(mode), Set{"abcdef"});
  }
}

TEST(Crash, LoseAllAndKeepAll) {
  Disk disk;
  disk.Write(1, "XY");
  disk.Write(7, "Z");
  EXPECT_EQ(disk.Outcomes(CrashMode::kLoseAll), Set{"abcdef"});
  EXPECT_EQ(disk.Outcomes(CrashMode::kKeepAll), Set{"aXYdef.Z"});
  ASSERT_OK(disk.file->Truncate(kSector));
  EXPECT_EQ(disk.Outcomes(CrashMode::kLoseAll), Set{"abcdef"});
  EXPECT_EQ(disk.Outcomes(CrashMode::kKeepAll), Set{"a"});
}

TEST(Crash, PrefixKeepsTheOrderAndTearsTheLastWrite) {
  Disk disk;
  disk.Write(4, "UV");
  disk.Write(0, "XYZ");
  disk.Write(6, "W");
  EXPECT_EQ(disk.Outcomes(CrashMode::kPrefix),
            (Set{"abcdef", "abcdUf", "abcdUV", "XbcdUV", "XYcdUV", "XYZdUV", "XYZdUVW"}));
}

TEST(Crash, RandomTakesEachSectorByItself) {
  Disk disk;
  disk.Write(1, "XYZ");
  const Set outcomes = disk.Outcomes(CrashMode::kRandom);
  EXPECT_EQ(outcomes.size(), 8);
  for (const std::string& outcome : outcomes) {
    for (size_t i = 1; i <= 3; ++i) {
      EXPECT_TRUE(outcome[i] == "abcdef"[i] || outcome[i] == "aXYZef"[i]) << outcome;
    }
  }
}

TEST(Crash, RandomMayShowEitherVersionOfASector) {
  Disk disk;
  disk.Write(0, "X");
  disk.Write(0, "Y");
  EXPECT_EQ(disk.Outcomes(CrashMode::kRandom), (Set{"abcdef", "Xbcdef", "Ybcdef"}));
}

TEST(Crash, RandomGrowthShowsZerosForLostSectors) {
  Disk disk;
  disk.Write(6, "XY");
  EXPECT_EQ(disk.Outcomes(CrashMode::kRandom),
            (Set{"abcdef", "abcdefX", "abcdef.Y", "abcdefXY", "abcdef..", "abcdefX."}));
}

TEST(Crash, RandomTruncationHappensOrNot) {
  Disk disk;
  ASSERT_OK(disk.file->Truncate(2 * kSector));
  EXPECT_EQ(disk.Outcomes(CrashMode::kRandom), (Set{"abcdef", "ab"}));
  EXPECT_EQ(disk.Outcomes(CrashMode::kPrefix), (Set{"abcdef", "ab"}));
  ASSERT_OK(disk.file->Truncate(3 * kSector));
  const Set outcomes = disk.Outcomes(CrashMode::kRandom);
  EXPECT_EQ(outcomes, (Set{"abcdef", "ab", "ab.", "abc"}));
}

TEST(Crash, ASectorCarriesEarlierUnsyncedBytesOfItself) {
  Disk disk;
  ASSERT_OK(disk.file->WriteAt(0, std::string(kSector / 2, 'X')));
  ASSERT_OK(disk.file->WriteAt(kSector / 2, std::string(kSector / 2, 'X')));
  // The second write reaches the disk as the whole sector: "half old, half second" does not exist.
  Set firsts;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    auto copy = disk.env->Clone();
    copy->Crash(CrashMode::kRandom, seed);
    firsts.insert(Content(copy.get(), "a").substr(0, kSector));
  }
  EXPECT_EQ(firsts, (Set{Sectors("a"), Sectors("X"),
                         std::string(kSector / 2, 'X') + std::string(kSector / 2, 'a')}));
}

TEST(Crash, ASyncCoversWhatCameBeforeItOnly) {
  Disk disk;
  disk.Write(0, "X");
  ASSERT_OK(disk.file->Sync());
  disk.Write(1, "Y");
  EXPECT_EQ(disk.Outcomes(CrashMode::kLoseAll), Set{"Xbcdef"});
  EXPECT_EQ(disk.Outcomes(CrashMode::kRandom), (Set{"Xbcdef", "XYcdef"}));
}

TEST(Crash, ANameNeedsTheSyncOfItsFolder) {
  auto env = FaultEnv::Make();
  ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kCreate));
  ASSERT_OK(file->WriteAt(0, "data"));
  ASSERT_OK(file->Sync());
  env->Crash(CrashMode::kLoseAll, 1);
  EXPECT_FALSE(*env->Exists("a"));
}

TEST(Crash, ANameMayComeWithoutItsData) {
  Set outcomes;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    auto env = FaultEnv::Make();
    ASSERT_OK(WriteWholeFile(env.get(), "a", Sectors("XY")));
    env->Crash(CrashMode::kRandom, seed);
    outcomes.insert(*env->Exists("a") ? Letters(Content(env.get(), "a")) : "none");
  }
  EXPECT_EQ(outcomes, (Set{"none", "", "X", "X.", ".Y", "..", "XY"}));
}

TEST(Crash, FoldersAndRemovalsNeedSyncsToo) {
  auto env = FaultEnv::Make();
  ASSERT_OK(env->CreateDir("d"));
  ASSERT_OK(WriteWholeFile(env.get(), "d/a", ""));
  ASSERT_OK(env->SyncDir("d"));
  auto copy = env->Clone();
  copy->Crash(CrashMode::kLoseAll, 1);
  EXPECT_FALSE(*copy->Exists("d"));
  ASSERT_OK(env->SyncDir("/"));
  ASSERT_OK(env->RemoveFile("d/a"));
  ASSERT_OK(env->RemoveDir("d"));
  copy = env->Clone();
  copy->Crash(CrashMode::kLoseAll, 1);
  EXPECT_TRUE(*copy->Exists("d/a"));
  ASSERT_OK(env->SyncDir("/"));
  env->Crash(CrashMode::kLoseAll, 1);
  EXPECT_FALSE(*env->Exists("d"));
}

TEST(Crash, ARenameWithinAFolderHappensOrNot) {
  auto env = FaultEnv::Make();
  ASSERT_OK(env->CreateDir("d"));
  ASSERT_OK(WriteFileAtomically(env.get(), "d/a", "A"));
  ASSERT_OK(WriteFileAtomically(env.get(), "d/b", "B"));
  ASSERT_OK(env->SyncDir("/"));
  ASSERT_OK(env->Rename("d/b", "d/a"));
  for (const CrashMode mode : {CrashMode::kPrefix, CrashMode::kRandom}) {
    Set outcomes;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      auto copy = env->Clone();
      copy->Crash(mode, seed);
      outcomes.insert(Content(copy.get(), "d/a") + " " + Content(copy.get(), "d/b"));
    }
    EXPECT_EQ(outcomes, (Set{"A B", "B (none)"}));
  }
}

TEST(Crash, PrefixKeepsTheOrderOfNamesAcrossFolders) {
  auto env = FaultEnv::Make();
  ASSERT_OK(env->CreateDir("d"));
  ASSERT_OK(env->SyncDir("/"));
  ASSERT_OK(WriteWholeFile(env.get(), "1", ""));
  ASSERT_OK(WriteWholeFile(env.get(), "d/2", ""));
  ASSERT_OK(WriteWholeFile(env.get(), "3", ""));
  ASSERT_OK(env->Rename("3", "d/4"));
  Set outcomes;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    auto copy = env->Clone();
    copy->Crash(CrashMode::kPrefix, seed);
    std::string names;
    for (const char* name : {"1", "d/2", "3", "d/4"}) {
      if (*copy->Exists(name)) names += name;
    }
    outcomes.insert(names);
  }
  EXPECT_EQ(outcomes, (Set{"", "1", "1d/2", "1d/23", "1d/2d/4"}));
}

TEST(Crash, TheSameSeedGivesTheSameDisk) {
  Disk disk;
  disk.Write(0, "UVWXYZ");
  for (uint64_t seed = 0; seed < 20; ++seed) {
    auto one = disk.env->Clone();
    auto two = disk.env->Clone()->Clone();
    one->Crash(CrashMode::kRandom, seed);
    two->Crash(CrashMode::kRandom, seed);
    EXPECT_EQ(Content(one.get(), "a"), Content(two.get(), "a"));
  }
}

// Replaces a file atomically, with a power cut at every operation; what is then seen.
Set AtomicWriteOutcomes(bool ignore_sync) {
  const std::string before = Sectors("abc");
  const std::string after = Sectors("WXYZ");
  Set outcomes;
  for (uint64_t cut = 1; cut < 20; ++cut) {
    auto env = FaultEnv::Make({.ignore_sync = ignore_sync});
    ARROW_EXPECT_OK(WriteFileAtomically(env.get(), "a", before));
    if (ignore_sync) env->Crash(CrashMode::kKeepAll, 0);  // the old content is not in question
    env->FailAt(env->operations() + cut, FaultKind::kCrash, false);
    const bool done = WriteFileAtomically(env.get(), "a", after).ok();
    for (uint64_t seed = 0; seed < 100; ++seed) {
      for (const CrashMode mode : {CrashMode::kLoseAll, CrashMode::kPrefix, CrashMode::kRandom}) {
        auto copy = env->Clone();
        copy->Crash(mode, 100 * cut + seed);
        outcomes.insert(Letters(Content(copy.get(), "a")) + (done ? " acknowledged" : ""));
      }
    }
  }
  return outcomes;
}

TEST(Crash, TheAtomicWriteIsAtomicAndDurable) {
  EXPECT_EQ(AtomicWriteOutcomes(false), (Set{"abc", "WXYZ", "WXYZ acknowledged"}));
}

TEST(Crash, ControlWithoutSyncTheAtomicWriteIsCaught) {
  const Set outcomes = AtomicWriteOutcomes(true);
  EXPECT_TRUE(outcomes.contains("abc acknowledged"));
  EXPECT_TRUE(outcomes.contains("W.YZ acknowledged"));
}

// One random operation on a few names, the same for every seed state.
void Step(SplitMix* random, Env* env) {
  const auto name = [&] {
    const std::string file(1, static_cast<char>('a' + random->Below(4)));
    return random->Below(3) == 0 ? "d/" + file : file;
  };
  const std::string path = name();
  switch (random->Below(10)) {
    case 0:
      static_cast<void>(env->RemoveFile(path));
      return;
    case 1:
      static_cast<void>(env->Rename(path, name()));
      return;
    case 2:
      static_cast<void>(random->Below(2) == 0 ? env->CreateDir("d") : env->RemoveDir("d"));
      return;
    default:
      break;
  }
  auto file = env->Open(path, OpenMode::kCreate);
  const uint64_t offset = random->Below(12000);
  const std::string data(random->Below(9000), static_cast<char>('A' + random->Below(26)));
  const bool truncates = random->Below(5) == 0;
  if (!file.ok()) return;
  ASSERT_OK(truncates ? (*file)->Truncate(offset) : (*file)->WriteAt(offset, data));
}

std::map<std::string, std::string> Everything(Env* env, const std::string& folder) {
  std::map<std::string, std::string> contents;
  const std::vector<DirEntry> entries = *env->List(folder);
  for (const auto& entry : entries) {
    const std::string path = JoinPath(folder, entry.name);
    if (entry.kind == EntryKind::kDirectory) {
      contents[path] = "folder";
      contents.merge(Everything(env, path));
    } else {
      contents[path] = *ReadFileToString(env, path);
      EXPECT_EQ(entry.size, contents[path].size());
    }
  }
  return contents;
}

void SyncEverything(Env* env, const std::string& folder) {
  const std::vector<DirEntry> entries = *env->List(folder);
  for (const auto& entry : entries) {
    const std::string path = JoinPath(folder, entry.name);
    if (entry.kind == EntryKind::kDirectory) {
      SyncEverything(env, path);
    } else {
      ASSERT_OK((*env->Open(path, OpenMode::kReadWrite))->Sync());
    }
  }
  ASSERT_OK(env->SyncDir(folder));
}

TEST(Crash, ARandomWalkBesideFilesInMemory) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    auto env = FaultEnv::Make();
    auto model = NewMemEnv();
    SplitMix random(seed);
    for (int step = 0; step < 60; ++step) {
      SplitMix same = random;
      Step(&random, env.get());
      Step(&same, model.get());
      const auto expected = Everything(model.get(), "/");
      ASSERT_EQ(Everything(env.get(), "/"), expected) << seed << " " << step;
      auto copy = env->Clone();
      copy->Crash(CrashMode::kKeepAll, seed);
      ASSERT_EQ(Everything(copy.get(), "/"), expected) << seed << " " << step;
      copy = env->Clone();
      copy->Crash(CrashMode::kRandom, seed);  // anything may be left, but it must be readable
      Everything(copy.get(), "/");
      if (same.Below(8) != 0) continue;
      SyncEverything(env.get(), "/");
      if (same.Below(2) != 0) continue;
      env->Crash(CrashMode::kLoseAll, seed);
      ASSERT_EQ(Everything(env.get(), "/"), expected) << seed << " " << step;
    }
  }
}

}  // namespace
}  // namespace pyralog::io
