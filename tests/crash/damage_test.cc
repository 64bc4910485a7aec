// Bits that flip, files that are cut or gone: named, or without any effect, and never other rows
// than were committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>

#include "lsm/record_log_format.h"
#include "pyralog/error.h"
#include "tests/crash/faulty_run.h"

namespace pyralog::lsm {
namespace {

using io::CrashMode;
using io::FaultEnv;

// A database on a disk of its own, not open, and what is in it.
struct StoredDatabase {
  std::unique_ptr<FaultEnv> env;
  Workload workload;
};

// Left by a killed process (its log is open), or closed; with files of every kind.
StoredDatabase MakeDatabase(bool closed) {
  FaultyRun run;
  EXPECT_TRUE(run.Run(60).ok());
  auto has_deletions = [&] {
    const std::vector<FileInfo> files = run.database.engine->Files();
    return std::any_of(files.begin(), files.end(),
                       [](const FileInfo& file) { return file.kind == "deletions"; });
  };
  for (int i = 0; i < 100 && !has_deletions(); ++i) EXPECT_TRUE(run.Run(1).ok());
  if (closed) {
    EXPECT_TRUE(run.database.engine->Close().ok());
    run.database.engine.reset();
  } else {
    CutPower(run.env.get(), &run.database, CrashMode::kKeepAll, 0);
  }
  return {std::move(run.env), std::move(run.workload)};
}

// Every file of the database, by path, with its size; without the lock.
std::map<std::string, uint64_t> ListFiles(FaultEnv* env, const std::string& folder = "db") {
  std::map<std::string, uint64_t> files;
  for (const io::DirEntry& entry : env->List(folder).ValueOrDie()) {
    const std::string path = io::JoinPath(folder, entry.name);
    if (entry.kind == io::EntryKind::kDirectory) {
      files.merge(ListFiles(env, path));
    } else if (entry.name != "LOCK" && path != "db/tmp/reserve") {
      files[path] = entry.size;
    }
  }
  return files;
}

size_t LogCount(const std::map<std::string, uint64_t>& files) {
  return std::count_if(files.begin(), files.end(),
                       [](const auto& file) { return file.first.ends_with(".wal"); });
}

std::string KindOf(const std::string& path) {
  for (const char* suffix : {".wal", ".arrow", ".idx", ".del"}) {
    if (path.ends_with(suffix)) return suffix;
  }
  return path.find("MANIFEST") != std::string::npos ? "MANIFEST" : "CURRENT";
}

struct Verdict {
  enum Kind { kReported, kHarmless, kSilent };
  Kind kind;
  std::string text;
};

// Opens, reads every row by scan and by key, verifies. An error must name the file.
Verdict Examine(FaultEnv* env, Workload workload, const std::string& path,
                bool verify_checksums = true) {
  auto reported = [&](const arrow::Status& status) -> Verdict {
    const ErrorCode code = GetErrorCode(status);
    const bool known = code == ErrorCode::kDamaged || code == ErrorCode::kFormatVersion;
    const std::string name = path.substr(path.rfind('/') + 1);
    // A manifest that lost its end is an older one: the files that it names were removed since.
    const bool older =
        KindOf(path) == "MANIFEST" && status.message().find("is missing") != std::string::npos;
    const bool named = older || status.message().find(name) != std::string::npos;
    return {known && named ? Verdict::kReported : Verdict::kSilent, status.ToString()};
  };
  Database database{env, SmallOptions(), nullptr};
  database.options.verify_checksums = verify_checksums;
  if (const arrow::Status status = database.Open(); !status.ok()) return reported(status);
  Engine* engine = database.engine.get();
  if (engine->last_durable().value() != workload.acknowledged()) {
    return {Verdict::kSilent, "recovered commit " + std::to_string(engine->last_durable().value()) +
                                  " of " + std::to_string(workload.acknowledged())};
  }
  auto read = [&]() -> arrow::Result<std::string> {
    ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
    ARROW_ASSIGN_OR_RAISE(const DatabaseModel seen, ReadDatabase(txn.get()));
    if (std::string text = Difference(workload.model(), seen); !text.empty()) return text;
    return LookupDifference(txn.get(), workload.model());
  };
  const auto difference = read();
  if (!difference.ok()) return reported(difference.status());
  if (!difference->empty()) return {Verdict::kSilent, *difference};
  if (const arrow::Status status = engine->Verify(); !status.ok()) return reported(status);
  return {Verdict::kHarmless, ""};
}

// Verdicts by kind of file.
class Tally {
 public:
  void Add(const std::string& kind, const Verdict& verdict) { ++counts_[kind][verdict.kind]; }
  size_t total(Verdict::Kind verdict) const {
    size_t total = 0;
    for (const auto& [kind, counts] : counts_) {
      if (const auto it = counts.find(verdict); it != counts.end()) total += it->second;
    }
    return total;
  }
  void Print(const std::string& what) const {
    for (const auto& [kind, counts] : counts_) {
      std::cout << what << ", " << kind << ":";
      for (const auto& [verdict, count] : counts) {
        std::cout << " " << count
                  << (verdict == Verdict::kReported   ? " reported"
                      : verdict == Verdict::kHarmless ? " harmless"
                                                      : " SILENT");
      }
      std::cout << "\n";
    }
  }

 private:
  std::map<std::string, std::map<Verdict::Kind, size_t>> counts_;
};

// The one log that holds records, and its bytes.
std::pair<std::string, std::string> LastLog(FaultEnv* env) {
  std::pair<std::string, std::string> last;
  for (const auto& [path, size] : ListFiles(env)) {
    if (path.ends_with(".wal")) last = {path, io::ReadFileToString(env, path).ValueOrDie()};
  }
  return last;
}

// Sectors [first, end) of the last group that was written.
std::pair<uint64_t, uint64_t> LastGroup(const std::string& log) {
  uint64_t end = 1;
  while ((end + 1) * kSectorSize <= log.size() && IsWrittenToItsEnd(log.data() + end * kSectorSize))
    ++end;
  uint64_t first = end - 1;
  while (first > 1 &&
         LoadSectorHeader(log.data() + (first - 1) * kSectorSize).flags != kSectorEndsGroup)
    --first;
  return {first, end};
}

// A table with a few commits of one row each, all in the log.
StoredDatabase MakeLog(int commits, size_t text_size) {
  StoredDatabase stored{FaultEnv::Make(), Workload(WorkloadSeed())};
  Database database{stored.env.get(), SmallOptions(), nullptr};
  database.options.memtable_bytes = 64 << 20;
  database.options.wal_bytes = 64 << 20;
  EXPECT_TRUE(database.Open().ok());
  EXPECT_TRUE(stored.workload.CommitRows(database.engine.get(), commits, text_size).ok());
  CutPower(stored.env.get(), &database, CrashMode::kKeepAll, 0);
  return stored;
}

// Three logs: two that were opened and worked on after their process had died, and the last one.
StoredDatabase MakeThreeLogs(bool closed) {
  StoredDatabase stored = MakeLog(3, 40);
  for (int i = 0; i < 2; ++i) {
    Database database{stored.env.get(), SmallOptions(), nullptr};
    EXPECT_TRUE(database.Open().ok());
    EXPECT_TRUE(stored.workload.Commit(database.engine.get()).ok());
    if (closed && i == 1) continue;
    CutPower(stored.env.get(), &database, CrashMode::kKeepAll, 0);
  }
  return stored;
}

TEST(DamageTest, EveryBitOfTheLastAcknowledgedRecordIsDamageAndNoTornTail) {
  size_t bits = 0;
  for (const size_t text_size : {20, 600}) {
    const StoredDatabase stored = MakeLog(3, text_size);
    const auto [path, bytes] = LastLog(stored.env.get());
    const auto [first, end] = LastGroup(bytes);
    ASSERT_LT(first, end);
    ASSERT_EQ(end - first, text_size == 20 ? 1u : 2u);
    for (uint64_t at = first * kSectorSize; at < end * kSectorSize; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        auto env = stored.env->Clone();
        ASSERT_TRUE(env->FlipBit(path, at, bit).ok());
        const arrow::Status status = Engine::Open(env.get(), "db", SmallOptions()).status();
        const std::string& text = status.message();
        ASSERT_TRUE(IsDamaged(status) && text.find(path) != std::string::npos &&
                    text.find("offset") != std::string::npos)
            << "byte " << at << " bit " << bit << ": " << status.ToString();
        ++bits;
      }
    }
  }
  std::cout << bits << " bits of the last record, each reported as damage with file and offset\n";
  EXPECT_EQ(bits, 3 * 512 * 8u);
}

TEST(DamageTest, FlipsInALongLogAreReportedOrHarmless) {
  const StoredDatabase stored = MakeLog(399, 40);
  ASSERT_EQ(stored.workload.acknowledged(), 400u);
  const auto [path, bytes] = LastLog(stored.env.get());
  const uint64_t written = LastGroup(bytes).second * kSectorSize;
  std::mt19937_64 random(WorkloadSeed());
  Tally tally;
  for (int i = 0; i < 200; ++i) {
    // One in eight behind what was written.
    const bool behind = i % 8 == 0;
    const uint64_t at = behind ? written + random() % (bytes.size() - written) : random() % written;
    auto env = stored.env->Clone();
    ASSERT_TRUE(env->FlipBit(path, at, static_cast<int>(random() % 8)).ok());
    const Verdict verdict = Examine(env.get(), stored.workload, path);
    EXPECT_NE(verdict.kind, Verdict::kSilent) << "byte " << at << ": " << verdict.text;
    EXPECT_TRUE(behind || verdict.kind == Verdict::kReported) << "byte " << at;
    tally.Add(behind ? "not written yet" : "written", verdict);
  }
  std::cout << "seed " << WorkloadSeed() << ", a log of 400 commits, " << written
            << " bytes written of " << bytes.size() << "\n";
  tally.Print("flips in the log");
}

TEST(DamageTest, FlipsInAllOtherFilesAreReportedOrHarmless) {
  std::mt19937_64 random(WorkloadSeed());
  Tally tally;
  size_t flips = 0;
  for (const bool closed : {true, false}) {
    const StoredDatabase stored = MakeDatabase(closed);
    std::map<std::string, std::vector<std::pair<std::string, uint64_t>>> kinds;
    for (const auto& [path, size] : ListFiles(stored.env.get())) {
      if (KindOf(path) != ".wal") kinds[KindOf(path)].emplace_back(path, size);
    }
    ASSERT_EQ(kinds.size(), 5u);
    for (int i = 0; i < 40; ++i) {
      for (const auto& [kind, files] : kinds) {
        const auto& [path, size] = files[random() % files.size()];
        const uint64_t at = random() % size;
        const int bit = static_cast<int>(random() % 8);
        auto env = stored.env->Clone();
        ASSERT_TRUE(env->FlipBit(path, at, bit).ok());
        const Verdict verdict = Examine(env.get(), stored.workload, path);
        EXPECT_NE(verdict.kind, Verdict::kSilent)
            << path << " byte " << at << " bit " << bit << ": " << verdict.text;
        tally.Add(kind, verdict);
        ++flips;
      }
    }
  }
  tally.Print("flips");
  EXPECT_GE(flips, 300u);
}

// A file that lost its end is an error that names it. Of a log that was open when its process died
// only the last records can be gone, in order: how much was there, no log can know.
TEST(DamageTest, ACutFileIsNamed) {
  Tally tally;
  for (const bool closed : {true, false}) {
    const StoredDatabase stored = MakeDatabase(closed);
    for (const auto& [path, size] : ListFiles(stored.env.get())) {
      for (const uint64_t left :
           {uint64_t{0}, uint64_t{1}, size / 3, size - std::min<uint64_t>(size, 600), size - 1}) {
        auto env = stored.env->Clone();
        ASSERT_TRUE(env->Open(path, io::OpenMode::kReadWrite).ValueOrDie()->Truncate(left).ok());
        const Verdict verdict = Examine(env.get(), stored.workload, path);
        const std::string kind = KindOf(path) + (closed ? ", closed" : ", not closed");
        tally.Add(kind, verdict);
        if (verdict.kind != Verdict::kSilent) continue;
        const bool tail_of_log =
            path.ends_with(".wal") && left >= kSectorSize && verdict.text.starts_with("recovered");
        EXPECT_TRUE(tail_of_log) << path << " cut to " << left << " of " << size << ": "
                                 << verdict.text;
        Database database{env.get(), SmallOptions(), nullptr};
        ASSERT_TRUE(database.Open().ok());
        EXPECT_EQ(Workload(stored.workload).Adopt(database.engine.get(), 0), "")
            << path << " cut to " << left;
      }
    }
  }
  tally.Print("files cut");
}

TEST(DamageTest, AMissingFileIsNamed) {
  Tally tally;
  for (const bool closed : {true, false}) {
    for (const bool flushed : {true, false}) {
      const StoredDatabase stored = flushed ? MakeDatabase(closed) : MakeThreeLogs(closed);
      const auto files = ListFiles(stored.env.get());
      ASSERT_TRUE(flushed || LogCount(files) == 3) << LogCount(files);
      for (const auto& [path, size] : files) {
        auto env = stored.env->Clone();
        ASSERT_TRUE(env->RemoveFile(path).ok());
        const Verdict verdict = Examine(env.get(), stored.workload, path);
        EXPECT_EQ(verdict.kind, Verdict::kReported)
            << path << (closed ? ", closed: " : ", not closed: ") << verdict.text;
        tally.Add(KindOf(path), verdict);
      }
      auto env = stored.env->Clone();
      ASSERT_TRUE(env->RemoveFile("db/LOCK").ok());
      EXPECT_EQ(Examine(env.get(), stored.workload, "db/LOCK").kind, Verdict::kHarmless);
    }
  }
  tally.Print("files gone");
}

// Known-bad control: with checksums off, the same examination must find other rows.
TEST(DamageTest, WithoutChecksumsFlipsAreSilentAndCaught) {
  size_t silent = 0;
  for (const bool flushed : {false, true}) {
    const StoredDatabase stored = MakeLog(20, 40);
    if (flushed) {
      Database database{stored.env.get(), SmallOptions(), nullptr};
      ASSERT_TRUE(database.Open().ok() && database.engine->Flush().ok() &&
                  database.engine->Close().ok());
    }
    const Row& row = stored.workload.model().tables.begin()->second->rows.back();
    const std::string& text = row[1].value();
    ASSERT_EQ(text.size(), 40u);
    for (const auto& [path, size] : ListFiles(stored.env.get())) {
      const size_t at = io::ReadFileToString(stored.env.get(), path).ValueOrDie().find(text);
      if (at == std::string::npos || path.ends_with(".idx")) continue;
      auto env = stored.env->Clone();
      ASSERT_TRUE(env->FlipBit(path, at + 7, 0).ok());
      EXPECT_EQ(Examine(env->Clone().get(), stored.workload, path).kind, Verdict::kReported)
          << path;
      silent += Examine(env.get(), stored.workload, path, /*verify_checksums=*/false).kind ==
                        Verdict::kSilent
                    ? 1
                    : 0;
    }
  }
  std::cout << silent << " flips were silent without checksums, one in the log, one in a segment\n";
  EXPECT_EQ(silent, 2u);
}

}  // namespace
}  // namespace pyralog::lsm
