#include <filesystem>

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

TEST_F(NpyTest, AlignedNumbersAreViewsOfTheMappedFile) {
  constexpr int64_t kRows = 100'000;
  std::string bytes = MakeNpyHeader("'<i8'", {kRows});
  bytes.resize(bytes.size() + kRows * 8);
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(Put(bytes)));
  const int64_t before = arrow::default_memory_pool()->bytes_allocated();
  ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
  ASSERT_OK_AND_ASSIGN(const auto table, ReadRelation(relation.get()));
  EXPECT_EQ(table->num_rows(), kRows);
  EXPECT_EQ(arrow::default_memory_pool()->bytes_allocated(), before);
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
