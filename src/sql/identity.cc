#include "sql/identity.h"

#include <algorithm>
#include <utility>

#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/parsed_data/create_sequence_info.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/statement/create_statement.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "duckdb/planner/operator/logical_expression_get.hpp"
#include "duckdb/planner/operator/logical_insert.hpp"
#include "duckdb/planner/operator/logical_merge_into.hpp"
#include "duckdb/planner/operator/logical_projection.hpp"
#include "duckdb/planner/operator/logical_update.hpp"
#include "sql/catalog.h"
#include "sql/dependents.h"
#include "sql/errors.h"
#include "sql/sequence.h"
#include "sql/table_entry.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

using catalog::Identity;

constexpr char kFunction[] = "pyralog_identity";

// What a column's default says, if it is the function above.
struct IdentityCall {
  Identity identity = Identity::kNone;
  std::string options;  // as CREATE SEQUENCE takes them
};

IdentityCall CallIn(const catalog::ColumnDef& column) {
  if (!column.default_sql || column.default_sql->find(kFunction) == std::string::npos) return {};
  const auto parsed = duckdb::Parser::ParseExpressionList(*column.default_sql);
  if (parsed.size() != 1 || parsed[0]->GetExpressionClass() != duckdb::ExpressionClass::FUNCTION) {
    return {};
  }
  const auto& call = parsed[0]->Cast<duckdb::FunctionExpression>();
  if (call.function_name != kFunction || call.children.size() != 2) return {};
  std::vector<std::string> arguments;
  for (const auto& child : call.children) {
    if (child->GetExpressionClass() != duckdb::ExpressionClass::CONSTANT) return {};
    arguments.push_back(child->Cast<duckdb::ConstantExpression>().value.ToString());
  }
  return {arguments[0] == "always" ? Identity::kAlways : Identity::kByDefault, arguments[1]};
}

catalog::SequenceDef SequenceWith(const std::string& options, const std::string& schema) {
  duckdb::Parser parser;
  parser.ParseQuery("CREATE SEQUENCE s " + options);
  const bool one = parser.statements.size() == 1 &&
                   parser.statements[0]->type == duckdb::StatementType::CREATE_STATEMENT;
  if (one) {
    const auto& info = *parser.statements[0]->Cast<duckdb::CreateStatement>().info;
    if (info.type == duckdb::CatalogType::SEQUENCE_ENTRY) {
      return SequenceFromInfo(info.Cast<duckdb::CreateSequenceInfo>(), schema);
    }
  }
  ThrowStatus(MakeError(ErrorCode::kInvalidArgument, "these are no options: " + options));
}

// A name that no sequence of the schema has.
std::string FreeName(catalog::Transaction& transaction, const std::string& schema,
                     const std::string& wanted) {
  std::string name = wanted;
  for (int i = 1;; ++i) {
    const auto taken =
        ValueOrThrow(transaction.FindObject(catalog::EntryKind::kSequence, schema, name));
    if (taken == nullptr) return name;
    name = wanted + std::to_string(i);
  }
}

bool HasAlways(const catalog::TableDef& table) {
  return std::ranges::any_of(table.columns, [](const catalog::ColumnDef& column) {
    return column.identity == Identity::kAlways;
  });
}

const TableEntry* OwnTable(const duckdb::TableCatalogEntry& table) {
  if (table.catalog.GetCatalogType() != kCatalogName) return nullptr;
  const auto& own = static_cast<const TableEntry&>(table);
  return HasAlways(own.definition()) ? &own : nullptr;
}

const duckdb::Expression& WithoutCasts(const duckdb::Expression& expression) {
  const duckdb::Expression* at = &expression;
  while (at->GetExpressionClass() == duckdb::ExpressionClass::BOUND_CAST) {
    at = at->Cast<duckdb::BoundCastExpression>().child.get();
  }
  return *at;
}

// Whether what the plan gives for the binding is the column's default in every row.
bool IsDefault(const duckdb::LogicalOperator& plan, const duckdb::ColumnBinding& binding,
               const duckdb::Expression& standard) {
  const auto matches = [&](const duckdb::Expression& given) {
    const duckdb::Expression& plain = WithoutCasts(given);
    if (plain.Equals(WithoutCasts(standard))) return true;
    return plain.GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF &&
           !plan.children.empty() &&
           IsDefault(*plan.children[0], plain.Cast<duckdb::BoundColumnRefExpression>().binding,
                     standard);
  };
  if (plan.type == duckdb::LogicalOperatorType::LOGICAL_PROJECTION) {
    const auto& projection = plan.Cast<duckdb::LogicalProjection>();
    return projection.table_index == binding.table_index &&
           matches(*projection.expressions[binding.column_index]);
  }
  if (plan.type == duckdb::LogicalOperatorType::LOGICAL_EXPRESSION_GET) {
    const auto& values = plan.Cast<duckdb::LogicalExpressionGet>();
    return values.table_index == binding.table_index &&
           std::ranges::all_of(values.expressions, [&](const auto& row) {
             return matches(*row[binding.column_index]);
           });
  }
  return false;
}

[[noreturn]] void ThrowAlways(const TableEntry& table, const catalog::ColumnDef& column) {
  ThrowStatus(MakeError(ErrorCode::kConstraint,
                        "table \"" + table.name + "\": column \"" + column.name +
                            "\" is GENERATED ALWAYS AS IDENTITY and takes no other value; leave it "
                            "out, or say DEFAULT"));
}

void CheckInsert(const duckdb::LogicalInsert& insert) {
  const TableEntry* table = OwnTable(insert.table);
  if (table == nullptr || insert.children.empty()) return;
  const duckdb::LogicalOperator& source = *insert.children[0];
  if (source.type == duckdb::LogicalOperatorType::LOGICAL_GET) return;  // COPY
  const auto bindings = const_cast<duckdb::LogicalOperator&>(source).GetColumnBindings();
  const auto& columns = table->definition().columns;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].identity != Identity::kAlways) continue;
    const duckdb::idx_t given =
        insert.column_index_map.empty() ? i : insert.column_index_map[duckdb::PhysicalIndex(i)];
    if (given == duckdb::DConstants::INVALID_INDEX) continue;
    if (given >= bindings.size() ||
        !IsDefault(source, bindings[given], *insert.bound_defaults[i])) {
      ThrowAlways(*table, columns[i]);
    }
  }
}

void CheckSet(const TableEntry& table, const duckdb::vector<duckdb::PhysicalIndex>& set,
              const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& values) {
  for (size_t i = 0; i < set.size() && i < values.size(); ++i) {
    const catalog::ColumnDef& column = table.definition().columns[set[i].index];
    if (column.identity == Identity::kAlways &&
        values[i]->GetExpressionType() != duckdb::ExpressionType::VALUE_DEFAULT) {
      ThrowAlways(table, column);
    }
  }
}

void CheckMerge(const duckdb::LogicalMergeInto& merge) {
  const TableEntry* table = OwnTable(merge.table);
  if (table == nullptr) return;
  const auto& columns = table->definition().columns;
  for (const auto& [condition, actions] : merge.actions) {
    for (const auto& action : actions) {
      if (action->action_type == duckdb::MergeActionType::MERGE_UPDATE) {
        CheckSet(*table, action->columns, action->expressions);
      }
      if (action->action_type != duckdb::MergeActionType::MERGE_INSERT) continue;
      for (size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].identity != Identity::kAlways) continue;
        const auto given = action->column_index_map.empty()
                               ? i
                               : action->column_index_map[duckdb::PhysicalIndex(i)];
        if (given != duckdb::DConstants::INVALID_INDEX) ThrowAlways(*table, columns[i]);
      }
    }
  }
}

void RefuseIdentity(duckdb::DataChunk&, duckdb::ExpressionState&, duckdb::Vector&) {
  ThrowNotSupported("an identity column here (only in CREATE TABLE)");
}

}  // namespace

void CreateOwnedSequences(SqlTransaction& transaction, catalog::TableDef* definition) {
  for (catalog::ColumnDef& column : definition->columns) {
    const IdentityCall call = CallIn(column);
    if (call.identity == Identity::kNone) continue;
    if (!arrow::is_integer(column.type->id())) {
      ThrowStatus(MakeError(ErrorCode::kInvalidArgument, "identity column \"" + column.name +
                                                             "\" is of type " + column.sql_type +
                                                             "; only integers can be identities"));
    }
    catalog::SequenceDef sequence = SequenceWith(call.options, definition->schema);
    sequence.owned = true;
    sequence.name = FreeName(transaction.state(), definition->schema,
                             definition->name + "_" + column.name + "_seq");
    const std::string name = QualifiedText(sequence.schema, sequence.name);
    ValueOrThrow(transaction.state().CreateSequence(std::move(sequence)));
    column.default_sql = "nextval(" + duckdb::KeywordHelper::WriteQuoted(name, '\'') + ")";
    column.identity = call.identity;
    column.nullable = false;
  }
}

void DropOwnedSequences(SqlTransaction& transaction, const catalog::TableDef& definition) {
  for (const catalog::ColumnDef& column : definition.columns) {
    if (column.identity == Identity::kNone) continue;
    const auto name = SequenceOfDefault(column);
    if (!name) continue;
    const auto entry = ValueOrThrow(
        transaction.state().FindObject(catalog::EntryKind::kSequence, name->schema, name->name));
    if (entry == nullptr || !entry->sequence->owned) continue;
    ThrowIfError(transaction.state().Drop(entry->schema, entry->name, entry->kind));
  }
}

std::string IdentityDefault(SqlCatalog& catalog, const catalog::ColumnDef& column) {
  const auto name = SequenceOfDefault(column);
  if (!name) return "";
  const auto transaction = ValueOrThrow(catalog.storage().Begin());
  const auto entry = ValueOrThrow(
      transaction->FindObject(catalog::EntryKind::kSequence, name->schema, name->name));
  if (entry == nullptr) return "";
  const catalog::SequenceDef& sequence = *entry->sequence;
  const auto next = ValueOrThrow(catalog.storage().sequences().Peek(sequence));
  const int64_t last = sequence.increment > 0 ? sequence.max : sequence.min;
  return std::string(kFunction) + "('" +
         (column.identity == Identity::kAlways ? "always" : "by default") + "', 'INCREMENT BY " +
         std::to_string(sequence.increment) + " MINVALUE " + std::to_string(sequence.min) +
         " MAXVALUE " + std::to_string(sequence.max) + " START " +
         std::to_string(next.value_or(last)) + (sequence.cycle ? " CYCLE" : "") + "')";
}

void CheckIdentityWrites(const duckdb::LogicalOperator& plan) {
  switch (plan.type) {
    case duckdb::LogicalOperatorType::LOGICAL_INSERT:
      CheckInsert(plan.Cast<duckdb::LogicalInsert>());
      break;
    case duckdb::LogicalOperatorType::LOGICAL_UPDATE: {
      const auto& update = plan.Cast<duckdb::LogicalUpdate>();
      if (const TableEntry* table = OwnTable(update.table)) {
        CheckSet(*table, update.columns, update.expressions);
      }
      break;
    }
    case duckdb::LogicalOperatorType::LOGICAL_MERGE_INTO:
      CheckMerge(plan.Cast<duckdb::LogicalMergeInto>());
      break;
    default:
      break;
  }
  for (const auto& child : plan.children) CheckIdentityWrites(*child);
}

void RegisterIdentity(duckdb::DatabaseInstance& instance) {
  duckdb::ExtensionLoader loader(instance, kCatalogName);
  duckdb::ScalarFunction function(kFunction,
                                  {duckdb::LogicalType::VARCHAR, duckdb::LogicalType::VARCHAR},
                                  duckdb::LogicalType::BIGINT, RefuseIdentity);
  function.SetVolatile();
  loader.RegisterFunction(function);
}

}  // namespace pyralog::sql
