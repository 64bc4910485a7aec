#include "catalog/entries.h"

#include <gtest/gtest.h>

#include "arrow/extension/fixed_shape_tensor.h"
#include "arrow/extension/uuid.h"
#include "arrow/json/from_string.h"
#include "arrow/type.h"
#include "pyralog/error.h"

namespace pyralog::catalog {
namespace {

Entry TableOf(const std::shared_ptr<arrow::DataType>& type) {
  auto table = std::make_shared<TableDef>();
  table->schema = "main";
  table->name = "t";
  table->id = TableId(7);
  table->columns = {{"a \"quoted\" ü", type, "SOME TYPE", false, "1 + 1"},
                    {"b", type, "B", true, {}}};
  table->key = {0};
  table->checks = {{"a > 0"}};
  Entry entry;
  entry.kind = EntryKind::kTable;
  entry.schema = "main";
  entry.name = "t";
  entry.table = table;
  return entry;
}

TEST(EntriesTest, EveryTypeComesBack) {
  arrow::DataTypeVector types = {
      arrow::null(),
      arrow::boolean(),
      arrow::int8(),
      arrow::uint64(),
      arrow::float16(),
      arrow::float64(),
      arrow::utf8(),
      arrow::large_utf8(),
      arrow::utf8_view(),
      arrow::binary(),
      arrow::binary_view(),
      arrow::fixed_size_binary(5),
      arrow::date32(),
      arrow::date64(),
      arrow::time32(arrow::TimeUnit::MILLI),
      arrow::time64(arrow::TimeUnit::NANO),
      arrow::timestamp(arrow::TimeUnit::SECOND),
      arrow::timestamp(arrow::TimeUnit::MICRO),
      arrow::timestamp(arrow::TimeUnit::MICRO, "Europe/Berlin"),
      arrow::duration(arrow::TimeUnit::NANO),
      arrow::month_interval(),
      arrow::day_time_interval(),
      arrow::month_day_nano_interval(),
      arrow::decimal128(18, 3),
      arrow::decimal256(50, 3),
      arrow::list(arrow::int32()),
      arrow::list(arrow::field("element", arrow::int32(), false)),
      arrow::large_list(arrow::utf8()),
      arrow::fixed_size_list(arrow::float32(), 3),
      arrow::struct_({arrow::field("x", arrow::int64()), arrow::field("y", arrow::utf8(), false)}),
      arrow::map(arrow::utf8(), arrow::int64()),
      arrow::dictionary(arrow::int8(), arrow::utf8()),
      arrow::extension::uuid(),
      arrow::extension::fixed_shape_tensor(arrow::float32(), {2, 3}, {1, 0}, {"h", "w"})};
  for (const auto& type : types) {
    const std::string text = EntryToJson(TableOf(type));
    const auto entry = EntryFromJson(text);
    ASSERT_TRUE(entry.ok()) << type->ToString() << ": " << entry.status().ToString();
    const TableDef& table = *(*entry)->table;
    ASSERT_EQ(table.columns.size(), 2u);
    EXPECT_TRUE(table.columns[0].type->Equals(*type, /*check_metadata=*/true))
        << type->ToString() << " came back as " << table.columns[0].type->ToString();
    EXPECT_EQ(table.columns[0].name, "a \"quoted\" ü");
    EXPECT_EQ(table.columns[0].default_sql, "1 + 1");
    EXPECT_FALSE(table.columns[0].nullable);
    EXPECT_FALSE(table.columns[1].default_sql);
    EXPECT_EQ(table.key, std::vector<int>{0});
    EXPECT_EQ(EntryToJson(**entry), text);
  }
}

// What older builds can read stays as it was; comments they would lose.
TEST(EntriesTest, CommentsNeedAVersionOfTheirOwn) {
  Entry entry = TableOf(arrow::int32());
  EXPECT_NE(EntryToJson(entry).find("\"version\":1"), std::string::npos);
  Entry commented = entry;
  commented.comment = "of the \"table\"";
  TableDef table = *entry.table;
  table.columns[1].comment = "";
  commented.table = std::make_shared<const TableDef>(table);
  const std::string text = EntryToJson(commented);
  EXPECT_NE(text.find("\"version\":2"), std::string::npos);
  const auto read = EntryFromJson(text);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ((*read)->comment, "of the \"table\"");
  EXPECT_FALSE((*read)->table->columns[0].comment);
  EXPECT_EQ((*read)->table->columns[1].comment, "");
}

// As written before plain types had names.
TEST(EntriesTest, TypesInBase64AreRead) {
  std::string text = EntryToJson(TableOf(arrow::int32()));
  const std::string name = R"("int32")";
  const std::string base64 =
      "\"/////3gAAAAQAAAAAAAKAAwABgAFAAgACgAAAAABBAAMAAAACAAIAAAABAAIAAAABAAAAAEAAAAUAAAAEAAUAAgABg"
      "AHAAwAAAAQABAAAAAAAAECEAAAABwAAAAEAAAAAAAAAAAAAAAAAAAACAAMAAgABwAIAAAAAAAAASAAAAA=\"";
  text.replace(text.find(name), name.size(), base64);
  const auto entry = EntryFromJson(text);
  ASSERT_TRUE(entry.ok()) << entry.status().ToString();
  EXPECT_TRUE((*entry)->table->columns[0].type->Equals(*arrow::int32()));
}

TEST(EntriesTest, ConstraintsComeBackAndNeedANewerVersion) {
  const Entry plain = TableOf(arrow::int32());
  auto table = std::make_shared<TableDef>(*plain.table);
  table->unique = {{{1}}, {{1, 0}, "i"}};
  table->indexes = {{"i", {1, 0}, true}, {"j", {0}}};
  table->foreign_keys = {{{0, 1}, TableId(3), "parent", {FieldId(4), FieldId(2)}}};
  const Entry entry{EntryKind::kTable, "main", "t", table, nullptr, nullptr};
  const std::string text = EntryToJson(entry);
  const auto again = EntryFromJson(text);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ((*again)->table->unique, table->unique);
  EXPECT_EQ((*again)->table->indexes, table->indexes);
  EXPECT_EQ((*again)->table->foreign_keys, table->foreign_keys);
  EXPECT_NE(text.find("\"version\":3"), std::string::npos) << text;
  EXPECT_NE(EntryToJson(plain).find("\"version\":1"), std::string::npos);
}

TEST(EntriesTest, SequencesTypesAndMacrosComeBack) {
  Entry sequence;
  sequence.kind = EntryKind::kSequence;
  sequence.schema = "s";
  sequence.name = "n";
  sequence.sequence = std::make_shared<const SequenceDef>(
      SequenceDef{"s", "n", "7-8", INT64_MIN, -3, INT64_MIN, INT64_MAX, true, true});
  Entry type = sequence;
  type.kind = EntryKind::kType;
  type.sequence = nullptr;
  type.type = std::make_shared<const TypeDef>(TypeDef{"s", "n", "ENUM('a', 'it''s')"});
  Entry macro = type;
  macro.kind = EntryKind::kTableMacro;
  macro.type = nullptr;
  macro.macro = std::make_shared<const MacroDef>(MacroDef{"s", "n", "CREATE MACRO ...", 5});
  for (const Entry* entry : {&sequence, &type, &macro}) {
    const std::string text = EntryToJson(*entry);
    const auto again = EntryFromJson(text);
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ((*again)->kind, entry->kind);
    EXPECT_EQ(EntryToJson(**again), text);
  }
  const auto again = EntryFromJson(EntryToJson(sequence)).ValueOrDie();
  EXPECT_EQ(again->sequence->min, INT64_MIN);
  EXPECT_EQ(again->sequence->increment, -3);
  EXPECT_TRUE(again->sequence->cycle);
}

TEST(EntriesTest, OldBuildsRefuseTablesThatTheyWouldMisread) {
  Entry entry = TableOf(arrow::int32());
  EXPECT_NE(EntryToJson(entry).find("\"version\":1"), std::string::npos);
  auto table = std::make_shared<TableDef>(*entry.table);
  table->generated.push_back({1, "g", "INTEGER", "a + 1"});
  entry.table = table;
  const std::string text = EntryToJson(entry);
  EXPECT_EQ(text.find("\"version\":1"), std::string::npos);
  const auto again = EntryFromJson(text).ValueOrDie();
  ASSERT_EQ(again->table->generated.size(), 1u);
  EXPECT_EQ(again->table->generated[0].expression, "a + 1");
}

TEST(EntriesTest, OtherTextIsDamage) {
  const std::string text = EntryToJson(TableOf(arrow::int32()));
  for (size_t size = 0; size < text.size(); ++size) {
    const auto entry = EntryFromJson(text.substr(0, size));
    ASSERT_EQ(GetErrorCode(entry.status()), ErrorCode::kDamaged) << size;
  }
  std::string other = text;
  other.replace(other.find("int32"), 5, "int33");
  EXPECT_EQ(GetErrorCode(EntryFromJson(other).status()), ErrorCode::kDamaged);
  std::string newer = text;
  newer.replace(newer.find("\"version\":1"), 11, "\"version\":999");
  EXPECT_EQ(GetErrorCode(EntryFromJson(newer).status()), ErrorCode::kFormatVersion);
}

TEST(EntriesTest, NamesOfConstraintsComeBackAndMakeTheEntryNewer) {
  Entry entry = TableOf(arrow::int32());
  auto table = std::make_shared<TableDef>(*entry.table);
  table->key_name = "k";
  table->checks.push_back({"b > 0", "c"});
  table->unique = {{{1}, "", "u"}, {{0}, "i", ""}};
  table->foreign_keys = {{{1}, TableId(7), "t", {FieldId(1)}, "f"}};
  entry.table = table;
  const std::string text = EntryToJson(entry);
  EXPECT_NE(text.find("\"version\":7"), std::string::npos) << text;
  const auto read = EntryFromJson(text);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  const TableDef& back = *(*read)->table;
  EXPECT_EQ(back.key_name, "k");
  ASSERT_EQ(back.checks.size(), 2u);
  EXPECT_EQ(back.checks[0].sql, "a > 0");
  EXPECT_EQ(back.checks[0].name, "");
  EXPECT_EQ(back.checks[1].sql, "b > 0");
  EXPECT_EQ(back.checks[1].name, "c");
  EXPECT_EQ(back.unique, table->unique);
  EXPECT_EQ(back.foreign_keys, table->foreign_keys);
}

DictionaryEntriesPtr EntriesOf(const std::shared_ptr<arrow::DataType>& type, const char* json) {
  return DictionaryEntries::Make(arrow::json::ArrayFromJSONString(type, json).ValueOrDie())
      .ValueOrDie();
}

TEST(EntriesTest, DictionariesComeBackAndMakeTheEntryNewer) {
  const auto type = arrow::struct_(
      {arrow::field("a", arrow::dictionary(arrow::int8(), arrow::utf8(), true)),
       arrow::field("b", arrow::list(arrow::dictionary(arrow::int32(), arrow::int64()))),
       arrow::field("c", arrow::dictionary(arrow::int8(), arrow::list(arrow::float64())))});
  Entry entry = TableOf(type);
  auto table = std::make_shared<TableDef>(*entry.table);
  table->columns[0].dictionaries = {nullptr, nullptr, nullptr};
  entry.table = table;
  EXPECT_NE(EntryToJson(entry).find("\"version\":1"), std::string::npos);
  table = std::make_shared<TableDef>(*table);
  table->columns[0].dictionaries = {EntriesOf(arrow::utf8(), R"(["low", "", "ü"])"), nullptr,
                                    EntriesOf(arrow::list(arrow::float64()), "[[1, null], []]")};
  entry.table = table;
  const std::string text = EntryToJson(entry);
  EXPECT_NE(text.find("\"version\":8"), std::string::npos) << text;
  const auto read = EntryFromJson(text);
  ASSERT_TRUE(read.ok()) << read.status();
  const auto& back = (*read)->table->columns[0].dictionaries;
  ASSERT_EQ(back.size(), 3u);
  EXPECT_EQ(back[1], nullptr);
  for (const int i : {0, 2}) {
    EXPECT_TRUE(back[i]->values()->Equals(*table->columns[0].dictionaries[i]->values()));
  }
  EXPECT_TRUE((*read)->table->columns[1].dictionaries.empty());
  EXPECT_EQ(EntryToJson(**read), text);
  std::string damaged = text;
  const std::string& stream = back[0]->text();
  damaged.replace(damaged.find(stream), stream.size(), stream.substr(0, stream.size() / 2));
  EXPECT_EQ(GetErrorCode(EntryFromJson(damaged).status()), ErrorCode::kDamaged);
}

TEST(DictionaryEntriesTest, ValuesAreFoundByTheirBits) {
  const auto numbers = EntriesOf(arrow::float64(), "[0.0, -0.0, NaN, 1.5]");
  const auto asked =
      arrow::json::ArrayFromJSONString(arrow::float64(), "[1.5, null, -0.0, NaN, 2]");
  EXPECT_EQ(numbers->PositionsOf(*asked).ValueOrDie(), (std::vector<int64_t>{3, -1, 1, 2, -1}));
  const auto lists = EntriesOf(arrow::list(arrow::utf8()), R"([["a"], [], [null], ["a", "b"]])");
  const auto others = arrow::json::ArrayFromJSONString(arrow::list(arrow::utf8()),
                                                       R"([["a", "b"], [""], [null], []])")
                          .ValueOrDie();
  EXPECT_EQ(lists->PositionsOf(others->Slice(1)).ValueOrDie(), (std::vector<int64_t>{-1, 2, 1}));
}

TEST(DictionaryEntriesTest, NullsAndValuesThatAreThereTwiceAreNoEntries) {
  for (const auto& [json, says] : {std::pair(R"(["a", null])", "entry 1 is null"),
                                   std::pair(R"(["b", "a", "a"])", "'a' is there twice")}) {
    const auto values = arrow::json::ArrayFromJSONString(arrow::utf8(), json).ValueOrDie();
    const auto made = DictionaryEntries::Make(values);
    EXPECT_EQ(GetErrorCode(made.status()), ErrorCode::kInvalidArgument);
    EXPECT_NE(made.status().message().find(says), std::string::npos) << made.status();
  }
}

}  // namespace
}  // namespace pyralog::catalog
