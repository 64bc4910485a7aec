#include "lsm/record_log.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>

#include "arrow/testing/gtest_util.h"
#include "io/fault_env.h"
#include "lsm/record_log_format.h"
#include "lsm/record_log_testing.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

using Kind = LogEnd::Kind;
using Records = std::vector<std::pair<uint32_t, std::string>>;

const DatabaseId kDatabase{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
constexpr uint32_t kNumber = 12;
const char kPath[] = "00000012.wal";
const LogIdentity kIdentity{LogKind::kWriteAhead, kDatabase, kNumber};

struct LogContent {
  LogEnd end;
  Records records;
};

arrow::Result<LogContent> ReadLog(io::Env* env, bool verify = true) {
  LogContent content;
  const auto visit = [&](const LogRecord& record) {
    content.records.emplace_back(record.type, record.body);
    return arrow::Status::OK();
  };
  ARROW_ASSIGN_OR_RAISE(content.end, ReadRecordLog(env, kPath, LogKind::kWriteAhead, kDatabase,
                                                   kNumber, visit, verify));
  return content;
}

arrow::Status Seal(io::Env* env, const LogContent& content) {
  return SealRecordLog(env, kPath, LogKind::kWriteAhead, kDatabase, kNumber, content.end,
                       content.records.size());
}

arrow::Result<std::unique_ptr<RecordLogWriter>> CreateLog(io::Env* env, uint64_t preallocate) {
  return RecordLogWriter::Create(env, kPath, LogKind::kWriteAhead, kDatabase, kNumber, preallocate);
}

arrow::Status Append(RecordLogWriter* log, const Records& records) {
  std::vector<LogRecord> group;
  for (const auto& [type, body] : records) group.push_back({type, body});
  return log->AppendGroup(group);
}

void ReplaceFile(io::Env* env, std::string_view bytes) {
  ASSERT_OK_AND_ASSIGN(auto file, env->Open(kPath, io::OpenMode::kCreate));
  ASSERT_OK(file->Truncate(0));
  ASSERT_OK(file->WriteAt(0, bytes));
}

arrow::Result<LogContent> ReadBytes(std::string_view bytes, bool verify = true) {
  auto env = io::NewMemEnv();
  ReplaceFile(env.get(), bytes);
  return ReadLog(env.get(), verify);
}

std::string FileBytes(io::Env* env) { return io::ReadFileToString(env, kPath).ValueOr(""); }

void ZeroSector(std::string* bytes, uint64_t sector) {
  std::memset(bytes->data() + sector * kSectorSize, 0, kSectorSize);
}

std::string Body(size_t size, int seed) {
  std::mt19937 random(seed);
  std::string body(size, '\0');
  for (char& byte : body) byte = static_cast<char>(random());
  return body;
}

Records Concatenated(const std::vector<Records>& groups, size_t count) {
  Records all;
  for (size_t i = 0; i < count; ++i) all.insert(all.end(), groups[i].begin(), groups[i].end());
  return all;
}

// The bytes of a log with these groups. The first `synced` of them were synced one by one.
std::string LogBytes(const std::vector<Records>& groups, size_t synced, uint64_t preallocate,
                     bool close = false) {
  auto env = io::NewMemEnv();
  auto log = CreateLog(env.get(), preallocate).ValueOrDie();
  for (size_t i = 0; i < groups.size(); ++i) {
    EXPECT_OK(Append(log.get(), groups[i]));
    if (i < synced) EXPECT_OK(log->Sync());
  }
  if (close) EXPECT_OK(log->CloseCleanly());
  return FileBytes(env.get());
}

void ExpectDamaged(const arrow::Status& status, std::string_view part) {
  EXPECT_TRUE(IsDamaged(status)) << status.ToString();
  EXPECT_NE(status.message().find(kPath), std::string::npos) << status.ToString();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.ToString();
}

const std::vector<Records> kGroups = {{{1, "first"}}, {{2, Body(1200, 1)}, {1, ""}}, {{7, "x"}}};

TEST(RecordLogFormat, PlacesInTheFile) {
  EXPECT_EQ(SectorsFor(1), 1);
  EXPECT_EQ(SectorsFor(kSectorPayload), 1);
  EXPECT_EQ(SectorsFor(kSectorPayload + 1), 2);
  EXPECT_EQ(FileOffsetOf(3, 0), 3 * 512 + 16);
  EXPECT_EQ(FileOffsetOf(3, 487), 3 * 512 + 503);
  EXPECT_EQ(FileOffsetOf(3, 488), 4 * 512 + 16);
  EXPECT_TRUE(IsAllZero("", 0));
  EXPECT_TRUE(IsAllZero("\0\0", 2));
  EXPECT_FALSE(IsAllZero("\0\1", 2));
  EXPECT_FALSE(IsAllZero("\1\1", 2));
}

TEST(RecordLog, EmptyLogIsOpenAndCloses) {
  for (uint64_t preallocate : {0, 1, 512, 5000, 3 << 20}) {
    auto env = io::NewMemEnv();
    ASSERT_OK_AND_ASSIGN(auto log, CreateLog(env.get(), preallocate));
    EXPECT_EQ(log->size(), kSectorSize);
    ASSERT_OK(log->AppendGroup({}));
    EXPECT_EQ(log->size(), kSectorSize);
    ASSERT_OK_AND_ASSIGN(auto open, ReadLog(env.get()));
    EXPECT_EQ(open.end.kind, Kind::kOpen);
    EXPECT_EQ(open.end.offset, kSectorSize);
    ASSERT_OK(log->CloseCleanly());
    ASSERT_OK_AND_ASSIGN(auto closed, ReadLog(env.get()));
    EXPECT_EQ(closed.end.kind, Kind::kClosed);
    EXPECT_EQ(closed.end.offset, 2 * kSectorSize);
    EXPECT_TRUE(closed.records.empty());
    EXPECT_EQ(env->FileSize(kPath).ValueOrDie(), 2 * kSectorSize);
    EXPECT_EQ(GetErrorCode(Append(log.get(), {{1, "x"}})), ErrorCode::kReadOnly);
    EXPECT_EQ(GetErrorCode(log->CloseCleanly()), ErrorCode::kReadOnly);
  }
}

TEST(RecordLog, RoundTripsRecordsOfEverySize) {
  std::mt19937 random(1);
  std::vector<Records> groups;
  // Around the end of a sector (488 less 16 around a body), of many, and of the reader's chunk.
  for (size_t size : {0, 1, 470, 471, 472, 473, 480, 487, 488, 489, 960, 976, 5000, 100'000,
                      1'000'000, 3'000'000}) {
    groups.push_back({{static_cast<uint32_t>(size) + 1, Body(size, static_cast<int>(size))}});
  }
  for (int i = 0; i < 100; ++i) {
    Records group;
    for (size_t j = 1 + random() % 8; j > 0; --j) group.push_back({1, Body(random() % 900, i)});
    groups.push_back(group);
  }
  for (uint64_t preallocate : {0, 512, 1 << 20}) {
    for (bool close : {false, true}) {
      const std::string bytes = LogBytes(groups, 3, preallocate, close);
      ASSERT_OK_AND_ASSIGN(auto content, ReadBytes(bytes));
      EXPECT_EQ(content.end.kind, close ? Kind::kClosed : Kind::kOpen);
      EXPECT_EQ(content.records, Concatenated(groups, groups.size()));
      if (close) {
        EXPECT_EQ(bytes.size(), content.end.offset);
      }
    }
  }
}

TEST(RecordLog, AWriterGrowsItsFileInSteps) {
  auto env = io::NewMemEnv();
  ASSERT_OK_AND_ASSIGN(auto log, CreateLog(env.get(), 4096));
  EXPECT_EQ(env->FileSize(kPath).ValueOrDie(), 4096u);
  ASSERT_OK(Append(log.get(), {{1, Body(4000, 1)}}));
  EXPECT_EQ(log->size(), (1 + SectorsFor(4016)) * kSectorSize);
  EXPECT_EQ(env->FileSize(kPath).ValueOrDie(), 8192u);
  ASSERT_OK(Append(log.get(), {{1, Body(9000, 1)}}));
  EXPECT_EQ(env->FileSize(kPath).ValueOrDie() % 4096, 0u);
  ASSERT_OK(log->CloseCleanly());
  EXPECT_EQ(env->FileSize(kPath).ValueOrDie(), log->size());
}

TEST(RecordLog, TornLastGroupWithAnySectorsMissing) {
  for (bool preallocated : {false, true}) {
    std::vector<Records> groups = kGroups;
    // The first record ends exactly with a sector: no place but the flag says that more follows.
    groups.push_back({{3, Body(2 * kSectorPayload - 16, 4)}, {1, Body(1500, 5)}});
    const std::string bytes = LogBytes(groups, 3, preallocated ? 8192 : 0);
    const std::string before = LogBytes(kGroups, 3, 0);
    const uint64_t first = before.size() / kSectorSize;
    const uint64_t sectors = SectorsFor(2 * kSectorPayload + 1516);
    ASSERT_EQ(sectors, 6u);
    for (uint32_t present = 0; present < 1u << sectors; ++present) {
      std::string torn = bytes;
      for (uint64_t i = 0; i < sectors; ++i) {
        if ((present >> i & 1) == 0) ZeroSector(&torn, first + i);
      }
      auto env = io::NewMemEnv();
      ReplaceFile(env.get(), torn);
      ASSERT_OK_AND_ASSIGN(auto content, ReadLog(env.get()));
      const bool whole = present == (1u << sectors) - 1;
      EXPECT_EQ(content.records, Concatenated(groups, whole ? 4 : 3));
      EXPECT_EQ(content.end.kind, whole || present == 0 ? Kind::kOpen : Kind::kTorn);
      EXPECT_EQ(content.end.offset, (whole ? first + sectors : first) * kSectorSize);
      EXPECT_EQ(content.end.torn_bytes, whole ? 0 : std::popcount(present) * kSectorSize);
      ASSERT_OK(Seal(env.get(), content));
      ASSERT_OK_AND_ASSIGN(auto sealed, ReadLog(env.get()));
      EXPECT_EQ(sealed.end.kind, Kind::kClosed);
      EXPECT_EQ(sealed.end.offset, content.end.offset + kSectorSize);
      EXPECT_EQ(sealed.records, content.records);
      ASSERT_OK(Seal(env.get(), sealed));
      EXPECT_EQ(FileBytes(env.get()).size(), sealed.end.offset);
    }
  }
}

TEST(RecordLog, AWriteCutAtAnyByteIsTorn) {
  const std::string before = LogBytes(kGroups, 3, 0);
  std::vector<Records> groups = kGroups;
  groups.push_back({{3, Body(1000, 4)}});
  const std::string bytes = LogBytes(groups, 3, 0);
  for (size_t cut = before.size(); cut < bytes.size(); ++cut) {
    for (bool preallocated : {false, true}) {
      std::string torn = bytes.substr(0, cut);
      if (preallocated) torn.resize(16384);
      ASSERT_OK_AND_ASSIGN(auto content, ReadBytes(torn));
      EXPECT_EQ(content.records, Concatenated(groups, 3));
      EXPECT_EQ(content.end.offset, before.size());
      EXPECT_EQ(content.end.kind, cut == before.size() ? Kind::kOpen : Kind::kTorn);
    }
  }
}

TEST(RecordLog, TwoUnsyncedGroupsAreCutFromTheFirstThatIsTorn) {
  const std::string bytes =
      LogBytes(kGroups, 1, 8192);  // groups 2 (sectors 2-4) and 3 (5): unsynced
  for (uint64_t lost = 2; lost <= 5; ++lost) {
    std::string torn = bytes;
    ZeroSector(&torn, lost);
    ASSERT_OK_AND_ASSIGN(auto content, ReadBytes(torn));
    EXPECT_EQ(content.records, Concatenated(kGroups, lost == 5 ? 2 : 1));
    EXPECT_EQ(content.end.kind, lost == 5 ? Kind::kOpen : Kind::kTorn);
    EXPECT_EQ(content.end.torn_bytes, lost == 5 ? 0 : 3 * kSectorSize);
  }
}

TEST(RecordLog, ALostSectorThatWasDurableIsDamage) {
  for (bool close : {false, true}) {
    const std::string bytes = LogBytes(kGroups, 3, 8192, close);
    // Group 3 says that 1-4 were durable; only the closing record says it of group 3 (5).
    for (uint64_t lost = 1; lost <= 4; ++lost) {
      std::string damaged = bytes;
      ZeroSector(&damaged, lost);
      ExpectDamaged(ReadBytes(damaged).status(), "offset " + std::to_string(lost * kSectorSize));
    }
    std::string last_lost = bytes;
    ZeroSector(&last_lost, 5);
    EXPECT_EQ(ReadBytes(last_lost).ok(), !close);
  }
}

// Flips every bit of `bytes`: damage is reported, or the records are the same. In the first
// `written` bytes each flip must be reported.
void FlipEveryBit(const std::string& bytes, size_t written) {
  ASSERT_OK_AND_ASSIGN(const auto expected, ReadBytes(bytes));
  auto env = io::NewMemEnv();
  ReplaceFile(env.get(), bytes);
  ASSERT_OK_AND_ASSIGN(auto file, env->Open(kPath, io::OpenMode::kReadWrite));
  int silent_without_checksums = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      const char flipped = static_cast<char>(bytes[at] ^ (1 << bit));
      ASSERT_OK(file->WriteAt(at, {&flipped, 1}));
      const auto content = ReadLog(env.get());
      if (!content.ok()) {
        ExpectDamaged(content.status(), "");
      } else {
        ASSERT_GE(at, written) << "bit " << bit;
        ASSERT_EQ(content->records, expected.records) << at;
      }
      const auto unchecked = ReadLog(env.get(), /*verify=*/false);
      silent_without_checksums += unchecked.ok() && unchecked->records != expected.records;
    }
    ASSERT_OK(file->WriteAt(at, {&bytes[at], 1}));
  }
  EXPECT_GT(silent_without_checksums, 50) << "the control must miss what the checksums find";
}

TEST(RecordLog, EveryFlippedBitIsReportedOrHarmless) {
  const size_t content = LogBytes(kGroups, 3, 0).size();
  FlipEveryBit(LogBytes(kGroups, 3, 0), content);
  FlipEveryBit(LogBytes(kGroups, 3, 5120), content);
  const std::string closed = LogBytes(kGroups, 3, 8192, /*close=*/true);
  FlipEveryBit(closed, closed.size());
  // Bodies of zeros: the file differs little from one that was never written.
  const std::vector<Records> zeros = {{{1, std::string(2000, '\0')}}, {{1, std::string(40, '\0')}}};
  FlipEveryBit(LogBytes(zeros, 2, 5120), LogBytes(zeros, 2, 0).size());
  // Nothing of it was synced, but all of it is there.
  FlipEveryBit(LogBytes(kGroups, 0, 5120), content);
}

TEST(RecordLog, FlipsInATornLogNeverChangeARecord) {
  std::string bytes = LogBytes(kGroups, 1, 5120);
  ZeroSector(&bytes, 3);
  FlipEveryBit(bytes, 2 * kSectorSize);
}

TEST(RecordLog, OtherLogsAreRefused) {
  auto env = io::NewMemEnv();
  const std::string bytes = LogBytes(kGroups, 3, 0, true);
  ReplaceFile(env.get(), bytes);
  const auto read = [&](LogKind kind, DatabaseId database, uint32_t number) {
    return ReadRecordLog(env.get(), kPath, kind, database, number,
                         [](const LogRecord&) { return arrow::Status::OK(); })
        .status();
  };
  DatabaseId other = kDatabase;
  other[15] = 0;
  ExpectDamaged(read(LogKind::kManifest, kDatabase, kNumber), "another kind");
  ExpectDamaged(read(LogKind::kWriteAhead, other, kNumber), "another database");
  ExpectDamaged(read(LogKind::kWriteAhead, kDatabase, 13), "log 12, not log 13");
  std::string newer = bytes;
  newer[8] = 2;
  ExpectDamaged(ReadBytes(newer).status(), "damaged");
  StoreLittle(newer.data() + 504, Hash64(newer.data(), 504));
  EXPECT_EQ(GetErrorCode(ReadBytes(newer).status()), ErrorCode::kFormatVersion);
  ASSERT_OK(env->RemoveFile(kPath));
  EXPECT_EQ(GetErrorCode(ReadLog(env.get()).status()), ErrorCode::kNotFound);
}

TEST(RecordLog, GarbageIsDamage) {
  ExpectDamaged(ReadBytes("").status(), "0 bytes");
  ExpectDamaged(ReadBytes(std::string(511, '\0')).status(), "511 bytes");
  ExpectDamaged(ReadBytes(std::string(4096, '\0')).status(), "not a log");
  ExpectDamaged(ReadBytes(Body(4096, 1)).status(), "not a log");
  const std::string bytes = LogBytes(kGroups, 3, 0);
  ExpectDamaged(ReadBytes(bytes + Body(512, 1)).status(), "check of a sector");
  ExpectDamaged(ReadBytes(bytes.substr(0, 512) + bytes.substr(1024)).status(), "belongs elsewhere");
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string noise = bytes;
    for (uint32_t j = 0; j < 1 + random() % 4; ++j) noise[random() % noise.size()] ^= random();
    for (bool verify : {true, false}) (void)ReadBytes(noise, verify);  // it ends
  }
}

// A whole group of these records behind the header, as no writer would write it.
std::string Forged(const std::vector<LogRecord>& records, GroupPlace place = {}) {
  if (place.log_number == 0) place.log_number = kNumber;
  place.seed = SectorSeed(kDatabase);
  std::vector<char> sectors;
  const size_t size = EncodeGroup(records, place, &sectors);
  std::string bytes(place.first_sector * kSectorSize, '\0');
  EncodeFileHeader(kIdentity, bytes.data());
  return bytes.append(sectors.data(), size);
}

TEST(RecordLog, SectorsWithRightChecksAndWrongContentAreDamage) {
  ExpectDamaged(ReadBytes(Forged({{0, "body"}})).status(), "closing record");
  ExpectDamaged(ReadBytes(Forged({{0, ""}, {1, "after"}})).status(), "closing record");
  std::string closed = Forged({{0, ""}});
  closed += Forged({{1, "x"}}, {.first_sector = 2, .first_record = 1}).substr(1024);
  ExpectDamaged(ReadBytes(closed).status(), "offset 1024: the log goes on behind");
  ExpectDamaged(ReadBytes(Forged({{1, "x"}}, {.log_number = 13})).status(), "belongs elsewhere");
  ExpectDamaged(ReadBytes(Forged({{1, "x"}}, {.first_record = 1})).status(), "checksum");
  // Lengths are not covered by a sector's check.
  for (uint32_t length : {2u, 473u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    std::string huge = Forged({{1, "x"}});
    StoreLittle(huge.data() + 512 + 16, length);
    for (bool verify : {true, false}) {
      ExpectDamaged(ReadBytes(huge, verify).status(), "longer than its group");
    }
  }
  for (const SectorHeader& header :
       {SectorHeader{kNumber, 1, 1, 0, 1}, SectorHeader{kNumber, 1, 1, 489, 1},
        SectorHeader{kNumber, 1, 1, 17, 0}, SectorHeader{kNumber, 1, 1, 17, 3},
        SectorHeader{kNumber, 1, 1, 8, 1}}) {
    std::string forged = Forged({{1, "x"}});
    StoreLittle(forged.data() + 512, header);
    StoreLittle(forged.data() + 1016, SectorTrailer(forged.data() + 512, SectorSeed(kDatabase)));
    ExpectDamaged(ReadBytes(forged).status(), "");
  }
}

TEST(RecordLog, SectorsOfAnOlderLogCountAsNotWritten) {
  const std::string older = Forged({{1, "x"}}, {.log_number = 11, .durable_below = 900});
  ASSERT_OK_AND_ASSIGN(auto content, ReadBytes(older));
  EXPECT_EQ(content.end.kind, Kind::kTorn);
  EXPECT_EQ(content.end.offset, kSectorSize);
  EXPECT_TRUE(content.records.empty());
}

TEST(RecordLog, TheVisitorsErrorEndsTheReading) {
  auto env = io::NewMemEnv();
  ReplaceFile(env.get(), LogBytes(kGroups, 3, 0));
  int visits = 0;
  const auto visit = [&](const LogRecord&) {
    return ++visits == 2 ? arrow::Status::Cancelled("enough") : arrow::Status::OK();
  };
  const auto end = ReadRecordLog(env.get(), kPath, LogKind::kWriteAhead, kDatabase, kNumber, visit);
  EXPECT_TRUE(end.status().IsCancelled());
  EXPECT_EQ(visits, 2);
}

TEST(RecordLog, RefusedRecordsChangeNothing) {
  auto env = io::NewMemEnv();
  ASSERT_OK_AND_ASSIGN(auto log, CreateLog(env.get(), 0));
  EXPECT_EQ(GetErrorCode(Append(log.get(), {{1, "a"}, {0, ""}})), ErrorCode::kInvalidArgument);
  const std::string_view huge(nullptr, uint64_t{1} << 32);  // refused before it is looked at
  const LogRecord record{1, huge};
  EXPECT_EQ(GetErrorCode(log->AppendGroup({&record, 1})), ErrorCode::kInvalidArgument);
  ASSERT_OK(Append(log.get(), {{1, "b"}}));
  ASSERT_OK_AND_ASSIGN(auto content, ReadLog(env.get()));
  EXPECT_EQ(content.records, (Records{{1, "b"}}));
}

TEST(RecordLog, CreateNeedsAFreeNameAndReplacesLeftovers) {
  auto env = io::NewMemEnv();
  ASSERT_OK(env->Open(std::string(kPath) + ".tmp", io::OpenMode::kCreate).status());
  ASSERT_OK(CreateLog(env.get(), 4096).status());
  EXPECT_EQ(GetErrorCode(CreateLog(env.get(), 4096).status()), ErrorCode::kAlreadyExists);
  EXPECT_EQ(env->List(".").ValueOrDie().size(), 1u);
}

TEST(RecordLog, ThePageShowsTheBytes) {
  const std::vector<Records> groups = {{{1, "hello"}}, {{2, "pair"}, {2, ""}}};
  const std::string bytes = LogBytes(groups, 1, 0, /*close=*/true);
  ASSERT_EQ(bytes.size(), 2048u);
  EXPECT_EQ(AsHex(WorkedExample("record-log.md", bytes.size())), AsHex(bytes));
}

}  // namespace
}  // namespace pyralog::lsm
