// The worked examples of docs/formats/segment.md, index.md and deletion-pack.md.
#include <gtest/gtest.h>

#include "lsm/deletion_pack.h"
#include "lsm/record_log_testing.h"
#include "lsm/segment_testing.h"

namespace pyralog::lsm::testing {
namespace {

// Three rows of a table with the key "id".
SegmentFixture ExampleSegment(SegmentMeta* meta) {
  SegmentFixture fixture(arrow::schema({arrow::field("id", arrow::int64(), false),
                                        arrow::field("name", arrow::utf8())}),
                         {0});
  arrow::StringBuilder names;
  EXPECT_TRUE(names.Append("ada").ok() && names.AppendNull().ok() && names.Append("eve").ok());
  const auto batch = fixture.Batch(
      {Int64s(3, [](int64_t i) { return 10 * (i + 1); }), names.Finish().ValueOrDie()});
  auto writer = fixture.NewWriter();
  const std::vector<CommitNumber> births = {CommitNumber(5), CommitNumber(5), CommitNumber(6)};
  EXPECT_TRUE(writer->Append(*batch, births).ok());
  *meta = writer->Finish().ValueOrDie();
  return fixture;
}

TEST(SegmentFormatTest, TheIndexPageShowsTheBytes) {
  SegmentMeta meta;
  const SegmentFixture fixture = ExampleSegment(&meta);
  const auto file = io::ReadFileToString(fixture.env.get(), "db/00000031.idx").ValueOrDie();
  EXPECT_EQ(file, WorkedExample("index.md", file.size())) << AsHex(file);
}

// Only the parts that are not Arrow's own: the place of the batch, and its body.
TEST(SegmentFormatTest, TheSegmentPageShowsTheBody) {
  SegmentMeta meta;
  const SegmentFixture fixture = ExampleSegment(&meta);
  const auto file = io::ReadFileToString(fixture.env.get(), "db/00000031.arrow").ValueOrDie();
  constexpr size_t kBody = 0x280;
  constexpr size_t kBodyEnd = 0x380;
  ASSERT_GT(file.size(), kBodyEnd);
  EXPECT_EQ(file.substr(kBody, kBodyEnd - kBody),
            WorkedExample("segment.md", kBodyEnd).substr(kBody))
      << AsHex(file);
}

TEST(SegmentFormatTest, TheDeletionPackPageShowsTheBytes) {
  auto env = io::NewMemEnv();
  EXPECT_TRUE(env->CreateDir("tmp").ok());
  Deaths deaths;
  for (const uint32_t row : {5, 6, 700}) deaths[SegmentId(3)].rows.Add(row);
  deaths[SegmentId(3)].runs = {{0, CommitNumber(9)}, {2, CommitNumber(11)}};
  for (const uint32_t row : {0, 1, 2, 4, 70}) deaths[SegmentId(8)].rows.Add(row);
  deaths[SegmentId(8)].runs = {{0, CommitNumber(12)}};
  SEGMENT_ASSERT_OK(
      WriteDeletionPack(env.get(), "44.del", "tmp", kTestDatabase, 44, deaths).status());
  const auto file = io::ReadFileToString(env.get(), "44.del").ValueOrDie();
  EXPECT_EQ(file, WorkedExample("deletion-pack.md", file.size())) << AsHex(file);
}

}  // namespace
}  // namespace pyralog::lsm::testing
