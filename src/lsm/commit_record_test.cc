#include "lsm/commit_record.h"

#include <gtest/gtest.h>

#include "lsm/manifest_edit.h"
#include "lsm/record_log_testing.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

CommitRecord ExampleRecord(const std::string& rows) {
  CommitRecord record;
  record.commit = CommitNumber(7);
  record.meta = {{"a", "x"}, {"b", std::nullopt}};
  record.tables = {{TableOp::kDrop, TableId(3), nullptr}};
  record.rows = {{TableId(1), 1, 40, rows}};
  record.deletions = {{TableId(1), std::nullopt, {}, {12}}, {TableId(1), SegmentId(5), {}, {}}};
  record.deletions[1].rows.Add(0);
  record.deletions[1].rows.Add(2);
  return record;
}

TEST(CommitRecord, ThePageShowsTheBytes) {
  const std::string rows("\x01\x00\x00\x00\x00\x01\x2a", 7);
  const std::string bytes = EncodeCommitRecord(ExampleRecord(rows)).ValueOrDie();
  EXPECT_EQ(AsHex(WorkedExample("wal.md", bytes.size())), AsHex(bytes));
}

TEST(CommitRecord, ComesBackAsItWas) {
  const std::string rows("rows");
  CommitRecord record = ExampleRecord(rows);
  SegmentMeta meta;
  meta.id = SegmentId(9);
  meta.table = TableId(1);
  meta.schema_version = 2;
  meta.rows = 100;
  meta.arrow_bytes = 4096;
  meta.index_bytes = 512;
  meta.index_check = 0xABCDEF;
  meta.min_birth = meta.max_birth = CommitNumber(7);
  record.segments = {meta};
  const std::string bytes = EncodeCommitRecord(record).ValueOrDie();
  const CommitRecord back = DecodeCommitRecord(bytes).ValueOrDie();
  EXPECT_EQ(back.commit, record.commit);
  ASSERT_EQ(back.meta.size(), 2u);
  EXPECT_EQ(back.meta[0].value, "x");
  EXPECT_EQ(back.meta[1].value, std::nullopt);
  ASSERT_EQ(back.tables.size(), 1u);
  EXPECT_EQ(back.tables[0].op, TableOp::kDrop);
  ASSERT_EQ(back.rows.size(), 1u);
  EXPECT_EQ(back.rows[0].encoded, "rows");
  EXPECT_EQ(back.rows[0].first_ordinal, 40u);
  ASSERT_EQ(back.segments.size(), 1u);
  EXPECT_EQ(back.segments[0].index_check, 0xABCDEFu);
  EXPECT_EQ(back.segments[0].min_birth, CommitNumber(7));
  ASSERT_EQ(back.deletions.size(), 2u);
  EXPECT_EQ(back.deletions[0].ordinals, std::vector<uint64_t>{12});
  EXPECT_EQ(back.deletions[1].segment, SegmentId(5));
  EXPECT_EQ(back.deletions[1].rows, record.deletions[1].rows);
  EXPECT_EQ(CommitRecordType(record), kCommitRecord);
}

TEST(CommitRecord, ManyDeletionsAreABitEach) {
  const std::string encoded("rows");
  CommitRecord record = ExampleRecord(encoded);
  RowSet& rows = record.deletions[1].rows;
  for (uint32_t row = 3; row < 1000000; ++row) rows.Add(row);
  const std::string bytes = EncodeCommitRecord(record).ValueOrDie();
  EXPECT_LT(bytes.size(), 1000000 / 8 + 1000);
  EXPECT_EQ(CommitRecordType(record), kBigCommitRecord);
  EXPECT_EQ(DecodeCommitRecord(bytes).ValueOrDie().deletions[1].rows, rows);
  for (size_t size = 0; size < bytes.size(); size += 777) {
    EXPECT_TRUE(IsDamaged(DecodeCommitRecord({bytes.data(), size}).status())) << size;
  }
  // A bit more or less than it says.
  std::string other = bytes;
  other.back() ^= 1;
  EXPECT_TRUE(IsDamaged(DecodeCommitRecord(other).status()));
}

TEST(CommitRecord, EveryPrefixIsRefused) {
  const std::string bytes = EncodeCommitRecord(ExampleRecord("rows")).ValueOrDie();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(IsDamaged(DecodeCommitRecord({bytes.data(), size}).status())) << size;
  }
  EXPECT_TRUE(IsDamaged(DecodeCommitRecord(bytes + "x").status()));
}

ManifestState ExampleState() {
  ManifestState state;
  state.log_number = 2;
  state.commit = CommitNumber(9);
  state.next_table = 2;
  state.next_segment = 6;
  state.meta = std::make_shared<MetaMap>(MetaMap{{"k", {"v", CommitNumber(4)}}});
  const TableSchemaPtr schema =
      MakeTableSchema(arrow::schema({arrow::field("id", arrow::int64(), false)}), {0}).ValueOrDie();
  ManifestTable table;
  table.schemas = {{CommitNumber(1), schema}};
  table.flushed_ordinal = 100;
  table.segments = {SegmentId(5)};
  state.tables[TableId(1)] = table;
  SegmentMeta meta;
  meta.id = SegmentId(5);
  meta.table = TableId(1);
  meta.schema_version = 1;
  meta.rows = 100;
  state.segments[meta.id] = meta;
  state.packs[meta.id] = 3;
  return state;
}

TEST(ManifestEdit, IsTheDifferenceOfTwoStates) {
  const ManifestState from = ExampleState();
  ManifestState to = from;
  to.commit = CommitNumber(10);
  to.segments.erase(SegmentId(5));
  to.packs.erase(SegmentId(5));
  SegmentMeta meta = from.segments.at(SegmentId(5));
  meta.id = SegmentId(7);
  to.segments[meta.id] = meta;
  to.tables[TableId(1)].segments = {SegmentId(7)};
  ManifestState state;
  ASSERT_TRUE(
      ApplyManifestEdit(EncodeManifestEdit(ManifestState{}, from).ValueOrDie(), &state).ok());
  EXPECT_EQ(state.meta->at("k").value, "v");
  EXPECT_EQ(state.meta->at("k").commit, CommitNumber(4));
  EXPECT_EQ(state.packs.at(SegmentId(5)), 3u);
  EXPECT_EQ(state.tables.at(TableId(1)).flushed_ordinal, 100u);
  ASSERT_TRUE(ApplyManifestEdit(EncodeManifestEdit(from, to).ValueOrDie(), &state).ok());
  EXPECT_EQ(state.commit, CommitNumber(10));
  EXPECT_FALSE(state.segments.contains(SegmentId(5)));
  EXPECT_TRUE(state.packs.empty());
  EXPECT_EQ(state.tables.at(TableId(1)).segments, std::vector<SegmentId>{SegmentId(7)});
}

TEST(ManifestEdit, UnknownKeysAreANewerFormat) {
  // {"zones": 1}
  const std::string cbor("\xa1\x65zones\x01", 8);
  ManifestState state;
  EXPECT_EQ(GetErrorCode(ApplyManifestEdit(cbor, &state)), ErrorCode::kFormatVersion);
  EXPECT_TRUE(IsDamaged(ApplyManifestEdit("\xff\x01", &state)));
}

TEST(ManifestEdit, ThePageShowsTheBytes) {
  ManifestState state = ExampleState();
  ManifestState next = state;
  next.commit = CommitNumber(10);
  next.log_number = 3;
  SegmentMeta meta = state.segments.at(SegmentId(5));
  meta.id = SegmentId(6);
  next.next_segment = 7;
  next.segments[meta.id] = meta;
  next.tables[TableId(1)].segments.push_back(meta.id);
  const std::string bytes = EncodeManifestEdit(state, next).ValueOrDie();
  EXPECT_EQ(AsHex(WorkedExample("manifest.md", bytes.size())), AsHex(bytes));
}

}  // namespace
}  // namespace pyralog::lsm
