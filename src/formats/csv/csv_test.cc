#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using io::ExpectError;

std::string Written(const std::shared_ptr<arrow::Array>& array, const Options& options = {}) {
  const auto schema =
      arrow::schema({arrow::field("a", array->type()), arrow::field("b", array->type())});
  const auto batch = arrow::RecordBatch::Make(schema, array->length(), {array, array});
  return WriteToString(*FindFormat("csv"), {batch}, options).ValueOrDie();
}

TEST(Csv, QuotesWhatNeedsIt) {
  EXPECT_EQ(Written(Values(arrow::utf8(), R"(["x", "a,b", "say \"hi\"", "two\nlines", " pad"])")),
            "a,b\nx,x\n\"a,b\",\"a,b\"\n\"say \"\"hi\"\"\",\"say \"\"hi\"\"\"\n"
            "\"two\nlines\",\"two\nlines\"\n\" pad\",\" pad\"\n");
}

TEST(Csv, NullIsNothingAndEmptyTextIsQuoted) {
  EXPECT_EQ(Written(Values(arrow::utf8(), R"([null, ""])")), "a,b\n,\n\"\",\"\"\n");
}

TEST(Csv, TakesAnotherDelimiter) {
  EXPECT_EQ(
      Written(Values(arrow::utf8(), R"(["a;b", "a,b"])"), {{"delim", ";"}, {"header", "false"}}),
      "\"a;b\";\"a;b\"\na,b;a,b\n");
  ExpectError(WriteToString(*FindFormat("csv"), {SomeRows(0, 1)}, {{"delim", "ab"}}),
              ErrorCode::kInvalidArgument, "delim");
}

TEST(Csv, BinaryFilesAreNoCsv) {
  io::TempDir dir;
  ASSERT_OK(io::WriteWholeFile(io::PosixEnv(), dir / "t.csv", std::string("a,b\n1,\0\n", 8)));
  ExpectError(OpenFile(dir / "t.csv"), ErrorCode::kDamaged, "byte 6");
}

}  // namespace
}  // namespace pyralog::formats
