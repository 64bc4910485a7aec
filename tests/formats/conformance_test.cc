// What every registered format promises, tested the same way for all of them: a new format inherits
// these tests.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "formats/file_set.h"
#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using arrow::compute::field_ref;
using arrow::compute::greater_equal;
using arrow::compute::literal;
using io::ExpectError;

class Conformance : public testing::TestWithParam<const Format*> {
 protected:
  const FormatInfo& info() const { return GetParam()->info(); }
  std::string path() const { return dir_ / ("t" + info().suffixes.front()); }

  // The rows that the tests write: nulls only where the format has them.
  std::shared_ptr<arrow::RecordBatch> Rows(int64_t first, int64_t count) {
    auto rows = SomeRows(first, count);
    if (info().can.nulls) return rows;
    arrow::StringBuilder names;
    for (int64_t i = first; i < first + count; ++i) {
      EXPECT_TRUE(names.Append("n" + std::to_string(i)).ok());
    }
    return rows->SetColumn(1, rows->schema()->field(1), names.Finish().ValueOrDie()).ValueOrDie();
  }
  // Writes a file of this format and gives its bytes.
  std::string WriteRows(int64_t rows = 100) {
    arrow::RecordBatchVector batches;
    for (int64_t first = 0; first < rows; first += 40) {
      batches.push_back(Rows(first, std::min<int64_t>(40, rows - first)));
    }
    std::string bytes = WriteToString(*GetParam(), batches).ValueOrDie();
    Put(bytes);
    return bytes;
  }
  void Put(const std::string& bytes) {
    std::filesystem::remove(path());
    EXPECT_TRUE(io::WriteWholeFile(io::PosixEnv(), path(), bytes).ok());
  }
  // nullptr for formats whose rows come through the SQL engine's reader.
  std::shared_ptr<Relation> OpenRelation() {
    const auto dataset = OpenFile(path());
    EXPECT_TRUE(dataset.ok()) << dataset.status().ToString();
    return dataset.ok() ? (*dataset)->OpenRelation("").ValueOrDie() : nullptr;
  }
  // Opens and reads all; for hostile files, of which only a clear end is asked.
  arrow::Status ReadAnyhow() {
    ARROW_ASSIGN_OR_RAISE(const auto dataset, OpenFile(path(), info().name));
    ARROW_ASSIGN_OR_RAISE(const auto relation, dataset->OpenRelation(""));
    if (relation == nullptr) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto table, ReadRelation(relation.get()));
    return table->ValidateFull();
  }

  io::TempDir dir_;
};

TEST_P(Conformance, SaysWhatItIs) {
  EXPECT_FALSE(info().title.empty());
  EXPECT_FALSE(info().suffixes.empty());
  EXPECT_FALSE(info().readers.empty());
  EXPECT_FALSE(info().concurrency.empty());
  EXPECT_EQ(FindFormat(info().name), GetParam());
}

TEST_P(Conformance, ReadsBackWhatItWrote) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  WriteRows();
  const auto relation = OpenRelation();
  if (relation == nullptr) GTEST_SKIP() << "read by the SQL engine";
  ASSERT_OK_AND_ASSIGN(const auto table, ReadRelation(relation.get()));
  ASSERT_OK_AND_ASSIGN(const auto expected, arrow::Table::FromRecordBatches({Rows(0, 100)}));
  ASSERT_OK_AND_ASSIGN(const auto plain, table->CombineChunks());
  EXPECT_TRUE(plain->ReplaceSchemaMetadata(nullptr)->Equals(*expected)) << plain->ToString();
}

TEST_P(Conformance, NullsComeBackOrAreRefused) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  const auto written = WriteToString(*GetParam(), {SomeRows(0, 3)});
  EXPECT_EQ(written.ok(), info().can.nulls) << written.status().ToString();
  if (!info().can.nulls) ExpectError(written, ErrorCode::kInvalidArgument, "name");
}

TEST_P(Conformance, NoRowsAreWrittenAndRead) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  ASSERT_OK_AND_ASSIGN(const auto bytes, WriteToString(*GetParam(), {SomeRows(0, 0)}));
  Put(bytes);
  if (bytes.empty()) return;  // JSON Lines without lines
  const auto relation = OpenRelation();
  if (relation == nullptr) GTEST_SKIP() << "read by the SQL engine";
  ASSERT_OK_AND_ASSIGN(const auto table, ReadRelation(relation.get()));
  EXPECT_EQ(table->num_rows(), 0);
  EXPECT_EQ(table->num_columns(), 3);
}

TEST_P(Conformance, GivesTheColumnsAskedFor) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  WriteRows();
  const auto relation = OpenRelation();
  if (relation == nullptr) GTEST_SKIP() << "read by the SQL engine";
  ASSERT_OK_AND_ASSIGN(const auto table,
                       ReadRelation(relation.get(), {.columns = {{"score", "id"}}}));
  EXPECT_EQ(table->schema()->field_names(), (std::vector<std::string>{"score", "id"}));
  EXPECT_EQ(table->num_rows(), 100);
  ASSERT_OK_AND_ASSIGN(const auto none,
                       ReadRelation(relation.get(), {.columns = std::vector<std::string>{}}));
  EXPECT_EQ(none->num_rows(), 100);
  ExpectError(relation->Scan({.columns = {{"nothing"}}}), ErrorCode::kNotFound, "nothing");
}

TEST_P(Conformance, AFilterLosesNoRowThatMatches) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  WriteRows();
  const auto relation = OpenRelation();
  if (relation == nullptr) GTEST_SKIP() << "read by the SQL engine";
  ASSERT_OK_AND_ASSIGN(
      const auto table,
      ReadRelation(
          relation.get(),
          {.columns = {{"id"}}, .filter = greater_equal(field_ref("id"), literal(int64_t{90}))}));
  int64_t matches = 0;
  for (const auto& chunk : table->column(0)->chunks()) {
    const auto& ids = static_cast<const arrow::Int64Array&>(*chunk);
    for (int64_t i = 0; i < ids.length(); ++i) matches += ids.Value(i) >= 90 ? 1 : 0;
  }
  EXPECT_EQ(matches, 10);
}

TEST_P(Conformance, ALimitGivesEnough) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  WriteRows();
  const auto relation = OpenRelation();
  if (relation == nullptr) GTEST_SKIP() << "read by the SQL engine";
  ASSERT_OK_AND_ASSIGN(const auto table, ReadRelation(relation.get(), {.limit = 7}));
  EXPECT_GE(table->num_rows(), 7);
}

TEST_P(Conformance, TasksAreIndependent) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  WriteRows();
  const auto relation = OpenRelation();
  if (relation == nullptr) GTEST_SKIP() << "read by the SQL engine";
  ASSERT_OK_AND_ASSIGN(ScanPlan plan, relation->Scan({}));
  std::reverse(plan.tasks.begin(), plan.tasks.end());
  ASSERT_OK_AND_ASSIGN(const auto table, ReadPlan(plan));
  EXPECT_EQ(table->num_rows(), 100);
}

TEST_P(Conformance, HiveFoldersAreColumns) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  const std::string bytes = WriteRows();
  if (OpenRelation() == nullptr) GTEST_SKIP() << "read by the SQL engine";
  std::vector<std::string> paths;
  for (const char* year : {"year=2023", "year=2024"}) {
    std::filesystem::create_directory(dir_ / year);
    paths.push_back(io::JoinPath(dir_ / year, "t" + info().suffixes.front()));
    ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), paths.back(), bytes));
  }
  ASSERT_OK_AND_ASSIGN(const auto set, OpenFileSet(io::PosixEnv(), paths, {}));
  const auto filter = arrow::compute::equal(field_ref("year"), literal(int64_t{2024}));
  ASSERT_OK_AND_ASSIGN(const auto table, ReadRelation(set.get(), {.filter = filter}));
  EXPECT_EQ(table->num_rows(), 100);
  EXPECT_EQ(table->num_columns(), 4);
}

TEST_P(Conformance, UnknownOptionsAreNamed) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  ExpectError(WriteToString(*GetParam(), {SomeRows(0, 1)}, {{"nonsense", "1"}}),
              ErrorCode::kInvalidArgument, "nonsense");
}

TEST_P(Conformance, FoldersAndFifosAreRefused) {
  std::filesystem::create_directory(path());
  ExpectError(OpenFile(path(), info().name), ErrorCode::kInvalidArgument, path());
  std::filesystem::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  ExpectError(OpenFile(path(), info().name), ErrorCode::kInvalidArgument, path());
  std::filesystem::remove(path());
  ExpectError(OpenFile(path(), info().name), ErrorCode::kNotFound, path());
}

TEST_P(Conformance, OtherBytesAreRefusedWhereASignatureTells) {
  if (info().signatures.empty()) GTEST_SKIP() << "has no signature";
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(1000, '\0'),
                                   std::string(1000, '\xff'), std::string("#!/bin/sh\necho\n")}) {
    Put(bytes);
    const arrow::Status status = ReadAnyhow();
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(path()), std::string::npos) << status.message();
  }
}

TEST_P(Conformance, CutFilesEndInAnErrorThatNamesThem) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  const std::string bytes = WriteRows();
  const bool reads = OpenRelation() != nullptr;
  const size_t step = std::max<size_t>(1, bytes.size() / 97);
  for (size_t size = 0; size < bytes.size(); size += step) {
    Put(bytes.substr(0, size));
    const arrow::Status status = ReadAnyhow();
    EXPECT_FALSE(reads && status.ok()) << size << " of " << bytes.size() << " bytes";
    EXPECT_TRUE(status.ok() || status.message().find(path()) != std::string::npos)
        << status.message();
  }
}

TEST_P(Conformance, EachFlippedBitIsAnErrorOrHarmless) {
  if (!info().can.write) GTEST_SKIP() << "cannot be written";
  const std::string bytes = WriteRows();
  constexpr size_t kEnds = 512;  // headers and footers, where the structure is
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (at == kEnds && bytes.size() > 2 * kEnds) at = bytes.size() - kEnds;
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      Put(flipped);
      const arrow::Status status = ReadAnyhow();
      EXPECT_TRUE(status.ok() || !status.message().empty());
      EXPECT_NE(GetErrorCode(status), ErrorCode::kIo) << status.ToString();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Conformance, testing::ValuesIn(AllFormats()),
                         [](const auto& format) { return format.param->info().name; });

}  // namespace
}  // namespace pyralog::formats
