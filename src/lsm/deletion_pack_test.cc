#include "lsm/deletion_pack.h"

#include <gtest/gtest.h>

#include <random>

#include "base/endian.h"
#include "io/fault_env.h"
#include "lsm/segment_testing.h"

namespace pyralog::lsm::testing {
namespace {

const char kPack[] = "db/00000044.del";

class DeletionPackTest : public ::testing::Test {
 protected:
  DeletionPackTest() : env_(io::NewMemEnv()) {
    EXPECT_TRUE(env_->CreateDir("db").ok());
    EXPECT_TRUE(env_->CreateDir("tmp").ok());
  }
  arrow::Result<uint64_t> Write(const Deaths& deaths) {
    return WriteDeletionPack(env_.get(), kPack, "tmp", kTestDatabase, 44, deaths);
  }
  arrow::Result<Deaths> Read(bool verify = true) {
    return ReadDeletionPack(env_.get(), kPack, kTestDatabase, 44, verify);
  }
  std::string Content() { return io::ReadFileToString(env_.get(), kPack).ValueOrDie(); }

  std::unique_ptr<io::Env> env_;
};

// Rows ascend.
void Add(SegmentDeaths* deaths, uint32_t row, CommitNumber commit) {
  if (deaths->runs.empty() || deaths->runs.back().commit != commit) {
    deaths->runs.push_back({deaths->rows.size(), commit});
  }
  deaths->rows.Add(row);
}

Deaths Sample() {
  Deaths deaths;
  Add(&deaths[SegmentId(3)], 5, CommitNumber(9));  // a list, 2 runs
  Add(&deaths[SegmentId(3)], 6, CommitNumber(9));
  Add(&deaths[SegmentId(3)], 100000, CommitNumber(11));
  for (uint32_t row = 0; row < 1000; row += 2)
    Add(&deaths[SegmentId(8)], row, CommitNumber(12));  // a bitmap
  Add(&deaths[SegmentId(9)], UINT32_MAX, CommitNumber(1));
  return deaths;
}

TEST_F(DeletionPackTest, RoundTrips) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    Deaths deaths;
    for (uint64_t segment = 0; segment < random() % 5; ++segment) {
      auto& list = deaths[SegmentId(segment * 3 + 1)];
      const uint32_t step = 1 + random() % 200;
      for (uint32_t row = random() % 100; list.rows.size() < 1 + random() % 500;
           row += 1 + random() % step) {
        Add(&list, row, CommitNumber(random() % 3));
      }
    }
    auto size = Write(deaths);
    SEGMENT_ASSERT_OK(size.status());
    EXPECT_EQ(*size, Content().size());
    EXPECT_EQ(Read().ValueOrDie(), deaths);
  }
  EXPECT_TRUE(env_->List("tmp").ValueOrDie().empty());
}

TEST_F(DeletionPackTest, SegmentsWithoutDeathsAreLeftOut) {
  Deaths deaths = Sample();
  deaths[SegmentId(5)] = {};
  SEGMENT_ASSERT_OK(Write(deaths).status());
  EXPECT_EQ(Read().ValueOrDie(), Sample());
  SEGMENT_ASSERT_OK(Write({}).status());
  EXPECT_TRUE(Read().ValueOrDie().empty());
}

TEST_F(DeletionPackTest, ChoosesTheShorterEncoding) {
  SEGMENT_ASSERT_OK(Write(Sample()).status());
  const std::string file = Content();
  EXPECT_EQ(LoadLittle<uint32_t>(file.data() + 48 + 24), 1u);
  EXPECT_EQ(LoadLittle<uint32_t>(file.data() + 96 + 24), 2u);
  EXPECT_EQ(LoadLittle<uint32_t>(file.data() + 144 + 24), 1u);
}

TEST_F(DeletionPackTest, RefusesRunsThatDoNotFit) {
  for (const std::vector<SegmentDeaths::Run>& runs :
       {std::vector<SegmentDeaths::Run>{},
        {{1, CommitNumber(9)}},
        {{0, CommitNumber(9)}, {2, CommitNumber(10)}}}) {
    Deaths deaths;
    deaths[SegmentId(3)].rows.Add(5);
    deaths[SegmentId(3)].rows.Add(6);
    deaths[SegmentId(3)].runs = runs;
    ExpectStatus(Write(deaths).status(), ErrorCode::kInvalidArgument, "deaths of segment 3");
  }
}

TEST_F(DeletionPackTest, EveryFlippedBitIsReported) {
  SEGMENT_ASSERT_OK(Write(Sample()).status());
  const std::string original = Content();
  for (size_t bit = 0; bit < original.size() * 8; ++bit) {
    std::string damaged = original;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Overwrite(env_.get(), kPack, damaged);
    auto read = Read();
    ASSERT_FALSE(read.ok()) << "bit " << bit;
    const ErrorCode code = GetErrorCode(read.status());
    ASSERT_TRUE(code == ErrorCode::kDamaged || code == ErrorCode::kFormatVersion)
        << read.status().ToString();
  }
}

// The control, and the structural checks by themselves: no flip may crash the reader, and some must
// be silent.
TEST_F(DeletionPackTest, WithoutChecksumsSomeFlipsAreSilent) {
  SEGMENT_ASSERT_OK(Write(Sample()).status());
  const std::string original = Content();
  size_t silent = 0;
  for (size_t bit = 0; bit < original.size() * 8; ++bit) {
    std::string damaged = original;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Overwrite(env_.get(), kPack, damaged);
    auto read = Read(false);
    silent += read.ok() && *read != Sample() ? 1 : 0;
  }
  EXPECT_GT(silent, 100u);
}

TEST_F(DeletionPackTest, CutMissingAndForeignFiles) {
  SEGMENT_ASSERT_OK(Write(Sample()).status());
  const std::string original = Content();
  for (size_t size = 0; size < original.size(); ++size) {
    Overwrite(env_.get(), kPack, original.substr(0, size));
    ASSERT_EQ(GetErrorCode(Read().status()), ErrorCode::kDamaged) << size;
  }
  Overwrite(env_.get(), kPack, original + std::string(8, '\0'));
  ExpectStatus(Read().status(), ErrorCode::kDamaged, "bytes behind the last body");
  Overwrite(env_.get(), kPack, original);
  ExpectStatus(ReadDeletionPack(env_.get(), kPack, DatabaseId{}, 44).status(), ErrorCode::kDamaged,
               "another database");
  ExpectStatus(ReadDeletionPack(env_.get(), kPack, kTestDatabase, 45).status(), ErrorCode::kDamaged,
               "deletion pack 44 in the place of 45");
  SEGMENT_ASSERT_OK(env_->RemoveFile(kPack));
  ExpectStatus(Read().status(), ErrorCode::kDamaged, "db/00000044.del: is missing");
}

TEST(DeletionPackFaultTest, AFailedWriteLeavesNothingBehind) {
  auto env = io::FaultEnv::Make();
  SEGMENT_ASSERT_OK(env->CreateDir("/db"));
  SEGMENT_ASSERT_OK(env->CreateDir("/tmp"));
  for (uint64_t nth = 1;; ++nth) {
    env->FailAt(env->operations() + nth, io::FaultKind::kIoError, false);
    const auto written =
        WriteDeletionPack(env.get(), "/db/1.del", "/tmp", kTestDatabase, 1, Sample());
    const bool fired = env->fault_fired();
    env->FailAt(0, io::FaultKind::kIoError, false);
    EXPECT_EQ(written.ok(), !fired);
    if (!fired) break;
    EXPECT_TRUE(env->List("/db").ValueOrDie().empty());
    EXPECT_TRUE(env->List("/tmp").ValueOrDie().empty());
    ASSERT_LT(nth, 20u);
  }
  SEGMENT_ASSERT_OK(env->SyncDir("/db"));
  SEGMENT_ASSERT_OK(env->SyncDir("/"));
  env->Crash(io::CrashMode::kLoseAll, 1);
  EXPECT_EQ(ReadDeletionPack(env.get(), "/db/1.del", kTestDatabase, 1).ValueOrDie(), Sample());
}

}  // namespace
}  // namespace pyralog::lsm::testing
