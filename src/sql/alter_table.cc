#include "sql/alter_table.h"

#include <algorithm>
#include <string>
#include <utility>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/parser/constraints/unique_constraint.hpp"
#include "duckdb/parser/parsed_data/alter_table_info.hpp"
#include "duckdb/parser/parsed_data/comment_on_column_info.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression_binder/constant_binder.hpp"
#include "sql/alter_actions.h"
#include "sql/alter_type.h"
#include "sql/arrow_vectors.h"
#include "sql/column_refs.h"
#include "sql/constraint_names.h"
#include "sql/dependents.h"
#include "sql/errors.h"
#include "sql/identity.h"
#include "sql/schema_entry.h"
#include "sql/sql_text.h"
#include "sql/table_entry.h"
#include "sql/table_rewrite.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

const char* NameOfUnsupported(duckdb::AlterTableType type) {
  switch (type) {
    case duckdb::AlterTableType::SET_PARTITIONED_BY:
      return "ALTER TABLE ... SET PARTITIONED BY";
    case duckdb::AlterTableType::SET_SORTED_BY:
      return "ALTER TABLE ... SET SORTED BY";
    case duckdb::AlterTableType::SET_TABLE_OPTIONS:
      return "ALTER TABLE ... SET (...)";
    case duckdb::AlterTableType::RESET_TABLE_OPTIONS:
      return "ALTER TABLE ... RESET (...)";
    default:
      return "this ALTER TABLE";
  }
}

// The value of a constant expression, as the column stores it.
std::shared_ptr<arrow::Scalar> StoredValue(duckdb::ClientContext& context,
                                           const catalog::ColumnDef& column,
                                           const duckdb::LogicalType& type,
                                           const duckdb::ParsedExpression& expression) {
  const auto bound = BindDefault(context, type, expression);
  const duckdb::Value value = duckdb::ExpressionExecutor::EvaluateScalar(context, *bound, true);
  if (value.IsNull()) return nullptr;
  duckdb::DataChunk chunk;
  chunk.Initialize(context, {type});
  chunk.SetValue(0, 0, value.DefaultCastAs(type));
  chunk.SetCardinality(1);
  const auto collector = ValueOrThrow(MakeBatchCollector({column}, context));
  ThrowIfError(collector->Append(chunk));
  return ValueOrThrow(ValueOrThrow(collector->Finish())->column(0)->GetScalar(0));
}

bool HasNulls(const lsm::TableView& view, int column) {
  lsm::MaskWords mask;
  for (size_t unit = 0; unit < view.units().size(); ++unit) {
    const auto values = ValueOrThrow(view.Column(unit, column));
    if (values->ComputeLogicalNullCount() == 0) continue;
    view.Mask(unit, &mask);
    for (int64_t row = 0; row < values->length(); ++row) {
      if ((mask[row / 64] >> (row % 64) & 1) != 0 && values->IsNull(row)) return true;
    }
  }
  return false;
}

// One ALTER of one hot table.
class TableAlteration {
 public:
  TableAlteration(duckdb::ClientContext& context, SqlTransaction& transaction,
                  catalog::EntryPtr current)
      : context_(context),
        transaction_(transaction),
        current_(std::move(current)),
        table_(*current_->table),
        next_(table_) {}

  void Apply(duckdb::AlterTableInfo& info) {
    using Type = duckdb::AlterTableType;
    CheckGenerated(info.alter_table_type);
    switch (info.alter_table_type) {
      case Type::RENAME_TABLE:
        return Rename(info.Cast<duckdb::RenameTableInfo>().new_table_name);
      case Type::RENAME_COLUMN:
        return RenameColumn(info.Cast<duckdb::RenameColumnInfo>());
      case Type::ADD_COLUMN:
        return AddColumn(info.Cast<duckdb::AddColumnInfo>());
      case Type::REMOVE_COLUMN:
        return RemoveColumn(info.Cast<duckdb::RemoveColumnInfo>());
      case Type::SET_DEFAULT:
        return SetDefault(info.Cast<duckdb::SetDefaultInfo>());
      case Type::SET_NOT_NULL:
        return SetNotNull(info.Cast<duckdb::SetNotNullInfo>());
      case Type::DROP_NOT_NULL:
        return DropNotNull(info.Cast<duckdb::DropNotNullInfo>());
      case Type::ADD_CONSTRAINT:
        return AddConstraint(info.Cast<duckdb::AddConstraintInfo>());
      case Type::ALTER_COLUMN_TYPE:
      case Type::ADD_FIELD:
      case Type::REMOVE_FIELD:
      case Type::RENAME_FIELD:
        return AlterColumnType(context_, transaction_, *current_, info);
      default:
        ThrowNotSupported(NameOfUnsupported(info.alter_table_type));
    }
  }

  void SetColumnComment(const std::string& column, std::optional<std::string> comment) {
    next_.columns[Column(column)].comment = std::move(comment);
    ReplaceDefinition();
  }

 private:
  // Generated columns stand among the others, and their expressions name them.
  void CheckGenerated(duckdb::AlterTableType change) const {
    switch (change) {
      case duckdb::AlterTableType::RENAME_TABLE:
      case duckdb::AlterTableType::SET_DEFAULT:
      case duckdb::AlterTableType::SET_NOT_NULL:
      case duckdb::AlterTableType::DROP_NOT_NULL:
        return;
      default:
        if (!table_.generated.empty()) {
          ThrowNotSupported("changing the columns or the key of a table with generated columns");
        }
    }
  }

  // Position of the column; throws when there is none.
  int Column(const std::string& name) const { return RequireColumn(table_, name); }

  bool InKey(int column) const { return std::ranges::find(table_.key, column) != table_.key.end(); }

  // The columns of each UNIQUE, FOREIGN KEY and index of the new definition.
  std::vector<std::vector<int>*> ConstrainedColumns() {
    std::vector<std::vector<int>*> all;
    for (catalog::UniqueDef& unique : next_.unique) all.push_back(&unique.columns);
    for (catalog::ForeignKeyDef& foreign_key : next_.foreign_keys)
      all.push_back(&foreign_key.columns);
    for (catalog::IndexDef& index : next_.indexes) all.push_back(&index.columns);
    return all;
  }

  // What ConstrainedColumns gave, in words.
  std::string ConstraintName(const std::vector<int>& columns) const {
    const bool unique = std::ranges::any_of(
        next_.unique, [&](const catalog::UniqueDef& u) { return &u.columns == &columns; });
    for (const catalog::IndexDef& index : next_.indexes) {
      if (&index.columns == &columns) return "index " + Quoted(index.name);
    }
    return unique ? "a UNIQUE constraint" : "a FOREIGN KEY";
  }

  void ReplaceDefinition() {
    catalog::Entry entry = *current_;
    entry.name = next_.name;
    entry.table = std::make_shared<const catalog::TableDef>(next_);
    ValueOrThrow(transaction_.state().Replace(*current_, std::move(entry)));
    transaction_.NoteWrite();
  }

  void AlterStorage(const std::vector<catalog::ColumnOrigin>& origins) {
    ValueOrThrow(transaction_.state().AlterTable(*current_, next_, origins));
    transaction_.NoteWrite();
  }

  // Writes other names into what the definition says as text.
  void RenameInChecks(const Renaming& renaming) {
    for (catalog::CheckDef& check : next_.checks) {
      const auto expression = ValueOrThrow(ParseExpressionText(check.sql));
      RenameIn(*expression, table_, renaming);
      check.sql = ValueOrThrow(ExpressionText(*expression));
    }
  }

  void Rename(const std::string& name) {
    RenameInChecks({.table = name, .column = -1, .column_name = ""});
    next_.name = name;
    ReplaceDefinition();
  }

  void RenameColumn(const duckdb::RenameColumnInfo& info) {
    const int column = Column(info.old_name);
    const int taken = FindColumn(table_, info.new_name);
    if (taken >= 0 && taken != column) {
      RefuseAlter(table_, "there is a column " + Quoted(info.new_name) + " already");
    }
    RenameInChecks({.table = table_.name, .column = column, .column_name = info.new_name});
    next_.columns[column].name = info.new_name;
    AlterStorage(SameColumns(next_.columns.size()));
  }

  void AddColumn(const duckdb::AddColumnInfo& info) {
    const std::string& name = info.new_column.Name();
    if (FindColumn(table_, name) >= 0) {
      if (info.if_column_not_exists) return;
      ThrowStatus(
          MakeError(ErrorCode::kAlreadyExists,
                    "table " + Quoted(table_.name) + " has a column " + Quoted(name) + " already"));
    }
    duckdb::LogicalType type = info.new_column.Type();
    duckdb::Binder::CreateBinder(context_)->BindLogicalType(type);
    duckdb::ColumnDefinition definition = info.new_column.Copy();
    definition.SetType(type);
    catalog::ColumnDef column = ValueOrThrow(ColumnFromDefinition(definition));
    auto origins = SameColumns(table_.columns.size());
    origins.push_back({});
    if (info.new_column.HasDefaultValue()) {
      origins.back().missing = StoredValue(context_, column, type, info.new_column.DefaultValue());
    }
    next_.columns.push_back(std::move(column));
    AlterStorage(origins);
  }

  void RemoveColumn(const duckdb::RemoveColumnInfo& info) {
    const int column = info.if_column_exists ? FindColumn(table_, info.removed_column)
                                             : Column(info.removed_column);
    if (column < 0) return;
    const std::string& name = table_.columns[column].name;
    if (table_.columns.size() == 1) {
      RefuseAlter(table_, "its only column cannot be dropped; use DROP TABLE");
    }
    if (InKey(column)) {
      RefuseAlter(table_, "column " + Quoted(name) + " is part of the primary key and stays");
    }
    for (std::vector<int>* positions : ConstrainedColumns()) {
      if (std::ranges::find(*positions, column) != positions->end()) {
        RefuseAlter(table_, "column " + Quoted(name) + " is part of " + ConstraintName(*positions) +
                                " and stays");
      }
      for (int& position : *positions) position -= position > column ? 1 : 0;
    }
    std::erase_if(next_.checks, [&](const catalog::CheckDef& check) {
      const std::set<int> read = ColumnsRead(*ValueOrThrow(ParseExpressionText(check.sql)), table_);
      if (!read.contains(column)) return false;
      if (read.size() > 1) {
        RefuseAlter(table_,
                    "column " + Quoted(name) + " is read by CHECK " + check.sql + " and stays");
      }
      return true;  // a CHECK of this column alone goes with it
    });
    if (table_.columns[column].identity != catalog::Identity::kNone) {
      catalog::TableDef gone;
      gone.columns = {table_.columns[column]};
      DropOwnedSequences(transaction_, gone);
    }
    next_.columns.erase(next_.columns.begin() + column);
    for (int& key : next_.key) key -= key > column ? 1 : 0;
    auto origins = SameColumns(table_.columns.size());
    origins.erase(origins.begin() + column);
    AlterStorage(origins);
  }

  // Whether the expression is what the identity column has anyway.
  bool TakesFromOwnSequence(int column, const duckdb::ParsedExpression& expression) {
    catalog::TableDef given;
    given.schema = table_.schema;
    given.columns = {table_.columns[column]};
    given.columns[0].default_sql = ValueOrThrow(ExpressionText(expression));
    QualifySequences(transaction_.state(), &given);
    const auto own = SequenceOfDefault(table_.columns[column]);
    const auto other = SequenceOfDefault(given.columns[0]);
    return own && other && duckdb::StringUtil::CIEquals(own->schema, other->schema) &&
           duckdb::StringUtil::CIEquals(own->name, other->name);
  }

  void SetDefault(const duckdb::SetDefaultInfo& info) {
    const int column = Column(info.column_name);
    if (table_.columns[column].identity != catalog::Identity::kNone) {
      if (info.expression != nullptr && TakesFromOwnSequence(column, *info.expression)) return;
      RefuseAlter(table_,
                  "column " + Quoted(info.column_name) + " is an identity, which is its default");
    }
    next_.columns[column].default_sql.reset();
    if (info.expression != nullptr) {
      BindDefault(context_, ValueOrThrow(SqlTypeOfColumn(table_.columns[column])),
                  *info.expression);
      next_.columns[column].default_sql = ValueOrThrow(ExpressionText(*info.expression));
      QualifySequences(transaction_.state(), &next_);
    }
    ReplaceDefinition();
  }

  void SetNotNull(const duckdb::SetNotNullInfo& info) {
    const int column = Column(info.column_name);
    if (!table_.columns[column].nullable) return;
    if (HasNulls(*transaction_.View(table_), column)) {
      RefuseAlter(table_,
                  "column " + Quoted(table_.columns[column].name) +
                      " has rows that are NULL; UPDATE these first",
                  ErrorCode::kConstraint);
    }
    next_.columns[column].nullable = false;
    AlterStorage(SameColumns(table_.columns.size()));
  }

  void DropNotNull(const duckdb::DropNotNullInfo& info) {
    const int column = Column(info.column_name);
    if (InKey(column)) {
      RefuseAlter(table_, "column " + Quoted(table_.columns[column].name) +
                              " is part of the primary key, which is never NULL");
    }
    next_.columns[column].nullable = true;
    AlterStorage(SameColumns(table_.columns.size()));
  }

  void AddConstraint(const duckdb::AddConstraintInfo& info) {
    if (info.constraint->type != duckdb::ConstraintType::UNIQUE ||
        !info.constraint->Cast<duckdb::UniqueConstraint>().IsPrimaryKey()) {
      ThrowNotSupported("ALTER TABLE ... ADD of this constraint");
    }
    if (!table_.key.empty()) RefuseAlter(table_, "it has a primary key already");
    next_.key_name = NameOf(*info.constraint);
    const auto& key = info.constraint->Cast<duckdb::UniqueConstraint>();
    for (const std::string& name : key.GetColumnNames()) {
      const int column = Column(name);
      ThrowIfError(CheckKeyColumn(table_.columns[column]));
      next_.columns[column].nullable = false;
      next_.key.push_back(column);
    }
    RewriteTable(context_, transaction_, *current_, next_, KeepColumns(table_.columns.size()));
  }

  duckdb::ClientContext& context_;
  SqlTransaction& transaction_;
  const catalog::EntryPtr current_;
  const catalog::TableDef& table_;
  catalog::TableDef next_;
};

std::optional<std::string> CommentOf(const duckdb::Value& value) {
  if (value.IsNull()) return std::nullopt;
  return value.ToString();
}

void ReplaceEntry(SqlTransaction& transaction, const catalog::Entry& current, catalog::Entry next) {
  ValueOrThrow(transaction.state().Replace(current, std::move(next)));
  transaction.NoteWrite();
}

void RenameRelation(SqlTransaction& transaction, const catalog::Entry& current,
                    const std::string& name) {
  catalog::Entry next = current;
  next.name = name;
  if (current.view != nullptr) {
    auto view = *current.view;
    view.name = name;
    next.view = std::make_shared<const catalog::ViewDef>(std::move(view));
  }
  if (current.external != nullptr) {
    auto external = *current.external;
    external.name = name;
    next.external = std::make_shared<const catalog::ExternalTableDef>(std::move(external));
  }
  ReplaceEntry(transaction, current, std::move(next));
}

void SetColumnComment(duckdb::ClientContext& context, SqlTransaction& transaction,
                      const catalog::EntryPtr& current, const duckdb::SetColumnCommentInfo& info) {
  std::optional<std::string> comment = CommentOf(info.comment_value);
  if (current->kind == catalog::EntryKind::kTable) {
    TableAlteration(context, transaction, current)
        .SetColumnComment(info.column_name, std::move(comment));
    return;
  }
  catalog::Entry next = *current;
  if (current->view != nullptr) {
    auto view = *current->view;
    view.column_comments.erase(info.column_name);
    if (comment) view.column_comments[info.column_name] = *comment;
    next.view = std::make_shared<const catalog::ViewDef>(std::move(view));
  } else {
    auto external = *current->external;
    const auto column = std::ranges::find_if(external.columns, [&](const auto& candidate) {
      return duckdb::StringUtil::CIEquals(candidate.name, info.column_name);
    });
    if (column == external.columns.end()) {
      ThrowStatus(MakeError(
          ErrorCode::kNotFound,
          "table " + Quoted(current->name) + " has no column " + Quoted(info.column_name)));
    }
    column->comment = std::move(comment);
    next.external = std::make_shared<const catalog::ExternalTableDef>(std::move(external));
  }
  ReplaceEntry(transaction, *current, std::move(next));
}

void AlterRelation(duckdb::ClientContext& context, SqlTransaction& transaction,
                   const catalog::EntryPtr& current, duckdb::AlterTableInfo& info) {
  if (current->kind == catalog::EntryKind::kTable) {
    if (const auto actions = ActionsIn(info))
      return ApplyActions(context, transaction, current, *actions);
    AlterHotTable(context, transaction, current, info);
  } else if (info.alter_table_type == duckdb::AlterTableType::RENAME_TABLE) {
    RenameRelation(transaction, *current, info.Cast<duckdb::RenameTableInfo>().new_table_name);
  } else {
    ThrowStatus(MakeError(
        ErrorCode::kInvalidArgument,
        Quoted(current->name) + " is a " + std::string(catalog::EntryKindName(current->kind)) +
            ": it can only be renamed; drop it and create it again to change its columns"));
  }
}

}  // namespace

duckdb::AlterEntryData EntryToAlter(const catalog::Entry& table) {
  return {"", table.schema, table.name, duckdb::OnEntryNotFound::THROW_EXCEPTION};
}

duckdb::unique_ptr<duckdb::Expression> BindDefault(duckdb::ClientContext& context,
                                                   const duckdb::LogicalType& type,
                                                   const duckdb::ParsedExpression& expression) {
  const auto binder = duckdb::Binder::CreateBinder(context);
  duckdb::ConstantBinder constant(*binder, context, "DEFAULT value");
  constant.target_type = type;
  auto copy = expression.Copy();
  return constant.Bind(copy);
}

void AlterHotTable(duckdb::ClientContext& context, SqlTransaction& transaction,
                   const catalog::EntryPtr& table, duckdb::AlterTableInfo& info) {
  TableAlteration(context, transaction, table).Apply(info);
}

void ApplyAlter(duckdb::ClientContext& context, SchemaEntry& schema, duckdb::AlterInfo& info) {
  SqlTransaction& transaction = SqlTransaction::Get(context, schema.catalog);
  const catalog::EntryKind kind =
      ObjectKindOf(info.GetCatalogType()).value_or(catalog::EntryKind::kTable);
  const catalog::EntryPtr current =
      ValueOrThrow(transaction.state().FindObject(kind, schema.name, info.name));
  if (current == nullptr) {
    if (info.if_not_found == duckdb::OnEntryNotFound::RETURN_NULL) return;
    ThrowStatus(MakeError(ErrorCode::kNotFound, "there is no " + Quoted(info.name) + " in schema " +
                                                    Quoted(schema.name)));
  }
  switch (info.type) {
    case duckdb::AlterType::ALTER_TABLE:
      return AlterRelation(context, transaction, current, info.Cast<duckdb::AlterTableInfo>());
    case duckdb::AlterType::ALTER_VIEW:
      return RenameRelation(transaction, *current,
                            info.Cast<duckdb::RenameViewInfo>().new_view_name);
    case duckdb::AlterType::SET_COMMENT: {
      catalog::Entry next = *current;
      next.comment = CommentOf(info.Cast<duckdb::SetCommentInfo>().comment_value);
      return ReplaceEntry(transaction, *current, std::move(next));
    }
    case duckdb::AlterType::SET_COLUMN_COMMENT:
      return SetColumnComment(context, transaction, current,
                              info.Cast<duckdb::SetColumnCommentInfo>());
    default:
      ThrowNotSupported("this ALTER");
  }
}

}  // namespace pyralog::sql
