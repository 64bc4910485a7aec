// Segment files that are not what they were: every change is reported or harmless, none is silent.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "io/fault_env.h"
#include "lsm/segment_index.h"
#include "lsm/segment_testing.h"

namespace pyralog::lsm::testing {
namespace {

constexpr int64_t kRows = 9000;
const char kArrowFile[] = "db/00000031.arrow";
const char kIndexFile[] = "db/00000031.idx";

std::shared_ptr<arrow::Schema> DamageSchema() {
  return arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("s", arrow::utf8()),
                        arrow::field("v", arrow::int32())});
}

std::shared_ptr<arrow::Array> Int32s(int64_t rows) {
  arrow::Int32Builder builder;
  for (int64_t i = 0; i < rows; ++i) {
    EXPECT_TRUE(
        (i % 5 == 0 ? builder.AppendNull() : builder.Append(static_cast<int32_t>(i * 3))).ok());
  }
  return builder.Finish().ValueOrDie();
}

// A keyed segment of three columns with several births.
class DamageTest : public ::testing::Test {
 protected:
  DamageTest() : fixture_(DamageSchema(), {0}) {
    batch_ = fixture_.Batch(
        {Int64s(kRows, [](int64_t i) { return i * 7; }),
         Strings(kRows, [](int64_t i) { return "string " + std::to_string(i); }), Int32s(kRows)});
    auto writer = fixture_.NewWriter();
    std::vector<CommitNumber> births;
    for (int64_t i = 0; i < kRows; ++i) births.emplace_back(static_cast<uint64_t>(i / 1000 + 1));
    EXPECT_TRUE(writer->Append(*batch_, births).ok());
    meta_ = writer->Finish().ValueOrDie();
    EXPECT_TRUE(keys_.Append(arrow::ArrayVector{batch_->column(0)}).ok());
  }

  std::string Content(const std::string& path) {
    return io::ReadFileToString(fixture_.env.get(), path).ValueOrDie();
  }

  // Reads everything there is; Invalid (not kDamaged) when something is silently different.
  arrow::Status ReadEverything(Segment* segment) {
    ARROW_RETURN_NOT_OK(ReadsAs(segment, *batch_));
    for (int column = 0; column < batch_->num_columns(); ++column) {
      ARROW_ASSIGN_OR_RAISE(const batch::ZoneMap* zone, segment->Zone(0, column));
      ARROW_ASSIGN_OR_RAISE(auto expected, batch::ComputeZoneMap(*batch_->column(column)));
      if (!(*zone == expected)) return arrow::Status::Invalid("zone differs");
    }
    ARROW_ASSIGN_OR_RAISE(auto births, segment->Births());
    for (size_t i = 0; i < births.size(); ++i) {
      if (births[i].first_row != i * 1000 || births[i].birth.value() != i + 1) {
        return arrow::Status::Invalid("births differ");
      }
    }
    std::vector<int64_t> which(kRows);
    std::iota(which.begin(), which.end(), 0);
    std::vector<int64_t> rows(kRows);
    ARROW_RETURN_NOT_OK(segment->Find(keys_, which, rows));
    return rows == which && births.size() == 9 ? arrow::Status::OK()
                                               : arrow::Status::Invalid("rows differ");
  }

  SegmentFixture fixture_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  SegmentMeta meta_;
  KeyBatch keys_;
};

bool IsReported(const arrow::Status& status) {
  return GetErrorCode(status) == ErrorCode::kDamaged ||
         GetErrorCode(status) == ErrorCode::kFormatVersion;
}

TEST_F(DamageTest, FlippedBitsAreNeverSilent) {
  std::mt19937_64 random(20);
  const std::string paths[] = {kArrowFile, kIndexFile};
  SEGMENT_ASSERT_OK(ReadEverything(fixture_.Open(meta_).get()));
  int reported = 0;
  for (int i = 0; i < 600; ++i) {
    const std::string& path = paths[i % 2];
    const std::string original = Content(path);
    std::string damaged = original;
    // Every sixth flip lies in the first or last kilobyte: headers and footers.
    uint64_t at = random() % damaged.size();
    if (i % 12 < 2) at = random() % 1024;
    if (i % 12 >= 10) at = damaged.size() - 1 - random() % 1024;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
    Overwrite(fixture_.env.get(), path, damaged);
    const arrow::Status read = ReadEverything(fixture_.Open(meta_).get());
    EXPECT_TRUE(read.ok() || IsReported(read)) << path << " byte " << at << ": " << read.ToString();
    reported += read.ok() ? 0 : 1;
    const arrow::Status verified = fixture_.Open(meta_)->VerifyAll();
    EXPECT_TRUE(IsReported(verified)) << path << " byte " << at << ": " << verified.ToString();
    EXPECT_NE(verified.ToString().find(path), std::string::npos) << verified.ToString();
    Overwrite(fixture_.env.get(), path, original);
  }
  EXPECT_GT(reported, 500);  // most bytes hold something
  SEGMENT_ASSERT_OK(ReadEverything(fixture_.Open(meta_).get()));
}

// The control: without checksums a flip in a value goes unnoticed, so the test above does see
// something.
TEST_F(DamageTest, WithoutChecksumsFlipsAreSilent) {
  std::string file = Content(kArrowFile);
  const int32_t value = 3 * 1001;  // column v of row 1001
  const size_t at = file.rfind(std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
  ASSERT_NE(at, std::string::npos);
  file[at] = static_cast<char>(file[at] ^ 16);
  Overwrite(fixture_.env.get(), kArrowFile, file);
  EXPECT_TRUE(IsReported(ReadEverything(fixture_.Open(meta_).get())));
  const arrow::Status silent = ReadEverything(fixture_.Open(meta_, false).get());
  EXPECT_FALSE(silent.ok());
  EXPECT_FALSE(IsReported(silent)) << silent.ToString();
}

TEST_F(DamageTest, OnlyWhatIsReadIsVerified) {
  // Columns of a large unit lie in blocks of their own, but for the ends.
  SegmentFixture large(
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::int64())}));
  const auto batch = large.Batch({Int64s(kUnitRows, [](int64_t i) { return i; }),
                                  Int64s(kUnitRows, [](int64_t i) { return -1 - i; })});
  const auto meta = large.Write({batch}).ValueOrDie();
  std::string file = io::ReadFileToString(large.env.get(), kArrowFile).ValueOrDie();
  const int64_t value = -100001;
  const size_t at = file.find(std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
  ASSERT_NE(at, std::string::npos);
  file[at] = static_cast<char>(file[at] ^ 1);
  Overwrite(large.env.get(), kArrowFile, file);
  auto segment = large.Open(meta);
  EXPECT_TRUE(segment->Column(0, 0).ValueOrDie()->Equals(batch->column(0)));
  const size_t block = at / kChecksumBlock * kChecksumBlock;
  ExpectStatus(
      segment->Column(0, 1).status(), ErrorCode::kDamaged,
      std::string(kArrowFile) + ": block of 65536 bytes at offset " + std::to_string(block));
  EXPECT_TRUE(segment->Column(0, 0).ok());
  EXPECT_TRUE(segment->Zone(0, 1).ok());
  ExpectStatus(segment->VerifyAll(), ErrorCode::kDamaged, "restore the file from a backup");
}

TEST_F(DamageTest, VerifyAllSeesDamageBehindVerifiedBlocks) {
  auto segment = fixture_.Open(meta_);
  SEGMENT_ASSERT_OK(ReadEverything(segment.get()));
  SEGMENT_ASSERT_OK(segment->VerifyAll());
  std::string file = Content(kArrowFile);
  file[file.size() / 2] = static_cast<char>(file[file.size() / 2] ^ 4);
  Overwrite(fixture_.env.get(), kArrowFile, file);
  ExpectStatus(segment->VerifyAll(), ErrorCode::kDamaged, kArrowFile);
}

TEST_F(DamageTest, CutAndMissingFiles) {
  for (const std::string path : {kArrowFile, kIndexFile}) {
    const std::string original = Content(path);
    for (size_t size :
         {size_t{0}, size_t{7}, size_t{80}, original.size() / 2, original.size() - 1}) {
      Overwrite(fixture_.env.get(), path, original.substr(0, size));
      ExpectStatus(ReadEverything(fixture_.Open(meta_).get()), ErrorCode::kDamaged,
                   path + ": has " + std::to_string(size) + " bytes where " +
                       std::to_string(original.size()));
    }
    Overwrite(fixture_.env.get(), path, original + "x");
    ExpectStatus(ReadEverything(fixture_.Open(meta_).get()), ErrorCode::kDamaged, path);
    SEGMENT_ASSERT_OK(fixture_.env->RemoveFile(path));
    ExpectStatus(ReadEverything(fixture_.Open(meta_).get()), ErrorCode::kDamaged,
                 path + ": is missing");
    Overwrite(fixture_.env.get(), path, original);
  }
  SEGMENT_ASSERT_OK(ReadEverything(fixture_.Open(meta_).get()));
}

TEST_F(DamageTest, FilesOfAnotherSegment) {
  const auto other = fixture_.Write({batch_}, 32, CommitNumber(1)).ValueOrDie();
  const std::string index = Content(kIndexFile);
  const std::string arrow = Content(kArrowFile);
  // The other index, of the size that the manifest expects.
  SegmentMeta meta = meta_;
  meta.index_bytes = other.index_bytes;
  Overwrite(fixture_.env.get(), kIndexFile, Content("db/00000032.idx"));
  ExpectStatus(fixture_.Open(meta)->Column(0, 0).status(), ErrorCode::kDamaged,
               "is the index of segment 32 of table 7");
  Overwrite(fixture_.env.get(), kIndexFile, index);
  auto foreign = Segment::Open(fixture_.env.get(), "db", DatabaseId{9}, meta_, fixture_.table);
  ExpectStatus(foreign->Column(0, 0).status(), ErrorCode::kDamaged, "another database");
  // The same id written again with other rows.
  const auto again = fixture_.Write({batch_->Slice(1)}, 31, CommitNumber(1)).ValueOrDie();
  meta = meta_;
  meta.index_bytes = again.index_bytes;
  ExpectStatus(fixture_.Open(meta)->Column(0, 0).status(), ErrorCode::kDamaged, "manifest");
  meta = again;
  meta.index_check ^= 1;
  ExpectStatus(fixture_.Open(meta)->Column(0, 0).status(), ErrorCode::kDamaged, "manifest");
  // An .arrow file of the right size with other rows.
  SegmentFixture swapped(DamageSchema(), {0});
  Overwrite(fixture_.env.get(), kIndexFile, index);
  std::string other_arrow = Content(kArrowFile);
  other_arrow.resize(arrow.size());
  Overwrite(fixture_.env.get(), kArrowFile, other_arrow);
  ExpectStatus(ReadEverything(fixture_.Open(meta_).get()), ErrorCode::kDamaged, kArrowFile);
}

TEST_F(DamageTest, AnotherSchemaThanTheFilesIsReported) {
  const auto wrong =
      MakeTableSchema(arrow::schema({arrow::field("k", arrow::int64(), false)}), {0}).ValueOrDie();
  auto segment = Segment::Open(fixture_.env.get(), "db", kTestDatabase, meta_, wrong);
  ExpectStatus(segment->Column(0, 0).status(), ErrorCode::kDamaged,
               "3 columns where the table has 1");
  auto fields = DamageSchema()->fields();
  fields[1] = fields[1]->WithType(arrow::list(arrow::int32()));
  const auto typed = MakeTableSchema(arrow::schema(fields), {0}).ValueOrDie();
  segment = Segment::Open(fixture_.env.get(), "db", kTestDatabase, meta_, typed);
  ExpectStatus(segment->Column(0, 0).status(), ErrorCode::kDamaged, "column 1 has type string");
}

TEST_F(DamageTest, NarrowerStoredTypesAreWidened) {
  // What a later build may write: the file's own type is narrower than the table's.
  auto fields = DamageSchema()->fields();
  fields[2] = fields[2]->WithType(arrow::int64());
  const auto wide = MakeTableSchema(arrow::schema(fields), {0}).ValueOrDie();
  auto segment = Segment::Open(fixture_.env.get(), "db", kTestDatabase, meta_, wide);
  EXPECT_EQ(segment->StoredColumn(0, 2).ValueOrDie()->type_id(), arrow::Type::INT32);
  const auto column = segment->Column(0, 2).ValueOrDie();
  ASSERT_EQ(column->type_id(), arrow::Type::INT64);
  EXPECT_EQ(static_cast<const arrow::Int64Array&>(*column).Value(6), 18);
}

TEST_F(DamageTest, UnknownSectionsAreSkippedOrRefused) {
  // A small index of a segment without rows, with one more section.
  SegmentMeta meta;
  meta.id = SegmentId(40);
  meta.table = TableId(7);
  for (const uint32_t kind : {7u, 127u, 128u, 255u, 256u}) {
    const std::vector<IndexSectionBytes> sections = {
        {1, ""}, {2, ""}, {3, std::string(8, '\0')}, {kind, "something new"}};
    SEGMENT_ASSERT_OK(
        WriteIndexSections(fixture_.env.get(), "db/00000040.idx", kTestDatabase, sections, &meta));
    auto index =
        SegmentIndex::Open(fixture_.env.get(), "db/00000040.idx", kTestDatabase, meta, true);
    if (kind >= kFirstSkippableSection && kind <= kLastSkippableSection) {
      SEGMENT_ASSERT_OK(index.status());
      SEGMENT_ASSERT_OK((*index)->VerifyAllBlocks());
      EXPECT_FALSE((*index)->has_keys());
      EXPECT_TRUE((*index)->Batches().ok());
    } else {
      ExpectStatus(index.status(), ErrorCode::kFormatVersion,
                   "section of kind " + std::to_string(kind));
    }
  }
}

TEST_F(DamageTest, ANewerVersionIsNotCalledDamage) {
  std::string index = Content(kIndexFile);
  index[8] = 2;
  Overwrite(fixture_.env.get(), kIndexFile, index);
  ExpectStatus(fixture_.Open(meta_)->Column(0, 0).status(), ErrorCode::kFormatVersion,
               "segment index version 2");
}

// --- Writing on a disk that fails ----------------------------------------------------------------

class FaultTest : public ::testing::Test {
 protected:
  FaultTest()
      : env_(io::FaultEnv::Make()), table_(MakeTableSchema(DamageSchema(), {0}).ValueOrDie()) {
    EXPECT_TRUE(env_->CreateDir("/db").ok());
    EXPECT_TRUE(env_->CreateDir("/tmp").ok());
    EXPECT_TRUE(env_->SyncDir("/").ok());
    batch_ = arrow::RecordBatch::Make(
        table_->arrow, kRows,
        {Int64s(kRows, [](int64_t i) { return i * 7; }),
         Strings(kRows, [](int64_t i) { return "string " + std::to_string(i); }), Int32s(kRows)});
  }
  arrow::Result<SegmentMeta> Write() {
    ARROW_ASSIGN_OR_RAISE(
        auto writer, SegmentWriter::Create(env_.get(), "/db", "/tmp", kTestDatabase, SegmentId(31),
                                           TableId(7), table_));
    const CommitNumber birth(5);
    ARROW_RETURN_NOT_OK(writer->Append(*batch_, {&birth, 1}));
    return writer->Finish();
  }

  std::unique_ptr<io::FaultEnv> env_;
  TableSchemaPtr table_;
  std::shared_ptr<arrow::RecordBatch> batch_;
};

TEST_F(FaultTest, AFailedWriteLeavesNothingBehind) {
  using io::FaultKind;
  int states = 0;
  for (const FaultKind kind :
       {FaultKind::kIoError, FaultKind::kShortWrite, FaultKind::kNoSpace, FaultKind::kSyncError}) {
    for (uint64_t nth = 1;; ++nth) {
      env_->FailAt(env_->operations() + nth, kind, false);
      auto meta = Write();
      const bool fired = env_->fault_fired();
      env_->FailAt(0, kind, false);
      if (!fired) {
        SEGMENT_ASSERT_OK(meta.status());
        SEGMENT_ASSERT_OK(env_->RemoveFile("/db/00000031.arrow"));
        SEGMENT_ASSERT_OK(env_->RemoveFile("/db/00000031.idx"));
        break;
      }
      ++states;
      // A sync error planned for another operation fires at the next sync, or lets it pass.
      if (meta.ok()) {
        SEGMENT_ASSERT_OK(env_->RemoveFile("/db/00000031.arrow"));
        SEGMENT_ASSERT_OK(env_->RemoveFile("/db/00000031.idx"));
        continue;
      }
      EXPECT_EQ(GetErrorCode(meta.status()),
                kind == FaultKind::kNoSpace ? ErrorCode::kNoSpace : ErrorCode::kIo)
          << meta.status().ToString();
      EXPECT_TRUE(env_->List("/db").ValueOrDie().empty());
      EXPECT_TRUE(env_->List("/tmp").ValueOrDie().empty());
    }
  }
  EXPECT_GE(states, 30);
}

TEST_F(FaultTest, AFinishedSegmentSurvivesPowerLoss) {
  for (const io::CrashMode mode :
       {io::CrashMode::kLoseAll, io::CrashMode::kPrefix, io::CrashMode::kRandom}) {
    auto meta = Write();
    SEGMENT_ASSERT_OK(meta.status());
    SEGMENT_ASSERT_OK(env_->SyncDir("/db"));
    env_->Crash(mode, 3);
    auto segment = Segment::Open(env_.get(), "/db", kTestDatabase, *meta, table_);
    SEGMENT_ASSERT_OK(segment->VerifyAll());
    SEGMENT_ASSERT_OK(ReadsAs(segment.get(), *batch_));
    SEGMENT_ASSERT_OK(env_->RemoveFile("/db/00000031.arrow"));
    SEGMENT_ASSERT_OK(env_->RemoveFile("/db/00000031.idx"));
  }
}

}  // namespace
}  // namespace pyralog::lsm::testing
