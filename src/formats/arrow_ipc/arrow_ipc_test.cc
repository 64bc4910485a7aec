#include <filesystem>

#include "arrow/ipc/writer.h"
#include "formats/arrow_ipc/ipc_relation.h"
#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using io::ExpectError;

class ArrowIpcTest : public testing::Test {
 protected:
  std::string Write(const std::string& bytes, const std::string& name = "t.arrow") {
    std::filesystem::remove(dir_ / name);
    EXPECT_TRUE(io::WriteWholeFile(io::PosixEnv(), dir_ / name, bytes).ok());
    return dir_ / name;
  }
  std::string Rows(const Options& options = {}) {
    return WriteToString(*FindFormat("arrow_ipc"),
                         {SomeRows(0, 10), SomeRows(10, 10), SomeRows(20, 5)}, options)
        .ValueOrDie();
  }

  io::TempDir dir_;
};

TEST_F(ArrowIpcTest, FilesAndStreamsGiveTheSameRows) {
  ASSERT_OK_AND_ASSIGN(const auto file, ReadFile(Write(Rows())));
  ASSERT_OK_AND_ASSIGN(const auto stream, ReadFile(Write(Rows({{"stream", "true"}}), "t.arrows")));
  ASSERT_OK_AND_ASSIGN(const auto packed, ReadFile(Write(Rows({{"compression", "zstd"}}))));
  EXPECT_EQ(file->num_rows(), 25);
  EXPECT_TRUE(file->Equals(*stream));
  EXPECT_TRUE(file->Equals(*packed));
}

TEST_F(ArrowIpcTest, RecordBatchesAreTasks) {
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(Write(Rows())));
  ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
  EXPECT_EQ(IpcBatchCount(*relation), 3);
  ASSERT_OK_AND_ASSIGN(const ScanPlan plan, relation->Scan({}));
  EXPECT_EQ(plan.tasks.size(), 3U);
}

// One batch of 24 MB, as pandas and Polars write a whole frame.
TEST_F(ArrowIpcTest, AHugeBatchIsReadInPartsAndOnlyInWantedColumns) {
  constexpr int64_t kRows = 1'000'000;
  ASSERT_OK_AND_ASSIGN(
      const auto numbers,
      arrow::Int64Array(kRows, arrow::AllocateBuffer(kRows * 8).ValueOrDie()).View(arrow::int64()));
  auto* values = const_cast<int64_t*>(static_cast<arrow::Int64Array&>(*numbers).raw_values());
  for (int64_t i = 0; i < kRows; ++i) values[i] = i;
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::int64()),
                     arrow::field("c", arrow::int64())}),
      kRows, {numbers, numbers, numbers});
  for (const char* stream : {"false", "true"}) {
    ASSERT_OK_AND_ASSIGN(const auto bytes,
                         WriteToString(*FindFormat("arrow_ipc"), {batch}, {{"stream", stream}}));
    arrow::ProxyMemoryPool own(arrow::default_memory_pool());
    arrow::CappedMemoryPool pool(&own, 2 << 20);
    Limits limits;
    limits.pool = &pool;
    ASSERT_OK_AND_ASSIGN(const auto source, Source::Open(io::PosixEnv(), Write(bytes), limits));
    ASSERT_OK_AND_ASSIGN(
        const auto relation,
        OpenIpcRelation(source, *stream == 't' ? IpcKind::kStream : IpcKind::kFile));
    ASSERT_OK_AND_ASSIGN(const ScanPlan plan, relation->Scan({.columns = {{"b"}}}));
    EXPECT_EQ(plan.tasks.size() > 1, *stream == 'f');
    int64_t row = 0;
    for (const auto& task : plan.tasks) {
      ASSERT_OK_AND_ASSIGN(const auto reader, task->Open());
      for (auto part = reader->Next(); part.ok() && *part != nullptr; part = reader->Next()) {
        EXPECT_LE((*part)->num_rows(), 122'880);
        EXPECT_TRUE((*part)->column(0)->Equals(numbers->Slice(row, (*part)->num_rows())));
        row += (*part)->num_rows();
      }
    }
    EXPECT_EQ(row, kRows);
  }
}

TEST_F(ArrowIpcTest, AFileThatIsCutWhileItIsReadIsAnError) {
  for (const char* stream : {"false", "true"}) {
    const std::string path = Write(Rows({{"stream", stream}}));
    ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(path));
    ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
    ASSERT_OK_AND_ASSIGN(const ScanPlan plan, relation->Scan({}));
    ASSERT_OK_AND_ASSIGN(const auto reader, plan.tasks.front()->Open());
    std::filesystem::resize_file(path, 10);
    std::shared_ptr<arrow::RecordBatch> batch;
    ExpectError(reader->ReadNext(&batch), ErrorCode::kDamaged, "written over while it was read");
    ExpectError(plan.tasks.back()->Open().status(), ErrorCode::kDamaged, "rename it");
  }
}

// A batch whose columns take no bytes may claim any number of rows: it comes as one.
TEST_F(ArrowIpcTest, RowsWithoutBytesAreNotReadPartByPart) {
  constexpr int64_t kRows = INT32_MAX;
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("n", arrow::null())}),
                                              kRows, {std::make_shared<arrow::NullArray>(kRows)});
  ASSERT_OK_AND_ASSIGN(const auto bytes, WriteToString(*FindFormat("arrow_ipc"), {batch}));
  ASSERT_OK_AND_ASSIGN(const auto table, ReadFile(Write(bytes)));
  EXPECT_EQ(table->num_rows(), kRows);
  EXPECT_EQ(table->column(0)->num_chunks(), 1);
}

TEST_F(ArrowIpcTest, ColumnsComeInTheOrderAsked) {
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(Write(Rows())));
  ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
  ASSERT_OK_AND_ASSIGN(const auto table,
                       ReadRelation(relation.get(), {.columns = {{"score", "id"}}}));
  EXPECT_EQ(table->schema()->field_names(), (std::vector<std::string>{"score", "id"}));
  ASSERT_OK_AND_ASSIGN(const auto none,
                       ReadRelation(relation.get(), {.columns = std::vector<std::string>{}}));
  EXPECT_EQ(none->num_columns(), 0);
}

TEST_F(ArrowIpcTest, DuplicateNamesAreMadeDistinct) {
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("a", arrow::int8()), arrow::field("a", arrow::int8())}), 1,
      {Values(arrow::int8(), "[1]"), Values(arrow::int8(), "[2]")});
  ASSERT_OK_AND_ASSIGN(const auto bytes, WriteToString(*FindFormat("arrow"), {batch}));
  ASSERT_OK_AND_ASSIGN(const auto table, ReadFile(Write(bytes)));
  EXPECT_EQ(table->schema()->field_names(), (std::vector<std::string>{"a", "a_1"}));
}

TEST_F(ArrowIpcTest, OtherThingsAreRefused) {
  ExpectError(OpenFile(Write("")), ErrorCode::kDamaged, "empty");
  ExpectError(OpenFile(Write("hello, world")), ErrorCode::kDamaged, "t.arrow");
  ExpectError(OpenFile(Write("FEA1....FEA1")), ErrorCode::kDamaged, "t.arrow");
  ExpectError(OpenFile(Write(Rows().substr(0, 300))), ErrorCode::kDamaged);
}

TEST_F(ArrowIpcTest, OffsetsThatLeadOutsideAreFound) {
  std::string bytes = Rows();
  // The offsets of "name" in the first batch: 0, 0, 2, 4, ... Their third is made huge.
  const std::string offsets("\0\0\0\0\0\0\0\0\2\0\0\0\4\0\0\0", 16);
  const size_t at = bytes.find(offsets);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 11] = 0x7f;
  ExpectError(ReadFile(Write(bytes)), ErrorCode::kDamaged, "column 1");
}

}  // namespace
}  // namespace pyralog::formats
