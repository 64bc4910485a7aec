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

TEST_F(ArrowIpcTest, ValuesAreViewsOfTheMappedFile) {
  constexpr int64_t kRows = 100'000;
  ASSERT_OK_AND_ASSIGN(const auto bytes,
                       WriteToString(*FindFormat("arrow_ipc"), {SomeRows(0, kRows)}));
  ASSERT_OK_AND_ASSIGN(const auto source, Source::Open(io::PosixEnv(), Write(bytes)));
  ASSERT_OK_AND_ASSIGN(const auto relation, OpenIpcRelation(source, IpcKind::kFile));
  const int64_t before = arrow::default_memory_pool()->bytes_allocated();
  ASSERT_OK_AND_ASSIGN(const ScanPlan plan, relation->Scan({.columns = {{"score"}}}));
  ASSERT_OK_AND_ASSIGN(const auto reader, plan.tasks.front()->Open());
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_OK(reader->ReadNext(&batch));
  EXPECT_EQ(batch->num_rows(), kRows);
  // The batch's metadata may be copied, its values are not.
  EXPECT_LT(arrow::default_memory_pool()->bytes_allocated() - before, kRows);
}

// Pages of a mapping that the file has no more end the process.
TEST_F(ArrowIpcTest, AFileThatIsCutWhileItIsReadIsAnErrorBeforeTheNextBatch) {
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
