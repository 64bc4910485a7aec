#include "sql/filter.h"

#include <gtest/gtest.h>

#include <random>

#include "arrow/api.h"
#include "batch/narrow_integers.h"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/filter/conjunction_filter.hpp"
#include "duckdb/planner/filter/constant_filter.hpp"
#include "duckdb/planner/filter/dynamic_filter.hpp"
#include "duckdb/planner/filter/expression_filter.hpp"
#include "duckdb/planner/filter/in_filter.hpp"
#include "duckdb/planner/filter/null_filter.hpp"
#include "duckdb/planner/filter/optional_filter.hpp"
#include "sql/arrow_vectors.h"
#include "sql/filter_rows.h"
#include "sql/mask.h"

namespace pyralog::sql {
namespace {

using duckdb::ExpressionType;
using duckdb::LogicalType;
using duckdb::make_uniq;
using duckdb::TableFilter;
using duckdb::Value;

constexpr ExpressionType kComparisons[] = {
    ExpressionType::COMPARE_EQUAL,       ExpressionType::COMPARE_NOTEQUAL,
    ExpressionType::COMPARE_LESSTHAN,    ExpressionType::COMPARE_LESSTHANOREQUALTO,
    ExpressionType::COMPARE_GREATERTHAN, ExpressionType::COMPARE_GREATERTHANOREQUALTO};

// Columns of 5000 values, and constants worth comparing with.
struct Column {
  const char* type;
  const char* value;  // an expression over i
  std::vector<const char*> constants;
};
const std::vector<Column>& Columns() {
  static const std::vector<Column> columns = {
      {"BOOLEAN", "i % 3 = 0", {"true", "false"}},
      {"TINYINT", "i % 256 - 128", {"-128", "127", "0", "-5"}},
      {"SMALLINT", "i * 13 % 65536 - 32768", {"-32768", "32767", "77"}},
      {"INTEGER",
       "CASE WHEN i % 10 = 0 THEN -2147483648 + i ELSE i END",
       {"-2147483648", "2147483647", "0", "2500"}},
      {"BIGINT",
       "CASE WHEN i % 10 = 0 THEN -9223372036854775808 + i ELSE i END",
       {"-9223372036854775808", "9223372036854775807", "100"}},
      {"UTINYINT", "i % 256", {"0", "255", "128"}},
      {"USMALLINT", "i * 13 % 65536", {"0", "65535", "40000"}},
      {"UINTEGER", "i * 858993", {"0", "4294967295", "2147483648"}},
      {"UBIGINT",
       "18446744073709551615 - i",
       {"0", "18446744073709551615", "18446744073709550000"}},
      {"HUGEINT", "i - 2500", {"0", "-2500", "170141183460469231731687303715884105727"}},
      {"FLOAT",
       "CASE i % 7 WHEN 0 THEN 'nan' WHEN 1 THEN '-inf' WHEN 2 THEN 'inf' WHEN 3 THEN '-0.0' "
       "WHEN 4 THEN '0' ELSE (i - 2500)::VARCHAR END",
       {"'nan'", "'inf'", "'-inf'", "0", "-0.0", "17"}},
      {"DOUBLE",
       "CASE i % 7 WHEN 0 THEN 'nan' WHEN 1 THEN '-inf' WHEN 2 THEN 'inf' WHEN 3 THEN '-0.0' "
       "WHEN 4 THEN '0' ELSE (i - 2500)::VARCHAR END",
       {"'nan'", "'inf'", "'-inf'", "0", "-0.0", "17"}},
      {"DECIMAL(4,1)", "i / 10", {"0.0", "250.5", "-999.9", "999.9"}},
      {"DECIMAL(9,2)", "i / 100", {"25.00", "0.01"}},
      {"DECIMAL(18,3)", "i / 1000", {"2.5", "-1"}},
      {"DECIMAL(38,2)",
       "(i - 2500) / 100",
       {"0", "0.01", "-25", "999999999999999999999999999999999999.99"}},
      {"VARCHAR",
       "CASE i % 4 WHEN 0 THEN '' WHEN 1 THEN (i % 100)::VARCHAR "
       "WHEN 2 THEN 'a prefix of many bytes ' || (i % 50) ELSE 'ab' || chr(0) || chr(1000) END",
       {"''", "'55'", "'a prefix of many bytes 7'", "'ab'", "'ab' || chr(0)", "'a pr'", "'zzz'"}},
      {"BLOB",
       "CASE i % 2 WHEN 0 THEN '\\xFF\\x00' ELSE 'twelve bytes and more' END",
       {"'\\xFF'", "'twelve bytes and more'", "''"}},
      {"DATE", "DATE '2024-01-01' + i::INTEGER", {"'2024-06-01'", "'infinity'"}},
      {"TIMESTAMP",
       "TIMESTAMP '2024-01-01' + to_hours(i)",
       {"'2024-03-01 05:00:00'", "'-infinity'"}},
      {"SMALLINT", "i % 256 - 128", {"-129", "-128", "127", "128", "0", "-32768", "32767"}},
      {"INTEGER", "i * 13 % 65536 - 32768", {"-32769", "-32768", "32767", "32768", "5"}},
      {"BIGINT", "i * 800000 - 2000000000", {"-3000000000", "3000000000", "0", "400000"}},
      {"USMALLINT", "i % 256", {"0", "255", "256", "65535"}},
      {"UINTEGER", "i % 200", {"0", "199", "256", "65536"}},
      {"UBIGINT", "i * 800000", {"0", "3999200000", "4294967296", "18446744073709551615"}},
      {"INTERVAL", "to_days((i % 100)::INTEGER)", {"'1 month'", "'30 days'"}},
      {"UUID",
       "('00000000-0000-0000-0000-0000000' || (10000 + i)::VARCHAR)",
       {"'00000000-0000-0000-0000-000000012000'", "'ffffffff-0000-0000-0000-000000000000'"}},
  };
  return columns;
}

class FilterTest : public testing::TestWithParam<SimdLevel> {
 protected:
  FilterTest() : connection_(database_) {
    SetSimdLevelForTesting(GetParam());
    connection_.Query("BEGIN");  // the binder of expressions wants a transaction
  }
  ~FilterTest() override { SetSimdLevelForTesting(SimdLevel::kAvx512); }

  Value Evaluate(const std::string& expression) {
    auto result = connection_.Query("SELECT " + expression);
    EXPECT_FALSE(result->HasError()) << result->GetError();
    return result->GetValue(0, 0);
  }
  Value Constant(const Column& column, const char* value) {
    return Evaluate(std::string("CAST(") + value + " AS " + column.type + ")");
  }
  void Use(const Column& column, bool nulls) {
    const std::string value = std::string("CAST(") + column.value + " AS " + column.type + ")";
    auto result = connection_.Query(
        "SELECT " + (nulls ? "CASE WHEN hash(i) % 4 > 0 THEN " + value + " END" : value) +
        " FROM range(5000) t(i)");
    ASSERT_FALSE(result->HasError()) << result->GetError();
    const auto def = ColumnFromSqlType("c", result->types[0]).ValueOrDie();
    layout_ = LayoutOf(result->types[0]).ValueOrDie();
    auto collector = MakeBatchCollector({def}, *connection_.context).ValueOrDie();
    while (auto chunk = result->Fetch()) ASSERT_TRUE(collector->Append(*chunk).ok());
    array_ = collector->Finish().ValueOrDie()->column(0);
    const auto type = batch::NarrowestInteger(array_->type(), *batch::ComputeZoneMap(*array_));
    narrow_ = nullptr;
    if (!type->Equals(array_->type())) narrow_ = batch::NarrowIntegers(*array_, type).ValueOrDie();
  }
  // Rows of [offset, offset + rows) that pass, of those whose number is no multiple of `skip`.
  std::vector<uint64_t> Passing(RowFilter* filter, int64_t offset, int64_t rows, int skip) {
    std::vector<uint64_t> mask((rows + 63) / 64);
    for (int64_t i = 0; i < rows; ++i) {
      if (skip == 0 || i % skip != 0) mask[i / 64] |= uint64_t{1} << (i % 64);
    }
    if (filter != nullptr) filter->Apply({array_, offset, rows}, mask);
    return mask;
  }
  // The same of the values as they may be stored.
  std::vector<uint64_t> PassingNarrow(RowFilter* filter, int64_t offset, int64_t rows, int skip) {
    std::swap(array_, narrow_);
    auto mask = Passing(filter, offset, rows, skip);
    std::swap(array_, narrow_);
    return mask;
  }
  // The compiled filter passes the rows that the executor passes.
  void Check(const TableFilter& filter) {
    const duckdb::BoundReferenceExpression reference(layout_.sql, 0ULL);
    auto compiled = CompileFilter(*connection_.context, filter, layout_);
    auto executed =
        MakeExpressionTest(*connection_.context, filter.ToExpression(reference), layout_);
    for (const auto& [offset, rows] : std::vector<std::pair<int64_t, int64_t>>{
             {0, 2048}, {2048, 2048}, {4096, 904}, {1, 63}, {77, 1000}, {4999, 1}}) {
      for (int skip : {0, 1, 2, 5}) {
        const auto expected = Passing(executed.get(), offset, rows, skip);
        EXPECT_EQ(Passing(compiled.get(), offset, rows, skip), expected)
            << filter.ToString("c") << " at " << offset << ", " << rows << " rows, skip " << skip;
        if (narrow_ == nullptr) continue;
        EXPECT_EQ(PassingNarrow(compiled.get(), offset, rows, skip), expected)
            << filter.ToString("c") << " of " << narrow_->type()->ToString() << " at " << offset;
        EXPECT_EQ(PassingNarrow(executed.get(), offset, rows, skip), expected)
            << filter.ToString("c") << " of " << narrow_->type()->ToString() << ", executed";
      }
    }
  }

  duckdb::DuckDB database_;
  duckdb::Connection connection_;
  TypeLayout layout_;
  std::shared_ptr<arrow::Array> array_;
  std::shared_ptr<arrow::Array> narrow_;  // or nullptr
};

TEST_P(FilterTest, ComparisonsAgreeWithTheExecutor) {
  for (const Column& column : Columns()) {
    SCOPED_TRACE(column.type);
    for (bool nulls : {false, true}) {
      Use(column, nulls);
      for (const char* constant : column.constants) {
        for (ExpressionType op : kComparisons)
          Check(duckdb::ConstantFilter(op, Constant(column, constant)));
      }
      Check(duckdb::IsNullFilter());
      Check(duckdb::IsNotNullFilter());
    }
  }
}

TEST_P(FilterTest, RangesListsAndAlternativesAgreeWithTheExecutor) {
  for (const Column& column : Columns()) {
    SCOPED_TRACE(column.type);
    Use(column, true);
    duckdb::vector<Value> values;
    for (const char* constant : column.constants) values.push_back(Constant(column, constant));
    Check(duckdb::InFilter(values));
    for (const Value& a : values) {
      for (const Value& b : values) {
        duckdb::ConjunctionAndFilter range;
        range.child_filters.push_back(
            make_uniq<duckdb::ConstantFilter>(ExpressionType::COMPARE_GREATERTHANOREQUALTO, a));
        range.child_filters.push_back(
            make_uniq<duckdb::ConstantFilter>(ExpressionType::COMPARE_LESSTHAN, b));
        Check(range);
        duckdb::ConjunctionOrFilter either;
        either.child_filters.push_back(
            make_uniq<duckdb::ConstantFilter>(ExpressionType::COMPARE_LESSTHAN, a));
        either.child_filters.push_back(
            make_uniq<duckdb::ConstantFilter>(ExpressionType::COMPARE_GREATERTHAN, b));
        either.child_filters.push_back(make_uniq<duckdb::IsNullFilter>());
        Check(either);
      }
    }
  }
}

TEST_P(FilterTest, RandomRangesOfSlicesAgreeWithTheExecutor) {
  Use({"INTEGER", "(hash(i) % 1000)::INTEGER", {}}, true);
  array_ = array_->Slice(0, 5000);
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    duckdb::ConjunctionAndFilter range;
    range.child_filters.push_back(make_uniq<duckdb::ConstantFilter>(
        ExpressionType::COMPARE_GREATERTHAN, Value::INTEGER(static_cast<int>(random() % 1000))));
    range.child_filters.push_back(
        make_uniq<duckdb::ConstantFilter>(ExpressionType::COMPARE_LESSTHANOREQUALTO,
                                          Value::INTEGER(static_cast<int>(random() % 1000))));
    range.child_filters.push_back(make_uniq<duckdb::ConstantFilter>(
        ExpressionType::COMPARE_NOTEQUAL, Value::INTEGER(static_cast<int>(random() % 1000))));
    Check(range);
  }
}

// Long lists go to the executor, and lists inside optional filters may be dropped but never decide
// wrongly.
TEST_P(FilterTest, LongListsAndOptionalOnes) {
  Use({"INTEGER", "i::INTEGER", {}}, true);
  duckdb::vector<Value> values;
  for (int i = 0; i < 200; ++i) values.push_back(Value::INTEGER(i * 7));
  Check(duckdb::InFilter(values));
  const duckdb::OptionalFilter optional(make_uniq<duckdb::InFilter>(values));
  EXPECT_EQ(CompileFilter(*connection_.context, optional, layout_), nullptr);
  values.resize(3);
  Check(duckdb::OptionalFilter(make_uniq<duckdb::InFilter>(values)));
}

TEST_P(FilterTest, AnOptionalFilterThatPassesMostRowsIsLeftOut) {
  Use({"INTEGER", "i::INTEGER", {}}, false);
  const duckdb::OptionalFilter optional(
      make_uniq<duckdb::ConstantFilter>(ExpressionType::COMPARE_NOTEQUAL, Value::INTEGER(5)));
  auto filter = CompileFilter(*connection_.context, optional, layout_);
  ASSERT_NE(filter, nullptr);
  EXPECT_EQ(CountBits(Passing(filter.get(), 0, 2048, 0)), 2047);
  for (int i = 0; i < 40; ++i) Passing(filter.get(), 0, 2048, 0);
  EXPECT_EQ(CountBits(Passing(filter.get(), 0, 2048, 0)), 2048);
}

TEST_P(FilterTest, DynamicFiltersAreTakenAtTheirPresentValue) {
  Use({"INTEGER", "i::INTEGER", {}}, false);
  auto data = duckdb::make_shared_ptr<duckdb::DynamicFilterData>();
  data->filter =
      make_uniq<duckdb::ConstantFilter>(ExpressionType::COMPARE_LESSTHAN, Value::INTEGER(0));
  const duckdb::OptionalFilter filter(make_uniq<duckdb::DynamicFilter>(data));
  EXPECT_TRUE(IsDynamic(filter));
  EXPECT_FALSE(IsDynamic(duckdb::IsNullFilter()));
  EXPECT_EQ(CompileFilter(*connection_.context, filter, layout_), nullptr);
  data->SetValue(Value::INTEGER(10));
  EXPECT_EQ(
      CountBits(Passing(CompileFilter(*connection_.context, filter, layout_).get(), 0, 2048, 0)),
      10);
  data->SetValue(Value::INTEGER(3));
  EXPECT_EQ(
      CountBits(Passing(CompileFilter(*connection_.context, filter, layout_).get(), 0, 2048, 0)),
      3);
}

// The executor sees no row that is out already: here every such row would make it fail.
TEST_P(FilterTest, RowsThatAreOutAreNotEvaluated) {
  Use({"VARCHAR", "CASE WHEN i % 2 = 0 THEN 'no number' ELSE i::VARCHAR END", {}}, false);
  auto plan = connection_.ExtractPlan(
      "SELECT CAST(c AS INTEGER) > 100 FROM (SELECT 'x'::VARCHAR c FROM range(2)) t");
  auto expression = plan->expressions[0]->Copy();
  duckdb::ExpressionFilter::ReplaceExpressionRecursive(
      expression, duckdb::BoundReferenceExpression(LogicalType::VARCHAR, 0ULL),
      ExpressionType::BOUND_COLUMN_REF);
  auto filter =
      CompileFilter(*connection_.context, duckdb::ExpressionFilter(std::move(expression)), layout_);
  EXPECT_EQ(filter->cost(), 2);
  EXPECT_EQ(CountBits(Passing(filter.get(), 0, 2048, 2)), (2048 - 100) / 2);
}

INSTANTIATE_TEST_SUITE_P(Levels, FilterTest,
                         testing::Values(SimdLevel::kScalar, SimdLevel::kAvx2, SimdLevel::kAvx512));

}  // namespace
}  // namespace pyralog::sql
