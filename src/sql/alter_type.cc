#include "sql/alter_type.h"

#include <algorithm>
#include <string>
#include <utility>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression_binder/alter_binder.hpp"
#include "sql/arrow_vectors.h"
#include "sql/column_refs.h"
#include "sql/enum_column.h"
#include "sql/errors.h"
#include "sql/sql_text.h"
#include "sql/table_entry.h"
#include "sql/table_rewrite.h"

namespace pyralog::sql {
namespace {

using Names = duckdb::vector<std::string>;
using ParsedPtr = duckdb::unique_ptr<duckdb::ParsedExpression>;

// ---- Fields of structs: the new value as an expression over the old one ----

struct FieldChange {
  enum class Kind { kAdd, kDrop, kRename } kind;
  Names path;                   // the column, fields, and (drop, rename) the field itself
  std::string new_name;         // of kAdd and kRename
  std::string value;            // of kAdd: an expression's text
  bool only_if_needed = false;  // IF [NOT] EXISTS
};

// The text of a struct's value with the change made. `depth` is that of `value` in the path. ""
// when there is nothing to do.
std::string ChangedStruct(const std::string& value, const duckdb::LogicalType& type,
                          const FieldChange& change, size_t depth, const catalog::TableDef& table) {
  const std::string what = duckdb::StringUtil::Join(change.path, ".");
  if (type.id() != duckdb::LogicalTypeId::STRUCT) {
    RefuseAlter(table, what + " names no struct's field");
  }
  const bool last = depth == change.path.size() - (change.kind == FieldChange::Kind::kAdd ? 0 : 1);
  const auto names = [&](const std::string& field, const std::string& wanted) {
    return duckdb::StringUtil::CIEquals(field, wanted);
  };
  std::string fields;
  const auto add = [&](const std::string& name, const std::string& text) {
    fields += (fields.empty() ? "" : ", ") + QuoteName(name) + " := " + text;
  };
  bool found = false;
  for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
    const std::string field = "struct_extract(" + value + ", " + QuoteText(name) + ")";
    const bool taken =
        last && change.kind != FieldChange::Kind::kDrop && names(name, change.new_name);
    if (taken) {
      if (change.only_if_needed) return "";
      RefuseAlter(table, "there is a field " + name + " already in " + what);
    }
    const bool meant = depth < change.path.size() && names(name, change.path[depth]);
    found = found || meant;
    if (!meant) {
      add(name, field);
    } else if (!last) {
      const std::string changed = ChangedStruct(field, child, change, depth + 1, table);
      if (changed.empty()) return "";
      add(name, changed);
    } else if (change.kind == FieldChange::Kind::kRename) {
      add(change.new_name, field);
    }
  }
  if (last && change.kind == FieldChange::Kind::kAdd) {
    add(change.new_name, change.value);
  } else if (!found) {
    if (change.only_if_needed) return "";
    RefuseAlter(table, "there is no field " + what);
  }
  if (fields.empty()) RefuseAlter(table, "the only field of a struct cannot be dropped");
  return "CASE WHEN " + value + " IS NULL THEN NULL ELSE struct_pack(" + fields + ") END";
}

FieldChange FieldChangeOf(duckdb::AlterTableInfo& info) {
  switch (info.alter_table_type) {
    case duckdb::AlterTableType::ADD_FIELD: {
      const auto& add = info.Cast<duckdb::AddFieldInfo>();
      const std::string value =
          add.new_field.HasDefaultValue() ? add.new_field.DefaultValue().ToString() : "NULL";
      return {FieldChange::Kind::kAdd, add.column_path, add.new_field.Name(),
              "CAST((" + value + ") AS " + add.new_field.Type().ToString() + ")",
              add.if_field_not_exists};
    }
    case duckdb::AlterTableType::REMOVE_FIELD: {
      const auto& remove = info.Cast<duckdb::RemoveFieldInfo>();
      return {FieldChange::Kind::kDrop, remove.column_path, "", "", remove.if_column_exists};
    }
    default: {
      const auto& rename = info.Cast<duckdb::RenameFieldInfo>();
      return {FieldChange::Kind::kRename, rename.column_path, rename.new_name, "", false};
    }
  }
}

// ---- Types ----

// What a column becomes.
struct TypeChange {
  int column = -1;
  duckdb::LogicalType type;
  ParsedPtr value;  // over the columns of the table
};

// No value when nothing is to be done.
TypeChange TypeChangeOf(const catalog::TableDef& table, duckdb::AlterTableInfo& info) {
  if (info.alter_table_type == duckdb::AlterTableType::ALTER_COLUMN_TYPE) {
    const auto& change = info.Cast<duckdb::ChangeColumnTypeInfo>();
    return {RequireColumn(table, change.column_name), change.target_type,
            change.expression->Copy()};
  }
  const FieldChange change = FieldChangeOf(info);
  TypeChange result{RequireColumn(table, change.path[0]), duckdb::LogicalType::UNKNOWN, nullptr};
  const catalog::ColumnDef& column = table.columns[result.column];
  const std::string text = ChangedStruct(QuoteName(column.name),
                                         ValueOrThrow(SqlTypeOfColumn(column)), change, 1, table);
  if (!text.empty()) result.value = ValueOrThrow(ParseExpressionText(text));
  return result;
}

// Whether the expression is nothing but the column, or a cast of it.
bool IsPlainCast(const duckdb::ParsedExpression& expression, const catalog::TableDef& table,
                 int column) {
  const duckdb::ParsedExpression* inner = &expression;
  if (inner->GetExpressionClass() == duckdb::ExpressionClass::CAST) {
    inner = inner->Cast<duckdb::CastExpression>().child.get();
  }
  if (inner->GetExpressionClass() != duckdb::ExpressionClass::COLUMN_REF) return false;
  const auto& reference = inner->Cast<duckdb::ColumnRefExpression>();
  return !reference.IsQualified() &&
         duckdb::StringUtil::CIEquals(reference.GetColumnName(), table.columns[column].name);
}

// Whether the wider type has every value of the narrower one, cast alike by SQL and by Arrow.
bool Widens(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.id() == arrow::Type::FLOAT) return to.id() == arrow::Type::DOUBLE;
  if (!arrow::is_integer(from.id()) || !arrow::is_integer(to.id())) return false;
  const bool from_signed = arrow::is_signed_integer(from.id());
  const bool to_signed = arrow::is_signed_integer(to.id());
  return to.bit_width() > from.bit_width() && (to_signed || !from_signed);
}

// The columns of a foreign key have the types of what they refer to.
void CheckForeignKeysAllow(SqlTransaction& transaction, const catalog::TableDef& table,
                           int column) {
  const auto holds = [column](const std::vector<int>& columns) {
    return std::ranges::find(columns, column) != columns.end();
  };
  const auto refuse = [&](const char* why) {
    RefuseAlter(table,
                "column " + Quoted(table.columns[column].name) + " " + why + " and keeps its type");
  };
  const auto schema = ValueOrThrow(transaction.state().storage().Schema(table.id));
  for (const catalog::ForeignKeyDef& foreign_key : table.foreign_keys) {
    if (holds(foreign_key.columns)) refuse("is part of a FOREIGN KEY");
    if (foreign_key.parent != table.id) continue;
    for (const FieldId id : foreign_key.parent_columns) {
      if (schema->PositionOf(id) == column) refuse("is what a FOREIGN KEY refers to");
    }
  }
  const bool unique = std::ranges::any_of(
      table.unique, [&](const catalog::UniqueDef& set) { return holds(set.columns); });
  if (unique && !transaction.state().storage().ReferringTables(table.id).empty())
    refuse("is part of a UNIQUE constraint of a table that others refer to");
}

}  // namespace

void AlterColumnType(duckdb::ClientContext& context, SqlTransaction& transaction,
                     const catalog::Entry& current, duckdb::AlterTableInfo& info) {
  const catalog::TableDef& table = *current.table;
  TypeChange change = TypeChangeOf(table, info);
  if (change.value == nullptr) return;
  auto* found = transaction.entries().Find(transaction.state(), table.schema, table.name);
  auto& entry = static_cast<TableEntry&>(*found);
  const auto binder = duckdb::Binder::CreateBinder(context);
  if (change.type.id() != duckdb::LogicalTypeId::UNKNOWN) binder->BindLogicalType(change.type);
  duckdb::vector<duckdb::LogicalIndex> inputs;
  duckdb::AlterBinder alter(*binder, context, entry, inputs, change.type);
  auto value = change.value->Copy();
  auto bound = alter.Bind(value);
  if (change.type.id() == duckdb::LogicalTypeId::UNKNOWN) change.type = bound->return_type;

  catalog::TableDef next = table;
  catalog::ColumnDef& column = next.columns[change.column];
  const catalog::ColumnDef made = ValueOrThrow(ColumnFromSqlType(column.name, change.type));
  column.type = made.type;
  column.sql_type = made.sql_type;
  column.arrow_first = false;
  column.dictionaries.clear();
  column.metadata = nullptr;  // it may say which extension type the old one was
  const bool in_key = std::ranges::find(table.key, change.column) != table.key.end();
  if (in_key) ThrowIfError(CheckKeyColumn(column));
  CheckForeignKeysAllow(transaction, table, change.column);
  const bool checked = std::ranges::any_of(table.checks, [&](const catalog::CheckDef& check) {
    return ColumnsRead(*ValueOrThrow(ParseExpressionText(check.sql)), table)
        .contains(change.column);
  });
  // Two enums have other positions for one value.
  const bool is_enum = IsEnumColumn(column) || IsEnumColumn(table.columns[change.column]);
  if (!in_key && !checked && !is_enum && IsPlainCast(*change.value, table, change.column) &&
      Widens(*table.columns[change.column].type, *column.type)) {
    ValueOrThrow(transaction.state().AlterTable(current, std::move(next),
                                                SameColumns(table.columns.size())));
    transaction.NoteWrite();
    return;
  }
  Rewrite rewrite = KeepColumns(table.columns.size());
  rewrite.columns[change.column] = {-1, std::move(bound)};
  for (const duckdb::LogicalIndex input : inputs) {
    rewrite.inputs.push_back(static_cast<int>(input.index));
  }
  RewriteTable(context, transaction, current, std::move(next), rewrite);
}

}  // namespace pyralog::sql
