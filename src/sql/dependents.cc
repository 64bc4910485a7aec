#include "sql/dependents.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/qualified_name.hpp"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

using duckdb::StringUtil;

bool AnyPart(const duckdb::ParsedExpression& expression,
             const std::function<bool(const duckdb::ParsedExpression&)>& matches) {
  if (matches(expression)) return true;
  bool found = false;
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      expression,
      [&](const duckdb::ParsedExpression& child) { found = found || AnyPart(child, matches); });
  return found;
}

// The text that a call of nextval or currval names its sequence by.
std::optional<std::string> SequenceArgument(const duckdb::ParsedExpression& expression) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::FUNCTION) return std::nullopt;
  const auto& call = expression.Cast<duckdb::FunctionExpression>();
  const bool named = StringUtil::CIEquals(call.function_name, "nextval") ||
                     StringUtil::CIEquals(call.function_name, "currval");
  if (!named || call.children.size() != 1) return std::nullopt;
  const duckdb::ParsedExpression& argument = *call.children[0];
  if (argument.GetExpressionClass() != duckdb::ExpressionClass::CONSTANT) return std::nullopt;
  const duckdb::Value& value = argument.Cast<duckdb::ConstantExpression>().value;
  if (value.IsNull() || value.type().id() != duckdb::LogicalTypeId::VARCHAR) return std::nullopt;
  return value.ToString();
}

// Whether the expression takes values from the sequence.
bool TakesFrom(const duckdb::ParsedExpression& expression, const std::string& schema,
               const catalog::Entry& sequence) {
  return AnyPart(expression, [&](const duckdb::ParsedExpression& part) {
    const auto text = SequenceArgument(part);
    if (!text) return false;
    const auto name = duckdb::QualifiedName::Parse(*text);
    return StringUtil::CIEquals(name.name, sequence.name) &&
           StringUtil::CIEquals(name.schema.empty() ? schema : name.schema, sequence.schema);
  });
}

bool NamesSequence(const duckdb::ParsedExpression& expression) {
  return AnyPart(expression, [](const auto& part) { return SequenceArgument(part).has_value(); });
}

void Qualify(duckdb::ParsedExpression& expression, catalog::Transaction& transaction,
             const std::string& table_schema) {
  const auto text = SequenceArgument(expression);
  if (!text) {
    duckdb::ParsedExpressionIterator::EnumerateChildren(
        expression, [&](duckdb::unique_ptr<duckdb::ParsedExpression>& child) {
          Qualify(*child, transaction, table_schema);
        });
    return;
  }
  auto name = duckdb::QualifiedName::Parse(*text);
  if (!name.schema.empty()) return;
  for (const std::string& schema : {table_schema, std::string(catalog::kDefaultSchema)}) {
    const auto entry =
        ValueOrThrow(transaction.FindObject(catalog::EntryKind::kSequence, schema, name.name));
    if (entry == nullptr) continue;
    auto& argument = *expression.Cast<duckdb::FunctionExpression>().children[0];
    argument.Cast<duckdb::ConstantExpression>().value =
        duckdb::Value(QualifiedText(entry->schema, entry->name));
    return;
  }
}

bool CallsMacro(const duckdb::ParsedExpression& expression, const catalog::Entry& macro) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::FUNCTION) return false;
  const auto& call = expression.Cast<duckdb::FunctionExpression>();
  return StringUtil::CIEquals(call.function_name, macro.name) &&
         (call.schema.empty() || StringUtil::CIEquals(call.schema, macro.schema));
}

// Every expression that the table's definition holds.
std::vector<std::string> ExpressionsOf(const catalog::TableDef& table) {
  std::vector<std::string> texts;
  for (const catalog::CheckDef& check : table.checks) texts.push_back(check.sql);
  for (const catalog::ColumnDef& column : table.columns) {
    if (column.default_sql) texts.push_back(*column.default_sql);
  }
  for (const catalog::GeneratedColumn& column : table.generated) {
    texts.push_back(column.expression);
  }
  return texts;
}

bool UsesType(const catalog::TableDef& table, const std::string& sql_type) {
  const bool plain = std::ranges::none_of(std::array{"ENUM(", "STRUCT(", "UNION("}, [&](auto part) {
    return sql_type.find(part) != std::string::npos;
  });
  return !plain && std::ranges::any_of(table.columns, [&](const catalog::ColumnDef& column) {
    return column.sql_type.find(sql_type) != std::string::npos;
  });
}

bool Uses(const catalog::TableDef& table, const catalog::Entry& entry) {
  if (entry.kind == catalog::EntryKind::kType) return UsesType(table, entry.type->sql_type);
  return std::ranges::any_of(ExpressionsOf(table), [&](const std::string& text) {
    const auto parsed = duckdb::Parser::ParseExpressionList(text);
    return std::ranges::any_of(parsed, [&](const auto& expression) {
      if (entry.kind == catalog::EntryKind::kSequence) {
        return TakesFrom(*expression, table.schema, entry);
      }
      return entry.kind == catalog::EntryKind::kMacro &&
             AnyPart(*expression, [&](const auto& part) { return CallsMacro(part, entry); });
    });
  });
}

}  // namespace

std::vector<catalog::EntryPtr> TablesUsing(catalog::Transaction& transaction,
                                           const catalog::Entry& entry) {
  std::vector<catalog::EntryPtr> users;
  for (const std::string& schema : ValueOrThrow(transaction.ListSchemas())) {
    for (const catalog::EntryPtr& listed : ValueOrThrow(transaction.List(schema))) {
      if (listed->table != nullptr && Uses(*listed->table, entry)) users.push_back(listed);
    }
  }
  return users;
}

std::string QualifiedText(const std::string& schema, const std::string& name) {
  return duckdb::KeywordHelper::WriteOptionallyQuoted(schema) + "." +
         duckdb::KeywordHelper::WriteOptionallyQuoted(name);
}

bool UsesSequence(const catalog::ColumnDef& column, const std::string& schema,
                  const catalog::Entry& sequence) {
  if (!column.default_sql) return false;
  const auto parsed = duckdb::Parser::ParseExpressionList(*column.default_sql);
  return std::ranges::any_of(parsed,
                             [&](const auto& part) { return TakesFrom(*part, schema, sequence); });
}

std::optional<duckdb::QualifiedName> SequenceOfDefault(const catalog::ColumnDef& column) {
  if (!column.default_sql) return std::nullopt;
  const auto parsed = duckdb::Parser::ParseExpressionList(*column.default_sql);
  if (parsed.size() != 1) return std::nullopt;
  const auto text = SequenceArgument(*parsed[0]);
  if (!text) return std::nullopt;
  auto name = duckdb::QualifiedName::Parse(*text);
  if (name.schema.empty()) return std::nullopt;
  return name;
}

void QualifySequences(catalog::Transaction& transaction, catalog::TableDef* definition) {
  for (catalog::ColumnDef& column : definition->columns) {
    if (!column.default_sql) continue;
    const auto parsed = duckdb::Parser::ParseExpressionList(*column.default_sql);
    if (parsed.size() != 1 || !NamesSequence(*parsed[0])) continue;
    Qualify(*parsed[0], transaction, definition->schema);
    column.default_sql = parsed[0]->ToString();
  }
}

}  // namespace pyralog::sql
