#include <filesystem>

#include "base/endian.h"
#include "formats/npy/npy_header.h"
#include "formats/npy/python_literal.h"
#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using io::ExpectError;

class NpyTest : public testing::Test {
 protected:
  std::string Put(const std::string& bytes) {
    std::filesystem::remove(dir_ / "t.npy");
    EXPECT_TRUE(io::WriteWholeFile(io::PosixEnv(), dir_ / "t.npy", bytes).ok());
    return dir_ / "t.npy";
  }
  // A version 1 file of this header and these bytes.
  std::string File(const std::string& header, const std::string& elements) {
    std::string bytes(kNpyMagic);
    bytes += std::string("\1\0", 2);
    bytes += static_cast<char>(header.size() & 0xff);
    bytes += static_cast<char>(header.size() >> 8);
    return Put(bytes + header + elements);
  }
  std::string Dict(const std::string& descr, const std::string& shape,
                   const std::string& order = "False") {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  }
  // The rows of such a file as text.
  std::string Rows(const std::string& header, const std::string& elements) {
    const auto table = ReadFile(File(header, elements));
    if (!table.ok()) return table.status().ToString();
    const auto column = (*table)->column(0);
    std::string text = column->type()->ToString() + ":";
    for (int64_t i = 0; i < column->length(); ++i) {
      text += " " + column->GetScalar(i).ValueOrDie()->ToString();
    }
    return text;
  }

  io::TempDir dir_;
};

TEST_F(NpyTest, NumbersOfBothByteOrders) {
  EXPECT_EQ(Rows(Dict("'<i2'", "(2,)"), std::string("\1\0\2\0", 4)), "int16: 1 2");
  EXPECT_EQ(Rows(Dict("'>i2'", "(2,)"), std::string("\0\1\0\2", 4)), "int16: 1 2");
  EXPECT_EQ(Rows(Dict("'|u1'", "(3,)"), "\1\2\xff"), "uint8: 1 2 255");
  EXPECT_EQ(Rows(Dict("'|b1'", "(2,)"), std::string("\0\1", 2)), "bool: false true");
  EXPECT_EQ(Rows(Dict("'>f4'", "()"), std::string("\x3f\x80\0\0", 4)), "float: 1");
  EXPECT_EQ(Rows(Dict("'<i2'", "(2L,)"), std::string("\1\0\2\0", 4)), "int16: 1 2");
}

TEST_F(NpyTest, TextsLoseWhatFillsThemUp) {
  EXPECT_EQ(Rows(Dict("'|S2'", "(2,)"), std::string("ab\0\0", 4)), "binary: ab ");
  EXPECT_EQ(Rows(Dict("'<U2'", "(1,)"), std::string("\xe4\0\0\0\0\0\0\0", 8)), "string: \xc3\xa4");
  ExpectError(ReadFile(File(Dict("'<U1'", "(1,)"), "\xff\xff\xff\xff")), ErrorCode::kDamaged,
              "no character");
}

TEST_F(NpyTest, DatesAndTimes) {
  const std::string one("\1\0\0\0\0\0\0\0", 8);
  const std::string nat("\0\0\0\0\0\0\0\x80", 8);
  EXPECT_EQ(Rows(Dict("'<M8[D]'", "(2,)"), one + nat), "date32[day]: 1970-01-02 null");
  EXPECT_EQ(Rows(Dict("'<M8[Y]'", "(1,)"), one), "date32[day]: 1971-01-01");
  EXPECT_EQ(Rows(Dict("'<M8[h]'", "(1,)"), one), "timestamp[s]: 1970-01-01 01:00:00");
  EXPECT_EQ(Rows(Dict("'<m8[25s]'", "(1,)"), one), "duration[s]: 25");
  ExpectError(ReadFile(File(Dict("'<m8[Y]'", "(1,)"), one)), ErrorCode::kNotSupported, "Y");
}

TEST_F(NpyTest, RowsOfArraysInBothOrders) {
  const std::string type = "fixed_size_list<item: int8>[3]";
  const std::string rows = type + ": " + type + "[1, 2, 3] " + type + "[4, 5, 6]";
  EXPECT_EQ(Rows(Dict("'|i1'", "(2, 3)"), "\1\2\3\4\5\6"), rows);
  EXPECT_EQ(Rows(Dict("'|i1'", "(2, 3)", "True"), "\1\4\2\5\3\6"), rows);
}

TEST_F(NpyTest, RecordsAreColumns) {
  const auto table = ReadFile(File(Dict("[('a', '|i1'), ('', '|V1'), ('b', '>i2', (2,))]", "(2,)"),
                                   std::string("\1\0\0\2\0\3\4\0\0\5\0\6", 12)));
  ASSERT_OK(table.status());
  EXPECT_EQ((*table)->schema()->field_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ((*table)->column(1)->GetScalar(1).ValueOrDie()->ToString(),
            "fixed_size_list<item: int16>[2][5, 6]");
}

TEST_F(NpyTest, SlicesOfRowsAreReadWithinTheirMemory) {
  constexpr int64_t kRows = 1'000'000;
  std::string bytes = MakeNpyHeader("'<i8'", {kRows});
  for (int64_t i = 0; i < kRows; ++i) AppendLittle(&bytes, i);
  arrow::ProxyMemoryPool own(arrow::default_memory_pool());
  arrow::CappedMemoryPool pool(&own, 2 << 20);
  Limits limits;
  limits.pool = &pool;
  ASSERT_OK_AND_ASSIGN(const auto source, Source::Open(io::PosixEnv(), Put(bytes), limits));
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenDataset(source));
  ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
  ASSERT_OK_AND_ASSIGN(const ScanPlan plan, relation->Scan({}));
  int64_t row = 0;
  for (const auto& task : plan.tasks) {
    ASSERT_OK_AND_ASSIGN(const auto reader, task->Open());
    ASSERT_OK_AND_ASSIGN(const auto batch, reader->Next());
    const auto& values = static_cast<const arrow::Int64Array&>(*batch->column(0));
    for (int64_t i = 0; i < values.length(); ++i) ASSERT_EQ(values.Value(i), row++);
  }
  EXPECT_EQ(row, kRows);
}

// Runs near each other are read together, others one by one: both give what C order gives.
TEST_F(NpyTest, SlicesOfFortranOrder) {
  for (const int64_t rows : {300, 5000}) {
    const int64_t width = 20'000'000 / rows / 4;
    std::string elements(static_cast<size_t>(rows * width * 4), '\0');
    for (int64_t i = 0; i < rows * width; ++i) {
      StoreLittle(elements.data() + i * 4, static_cast<int32_t>(i));
    }
    const std::string shape = "(" + std::to_string(rows) + ", " + std::to_string(width) + ")";
    ASSERT_OK_AND_ASSIGN(const auto table, ReadFile(File(Dict("'<i4'", shape, "True"), elements)));
    EXPECT_GT(table->column(0)->num_chunks(), 1);
    int64_t row = 0;
    for (const auto& chunk : table->column(0)->chunks()) {
      const auto& lists = static_cast<const arrow::FixedSizeListArray&>(*chunk);
      const auto& values = static_cast<const arrow::Int32Array&>(*lists.values());
      for (int64_t i = 0; i < lists.length(); ++i, ++row) {
        for (int64_t j = 0; j < width; j += 97) {
          ASSERT_EQ(values.Value(lists.value_offset(i) + j), row + j * rows);
        }
      }
    }
    EXPECT_EQ(row, rows);
  }
}

TEST_F(NpyTest, RowsThatWereReadStayWhateverBecomesOfTheFile) {
  constexpr int64_t kRows = 500'000;
  std::string bytes = MakeNpyHeader("'<i8'", {kRows});
  const size_t start = bytes.size();
  bytes.resize(start + kRows * 8, '\1');
  const std::string path = Put(bytes);
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(path));
  ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
  ASSERT_OK_AND_ASSIGN(const ScanPlan plan, relation->Scan({}));
  ASSERT_GT(plan.tasks.size(), 1U);
  ASSERT_OK_AND_ASSIGN(const auto reader, plan.tasks.front()->Open());
  ASSERT_OK_AND_ASSIGN(const auto batch, reader->Next());
  std::filesystem::resize_file(path, 4096);
  ASSERT_OK_AND_ASSIGN(const auto next, plan.tasks.back()->Open());
  ExpectError(next->Next(), ErrorCode::kDamaged, path);
  const auto& values = static_cast<const arrow::Int64Array&>(*batch->column(0));
  for (int64_t i = 0; i < values.length(); ++i) ASSERT_EQ(values.Value(i), 0x0101010101010101);
}

TEST_F(NpyTest, WhatIsNoArrayIsRefusedByName) {
  const std::string four("\0\0\0\0", 4);
  ExpectError(OpenFile(File(Dict("'|O'", "(1,)"), four)), ErrorCode::kNotSupported, "pickle");
  ExpectError(OpenFile(File(Dict("'<f16'", "(1,)"), four)), ErrorCode::kNotSupported, "f16");
  ExpectError(OpenFile(File(Dict("'<i4'", "(2,)"), four)), ErrorCode::kDamaged, "promises 8");
  ExpectError(OpenFile(File(Dict("'<i2'", "(1,)"), four)), ErrorCode::kNotSupported, "2 bytes");
  ExpectError(OpenFile(File(Dict("'<i4'", "(-1,)"), four)), ErrorCode::kDamaged, "negative");
  ExpectError(OpenFile(File(Dict("'<i4'", "(4294967296, 4294967296)"), four)), ErrorCode::kDamaged,
              "64 bits");
  ExpectError(OpenFile(File(Dict("'<i4'", "(9223372036854775807, 0)"), "")),
              ErrorCode::kNotSupported, "no elements");
  ExpectError(OpenFile(File(Dict("[('a', '<i2'), ('a', '<i2')]", "(1,)"), four)),
              ErrorCode::kDamaged, "two fields");
  ExpectError(OpenFile(File("{'descr': __import__('os')}", four)), ErrorCode::kDamaged, "literal");
  std::string future = MakeNpyHeader("'<i4'", {0});
  future[6] = 9;
  ExpectError(OpenFile(Put(future)), ErrorCode::kFormatVersion, "version 9");
}

TEST_F(NpyTest, LiteralsAreParsedNotEvaluated) {
  EXPECT_OK(ParsePythonLiteral("{'a': (1, 2), \"b\": [True, ('x')], 'c': 'q\\'\\u00e4'}").status());
  for (const char* text : {"", "{", "(1", "'a", "1 2", "None", "{1: 2}", "'\\q'", "'\\ud800'",
                           "99999999999999999999", "[1 2]"}) {
    EXPECT_FALSE(ParsePythonLiteral(text).ok()) << text;
  }
  EXPECT_FALSE(ParsePythonLiteral(std::string(1000, '(') + std::string(1000, ')')).ok());
}

TEST_F(NpyTest, OneColumnIsAnArrayOfItsElements) {
  const auto type = arrow::fixed_size_list(arrow::float32(), 2);
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("v", type)}), 2,
                                              {Values(type, "[[1, 2], [3, 4]]")});
  ASSERT_OK_AND_ASSIGN(const auto bytes, WriteToString(*FindFormat("npy"), {batch, batch}));
  EXPECT_NE(bytes.find("'descr': '<f4', 'fortran_order': False, 'shape': (4,2,)"),
            std::string::npos);
  EXPECT_EQ(bytes.find('\n') % 64, 63U);
  ASSERT_OK_AND_ASSIGN(const auto table, ReadFile(Put(bytes)));
  EXPECT_EQ(table->column(0)->GetScalar(3).ValueOrDie()->ToString(),
            "fixed_size_list<item: float>[2][3, 4]");
}

TEST_F(NpyTest, ValuesThatWouldChangeAreRefused) {
  const auto write = [](const std::shared_ptr<arrow::DataType>& type, const std::string& json) {
    const auto values = Values(type, json);
    return WriteToString(*FindFormat("npy"),
                         {arrow::RecordBatch::Make(arrow::schema({arrow::field("c", type)}),
                                                   values->length(), {values})});
  };
  ExpectError(write(arrow::int32(), "[1, null]"), ErrorCode::kInvalidArgument, "'c' has a null");
  ExpectError(write(arrow::utf8(), "[\"a\\u0000\"]"), ErrorCode::kInvalidArgument, "NUL");
  ExpectError(write(arrow::list(arrow::int8()), "[[1]]"), ErrorCode::kNotSupported, "'c'");
  ExpectError(write(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), "[1]"),
              ErrorCode::kNotSupported, "zone");
  EXPECT_OK(write(arrow::date32(), "[1, null]").status());
  EXPECT_OK(write(arrow::dictionary(arrow::int8(), arrow::utf8()), "[\"x\"]").status());
}

}  // namespace
}  // namespace pyralog::formats
