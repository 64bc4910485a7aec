// Every type of docs/types.md, there and back: by the Arrow interfaces and by SQL, from memory, from
// the log, from segments and from merged segments.
#include <cstdlib>
#include <fstream>
#include <map>

#include "arrow/extension/bool8.h"
#include "arrow/extension/fixed_shape_tensor.h"
#include "arrow/extension/json.h"
#include "arrow/extension/opaque.h"
#include "arrow/extension/uuid.h"
#include "sql/types_testing.h"

namespace pyralog::sql {
namespace {

// A type with values of it, of which the first and the last are null where the type has nulls.
struct Sample {
  TypePtr type;
  std::string json;
  bool sql_reads = true;   // all the values
  bool sql_writes = true;  // all the values
};

std::vector<Sample> Samples() {
  using arrow::dictionary;
  using arrow::TimeUnit;
  const std::string ints = "[null, 1, 0, 127, null]";
  const std::string text = R"([null, "a", "", "more than twelve bytes", "a", null])";
  const std::string days = "[null, 0, 1, -1, 19000, null]";
  const std::string lists = "[null, [1, null, 3], [], [4], null]";
  const std::string plain_lists = "[null, [1, 2, 3], [], [4], null]";
  std::vector<Sample> samples = {
      {arrow::null(), "[null, null, null]"},
      {arrow::boolean(), "[null, true, false, true, null]"},
      {arrow::int8(), "[null, -128, 127, null]"},
      {arrow::int16(), "[null, -32768, 32767, null]"},
      {arrow::int32(), "[null, -2147483648, 2147483647, null]"},
      {arrow::int64(), "[null, -9223372036854775808, 9223372036854775807, null]"},
      {arrow::uint8(), "[null, 0, 255, null]"},
      {arrow::uint16(), "[null, 0, 65535, null]"},
      {arrow::uint32(), "[null, 0, 4294967295, null]"},
      {arrow::uint64(), "[null, 0, 18446744073709551615, null]"},
      {arrow::float16(), "[null, 1.5, -0.25, 65504, null]"},
      {arrow::float32(), "[null, 1.5, -3.4e38, null]"},
      {arrow::float64(), "[null, 0.1, -1.7e308, null]"},
      {arrow::decimal32(7, 2), R"([null, "12345.67", "-0.01", null])"},
      {arrow::decimal64(16, 3), R"([null, "1234567890123.456", "-0.001", null])"},
      {arrow::decimal128(5, 2), R"([null, "999.99", "-999.99", null])"},
      {arrow::decimal128(38, 10), R"([null, "1234567890123456789012345678.0123456789", null])"},
      {arrow::decimal128(5, -2), R"([null, "12345", "-1", null])"},
      {arrow::decimal256(30, 4), R"([null, "12345678901234567890123456.1234", null])"},
      {arrow::decimal256(76, 20),
       R"([null, "12345678901234567890123456789012345678901234567890123456.01234567890123456789",)"
       R"( "-0.00000000000000000001", null])"},
      {arrow::date32(), days},
      {arrow::date64(), "[null, 0, 86400000, -86400000, null]"},
      {arrow::time32(TimeUnit::SECOND), "[null, 0, 86399, null]"},
      {arrow::time32(TimeUnit::MILLI), "[null, 0, 86399999, null]"},
      {arrow::time64(TimeUnit::MICRO), "[null, 0, 86399999999, null]"},
      {arrow::time64(TimeUnit::NANO), "[null, 0, 86399999999999, null]"},
      {arrow::timestamp(TimeUnit::SECOND), days},
      {arrow::timestamp(TimeUnit::MILLI), days},
      {arrow::timestamp(TimeUnit::MICRO), days},
      {arrow::timestamp(TimeUnit::NANO), days},
      {arrow::timestamp(TimeUnit::SECOND, "UTC"), days},
      {arrow::timestamp(TimeUnit::MILLI, "Europe/Berlin"), days},
      {arrow::timestamp(TimeUnit::MICRO, "Europe/Berlin"), days},
      {arrow::timestamp(TimeUnit::MICRO, "UTC"), days},
      {arrow::timestamp(TimeUnit::NANO, "America/New_York"), "[null, 1000, -1001, null]", false},
      {arrow::duration(TimeUnit::SECOND), days},
      {arrow::duration(TimeUnit::MILLI), days},
      {arrow::duration(TimeUnit::MICRO), days},
      {arrow::duration(TimeUnit::NANO), "[null, 1000, -1001, null]", false},
      {arrow::month_interval(), days},
      {arrow::day_time_interval(), "[null, [1, -1], [0, 2147483647], null]"},
      {arrow::month_day_nano_interval(), "[null, [1, -2, 3000], [0, 0, -1], null]", false},
      {arrow::binary(), text},
      {arrow::large_binary(), text},
      {arrow::binary_view(), text},
      {arrow::fixed_size_binary(3), R"([null, "abc", "xyz", null])"},
      {arrow::utf8(), text},
      {arrow::large_utf8(), text},
      {arrow::utf8_view(), text},
      {dictionary(arrow::int8(), arrow::utf8()), text},
      {dictionary(arrow::uint8(), arrow::utf8()), text},
      {dictionary(arrow::int16(), arrow::utf8()), text},
      {dictionary(arrow::uint16(), arrow::large_utf8()), text},
      {dictionary(arrow::int32(), arrow::int64()), ints},
      {dictionary(arrow::uint32(), arrow::utf8()), text},
      {dictionary(arrow::int64(), arrow::float64()), "[null, 1.5, 2.5, 1.5, null]"},
      {dictionary(arrow::uint64(), arrow::utf8()), text},
      {dictionary(arrow::int8(), arrow::utf8(), true), text, true, false},
      {arrow::run_end_encoded(arrow::int16(), arrow::utf8()), text},
      {arrow::run_end_encoded(arrow::int32(), arrow::utf8()), text},
      {arrow::run_end_encoded(arrow::int64(), arrow::int16()), ints},
      {arrow::list(arrow::int32()), lists},
      {arrow::large_list(arrow::int32()), lists},
      {arrow::list_view(arrow::utf8()), R"([null, ["a", null], [], ["b"], null])"},
      {arrow::large_list_view(arrow::int32()), lists},
      {arrow::list(arrow::field("item", arrow::int32(), false)), plain_lists},
      {arrow::fixed_size_list(arrow::float32(), 3), "[null, [1, null, 3], [4, 5, 6], null]"},
      {arrow::fixed_size_list(arrow::float16(), 2), "[null, [1.5, null], [4, 5], null]"},
      {arrow::fixed_size_list(arrow::int32(), 0), "[null, [], [], null]"},
      {arrow::struct_({arrow::field("a", arrow::int32()), arrow::field("b", arrow::utf8())}),
       R"([null, {"a": 1, "b": "x"}, {"a": null, "b": null}, null])"},
      {arrow::struct_({arrow::field("a", arrow::float16(), false),
                       arrow::field("b", arrow::duration(TimeUnit::MICRO))}),
       R"([{"a": 1.5, "b": 7}, {"a": 2.5, "b": null}])"},
      {arrow::map(arrow::utf8(), arrow::int32()),
       R"([null, [["a", 1], ["b", null]], [], [["c", 3]], null])"},
      {arrow::map(arrow::utf8(), arrow::int32(), true), R"([null, [["a", 1], ["b", 2]], [], null])",
       true, false},
      {arrow::sparse_union({arrow::field("a", arrow::int32()), arrow::field("b", arrow::utf8())}),
       R"([[0, null], [0, 5], [1, "five"], [1, null]])"},
      {arrow::dense_union({arrow::field("a", arrow::int32()), arrow::field("b", arrow::float16())},
                          {5, 7}),
       "[[5, null], [5, 5], [7, 5.5], [7, null]]"},
      {arrow::extension::uuid(), R"([null, "0123456789abcdef", "fedcba9876543210", null])"},
      {arrow::extension::json(), R"([null, "{\"a\": 1}", "[]", null])"},
      {arrow::extension::bool8(), "[null, 1, 0, null]"},
      {arrow::extension::fixed_shape_tensor(arrow::float32(), {2, 2}),
       "[null, [1, 2, 3, 4], [5, 6, 7, 8], null]"},
      {arrow::extension::opaque(arrow::int32(), "t", "v"), "[null, 1, 2, null]"},
      {arrow::struct_(arrow::FieldVector{}), "[null, {}, {}, null]", false, false},
      {arrow::struct_({arrow::field("a", arrow::int32()), arrow::field("A", arrow::int32())}),
       R"([null, {"a": 1, "A": 2}, null])", false, false},
  };
  return samples;
}

// The type as the page writes it.
std::string NameOf(const arrow::DataType& type) { return type.ToString(); }

// The rows of a table of the page: cells without their back-quotes.
std::vector<std::vector<std::string>> PageRows(const std::string& first_header) {
  const char* source = std::getenv("PYRALOG_SOURCE_DIR");
  std::ifstream page(std::filesystem::path(source == nullptr ? "." : source) / "docs/types.md");
  EXPECT_TRUE(page.good()) << "run this with PYRALOG_SOURCE_DIR, or in the source folder";
  std::vector<std::vector<std::string>> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| " + first_header + " |")) {
      inside = true;
    } else if (!line.starts_with("|")) {
      inside = false;
    } else if (inside && !line.starts_with("|--")) {
      std::vector<std::string> cells;
      for (size_t at = 1; at < line.size();) {
        const size_t end = line.find('|', at);
        std::string cell = line.substr(at, end - at);
        std::erase(cell, '`');
        cell.erase(0, cell.find_first_not_of(' '));
        cell.erase(cell.find_last_not_of(' ') + 1);
        cells.push_back(std::move(cell));
        at = end + 1;
      }
      rows.push_back(std::move(cells));
    }
  }
  return rows;
}

// The sample's values alone, in a list, a struct and a map.
struct Columns {
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::RecordBatch> batch;
};
Columns ColumnsOf(const Sample& sample) {
  const ArrayPtr values = ArrayOf(sample.type, sample.json);
  const int64_t rows = values->length();
  // Row i of the nested columns holds row i: the offsets are 0, 1, 2 ...
  arrow::Int32Builder offset_builder;
  arrow::StringBuilder key_builder;
  arrow::Int64Builder id_builder;
  for (int64_t i = 0; i <= rows; ++i) {
    EXPECT_TRUE(offset_builder.Append(static_cast<int32_t>(i)).ok());
    if (i == rows) break;
    EXPECT_TRUE(key_builder.Append("k").ok());
    EXPECT_TRUE(id_builder.Append(i).ok());
  }
  const ArrayPtr offsets = offset_builder.Finish().ValueOrDie();
  const auto inner = arrow::field("x", sample.type, true, Notes("inner"));
  auto list_type = arrow::list(inner);
  auto list = arrow::ListArray::FromArrays(list_type, *offsets, *values).ValueOrDie();
  auto row = std::make_shared<arrow::StructArray>(arrow::struct_({inner}), rows,
                                                  arrow::ArrayVector{values});
  auto map =
      arrow::MapArray::FromArrays(offsets, key_builder.Finish().ValueOrDie(), values).ValueOrDie();
  Columns columns;
  columns.schema = arrow::schema(
      {arrow::field("id", arrow::int64(), false),
       arrow::field("v", sample.type, true, Notes("outer")), arrow::field("l", list->type()),
       arrow::field("s", row->type()), arrow::field("m", map->type())},
      Notes("schema"));
  columns.batch = arrow::RecordBatch::Make(
      columns.schema, rows, {id_builder.Finish().ValueOrDie(), values, list, row, map});
  return columns;
}

std::string TableOf(size_t i) { return "t" + std::to_string(i); }

TEST_F(TypesTest, ThePageListsTheTypes) {
  const auto samples = Samples();
  const auto rows = PageRows("Arrow type");
  ASSERT_EQ(rows.size(), samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(rows[i][0], NameOf(*samples[i].type));
    const auto column = ColumnFromField(*arrow::field("c", samples[i].type)).ValueOrDie();
    std::string sql = column.sql_type;
    std::erase(sql, '"');
    EXPECT_EQ(sql, rows[i][1]) << rows[i][0];
    // What the page says to fail fails: the samples hold such values where there are any.
    EXPECT_TRUE(samples[i].sql_reads || !rows[i][2].empty()) << rows[i][0];
    EXPECT_TRUE(samples[i].sql_writes || !rows[i][3].empty()) << rows[i][0];
  }
}

// From memory, from the log, from segments, from merged ones.
TEST_F(TypesTest, ArrowThereAndBack) {
  const auto samples = Samples();
  std::vector<Columns> columns;
  auto txn = database_->Begin().ValueOrDie();
  for (size_t i = 0; i < samples.size(); ++i) {
    columns.push_back(ColumnsOf(samples[i]));
    const auto made = txn->CreateTable(TableOf(i), columns[i].schema);
    ASSERT_TRUE(made.ok()) << made;
  }
  ASSERT_TRUE(txn->Commit().ok());
  txn.reset();
  const auto append = [&] {
    auto writing = database_->Begin().ValueOrDie();
    for (size_t i = 0; i < samples.size(); ++i) {
      // In slices, which hold more than their rows, and an empty one.
      const auto& batch = columns[i].batch;
      for (const auto& part : {batch->Slice(0, 1), batch->Slice(1), batch->Slice(0, 0)}) {
        const auto status = writing->Append(TableOf(i), part);
        ASSERT_TRUE(status.ok()) << samples[i].type->ToString() << ": " << status;
      }
    }
    const auto committed = writing->Commit();
    ASSERT_TRUE(committed.ok()) << committed.status();
  };
  const auto check = [&](int times) {
    for (size_t i = 0; i < samples.size(); ++i) {
      SCOPED_TRACE(samples[i].type->ToString());
      ExpectRows(TableOf(i), *columns[i].batch, times);
    }
  };
  append();
  check(1);
  Close();
  Open();
  check(1);
  ASSERT_TRUE(database_->Flush().ok());
  check(1);
  int times = 1;
  for (; times < 10; ++times) {
    append();
    const auto flushed = database_->Flush();
    ASSERT_TRUE(flushed.ok()) << flushed;
  }
  check(times);
  Close();
  Open();
  check(times);
}

TEST_F(TypesTest, SqlThereAndBack) {
  const auto samples = Samples();
  for (size_t i = 0; i < samples.size(); ++i) {
    SCOPED_TRACE(samples[i].type->ToString());
    const Columns columns = ColumnsOf(samples[i]);
    const std::string from = "a" + std::to_string(i), to = "b" + std::to_string(i);
    auto txn = database_->Begin().ValueOrDie();
    ASSERT_TRUE(txn->CreateTable(from, columns.schema).ok());
    ASSERT_TRUE(txn->CreateTable(to, columns.schema).ok());
    ASSERT_TRUE(txn->Append(from, columns.batch).ok());
    ASSERT_TRUE(txn->Commit().ok());
    const auto read = Select("SELECT * FROM " + from);
    EXPECT_EQ(read.ok(), samples[i].sql_reads) << read.status();
    const auto copied = session_->Execute("INSERT INTO " + to + " SELECT * FROM " + from);
    EXPECT_EQ(copied.ok(), samples[i].sql_reads && samples[i].sql_writes) << copied.status();
    if (!read.ok()) {
      EXPECT_NE(read.status().message().find("Arrow interfaces"), std::string::npos)
          << read.status();
    }
    if (copied.ok()) {
      ExpectRows(to, *columns.batch, 1);
      // A filter reads the same values, and finds each row.
      EXPECT_EQ(Scalar("SELECT count(*)::BIGINT FROM " + from + " a, " + to +
                       " b WHERE a.id = b.id AND a.v IS NOT DISTINCT FROM b.v"),
                std::to_string(columns.batch->num_rows()));
    }
  }
}

// Some rows of a batch leave, and a key that is not there has a row of nulls.
TEST_F(TypesTest, RowsOfEveryTypeAreTakenOneByOne) {
  const auto samples = Samples();
  for (size_t i = 0; i < samples.size(); ++i) {
    SCOPED_TRACE(samples[i].type->ToString());
    const Columns columns = ColumnsOf(samples[i]);
    const std::string table = TableOf(i);
    auto txn = database_->Begin().ValueOrDie();
    ASSERT_TRUE(txn->CreateTable(table, columns.schema, {"id"}).ok());
    ASSERT_TRUE(txn->Append(table, columns.batch).ok());
    ASSERT_TRUE(txn->Commit().ok());
    const auto deleted = session_->Execute("DELETE FROM " + table + " WHERE id = 1");
    ASSERT_TRUE(deleted.ok()) << deleted.status();
    const auto rows = Rows(table);
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_TRUE((*rows)->ValidateFull().ok()) << (*rows)->ValidateFull();
    EXPECT_EQ((*rows)->num_rows(), columns.batch->num_rows() - 1);
    const auto keys = columns.batch->SelectColumns({0}).ValueOrDie()->Slice(0, 3);
    const auto got = database_->Begin().ValueOrDie()->Get(table, keys);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_TRUE(got->rows->ValidateFull().ok()) << got->rows->ValidateFull();
    EXPECT_FALSE(got->found[1]);
    for (int c = 1; c < columns.batch->num_columns(); ++c) {
      const auto expected =
          Plain(columns.batch->column(c)->Slice(2, columns.batch->num_rows() - 2));
      EXPECT_TRUE(Plain((*rows)->column(c)->Slice(1))->Equals(*expected));
      EXPECT_TRUE(got->rows->column(c)->type()->Equals(columns.schema->field(c)->type()));
      EXPECT_TRUE(
          Plain(got->rows->column(c)->Slice(2))->Equals(*expected->Slice(0, keys->num_rows() - 2)));
    }
  }
}

TEST_F(TypesTest, SqlTypesAreStoredExactly) {
  const std::map<std::string, std::string> values = {
      {"BIT", "'10110'"},
      {"BIGNUM", "'123456789012345678901234567890123456789012345678901234567890'"},
      {"GEOMETRY", "'POINT (1 2)'"},
      {"UUID", "'01234567-89ab-cdef-0123-456789abcdef'"},
      {"JSON", "'{\"a\": [1, null]}'"},
      {"BLOB", "'\\x00\\xFF'::BLOB"},
      {"DATE", "'2024-02-29'"},
      {"TIME", "'12:34:56.789012'"},
      {"TIME_NS", "'12:34:56.789012345'"},
      {"TIME WITH TIME ZONE", "'12:34:56.789012+05:30'"},
      {"TIMESTAMP_S", "'2024-02-29 12:34:56'"},
      {"TIMESTAMP_MS", "'2024-02-29 12:34:56.789'"},
      {"TIMESTAMP", "'2024-02-29 12:34:56.789012'"},
      {"TIMESTAMP_NS", "'2024-02-29 12:34:56.789012345'"},
      {"TIMESTAMP WITH TIME ZONE", "'2024-02-29 12:34:56.789012+01'"},
      {"INTERVAL", "'1 month -2 days 3.000004 seconds'"},
      {"ENUM('low', 'high')", "'high'"},
      {"BOOLEAN", "true"},
      {"INTEGER[]", "[1, NULL]"},
      {"FLOAT[3]", "[1.5, NULL, 2.5]"},
      {"STRUCT(a INTEGER, b VARCHAR)", "{'a': 1, 'b': NULL}"},
      {"MAP(VARCHAR, INTEGER)", "MAP {'k': 1}"},
      {"UNION(n INTEGER, s VARCHAR)", "union_value(s := 'one')"},
      {"VARIANT", "{'a': [1, 2, NULL], 'b': 'two'}"},
      {"HUGEINT", "-170141183460469231731687303715884105728"},
      {"UHUGEINT", "340282366920938463463374607431768211455"},
  };
  const auto rows = PageRows("SQL type");
  ASSERT_GT(rows.size(), 35u);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string& type = rows[i][0];
    SCOPED_TRACE(type);
    const auto given = values.find(type);
    const std::string value = given == values.end() ? "'42'" : given->second;
    const std::string table = "s" + std::to_string(i);
    const auto run = [&](const std::string& sql) {
      const auto done = session_->Execute(sql);
      EXPECT_TRUE(done.ok()) << sql << ": " << done.status();
    };
    run("CREATE TABLE " + table + " (v " + type + ", l " + type + "[], s STRUCT(x " + type +
        "), n " + type + " DEFAULT NULL)");
    run("INSERT INTO " + table + " SELECT x, [x, NULL, x], {'x': x}, NULL::" + type +
        " FROM (SELECT CAST(" + value + " AS " + type + ") AS x)");
    EXPECT_EQ(Rows(table).ValueOrDie()->schema()->field(0)->type()->ToString(), rows[i][1]);
    for (const char* when : {"in memory", "reopened"}) {
      SCOPED_TRACE(when);
      EXPECT_EQ(Scalar("SELECT count(*)::BIGINT FROM " + table + ", (SELECT CAST(" + value +
                       " AS " + type +
                       ") AS x) WHERE v::VARCHAR IS NOT DISTINCT FROM x::VARCHAR"
                       " AND l::VARCHAR = [x, NULL, x]::VARCHAR AND s::VARCHAR = {'x': x}::VARCHAR"
                       " AND n::VARCHAR IS NULL AND typeof(v) = typeof(x)"),
                "1");
      if (std::string_view(when) == "in memory") {
        ASSERT_TRUE(database_->Flush().ok());
        Close();
        Open();
      }
    }
  }
}

TEST_F(TypesTest, WhatArrowMayNotWrite) {
  ASSERT_TRUE(
      session_
          ->Execute("CREATE TABLE e (v ENUM('a', 'b')); CREATE TABLE u (v UNION(a INTEGER));"
                    "CREATE TABLE n (v BIGNUM)")
          .ok());
  const auto append = [&](const std::string& table, const TypePtr& type, const std::string& json) {
    const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("v", type)}), 1,
                                                {ArrayOf(type, json)});
    return database_->Begin().ValueOrDie()->Append(table, batch);
  };
  const auto names = arrow::dictionary(arrow::uint8(), arrow::utf8());
  EXPECT_TRUE(append("e", names, R"(["b"])").ok());
  EXPECT_EQ(GetErrorCode(append("e", names, R"(["c"])")), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(append("n", arrow::utf8(), R"(["12"])").ok());
  EXPECT_EQ(GetErrorCode(append("n", arrow::utf8(), R"(["x"])")), ErrorCode::kInvalidArgument);
  const auto member =
      arrow::struct_({arrow::field("", arrow::uint8()), arrow::field("a", arrow::int32())});
  EXPECT_EQ(GetErrorCode(append("u", member, R"([{"": 9, "a": 1}])")), ErrorCode::kNotSupported);
}

TEST_F(TypesTest, KeysOfEveryType) {
  const auto samples = Samples();
  for (size_t i = 0; i < samples.size(); ++i) {
    const TypePtr& type = samples[i].type;
    SCOPED_TRACE(type->ToString());
    const bool is_union =
        type->id() == arrow::Type::SPARSE_UNION || type->id() == arrow::Type::DENSE_UNION;
    const bool refused = is_union || type->id() == arrow::Type::NA;
    const auto schema = arrow::schema(
        {arrow::field("k", type, true, Notes("key")), arrow::field("n", arrow::int32())},
        Notes("keyed"));
    const std::string table = "k" + std::to_string(i);
    auto txn = database_->Begin().ValueOrDie();
    const auto made = txn->CreateTable(table, schema, {"k"});
    EXPECT_EQ(made.ok(), !refused) << made;
    if (!made.ok()) continue;
    const auto values = ArrayOf(type, samples[i].json);
    const int64_t first = values->IsNull(0) || type->id() == arrow::Type::RUN_END_ENCODED ||
                                  type->id() == arrow::Type::DICTIONARY
                              ? 1
                              : 0;
    const auto key = values->Slice(first, 1);
    const auto row = arrow::RecordBatch::Make(
        schema, 1, {key, arrow::json::ArrayFromJSONString(arrow::int32(), "[7]").ValueOrDie()});
    const auto appended = txn->Append(table, row);
    ASSERT_TRUE(appended.ok()) << appended;
    EXPECT_EQ(GetErrorCode(txn->Append(table, row)), ErrorCode::kConstraint);
    const auto got = txn->Get(table, row->SelectColumns({0}).ValueOrDie());
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->found, std::vector<bool>{true});
    EXPECT_TRUE(got->rows->schema()->Equals(*txn->Scan(table).ValueOrDie()->schema(), true));
    ASSERT_TRUE(txn->Commit().ok());
    if (!samples[i].sql_reads) continue;
    EXPECT_EQ(Scalar("SELECT n FROM " + table + " WHERE k = (SELECT k FROM " + table + ")"), "7");
  }
}

}  // namespace
}  // namespace pyralog::sql
