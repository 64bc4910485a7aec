#include "sql/subscript.h"

#include <utility>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/common/vector_operations/unary_executor.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using ExpressionPtr = duckdb::unique_ptr<duckdb::Expression>;

struct OriginalBind final : public duckdb::ScalarFunctionInfo {
  explicit OriginalBind(duckdb::bind_scalar_function_t function) : bind(function) {}

  const duckdb::bind_scalar_function_t bind;
};

[[noreturn]] void ThrowSubscriptZero() {
  ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                        "subscript 0: subscripts start at 1; -1 is the last element"));
}

void CheckNotZero(duckdb::DataChunk& arguments, duckdb::ExpressionState& state,
                  duckdb::Vector& result) {
  duckdb::UnaryExecutor::Execute<int64_t, int64_t>(arguments.data[0], result, arguments.size(),
                                                   [](int64_t subscript) {
                                                     if (subscript == 0) ThrowSubscriptZero();
                                                     return subscript;
                                                   });
}

// The subscript, or an expression that checks it when it runs.
ExpressionPtr Checked(duckdb::ClientContext& context, ExpressionPtr subscript) {
  subscript = duckdb::BoundCastExpression::AddCastToType(context, std::move(subscript),
                                                         LogicalType::BIGINT);
  duckdb::Value value;
  if (subscript->IsFoldable() &&
      duckdb::ExpressionExecutor::TryEvaluateScalar(context, *subscript, value)) {
    if (!value.IsNull() && value.GetValue<int64_t>() == 0) ThrowSubscriptZero();
    return subscript;
  }
  duckdb::ScalarFunction check("subscript", {LogicalType::BIGINT}, LogicalType::BIGINT,
                               CheckNotZero);
  check.SetFallible();
  duckdb::vector<ExpressionPtr> arguments;
  arguments.push_back(std::move(subscript));
  return duckdb::make_uniq<duckdb::BoundFunctionExpression>(LogicalType::BIGINT, std::move(check),
                                                            std::move(arguments), nullptr);
}

duckdb::unique_ptr<duckdb::FunctionData> BindWithCheck(duckdb::ClientContext& context,
                                                       duckdb::ScalarFunction& function,
                                                       duckdb::vector<ExpressionPtr>& arguments) {
  const auto original = function.GetExtraFunctionInfo().Cast<OriginalBind>().bind;
  duckdb::unique_ptr<duckdb::FunctionData> data;
  if (original != nullptr) data = original(context, function, arguments);
  // In a[:2] the first subscript is an empty list.
  const bool is_open = arguments[1]->return_type.id() == duckdb::LogicalTypeId::LIST;
  if (!is_open) arguments[1] = Checked(context, std::move(arguments[1]));
  return data;
}

bool HasSubscript(const duckdb::ScalarFunction& function) {
  if (function.arguments.size() < 2) return false;
  switch (function.arguments[0].id()) {
    case duckdb::LogicalTypeId::STRUCT:
    case duckdb::LogicalTypeId::MAP:
    case duckdb::LogicalTypeId::UNION:
      return false;
    default:
      break;
  }
  const auto& subscript = function.arguments[1].id();
  return subscript == duckdb::LogicalTypeId::BIGINT || subscript == duckdb::LogicalTypeId::ANY;
}

}  // namespace

void CheckSubscripts(duckdb::DatabaseInstance& instance) {
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  auto& schema = duckdb::Catalog::GetSystemCatalog(instance).GetSchema(transaction, DEFAULT_SCHEMA);
  for (const char* name :
       {"array_extract", "list_extract", "list_element", "array_slice", "list_slice"}) {
    const duckdb::EntryLookupInfo lookup(duckdb::CatalogType::SCALAR_FUNCTION_ENTRY, name);
    auto entry = schema.LookupEntry(transaction, lookup);
    if (!entry) continue;
    for (auto& function : entry->Cast<duckdb::ScalarFunctionCatalogEntry>().functions.functions) {
      if (!HasSubscript(function)) continue;
      function.SetExtraFunctionInfo<OriginalBind>(function.GetBindCallback());
      function.SetBindCallback(BindWithCheck);
      function.SetFallible();
    }
  }
}

}  // namespace pyralog::sql
