#include "sql/external_filter.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/scalar.h"
#include "duckdb/planner/expression/bound_between_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_operator_expression.hpp"

namespace pyralog::sql {
namespace {

namespace cp = arrow::compute;
using duckdb::Expression;
using duckdb::ExpressionType;
using duckdb::LogicalTypeId;
using Translated = std::optional<cp::Expression>;

// A constant with the column's Arrow type; nothing for types whose order or meaning may differ on
// the two sides.
std::shared_ptr<arrow::Scalar> ScalarOf(const duckdb::Value& value, const arrow::DataType& type) {
  if (value.IsNull()) return nullptr;
  switch (value.type().id()) {
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT: {
      if (!arrow::is_signed_integer(type.id())) return nullptr;
      const auto cast = arrow::Int64Scalar(value.GetValue<int64_t>()).CastTo(type.GetSharedPtr());
      return cast.ok() ? *cast : nullptr;
    }
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE: {
      if (std::isnan(value.GetValue<double>())) return nullptr;
      if (type.id() == arrow::Type::FLOAT) {
        return std::make_shared<arrow::FloatScalar>(value.GetValue<float>());
      }
      if (type.id() != arrow::Type::DOUBLE) return nullptr;
      return std::make_shared<arrow::DoubleScalar>(value.GetValue<double>());
    }
    case LogicalTypeId::VARCHAR:
      if (type.id() != arrow::Type::STRING) return nullptr;
      return std::make_shared<arrow::StringScalar>(duckdb::StringValue::Get(value));
    case LogicalTypeId::DATE:
      if (type.id() != arrow::Type::DATE32) return nullptr;
      return std::make_shared<arrow::Date32Scalar>(value.GetValue<duckdb::date_t>().days);
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_TZ: {
      if (type.id() != arrow::Type::TIMESTAMP) return nullptr;
      const auto& stamp = static_cast<const arrow::TimestampType&>(type);
      if (stamp.unit() != arrow::TimeUnit::MICRO) return nullptr;
      return std::make_shared<arrow::TimestampScalar>(value.GetValue<duckdb::timestamp_t>().value,
                                                      type.GetSharedPtr());
    }
    default:
      return nullptr;
  }
}

class Translator {
 public:
  Translator(const duckdb::LogicalGet& get, const arrow::Schema& schema)
      : get_(get), schema_(schema) {}

  Translated Translate(const Expression& filter) const {
    switch (filter.GetExpressionClass()) {
      case duckdb::ExpressionClass::BOUND_COMPARISON: {
        const auto& comparison = filter.Cast<duckdb::BoundComparisonExpression>();
        if (auto found = Compare(filter.type, *comparison.left, *comparison.right)) return found;
        return Compare(duckdb::FlipComparisonExpression(filter.type), *comparison.right,
                       *comparison.left);
      }
      case duckdb::ExpressionClass::BOUND_BETWEEN:
        return Between(filter.Cast<duckdb::BoundBetweenExpression>());
      case duckdb::ExpressionClass::BOUND_CONJUNCTION:
        return All(filter);
      case duckdb::ExpressionClass::BOUND_OPERATOR:
        return NullCheck(filter.Cast<duckdb::BoundOperatorExpression>());
      default:
        return std::nullopt;
    }
  }

 private:
  const arrow::Field* ColumnOf(const Expression& expression) const {
    if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF)
      return nullptr;
    const auto& binding = expression.Cast<duckdb::BoundColumnRefExpression>().binding;
    const auto& columns = get_.GetColumnIds();
    if (binding.table_index != get_.table_index || binding.column_index >= columns.size()) {
      return nullptr;
    }
    const auto& column = columns[binding.column_index];
    const duckdb::idx_t position = column.GetPrimaryIndex();
    if (column.HasChildren() || position >= static_cast<duckdb::idx_t>(schema_.num_fields())) {
      return nullptr;
    }
    return schema_.field(static_cast<int>(position)).get();
  }

  Translated Compare(ExpressionType type, const Expression& left, const Expression& right) const {
    const arrow::Field* column = ColumnOf(left);
    if (column == nullptr ||
        right.GetExpressionClass() != duckdb::ExpressionClass::BOUND_CONSTANT) {
      return std::nullopt;
    }
    const auto scalar =
        ScalarOf(right.Cast<duckdb::BoundConstantExpression>().value, *column->type());
    if (scalar == nullptr) return std::nullopt;
    const cp::Expression ref = cp::field_ref(column->name());
    // NaN is SQL's greatest number, but no statistics of files count it.
    const bool counts_nan = type == ExpressionType::COMPARE_GREATERTHAN ||
                            type == ExpressionType::COMPARE_GREATERTHANOREQUALTO;
    if (counts_nan && arrow::is_floating(column->type()->id())) return std::nullopt;
    switch (type) {
      case ExpressionType::COMPARE_EQUAL:
        return cp::equal(ref, cp::literal(scalar));
      case ExpressionType::COMPARE_LESSTHAN:
        return cp::less(ref, cp::literal(scalar));
      case ExpressionType::COMPARE_LESSTHANOREQUALTO:
        return cp::less_equal(ref, cp::literal(scalar));
      case ExpressionType::COMPARE_GREATERTHAN:
        return cp::greater(ref, cp::literal(scalar));
      case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
        return cp::greater_equal(ref, cp::literal(scalar));
      default:
        return std::nullopt;
    }
  }

  Translated Between(const duckdb::BoundBetweenExpression& between) const {
    const auto lower =
        Compare(between.lower_inclusive ? ExpressionType::COMPARE_GREATERTHANOREQUALTO
                                        : ExpressionType::COMPARE_GREATERTHAN,
                *between.input, *between.lower);
    const auto upper = Compare(between.upper_inclusive ? ExpressionType::COMPARE_LESSTHANOREQUALTO
                                                       : ExpressionType::COMPARE_LESSTHAN,
                               *between.input, *between.upper);
    if (lower && upper) return cp::and_(*lower, *upper);
    return lower ? lower : upper;
  }

  // Of an AND what can be translated; an OR not at all.
  Translated All(const Expression& filter) const {
    if (filter.type != ExpressionType::CONJUNCTION_AND) return std::nullopt;
    std::vector<cp::Expression> parts;
    for (const auto& child : filter.Cast<duckdb::BoundConjunctionExpression>().children) {
      if (auto part = Translate(*child)) parts.push_back(std::move(*part));
    }
    if (parts.empty()) return std::nullopt;
    return cp::and_(parts);
  }

  Translated NullCheck(const duckdb::BoundOperatorExpression& check) const {
    if (check.children.size() != 1) return std::nullopt;
    const arrow::Field* column = ColumnOf(*check.children.front());
    if (column == nullptr) return std::nullopt;
    const cp::Expression ref = cp::field_ref(column->name());
    if (check.type == ExpressionType::OPERATOR_IS_NULL) return cp::is_null(ref);
    if (check.type == ExpressionType::OPERATOR_IS_NOT_NULL) return cp::is_valid(ref);
    return std::nullopt;
  }

  const duckdb::LogicalGet& get_;
  const arrow::Schema& schema_;
};

}  // namespace

cp::Expression SkippingFilter(const duckdb::LogicalGet& get,
                              const duckdb::vector<duckdb::unique_ptr<Expression>>& filters,
                              const arrow::Schema& schema) {
  const Translator translator(get, schema);
  std::vector<cp::Expression> parts;
  for (const auto& filter : filters) {
    if (auto part = translator.Translate(*filter)) parts.push_back(std::move(*part));
  }
  return parts.empty() ? cp::literal(true) : cp::and_(parts);
}

}  // namespace pyralog::sql
