#include "sql/null_filters.h"

#include <utility>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/optimizer/optimizer_extension.hpp"
#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_operator_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/logical_operator_visitor.hpp"

namespace pyralog::sql {
namespace {

using ExpressionPtr = duckdb::unique_ptr<duckdb::Expression>;

// Whether the value is known, and not NULL.
bool IsValue(duckdb::ClientContext& context, const duckdb::Expression& expression) {
  duckdb::Value value;
  return expression.IsFoldable() &&
         duckdb::ExpressionExecutor::TryEvaluateScalar(context, expression, value) &&
         !value.IsNull();
}

// x IS NULL OR x <> value
ExpressionPtr SpelledOut(ExpressionPtr x, ExpressionPtr value) {
  auto is_null = duckdb::make_uniq<duckdb::BoundOperatorExpression>(
      duckdb::ExpressionType::OPERATOR_IS_NULL, duckdb::LogicalType::BOOLEAN);
  is_null->children.push_back(x->Copy());
  auto differs = duckdb::make_uniq<duckdb::BoundComparisonExpression>(
      duckdb::ExpressionType::COMPARE_NOTEQUAL, std::move(x), std::move(value));
  return duckdb::make_uniq<duckdb::BoundConjunctionExpression>(
      duckdb::ExpressionType::CONJUNCTION_OR, std::move(is_null), std::move(differs));
}

void Rewrite(duckdb::ClientContext& context, bool in_or, ExpressionPtr* expression) {
  const auto type = (*expression)->GetExpressionType();
  in_or = in_or || type == duckdb::ExpressionType::CONJUNCTION_OR;
  if (in_or && type == duckdb::ExpressionType::COMPARE_DISTINCT_FROM) {
    auto& comparison = (*expression)->Cast<duckdb::BoundComparisonExpression>();
    for (auto* const sides : {&comparison.left, &comparison.right}) {
      auto& x = sides == &comparison.left ? comparison.right : comparison.left;
      if (x->IsVolatile() || !IsValue(context, **sides)) continue;
      *expression = SpelledOut(std::move(x), std::move(*sides));
      return;
    }
  }
  duckdb::ExpressionIterator::EnumerateChildren(
      **expression, [&](ExpressionPtr& child) { Rewrite(context, in_or, &child); });
}

void RewriteAll(duckdb::ClientContext& context, duckdb::LogicalOperator* plan) {
  duckdb::LogicalOperatorVisitor::EnumerateExpressions(*plan, [&](ExpressionPtr* expression) {
    if (*expression != nullptr) Rewrite(context, false, expression);
  });
  for (auto& child : plan->children) RewriteAll(context, child.get());
}

void BeforeOptimizing(duckdb::OptimizerExtensionInput& input,
                      duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  RewriteAll(input.context, plan.get());
}

}  // namespace

void SpellOutDistinct(duckdb::DBConfig* config) {
  duckdb::OptimizerExtension extension;
  extension.pre_optimize_function = BeforeOptimizing;
  duckdb::OptimizerExtension::Register(*config, std::move(extension));
}

}  // namespace pyralog::sql
