#include "sql/filter.h"

#include <optional>
#include <utility>
#include <vector>

#include "duckdb/planner/expression/bound_between_expression.hpp"
#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_operator_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/filter/conjunction_filter.hpp"
#include "duckdb/planner/filter/constant_filter.hpp"
#include "duckdb/planner/filter/dynamic_filter.hpp"
#include "duckdb/planner/filter/expression_filter.hpp"
#include "duckdb/planner/filter/in_filter.hpp"
#include "duckdb/planner/filter/optional_filter.hpp"
#include "sql/filter_rows.h"

namespace pyralog::sql {
namespace {

using duckdb::Expression;
using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using duckdb::TableFilter;
using duckdb::TableFilterType;
using duckdb::Value;

// An IN list is one comparison for each value; with more of them the expression executor is faster.
constexpr size_t kMaxInList = 64;

// What a filter or expression is compiled to.
struct Compiled {
  enum Kind { kFilter, kAllPass, kUnknown };  // kUnknown: has to be left to the expression executor
  Kind kind = kUnknown;
  std::unique_ptr<RowFilter> filter;

  static Compiled AllPass() { return {kAllPass, nullptr}; }
  static Compiled Unknown() { return {kUnknown, nullptr}; }
  static Compiled Of(std::unique_ptr<RowFilter> filter) {
    const Kind kind = filter ? kFilter : kUnknown;
    return {kind, std::move(filter)};
  }
};

std::optional<Comparison> ComparisonOf(ExpressionType type) {
  switch (type) {
    case ExpressionType::COMPARE_EQUAL:
      return Comparison::kEqual;
    case ExpressionType::COMPARE_NOTEQUAL:
      return Comparison::kNotEqual;
    case ExpressionType::COMPARE_LESSTHAN:
      return Comparison::kLess;
    case ExpressionType::COMPARE_LESSTHANOREQUALTO:
      return Comparison::kLessOrEqual;
    case ExpressionType::COMPARE_GREATERTHAN:
      return Comparison::kGreater;
    case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
      return Comparison::kGreaterOrEqual;
    default:
      return std::nullopt;
  }
}

bool IsColumn(const Expression& expression) {
  return expression.GetExpressionClass() == ExpressionClass::BOUND_REF;
}

const Value* ConstantIn(const Expression& expression) {
  if (expression.GetExpressionClass() != ExpressionClass::BOUND_CONSTANT) return nullptr;
  return &expression.Cast<duckdb::BoundConstantExpression>().value;
}

// Compiles the filters and expressions of one column.
class Compiler {
 public:
  Compiler(duckdb::ClientContext& context, const TypeLayout& layout)
      : context_(context), layout_(layout) {}

  Compiled Compile(const TableFilter& filter) {
    switch (filter.filter_type) {
      case TableFilterType::CONSTANT_COMPARISON: {
        const auto& comparison = filter.Cast<duckdb::ConstantFilter>();
        return Compare(comparison.comparison_type, comparison.constant);
      }
      case TableFilterType::IS_NULL:
      case TableFilterType::IS_NOT_NULL:
        return Compiled::Of(MakeNullTest(filter.filter_type == TableFilterType::IS_NULL));
      case TableFilterType::CONJUNCTION_AND:
        return CompileAnd(filter.Cast<duckdb::ConjunctionAndFilter>());
      case TableFilterType::CONJUNCTION_OR:
        return CompileOr(filter.Cast<duckdb::ConjunctionOrFilter>());
      case TableFilterType::IN_FILTER:
        return CompileIn(filter.Cast<duckdb::InFilter>().values);
      case TableFilterType::OPTIONAL_FILTER:
        return CompileOptional(filter.Cast<duckdb::OptionalFilter>());
      case TableFilterType::DYNAMIC_FILTER:
        return CompileDynamic(filter.Cast<duckdb::DynamicFilter>());
      case TableFilterType::EXPRESSION_FILTER:
        return Compile(*filter.Cast<duckdb::ExpressionFilter>().expr);
      case TableFilterType::BLOOM_FILTER:  // what it lets through is looked at again above
        return Compiled::AllPass();
      default:
        return Compiled::Unknown();
    }
  }

  // The expression executor's version of any filter.
  std::unique_ptr<RowFilter> Execute(const TableFilter& filter) {
    const duckdb::BoundReferenceExpression column(layout_.sql, 0ULL);
    return MakeExpressionTest(context_, filter.ToExpression(column), layout_);
  }

 private:
  Compiled Compare(ExpressionType type, const Value& constant) {
    const auto op = ComparisonOf(type);
    return op ? Compiled::Of(MakeComparison(layout_, *op, constant)) : Compiled::Unknown();
  }

  // Parts that are unknown are executed one by one, so that one of them does not take the others
  // with it.
  Compiled CompileAnd(const duckdb::ConjunctionAndFilter& filter) {
    std::vector<std::unique_ptr<RowFilter>> parts;
    for (const auto& child : filter.child_filters) {
      Compiled part = Compile(*child);
      if (part.kind == Compiled::kUnknown) part.filter = Execute(*child);
      if (part.kind != Compiled::kAllPass) parts.push_back(std::move(part.filter));
    }
    return parts.empty() ? Compiled::AllPass() : Compiled::Of(MakeAll(std::move(parts)));
  }

  Compiled CompileOr(const duckdb::ConjunctionOrFilter& filter) {
    std::vector<std::unique_ptr<RowFilter>> parts;
    for (const auto& child : filter.child_filters) {
      Compiled part = Compile(*child);
      if (part.kind != Compiled::kFilter) return part;
      parts.push_back(std::move(part.filter));
    }
    return Compiled::Of(MakeAny(std::move(parts)));
  }

  Compiled CompileIn(const duckdb::vector<Value>& values) {
    if (values.size() > kMaxInList) return Compiled::Unknown();
    std::vector<std::unique_ptr<RowFilter>> parts;
    for (const Value& value : values) {
      auto part = MakeComparison(layout_, Comparison::kEqual, value);
      if (!part) return Compiled::Unknown();
      parts.push_back(std::move(part));
    }
    return Compiled::Of(MakeAny(std::move(parts)));
  }

  Compiled CompileOptional(const duckdb::OptionalFilter& filter) {
    if (!filter.child_filter) return Compiled::AllPass();
    Compiled part = Compile(*filter.child_filter);
    if (part.kind != Compiled::kFilter || part.filter->cost() > 1) return Compiled::AllPass();
    return Compiled::Of(MakeOptional(std::move(part.filter)));
  }

  Compiled CompileDynamic(const duckdb::DynamicFilter& filter) {
    if (!filter.filter_data) return Compiled::AllPass();
    const std::lock_guard lock(filter.filter_data->lock);
    if (!filter.filter_data->initialized) return Compiled::AllPass();
    return Compile(*filter.filter_data->filter);
  }

  Compiled Compile(const Expression& expression) {
    switch (expression.GetExpressionClass()) {
      case ExpressionClass::BOUND_COMPARISON:
        return CompileComparison(expression.Cast<duckdb::BoundComparisonExpression>());
      case ExpressionClass::BOUND_BETWEEN:
        return CompileBetween(expression.Cast<duckdb::BoundBetweenExpression>());
      case ExpressionClass::BOUND_OPERATOR:
        return CompileOperator(expression.Cast<duckdb::BoundOperatorExpression>());
      case ExpressionClass::BOUND_CONJUNCTION:
        return CompileConjunction(expression.Cast<duckdb::BoundConjunctionExpression>());
      default:
        return Compiled::Unknown();
    }
  }

  Compiled CompileComparison(const duckdb::BoundComparisonExpression& expression) {
    if (IsColumn(*expression.left)) {
      const Value* const constant = ConstantIn(*expression.right);
      return constant ? Compare(expression.GetExpressionType(), *constant) : Compiled::Unknown();
    }
    if (!IsColumn(*expression.right)) return Compiled::Unknown();
    const Value* const constant = ConstantIn(*expression.left);
    if (!constant || !ComparisonOf(expression.GetExpressionType())) return Compiled::Unknown();
    return Compare(duckdb::FlipComparisonExpression(expression.GetExpressionType()), *constant);
  }

  Compiled CompileBetween(const duckdb::BoundBetweenExpression& expression) {
    const Value* const lower = ConstantIn(*expression.lower);
    const Value* const upper = ConstantIn(*expression.upper);
    if (!IsColumn(*expression.input) || !lower || !upper) return Compiled::Unknown();
    Compiled above = Compare(expression.LowerComparisonType(), *lower);
    Compiled below = Compare(expression.UpperComparisonType(), *upper);
    if (above.kind == Compiled::kUnknown || below.kind == Compiled::kUnknown)
      return Compiled::Unknown();
    std::vector<std::unique_ptr<RowFilter>> parts;
    parts.push_back(std::move(above.filter));
    parts.push_back(std::move(below.filter));
    return Compiled::Of(MakeAll(std::move(parts)));
  }

  Compiled CompileOperator(const duckdb::BoundOperatorExpression& expression) {
    if (expression.children.empty() || !IsColumn(*expression.children[0]))
      return Compiled::Unknown();
    switch (expression.GetExpressionType()) {
      case ExpressionType::OPERATOR_IS_NULL:
        return Compiled::Of(MakeNullTest(true));
      case ExpressionType::OPERATOR_IS_NOT_NULL:
        return Compiled::Of(MakeNullTest(false));
      case ExpressionType::COMPARE_IN: {
        duckdb::vector<Value> values;
        for (size_t i = 1; i < expression.children.size(); ++i) {
          const Value* const value = ConstantIn(*expression.children[i]);
          if (!value) return Compiled::Unknown();
          if (!value->IsNull()) values.push_back(*value);  // equal to nothing
        }
        return values.empty() ? Compiled::Of(MakeNothing()) : CompileIn(values);
      }
      default:
        return Compiled::Unknown();
    }
  }

  Compiled CompileConjunction(const duckdb::BoundConjunctionExpression& expression) {
    std::vector<std::unique_ptr<RowFilter>> parts;
    for (const auto& child : expression.children) {
      Compiled part = Compile(*child);
      if (part.kind != Compiled::kFilter) return Compiled::Unknown();
      parts.push_back(std::move(part.filter));
    }
    if (expression.GetExpressionType() == ExpressionType::CONJUNCTION_AND) {
      return Compiled::Of(MakeAll(std::move(parts)));
    }
    return Compiled::Of(MakeAny(std::move(parts)));
  }

  duckdb::ClientContext& context_;
  const TypeLayout& layout_;
};

}  // namespace

std::unique_ptr<RowFilter> CompileFilter(duckdb::ClientContext& context, const TableFilter& filter,
                                         const TypeLayout& layout) {
  Compiler compiler(context, layout);
  Compiled compiled = compiler.Compile(filter);
  if (compiled.kind == Compiled::kUnknown) return compiler.Execute(filter);
  return std::move(compiled.filter);
}

bool IsDynamic(const TableFilter& filter) {
  switch (filter.filter_type) {
    case TableFilterType::DYNAMIC_FILTER:
      return true;
    case TableFilterType::OPTIONAL_FILTER: {
      const auto& child = filter.Cast<duckdb::OptionalFilter>().child_filter;
      return child && IsDynamic(*child);
    }
    case TableFilterType::CONJUNCTION_AND:
    case TableFilterType::CONJUNCTION_OR:
      for (const auto& child :
           static_cast<const duckdb::ConjunctionFilter&>(filter).child_filters) {
        if (IsDynamic(*child)) return true;
      }
      return false;
    default:
      return false;
  }
}

}  // namespace pyralog::sql
