#include <filesystem>
#include <optional>

#include "base/endian.h"
#include "formats/parquet/footer.h"
#include "formats/parquet/variant_column.h"
#include "formats/parquet/variant_value.h"
#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using arrow::compute::field_ref;
using arrow::compute::greater_equal;
using arrow::compute::literal;
using io::ExpectError;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

class ParquetTest : public testing::Test {
 protected:
  std::string Write(const std::string& bytes) {
    const std::string path = dir_ / "t.parquet";
    std::filesystem::remove(path);
    EXPECT_TRUE(io::WriteWholeFile(io::PosixEnv(), path, bytes).ok());
    return path;
  }
  std::string Rows(int64_t count, const Options& options = {}) {
    return WriteToString(*FindFormat("parquet"), {SomeRows(0, count)}, options).ValueOrDie();
  }

  io::TempDir dir_;
};

TEST_F(ParquetTest, RowGroupsAreTasksAndStatisticsSkipThem) {
  const std::string path = Write(Rows(100, {{"row_group_size", "10"}}));
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(path));
  ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
  EXPECT_EQ(relation->row_count(), 100);
  ASSERT_OK_AND_ASSIGN(const ScanPlan all, relation->Scan({}));
  EXPECT_EQ(all.tasks.size(), 10U);
  ASSERT_OK_AND_ASSIGN(
      const ScanPlan last,
      relation->Scan({.filter = greater_equal(field_ref("id"), literal(int64_t{95}))}));
  EXPECT_EQ(last.tasks.size(), 1U);
  ASSERT_OK_AND_ASSIGN(const ScanPlan few, relation->Scan({.limit = 15}));
  EXPECT_EQ(few.tasks.size(), 2U);
}

TEST_F(ParquetTest, ChecksumsAreVerifiedAndSendTheFileToArrow) {
  std::string bytes = Rows(1000, {{"page_checksum", "true"}, {"compression", "uncompressed"}});
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(Write(bytes)));
  EXPECT_EQ(dataset->sql_reader_obstacle(), "its pages carry checksums");
  EXPECT_OK(ReadFile(Write(bytes)).status());
  bytes[bytes.find("n100")] ^= 1;
  ExpectError(ReadFile(Write(bytes)), ErrorCode::kDamaged, "CRC");
}

TEST_F(ParquetTest, FilesWithoutChecksumsGoToTheSqlReader) {
  ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(Write(Rows(10))));
  EXPECT_EQ(dataset->sql_reader_obstacle(), "");
}

TEST_F(ParquetTest, SaysWhatIsWrongWithAFooter) {
  const std::string good = Rows(10);
  ExpectError(OpenFile(Write(good.substr(0, 9))), ErrorCode::kDamaged, "too few");
  ExpectError(OpenFile(Write(good.substr(0, good.size() - 1))), ErrorCode::kDamaged,
              "missing at its end");
  ExpectError(OpenFile(Write("XAR1" + good.substr(4)), "parquet"), ErrorCode::kDamaged,
              "missing at its start");
  std::string long_footer = good;
  long_footer[good.size() - 5] = 0x7f;
  ExpectError(OpenFile(Write(long_footer)), ErrorCode::kDamaged, "footer claims");
  std::string encrypted = good;
  encrypted.replace(encrypted.size() - 4, 4, "PARE");
  encrypted.replace(0, 4, "PARE");
  ExpectError(OpenFile(Write(encrypted)), ErrorCode::kNotSupported, "encrypted");
  // What the footer points at must be there: here the column chunks were cut out.
  const std::string many = Rows(5000);
  const auto footer = LoadLittle<uint32_t>(&many[many.size() - 8]);
  const std::string hollow = "PAR1" + many.substr(many.size() - 8 - footer);
  ExpectError(OpenFile(Write(hollow)), ErrorCode::kDamaged, "outside the file");
}

TEST_F(ParquetTest, RefusesUnknownCompressions) {
  ExpectError(WriteToString(*FindFormat("parquet"), {SomeRows(0, 1)}, {{"compression", "rar"}}),
              ErrorCode::kInvalidArgument, "rar");
  ExpectError(WriteToString(*FindFormat("parquet"), {SomeRows(0, 1)}, {{"row_group_size", "0"}}),
              ErrorCode::kInvalidArgument, "row_group_size");
}

TEST(PageHeader, ChecksumIsItsFourthField) {
  // type 0, sizes 300 and 2 (zigzag varints), then the CRC's field header, or that of field 5.
  EXPECT_TRUE(PageHeaderHasChecksum("\x15\x00\x15\xD8\x04\x15\x04\x15\x01"sv));
  EXPECT_FALSE(PageHeaderHasChecksum("\x15\x00\x15\xD8\x04\x15\x04\x2c\x15"sv));
  EXPECT_FALSE(PageHeaderHasChecksum("\x15\x00\x15"sv));
  EXPECT_FALSE(PageHeaderHasChecksum(""));
}

// metadata: version 1, offsets of 1 byte, the names "a" and "bc".
constexpr std::string_view kNames =
    "\x01\x02\x00\x01\x03"
    "abc"sv;

std::string VariantText(std::string_view value) {
  const auto names = VariantNames::Parse(kNames);
  EXPECT_TRUE(names.ok());
  std::string out;
  const arrow::Status status = AppendVariant(*names, value, &out);
  return status.ok() ? out : status.ToString();
}

TEST(Variant, PrimitivesAreJson) {
  EXPECT_EQ(VariantText("\x00"sv), "null");
  EXPECT_EQ(VariantText("\x04"sv), "true");
  EXPECT_EQ(VariantText("\x0C\xFF"sv), "-1");
  EXPECT_EQ(VariantText("\x20\x02\xD2\x04\x00\x00"sv), "\"12.34\"");
  EXPECT_EQ(VariantText("\x2C\x01\x00\x00\x00"sv), "\"1970-01-02\"");
  EXPECT_EQ(VariantText("\x09hi"sv), "\"hi\"");
  EXPECT_EQ(VariantText("\x3C\x02\x00\x00\x00\x01\x02"sv), "\"AQI=\"");
}

TEST(Variant, ObjectsAndArraysNest) {
  // {"a": [true, null], "bc": 7}: two fields with ids and offsets of one byte.
  EXPECT_EQ(VariantText("\x02\x02\x00\x01\x00\x07\x09\x03\x02\x00\x01\x02\x04\x00\x0C\x07"sv),
            R"({"a":[true,null],"bc":7})");
}

TEST(Variant, DamageIsNamed) {
  for (const std::string_view value :
       {""sv, "\x0C"sv, "\x0D"sv, "\x40\xFF\xFF\xFF\xFF"sv, "\x02\x01\x09\x00\x01\x00"sv,
        "\x02\xFF\x00"sv, "\x03\x01\x05\x01\x00"sv, "\x05\xC0"sv}) {
    EXPECT_NE(VariantText(value).find("damaged"), std::string::npos) << VariantText(value);
  }
  EXPECT_NE(VariantText("\x7C"sv).find("unknown type"), std::string::npos);
  ExpectError(VariantNames::Parse("\x02\x00\x00"sv), ErrorCode::kFormatVersion);
  ExpectError(VariantNames::Parse("\xC1\xFF\xFF\xFF\xFF"sv), ErrorCode::kDamaged);
  // Arrays in arrays without end.
  std::string nested = "\x00"s;
  for (int i = 0; i < 300; ++i) {
    const auto size = static_cast<uint16_t>(nested.size());
    nested =
        "\x07\x01\x00\x00"s + static_cast<char>(size & 255) + static_cast<char>(size >> 8) + nested;
  }
  EXPECT_NE(VariantText(nested).find("too deeply"), std::string::npos);
}

class ShreddedVariantTest : public testing::Test {
 protected:
  // The JSON of one row, or what is wrong with it.
  std::string Assemble(const std::shared_ptr<arrow::Array>& value,
                       const std::shared_ptr<arrow::Array>& typed) {
    const auto metadata = Binary({kNames});
    arrow::ArrayVector columns = {metadata};
    std::vector<std::string> names = {"metadata"};
    if (value != nullptr) {
      columns.push_back(value);
      names.emplace_back("value");
    }
    if (typed != nullptr) {
      columns.push_back(typed);
      names.emplace_back("typed_value");
    }
    const auto group = arrow::StructArray::Make(columns, names).ValueOrDie();
    const auto variant = MakeVariantColumn(group->type());
    if (!variant.ok()) return variant.status().message();
    const auto json = (*variant)->ToJson(*group, arrow::default_memory_pool());
    if (!json.ok()) return json.status().message();
    const auto& text = *static_cast<const arrow::ExtensionArray&>(**json).storage();
    return std::string(static_cast<const arrow::StringArray&>(text).GetView(0));
  }
  static std::shared_ptr<arrow::Array> Binary(std::vector<std::optional<std::string_view>> rows) {
    arrow::BinaryBuilder builder;
    for (const auto& row : rows) {
      EXPECT_TRUE((row ? builder.Append(*row) : builder.AppendNull()).ok());
    }
    return builder.Finish().ValueOrDie();
  }
};

TEST_F(ShreddedVariantTest, TypedValuesCount) {
  EXPECT_EQ(Assemble(Binary({std::nullopt}), Values(arrow::int32(), "[34]")), "34");
  EXPECT_EQ(Assemble(nullptr, Values(arrow::utf8(), R"(["x"])")), "\"x\"");
  EXPECT_EQ(Assemble(Binary({"\x04"sv}), Values(arrow::int32(), "[null]")), "true");
  EXPECT_EQ(Assemble(Binary({std::nullopt}), Values(arrow::int32(), "[null]")), "null");
}

TEST_F(ShreddedVariantTest, ContradictionsAreDamage) {
  EXPECT_NE(Assemble(Binary({"\x04"sv}), Values(arrow::int32(), "[1]")).find("both set"),
            std::string::npos);
  EXPECT_NE(Assemble(nullptr, Values(arrow::uint32(), "[1]")).find("do not have"),
            std::string::npos);
}

TEST_F(ShreddedVariantTest, ObjectsMergeWithWhatIsNotShredded) {
  const auto field = arrow::StructArray::Make({Values(arrow::int64(), "[5]")},
                                              std::vector<std::string>{"typed_value"})
                         .ValueOrDie();
  const auto typed = arrow::StructArray::Make({field}, std::vector<std::string>{"a"}).ValueOrDie();
  // {"bc": true} beside the shredded "a".
  EXPECT_EQ(Assemble(Binary({"\x02\x01\x01\x00\x01\x04"sv}), typed), R"({"a":5,"bc":true})");
  EXPECT_NE(Assemble(Binary({"\x04"sv}), typed).find("no object"), std::string::npos);
}

}  // namespace
}  // namespace pyralog::formats
