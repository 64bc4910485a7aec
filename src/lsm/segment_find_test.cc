// Looking up keys in a segment, against a std::map of the same keys.
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

#include "arrow/util/decimal.h"
#include "lsm/segment_key_index.h"
#include "lsm/segment_testing.h"

namespace pyralog::lsm::testing {
namespace {

// Rows [0, rows) of `columns` are the segment; all rows are looked up, so those behind are misses.
void CheckFind(const arrow::FieldVector& fields, std::vector<int> key,
               const arrow::ArrayVector& columns, int64_t rows) {
  SegmentFixture fixture(arrow::schema(fields), key);
  const auto all = fixture.Batch(columns);
  auto meta = fixture.Write({all->Slice(0, rows / 3), all->Slice(rows / 3, rows - rows / 3)});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  KeyBatch keys;
  SEGMENT_ASSERT_OK(keys.Append(KeyColumns(*all, key)));
  std::vector<int64_t> which(static_cast<size_t>(all->num_rows()));
  std::iota(which.begin(), which.end(), 0);
  std::shuffle(which.begin(), which.end(), std::mt19937(1));
  which.pop_back();  // one that is not asked for
  std::vector<int64_t> found(which.size() + 1, -7);
  SEGMENT_ASSERT_OK(segment->Find(keys, which, found));
  for (int64_t i : which) ASSERT_EQ(found[static_cast<size_t>(i)], i < rows ? i : -1) << i;
  EXPECT_EQ(std::count(found.begin(), found.end(), -7), 1);
  SEGMENT_ASSERT_OK(segment->VerifyAll());
}

std::shared_ptr<arrow::Field> Required(const std::string& name,
                                       std::shared_ptr<arrow::DataType> type) {
  return arrow::field(name, std::move(type), false);
}

template <class Builder, class Value>
std::shared_ptr<arrow::Array> Built(const std::shared_ptr<arrow::DataType>& type, int64_t rows,
                                    Value value) {
  auto builder = arrow::MakeBuilder(type).ValueOrDie();
  for (int64_t i = 0; i < rows; ++i)
    EXPECT_TRUE(static_cast<Builder*>(builder.get())->Append(value(i)).ok());
  return builder->Finish().ValueOrDie();
}

TEST(SegmentFindTest, Integers) {
  constexpr int64_t kRows = kUnitRows + 5000;
  CheckFind({Required("k", arrow::int64())}, {0},
            {Int64s(kRows + 3000, [](int64_t i) { return (i - 60000) * 977; })}, kRows);
  CheckFind({Required("k", arrow::uint8())}, {0},
            {Built<arrow::UInt8Builder>(arrow::uint8(), 250,
                                        [](int64_t i) { return static_cast<uint8_t>(i); })},
            200);
  CheckFind({Required("k", arrow::int16())}, {0},
            {Built<arrow::Int16Builder>(arrow::int16(), 250,
                                        [](int64_t i) { return static_cast<int16_t>(i - 99); })},
            200);
  const auto type = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  CheckFind({Required("k", type)}, {0},
            {Built<arrow::TimestampBuilder>(type, 2500, [](int64_t i) { return -i; })}, 1);
}

std::string TrickyString(int64_t i) {
  // Prefixes of one another, embedded zeros, bytes that look like the end of a key.
  static const std::string tails[] = {"",
                                      std::string(1, '\0'),
                                      std::string("\0\0", 2),
                                      std::string("\0\xFF", 2),
                                      "\xFF",
                                      "a",
                                      "a longer tail that no prefix of eight bytes tells apart"};
  return (i % 2 == 0 ? "" : "common ") + std::to_string(i / 14) + tails[i / 2 % 7];
}

TEST(SegmentFindTest, Strings) {
  const auto values = [](int64_t i) { return TrickyString(i); };
  CheckFind({Required("k", arrow::utf8())}, {0}, {Strings(6000, values)}, 5000);
  CheckFind({Required("k", arrow::large_utf8())}, {0},
            {Built<arrow::LargeStringBuilder>(arrow::large_utf8(), 6000, values)}, 5000);
  CheckFind({Required("k", arrow::utf8_view())}, {0},
            {Built<arrow::StringViewBuilder>(arrow::utf8_view(), 600, values)}, 500);
  CheckFind({Required("k", arrow::utf8())}, {0},
            {Strings(2, [](int64_t i) { return i == 0 ? "" : "x"; })}, 1);
}

TEST(SegmentFindTest, OtherTypes) {
  CheckFind(
      {Required("k", arrow::float64())}, {0},
      {Built<arrow::DoubleBuilder>(arrow::float64(), 600,
                                   [](int64_t i) { return 0.5 * static_cast<double>(i - 99); })},
      500);
  CheckFind({Required("k", arrow::decimal128(20, 2))}, {0},
            {Built<arrow::Decimal128Builder>(arrow::decimal128(20, 2), 600,
                                             [](int64_t i) { return arrow::Decimal128(i - 99); })},
            500);
  CheckFind({Required("k", arrow::fixed_size_binary(16))}, {0},
            {Built<arrow::FixedSizeBinaryBuilder>(
                arrow::fixed_size_binary(16), 600,
                [](int64_t i) { return std::string(12, '\0') + std::to_string(i + 1000); })},
            500);
}

TEST(SegmentFindTest, CompositeKeys) {
  constexpr int64_t kRows = 9000;
  const auto flags =
      Built<arrow::BooleanBuilder>(arrow::boolean(), kRows, [](int64_t i) { return i % 2 == 0; });
  const auto strings = Strings(kRows, [](int64_t i) { return TrickyString(i / 3); });
  const auto days = Built<arrow::Date32Builder>(
      arrow::date32(), kRows, [](int64_t i) { return static_cast<int32_t>(i % 3); });
  const auto values = Int64s(kRows, [](int64_t i) { return i; });
  CheckFind({arrow::field("v", arrow::int64()), Required("day", arrow::date32()),
             Required("s", arrow::utf8()), Required("flag", arrow::boolean())},
            {2, 3, 1}, {values, days, strings, flags}, kRows - 1000);
}

TEST(SegmentFindTest, TwoSegmentsOfDifferentKeysDoNotMix) {
  SegmentFixture fixture(arrow::schema({Required("k", arrow::int64())}), {0});
  auto meta = fixture.Write({fixture.Batch({Int64s(100, [](int64_t i) { return i; })})});
  SEGMENT_ASSERT_OK(meta.status());
  auto segment = fixture.Open(*meta);
  KeyBatch keys;
  SEGMENT_ASSERT_OK(
      keys.Append(arrow::ArrayVector{Int64s(1000, [](int64_t i) { return i + 100; })}));
  std::vector<int64_t> which(1000);
  std::iota(which.begin(), which.end(), 0);
  std::vector<int64_t> rows(1000);
  SEGMENT_ASSERT_OK(segment->Find(keys, which, rows));
  EXPECT_EQ(std::count(rows.begin(), rows.end(), -1), 1000);
}

// --- The table itself ----------------------------------------------------------------------------

class KeyTableFixture {
 public:
  explicit KeyTableFixture(std::vector<uint64_t> hashes) : hashes_(std::move(hashes)) {
    section_ = BuildKeyIndex(hashes_, &twins_);
    const std::span<const uint8_t> data(reinterpret_cast<const uint8_t*>(section_.data()),
                                        section_.size());
    blocks_ = std::make_unique<BlockVerifier>("file", data, std::span<const uint64_t>(), false);
  }
  SegmentKeyIndex Open() const {
    return SegmentKeyIndex::Open(blocks_.get(), 0, section_.size(), hashes_.size()).ValueOrDie();
  }
  const std::vector<std::pair<uint32_t, uint32_t>>& twins() const { return twins_; }
  const std::vector<uint64_t>& hashes() const { return hashes_; }

 private:
  std::vector<uint64_t> hashes_;
  std::vector<std::pair<uint32_t, uint32_t>> twins_;
  std::string section_;
  std::unique_ptr<BlockVerifier> blocks_;
};

// All rows whose fingerprint the table offers for a hash.
std::vector<uint32_t> Candidates(const SegmentKeyIndex& index, uint64_t hash) {
  std::vector<uint32_t> rows;
  int64_t none = 0;
  EXPECT_TRUE(index
                  .Find(
                      hash,
                      [&](uint32_t row, bool*) {
                        rows.push_back(row);
                        return arrow::Status::OK();
                      },
                      &none)
                  .ok());
  EXPECT_EQ(none, -1);
  return rows;
}

TEST(SegmentKeyIndexTest, OverfullBucketsWrapAround) {
  // All keys want the last bucket; those that find no room go on to the first.
  std::vector<uint64_t> hashes;
  for (uint64_t i = 0; i < 40; ++i) hashes.push_back(~uint64_t{0} - i);
  KeyTableFixture table(hashes);
  const auto index = table.Open();
  EXPECT_TRUE(index.VerifyRows().ok());
  EXPECT_TRUE(table.twins().empty());
  for (uint32_t i = 0; i < 40; ++i)
    EXPECT_EQ(Candidates(index, hashes[i]), std::vector<uint32_t>{i});
  EXPECT_TRUE(Candidates(index, ~uint64_t{0} - 41).empty());
}

TEST(SegmentKeyIndexTest, FingerprintZeroIsNoFreeSlot) {
  KeyTableFixture table({uint64_t{5} << 40, 7});
  const auto index = table.Open();
  EXPECT_EQ(Candidates(index, uint64_t{5} << 40), std::vector<uint32_t>{0});
  EXPECT_EQ(Candidates(index, 7), std::vector<uint32_t>{1});
  EXPECT_EQ(Candidates(index, uint64_t{9} << 40),
            std::vector<uint32_t>{0});  // same fingerprint, another key
}

TEST(SegmentKeyIndexTest, ReportsTwins) {
  KeyTableFixture table({1, 2, 1, 1});
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0, 2}, {0, 3}, {2, 3}};
  EXPECT_EQ(table.twins(), expected);
  EXPECT_EQ(Candidates(table.Open(), 1), (std::vector<uint32_t>{0, 2, 3}));
}

TEST(SegmentKeyIndexTest, RandomTablesHoldEveryRow) {
  std::mt19937_64 random(7);
  for (size_t rows : {0, 1, 6, 7, 1000, 100000}) {
    std::vector<uint64_t> hashes(rows);
    for (auto& hash : hashes) hash = random();
    KeyTableFixture table(hashes);
    const auto index = table.Open();
    ASSERT_TRUE(index.VerifyRows().ok());
    for (uint32_t i = 0; i < rows; ++i) {
      const auto candidates = Candidates(index, hashes[i]);
      ASSERT_NE(std::find(candidates.begin(), candidates.end(), i), candidates.end());
    }
  }
}

TEST(SegmentKeyIndexTest, RefusesUnknownKindsAndWrongCounts) {
  std::vector<std::pair<uint32_t, uint32_t>> twins;
  std::string section = BuildKeyIndex(std::vector<uint64_t>{1, 2, 3}, &twins);
  const std::span<const uint8_t> data(reinterpret_cast<const uint8_t*>(section.data()),
                                      section.size());
  BlockVerifier blocks("file", data, {}, false);
  ExpectStatus(SegmentKeyIndex::Open(&blocks, 0, section.size(), 4).status(), ErrorCode::kDamaged,
               "key index");
  ExpectStatus(SegmentKeyIndex::Open(&blocks, 0, 64, 3).status(), ErrorCode::kDamaged, "key index");
  section[0] = kKeyIndexPerfectHash;
  ExpectStatus(SegmentKeyIndex::Open(&blocks, 0, section.size(), 3).status(),
               ErrorCode::kFormatVersion, "kind 2");
}

// Bounds leave a segment out only when no key can be there: with every pair of bounds around its
// keys, for keys of one and of two columns.
TEST(SegmentFindTest, BoundsOfKeysLeaveOutOnlyWhatIsNotThere) {
  const auto encoded = [](const arrow::ArrayVector& columns) {
    KeyBatch keys;
    EXPECT_TRUE(keys.Append(columns).ok());
    return std::string(keys.key(0));
  };
  const std::string longer(40, 'm');  // than a zone map keeps
  for (const bool composite : {false, true}) {
    SegmentFixture fixture(arrow::schema({arrow::field("s", arrow::utf8(), false),
                                          arrow::field("i", arrow::int64(), false)}),
                           composite ? std::vector{0, 1} : std::vector{0});
    const auto batch = fixture.Batch(
        {Strings(3, [&](int64_t i) { return i == 0   ? "c"
                                            : i == 1 ? longer + "x"
                                                     : longer + "z"; }),
         Int64s(3, [](int64_t i) { return i * 10; })});
    const auto meta = fixture.Write({batch}).ValueOrDie();
    const auto segment = fixture.Open(meta);
    const auto key = [&](const std::string& text, int64_t number) {
      arrow::ArrayVector columns = {Strings(1, [&](int64_t) { return text; })};
      if (composite) columns.push_back(Int64s(1, [&](int64_t) { return number; }));
      return encoded(columns);
    };
    EXPECT_TRUE(segment->MayHold(key("c", 0), key("c", 0)));
    EXPECT_TRUE(segment->MayHold(key("a", 5), key("c", 0)));
    EXPECT_TRUE(segment->MayHold(key(longer + "z", 20), key("zz", 0)));
    EXPECT_TRUE(segment->MayHold(key("d", 0), key("e", 0)));
    EXPECT_FALSE(segment->MayHold(key("a", 99), key("b", 99)));
    EXPECT_FALSE(segment->MayHold(key("n", 0), key("z", 0)));
  }
}

}  // namespace
}  // namespace pyralog::lsm::testing
