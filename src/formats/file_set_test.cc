#include "formats/file_set.h"

#include <filesystem>

#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using arrow::compute::equal;
using arrow::compute::field_ref;
using arrow::compute::literal;
using io::ExpectError;

class FileSetTest : public testing::Test {
 protected:
  // Writes rows [first, first + count) as an Arrow file below the folder.
  std::string Write(const std::string& name, int64_t first, int64_t count) {
    std::filesystem::create_directories(std::filesystem::path(dir_ / name).parent_path());
    const auto bytes = WriteToString(*FindFormat("arrow_ipc"), {SomeRows(first, count)});
    EXPECT_TRUE(bytes.ok());
    EXPECT_TRUE(io::WriteWholeFile(io::PosixEnv(), dir_ / name, *bytes).ok());
    return dir_ / name;
  }
  arrow::Result<std::shared_ptr<arrow::Table>> Read(const std::vector<std::string>& paths,
                                                    const batch::ScanRequest& request = {},
                                                    const FileSetOptions& options = {}) {
    ARROW_ASSIGN_OR_RAISE(const auto set, OpenFileSet(io::PosixEnv(), paths, options));
    return ReadRelation(set.get(), request);
  }

  io::TempDir dir_;
};

TEST_F(FileSetTest, FilesFollowEachOther) {
  const std::vector<std::string> paths = {Write("a.arrow", 0, 3), Write("b.arrow", 3, 2)};
  ASSERT_OK_AND_ASSIGN(const auto table, Read(paths));
  ASSERT_OK_AND_ASSIGN(const auto expected, arrow::Table::FromRecordBatches({SomeRows(0, 5)}));
  EXPECT_TRUE(table->Equals(*expected));
}

TEST_F(FileSetTest, HiveFoldersBecomeColumns) {
  const std::vector<std::string> paths = {Write("year=2023/part=a/x.arrow", 0, 1),
                                          Write("year=2024/part=b/x.arrow", 1, 2)};
  ASSERT_OK_AND_ASSIGN(const auto table, Read(paths));
  EXPECT_EQ(table->schema()->field(3)->ToString(), "year: int64");
  EXPECT_EQ(table->schema()->field(4)->ToString(), "part: string");
  ASSERT_OK_AND_ASSIGN(const auto last, table->GetColumnByName("part")->GetScalar(2));
  EXPECT_EQ(last->ToString(), "b");
  ASSERT_OK_AND_ASSIGN(const auto swapped, Read(paths, {.columns = {{"year", "id"}}}));
  EXPECT_EQ(swapped->schema()->field_names(), (std::vector<std::string>{"year", "id"}));
  ASSERT_OK_AND_ASSIGN(const auto plain, Read(paths, {}, {.hive_columns = false}));
  EXPECT_EQ(plain->num_columns(), 3);
}

TEST_F(FileSetTest, PaddedNumbersStayText) {
  ASSERT_OK_AND_ASSIGN(const auto table, Read({Write("month=01/x.arrow", 0, 1)}));
  EXPECT_EQ(table->schema()->field(3)->ToString(), "month: string");
}

TEST_F(FileSetTest, AFilterOnAPartitionOpensOnlyItsFiles) {
  const std::vector<std::string> paths = {Write("year=2023/x.arrow", 0, 1),
                                          Write("year=2024/x.arrow", 1, 2)};
  ASSERT_OK_AND_ASSIGN(const auto set, OpenFileSet(io::PosixEnv(), paths, {}));
  const batch::ScanRequest request{.filter = equal(field_ref("year"), literal(int64_t{2024}))};
  ASSERT_OK_AND_ASSIGN(const ScanPlan plan, set->Scan(request));
  EXPECT_EQ(plan.tasks.size(), 1U);
  ASSERT_OK_AND_ASSIGN(const auto table, ReadPlan(plan));
  EXPECT_EQ(table->num_rows(), 2);
}

TEST_F(FileSetTest, TheFileIsAColumnWhenAsked) {
  const std::string path = Write("a.arrow", 0, 1);
  ASSERT_OK_AND_ASSIGN(const auto table, Read({path}, {}, {.file_column = true}));
  ASSERT_OK_AND_ASSIGN(const auto value, table->GetColumnByName("filename")->GetScalar(0));
  EXPECT_EQ(value->ToString(), path);
}

TEST_F(FileSetTest, SchemasMustAgree) {
  const std::string first = Write("a.arrow", 0, 1);
  const auto other = arrow::RecordBatch::Make(arrow::schema({arrow::field("id", arrow::int32())}),
                                              1, {Values(arrow::int32(), "[1]")});
  ASSERT_OK_AND_ASSIGN(const auto bytes, WriteToString(*FindFormat("arrow_ipc"), {other}));
  ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), dir_ / "b.arrow", bytes));
  ExpectError(Read({first, dir_ / "b.arrow"}), ErrorCode::kInvalidArgument, "b.arrow: column 'id'");
}

TEST_F(FileSetTest, FormatsThatOnlySqlReadsAreNamed) {
  ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), dir_ / "a.csv", "a\n1\n"));
  ExpectError(Read({dir_ / "a.csv"}), ErrorCode::kNotSupported, "SQL engine");
}

}  // namespace
}  // namespace pyralog::formats
