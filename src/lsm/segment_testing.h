// What the tests of segment files share: tables with every kind of column, and a segment written
// and opened.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "arrow/api.h"
#include "io/env.h"
#include "lsm/segment.h"
#include "pyralog/error.h"

namespace pyralog::lsm::testing {

inline ::testing::AssertionResult IsOk(const arrow::Status& status) {
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << status.ToString();
}

#define SEGMENT_ASSERT_OK(status) ASSERT_TRUE(IsOk(status))

constexpr DatabaseId kTestDatabase = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

inline void ExpectStatus(const arrow::Status& status, ErrorCode code, std::string_view part) {
  EXPECT_FALSE(status.ok()) << "expected " << ErrorCodeName(code);
  EXPECT_EQ(GetErrorCode(status), code) << status.ToString();
  EXPECT_NE(status.ToString().find(part), std::string::npos) << status.ToString();
}

inline std::shared_ptr<arrow::Array> Int64s(int64_t rows,
                                            const std::function<int64_t(int64_t)>& value) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(value(i)).ok());
  return builder.Finish().ValueOrDie();
}

inline std::shared_ptr<arrow::Array> Strings(int64_t rows,
                                             const std::function<std::string(int64_t)>& value) {
  arrow::StringBuilder builder;
  for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(value(i)).ok());
  return builder.Finish().ValueOrDie();
}

// An Env in memory with the folders "db" and "tmp", and a table.
class SegmentFixture {
 public:
  explicit SegmentFixture(std::shared_ptr<arrow::Schema> schema, std::vector<int> key = {})
      : env(io::NewMemEnv()),
        table(MakeTableSchema(std::move(schema), std::move(key)).ValueOrDie()) {
    EXPECT_TRUE(env->CreateDir("db").ok());
    EXPECT_TRUE(env->CreateDir("tmp").ok());
  }

  std::unique_ptr<SegmentWriter> NewWriter(uint64_t id = 31, NarrowColumns narrow = {}) const {
    return SegmentWriter::Create(env.get(), "db", "tmp", kTestDatabase, SegmentId(id), TableId(7),
                                 table, std::move(narrow))
        .ValueOrDie();
  }
  // The batches as one segment, all rows born at `birth`.
  arrow::Result<SegmentMeta> Write(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                                   uint64_t id = 31, CommitNumber birth = CommitNumber(5)) const {
    auto writer = NewWriter(id);
    for (const auto& batch : batches) ARROW_RETURN_NOT_OK(writer->Append(*batch, {&birth, 1}));
    return writer->Finish();
  }
  std::shared_ptr<Segment> Open(const SegmentMeta& meta, bool verify_checksums = true) const {
    return Segment::Open(env.get(), "db", kTestDatabase, meta, table, verify_checksums);
  }
  std::shared_ptr<arrow::RecordBatch> Batch(arrow::ArrayVector columns) const {
    const int64_t rows = columns[0]->length();
    return arrow::RecordBatch::Make(table->arrow, rows, std::move(columns));
  }

  std::unique_ptr<io::Env> env;
  TableSchemaPtr table;
};

// Replaces a file's content.
inline void Overwrite(io::Env* env, const std::string& path, std::string_view content) {
  auto file = env->Open(path, io::OpenMode::kCreate).ValueOrDie();
  EXPECT_TRUE(file->Truncate(0).ok());
  EXPECT_TRUE(file->WriteAt(0, content).ok());
  EXPECT_TRUE(file->Close().ok());
}

// Every column of every unit, concatenated and compared with `expected`.
inline arrow::Status ReadsAs(Segment* segment, const arrow::RecordBatch& expected) {
  for (int column = 0; column < expected.num_columns(); ++column) {
    for (int64_t unit = 0; unit < segment->num_units(); ++unit) {
      ARROW_ASSIGN_OR_RAISE(auto array, segment->Column(unit, column));
      ARROW_RETURN_NOT_OK(array->ValidateFull());
      const auto slice = expected.column(column)->Slice(unit * kUnitRows, segment->UnitRows(unit));
      const auto options = arrow::EqualOptions::Defaults().nans_equal(true);
      if (array->Equals(slice, options)) continue;
      // Encoding chooses dictionaries of its own, so those are compared by value.
      if (array->type_id() == arrow::Type::DICTIONARY) {
        bool same = array->length() == slice->length();
        for (int64_t i = 0; same && i < array->length(); ++i) {
          same = array->GetScalar(i).ValueOrDie()->ToString() ==
                 slice->GetScalar(i).ValueOrDie()->ToString();
        }
        if (same) continue;
      }
      return arrow::Status::Invalid("column ", column, " unit ", unit, " differs");
    }
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::lsm::testing
