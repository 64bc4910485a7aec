#include "sql/arrow_vectors.h"

#include <gtest/gtest.h>

#include "arrow/api.h"
#include "pyralog/error.h"
#include "sql/arrow_types.h"
#include "sql/mask.h"

namespace pyralog::sql {
namespace {

using duckdb::DataChunk;
using duckdb::idx_t;
using duckdb::LogicalType;
using duckdb::Value;

// A SQL type, with expressions of its values.
struct Case {
  const char* type;
  const char* arrow;
  std::vector<const char*> values;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"BOOLEAN", "bool", {"true", "false", "NULL", "true"}},
      {"TINYINT", "int8", {"-128", "127", "NULL"}},
      {"SMALLINT", "int16", {"-32768", "32767", "NULL"}},
      {"INTEGER", "int32", {"-2147483648", "2147483647", "NULL"}},
      {"BIGINT", "int64", {"-9223372036854775808", "9223372036854775807", "NULL"}},
      {"UTINYINT", "uint8", {"0", "255", "NULL"}},
      {"USMALLINT", "uint16", {"0", "65535", "NULL"}},
      {"UINTEGER", "uint32", {"0", "4294967295", "NULL"}},
      {"UBIGINT", "uint64", {"0", "18446744073709551615", "NULL"}},
      {"HUGEINT",
       "fixed_size_binary[16]",
       {"-170141183460469231731687303715884105728", "170141183460469231731687303715884105727", "0",
        "-1", "NULL"}},
      {"UHUGEINT",
       "fixed_size_binary[16]",
       {"0", "340282366920938463463374607431768211455", "NULL"}},
      {"FLOAT", "float", {"'nan'", "'-inf'", "1.5", "NULL", "-0.0"}},
      {"DOUBLE", "double", {"'nan'", "'inf'", "0.1", "NULL", "-0.0"}},
      {"DECIMAL(4,1)", "decimal32(4, 1)", {"-999.9", "999.9", "NULL"}},
      {"DECIMAL(9,2)", "decimal32(9, 2)", {"-9999999.99", "9999999.99", "NULL"}},
      {"DECIMAL(18,3)", "decimal64(18, 3)", {"-999999999999999.999", "0.001", "NULL"}},
      {"DECIMAL(38,0)",
       "decimal128(38, 0)",
       {"-99999999999999999999999999999999999999", "7", "NULL"}},
      {"VARCHAR",
       "string_view",
       {"''", "'exactly 12 b'", "'exactly 13 by'", "NULL", "repeat('long', 5000)", "'ü€😀'"}},
      {"JSON", "string_view", {"'{\"a\": [1, 2, 3]}'", "NULL"}},
      {"BLOB",
       "binary_view",
       {"'\\x00\\x01'::BLOB", "NULL", "'more than twelve bytes \\x00'::BLOB"}},
      {"BIT",
       "binary_view",
       {"'101'",
        "'11111111111111111111111111111111111111111111111111111111111111111111111111111111'",
        "NULL"}},
      {"UUID",
       "fixed_size_binary[16]",
       {"'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-fffffffffffe'",
        "NULL"}},
      {"DATE", "date32[day]", {"'0044-03-15 (BC)'", "'infinity'", "'2024-02-29'", "NULL"}},
      {"TIME", "time64[us]", {"'00:00:00'", "'23:59:59.999999'", "NULL"}},
      {"TIME_NS", "time64[ns]", {"'23:59:59.123456789'", "NULL"}},
      {"TIME WITH TIME ZONE", "int64", {"'12:00:00+05:30'", "'00:00:00-15:59:59'", "NULL"}},
      {"TIMESTAMP_S", "timestamp[s]", {"'2024-01-01 00:00:01'", "NULL"}},
      {"TIMESTAMP_MS", "timestamp[ms]", {"'1969-12-31 23:59:59.999'", "NULL"}},
      {"TIMESTAMP",
       "timestamp[us]",
       {"'infinity'", "'-infinity'", "'2024-01-01 00:00:00.000001'", "NULL"}},
      {"TIMESTAMP_NS", "timestamp[ns]", {"'2024-01-01 00:00:00.000000001'", "NULL"}},
      {"TIMESTAMP WITH TIME ZONE", "timestamp[us, tz=UTC]", {"'2024-01-01 00:00:00+00'", "NULL"}},
      {"INTERVAL",
       "month_day_nano_interval",
       {"INTERVAL '1' YEAR", "INTERVAL '-3' DAY", "'2 months 5 days -00:00:00.000001'", "NULL"}},
      {"INTEGER[]", "list<item: int32>", {"[1, 2, NULL]", "[]", "NULL", "[3]"}},
      {"VARCHAR[][]",
       "list<item: list<item: string_view>>",
       {"[['a', 'a string of its own'], NULL, []]", "NULL", "[['x']]"}},
      {"BOOLEAN[3]",
       "fixed_size_list<item: bool>[3]",
       {"[true, NULL, false]", "NULL", "[false, false, true]"}},
      {"STRUCT(\"a b\" INTEGER, s VARCHAR, n STRUCT(d DECIMAL(3,1)))",
       "struct<a b: int32, s: string_view, n: struct<d: decimal32(3, 1)>>",
       {"{'a b': 1, 's': 'one', 'n': {'d': 1.5}}", "NULL",
        "{'a b': NULL, 's': 'a longer string', 'n': NULL}"}},
      {"MAP(VARCHAR, DOUBLE[])",
       "map<string_view, list<item: double>>",
       {"MAP {'a': [1.0, NULL], 'b': NULL}", "MAP {}", "NULL"}},
      {"STRUCT(i INTEGER[2])[]",
       "list<item: struct<i: fixed_size_list<item: int32>[2]>>",
       {"[{'i': [1, 2]}, NULL, {'i': NULL}]", "NULL", "[]"}},
  };
  return cases;
}

class ArrowVectorsTest : public testing::TestWithParam<SimdLevel> {
 protected:
  ArrowVectorsTest() : connection_(database_) { SetSimdLevelForTesting(GetParam()); }
  ~ArrowVectorsTest() override { SetSimdLevelForTesting(SimdLevel::kAvx512); }

  duckdb::unique_ptr<duckdb::MaterializedQueryResult> Query(const std::string& sql) {
    auto result = connection_.Query(sql);
    EXPECT_FALSE(result->HasError()) << sql << ": " << result->GetError();
    return result;
  }
  // `rows` values of a case, in turns.
  duckdb::unique_ptr<duckdb::MaterializedQueryResult> Rows(const Case& c, int rows) {
    std::string sql = "SELECT v FROM (";
    for (size_t k = 0; k < c.values.size(); ++k) {
      if (k > 0) sql += " UNION ALL ";
      sql += "SELECT " + std::to_string(k) + " k, CAST(" + c.values[k] + " AS " + c.type + ") v";
    }
    return Query(sql + ") JOIN range(" + std::to_string(rows) + ") t(i) ON i % " +
                 std::to_string(c.values.size()) + " = k ORDER BY i");
  }
  catalog::ColumnDef Column(const Case& c) {
    auto column = ColumnFromSqlType("c", Query(std::string("SELECT NULL::") + c.type)->types[0]);
    EXPECT_TRUE(column.ok()) << column.status();
    return *column;
  }
  std::shared_ptr<arrow::Array> Collect(const catalog::ColumnDef& column,
                                        duckdb::MaterializedQueryResult& result) {
    auto collector = MakeBatchCollector({column}, *connection_.context);
    EXPECT_TRUE(collector.ok()) << collector.status();
    while (auto chunk = result.Fetch()) EXPECT_TRUE((*collector)->Append(*chunk).ok());
    auto batch = (*collector)->Finish();
    EXPECT_TRUE(batch.ok()) << batch.status();
    EXPECT_TRUE((*batch)->ValidateFull().ok()) << (*batch)->ValidateFull();
    return (*batch)->column(0);
  }

  duckdb::DuckDB database_;
  duckdb::Connection connection_;
};

TEST_P(ArrowVectorsTest, TypesGoThereAndBack) {
  for (const Case& c : Cases()) {
    const auto column = Column(c);
    EXPECT_EQ(column.type->ToString(), c.arrow) << c.type;
    auto type = SqlTypeOfColumn(column);
    ASSERT_TRUE(type.ok()) << type.status();
    EXPECT_EQ(*type, Query(std::string("SELECT NULL::") + c.type)->types[0]) << column.sql_type;
    EXPECT_EQ(type->IsJSONType(), std::string(c.type) == "JSON");
  }
}

TEST_P(ArrowVectorsTest, TypesThatCannotBeKeptAreRefusedByName) {
  for (const char* value : {"row(1, 'x')", "[row(1, 'x')]"}) {
    auto column = ColumnFromSqlType("c", Query(std::string("SELECT ") + value)->types[0]);
    ASSERT_FALSE(column.ok()) << value;
    EXPECT_EQ(GetErrorCode(column.status()), ErrorCode::kNotSupported);
    EXPECT_NE(column.status().message().find("column \"c\""), std::string::npos) << column.status();
  }
}

// The name of the type is not kept, its values are.
TEST_P(ArrowVectorsTest, EnumsAreKeptByTheirValues) {
  Query("CREATE TYPE mood AS ENUM ('sad', 'ok')");
  const auto column = ColumnFromSqlType("c", Query("SELECT 'sad'::mood")->types[0]);
  ASSERT_TRUE(column.ok()) << column.status();
  const auto type = SqlTypeOfColumn(*column);
  ASSERT_TRUE(type.ok()) << type.status();
  EXPECT_EQ(type->ToString(), "ENUM('sad', 'ok')");
}

TEST_P(ArrowVectorsTest, ValuesGoThereAndBack) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.type);
    constexpr int kRows = 5000;
    const auto column = Column(c);
    auto result = Rows(c, kRows);
    const auto array = Collect(column, *Rows(c, kRows));
    ASSERT_EQ(array->length(), kRows);
    auto filler = MakeVectorFiller(column, *connection_.context);
    ASSERT_TRUE(filler.ok()) << filler.status();
    DataChunk chunk;
    chunk.Initialize(duckdb::Allocator::DefaultAllocator(), {*SqlTypeOfColumn(column)});
    for (int64_t offset = 0; offset < kRows; offset += 1999) {
      const int64_t count = std::min<int64_t>(1999, kRows - offset);
      chunk.Reset();
      (*filler)->Fill(array, offset, count, chunk.data[0]);
      chunk.SetCardinality(count);
      chunk.Verify();
      for (int64_t i = 0; i < count; ++i) {
        ASSERT_TRUE(Value::NotDistinctFrom(chunk.GetValue(0, i), result->GetValue(0, offset + i)))
            << chunk.GetValue(0, i).ToString() << " is not "
            << result->GetValue(0, offset + i).ToString();
      }
    }
  }
}

TEST_P(ArrowVectorsTest, MaskedRowsAreMovedTogether) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.type);
    constexpr int kRows = 1000;
    const auto column = Column(c);
    auto result = Rows(c, kRows);
    const auto array = Collect(column, *Rows(c, kRows));
    auto filler = MakeVectorFiller(column, *connection_.context).ValueOrDie();
    DataChunk chunk;
    chunk.Initialize(duckdb::Allocator::DefaultAllocator(), {*SqlTypeOfColumn(column)});
    for (int step : {1, 2, 3, 7, 50}) {
      std::vector<uint64_t> mask((kRows - 5 + 63) / 64);
      std::vector<int> rows;
      for (int i = 0; i < kRows - 5; ++i) {
        if (i % step != 0 || i / 64 == 3) continue;
        mask[i / 64] |= uint64_t{1} << (i % 64);
        rows.push_back(5 + i);
      }
      chunk.Reset();
      const std::span<const uint64_t> all(mask);
      const auto first = static_cast<idx_t>(CountBits(all.subspan(0, 2)));
      filler->AppendMasked(array, 5, all.subspan(0, 2), 0, chunk.data[0]);
      filler->AppendMasked(array, 5 + 128, all.subspan(2), first, chunk.data[0]);
      chunk.SetCardinality(rows.size());
      chunk.Verify();
      for (size_t i = 0; i < rows.size(); ++i) {
        ASSERT_TRUE(Value::NotDistinctFrom(chunk.GetValue(0, i), result->GetValue(0, rows[i])))
            << "step " << step << " row " << i << ": " << chunk.GetValue(0, i).ToString()
            << " is not " << result->GetValue(0, rows[i]).ToString();
      }
    }
  }
}

TEST_P(ArrowVectorsTest, SelectedRowsMayComeInAnyOrder) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.type);
    const auto column = Column(c);
    auto result = Rows(c, 200);
    const auto array = Collect(column, *Rows(c, 200))->Slice(10);
    auto filler = MakeVectorFiller(column, *connection_.context).ValueOrDie();
    const uint16_t sel[] = {7, 8, 9, 0, 150, 3, 3};
    DataChunk chunk;
    chunk.Initialize(duckdb::Allocator::DefaultAllocator(), {*SqlTypeOfColumn(column)});
    filler->FillSelected(array, 20, sel, 7, chunk.data[0]);
    chunk.SetCardinality(7);
    for (size_t i = 0; i < 7; ++i) {
      EXPECT_TRUE(Value::NotDistinctFrom(chunk.GetValue(0, i), result->GetValue(0, 30 + sel[i])));
    }
  }
}

TEST_P(ArrowVectorsTest, ConstantAndDictionaryVectorsAreCollected) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.type);
    const auto column = Column(c);
    auto result = Rows(c, 100);
    auto collector = MakeBatchCollector({column}, *connection_.context).ValueOrDie();
    auto source = Rows(c, 100)->Fetch();
    DataChunk chunk;
    chunk.InitializeEmpty({column.type == nullptr ? LogicalType() : *SqlTypeOfColumn(column)});
    duckdb::SelectionVector sel(3);
    for (idx_t i = 0; i < 3; ++i) sel.set_index(i, 40 - 9 * i);
    chunk.data[0].Slice(source->data[0], sel, 3);
    chunk.SetCardinality(3);
    ASSERT_TRUE(collector->Append(chunk).ok());
    chunk.data[0].Reference(result->GetValue(0, 0));
    ASSERT_TRUE(collector->Append(chunk).ok());
    EXPECT_EQ(collector->rows(), 6);
    auto batch = collector->Finish().ValueOrDie();
    ASSERT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull();
    DataChunk back;
    back.Initialize(duckdb::Allocator::DefaultAllocator(), {*SqlTypeOfColumn(column)});
    MakeVectorFiller(column, *connection_.context)
        .ValueOrDie()
        ->Fill(batch->column(0), 0, 6, back.data[0]);
    back.SetCardinality(6);
    for (idx_t i = 0; i < 6; ++i) {
      EXPECT_TRUE(
          Value::NotDistinctFrom(back.GetValue(0, i), result->GetValue(0, i < 3 ? 40 - 9 * i : 0)));
    }
  }
}

TEST_P(ArrowVectorsTest, SlicesOfSlicesAreCollected) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.type);
    const auto column = Column(c);
    auto result = Rows(c, 100);
    auto source = Rows(c, 100)->Fetch();
    // Rows 99, 98, ... of which every third: 99, 96, ...
    duckdb::SelectionVector back_to_front(100), thirds(33);
    for (idx_t i = 0; i < 100; ++i) back_to_front.set_index(i, 99 - i);
    for (idx_t i = 0; i < 33; ++i) thirds.set_index(i, 3 * i);
    DataChunk chunk;
    chunk.InitializeEmpty({source->data[0].GetType()});
    chunk.data[0].Slice(source->data[0], back_to_front, 100);
    chunk.data[0].Slice(thirds, 33);
    chunk.SetCardinality(33);
    auto collector = MakeBatchCollector({column}, *connection_.context).ValueOrDie();
    ASSERT_TRUE(collector->Append(chunk).ok());
    auto batch = collector->Finish().ValueOrDie();
    ASSERT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull();
    DataChunk copy;
    copy.Initialize(duckdb::Allocator::DefaultAllocator(), {*SqlTypeOfColumn(column)});
    MakeVectorFiller(column, *connection_.context)
        .ValueOrDie()
        ->Fill(batch->column(0), 0, 33, copy.data[0]);
    copy.SetCardinality(33);
    for (idx_t i = 0; i < 33; ++i) {
      EXPECT_TRUE(Value::NotDistinctFrom(copy.GetValue(0, i), result->GetValue(0, 99 - 3 * i)));
    }
  }
}

TEST_P(ArrowVectorsTest, VectorsOutliveFillerAndArray) {
  auto column = *ColumnFromSqlType("c", LogicalType::VARCHAR);
  DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), {LogicalType::VARCHAR});
  {
    auto array = Collect(
        column, *Query("SELECT 'a string of more than twelve bytes ' || i FROM range(100) t(i)"));
    MakeVectorFiller(column, *connection_.context).ValueOrDie()->Fill(array, 0, 100, chunk.data[0]);
  }
  chunk.SetCardinality(100);
  EXPECT_EQ(chunk.GetValue(0, 99).ToString(), "a string of more than twelve bytes 99");
}

TEST_P(ArrowVectorsTest, AnIntervalThatArrowCannotHoldIsAnError) {
  auto column = *ColumnFromSqlType("c", LogicalType::INTERVAL);
  auto collector = MakeBatchCollector({column}, *connection_.context).ValueOrDie();
  auto chunk = Query("SELECT to_microseconds(9223372036854775807)")->Fetch();
  auto status = collector->Append(*chunk);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("column \"c\""), std::string::npos) << status;
}

TEST_P(ArrowVectorsTest, StoredBytesOfHugeintsSortAsValues) {
  auto column = *ColumnFromSqlType("c", LogicalType::HUGEINT);
  auto array = Collect(
      column, *Query("SELECT v::HUGEINT FROM (VALUES (-170141183460469231731687303715884105728), "
                     "(-1), (0), (1), (170141183460469231731687303715884105727)) t(v)"));
  const auto& binary = static_cast<const arrow::FixedSizeBinaryArray&>(*array);
  for (int i = 1; i < 5; ++i) EXPECT_LT(binary.GetView(i - 1), binary.GetView(i));
}

INSTANTIATE_TEST_SUITE_P(Levels, ArrowVectorsTest,
                         testing::Values(SimdLevel::kScalar, SimdLevel::kAvx2, SimdLevel::kAvx512));

}  // namespace
}  // namespace pyralog::sql
