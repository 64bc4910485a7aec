#include "sql/add_column.h"

#include <utility>

#include "duckdb/parser/constraints/unique_constraint.hpp"
#include "duckdb/parser/parsed_data/alter_table_info.hpp"
#include "duckdb/planner/binder.hpp"
#include "sql/alter_constraints.h"
#include "sql/alter_table.h"
#include "sql/arrow_vectors.h"
#include "sql/column_refs.h"
#include "sql/constraint_names.h"
#include "sql/dependents.h"
#include "sql/errors.h"
#include "sql/identity.h"
#include "sql/sql_text.h"
#include "sql/table_entry.h"
#include "sql/table_rewrite.h"

namespace pyralog::sql {
namespace {

catalog::EntryPtr AsItIsNow(SqlTransaction& transaction, const catalog::Entry& table) {
  transaction.ForgetViews();
  return ValueOrThrow(transaction.state().Find(table.schema, table.name));
}

// Another default and identity of a column; its rows stay.
void SetColumn(SqlTransaction& transaction, const catalog::EntryPtr& table, int position,
               const catalog::ColumnDef& as) {
  auto definition = std::make_shared<catalog::TableDef>(*table->table);
  definition->columns[position].default_sql = as.default_sql;
  definition->columns[position].identity = as.identity;
  catalog::Entry next = *table;
  next.table = std::move(definition);
  transaction.NoteWrite();
  ValueOrThrow(transaction.state().Replace(*table, std::move(next)));
}

// The column as the catalog has it, with its sequence if it is an identity.
catalog::ColumnDef MakeColumn(SqlTransaction& transaction, const catalog::TableDef& table,
                              catalog::ColumnDef column) {
  catalog::TableDef owner;
  owner.schema = table.schema;
  owner.name = table.name;
  owner.columns = {std::move(column)};
  QualifySequences(transaction.state(), &owner);
  CreateOwnedSequences(transaction, &owner);
  return owner.columns[0];
}

// The column's default for each row anew.
void FillColumn(duckdb::ClientContext& context, SqlTransaction& transaction,
                const catalog::TableDef& table, int column,
                duckdb::unique_ptr<duckdb::Expression> value) {
  Rewrite rewrite = KeepColumns(table.columns.size());
  rewrite.columns[column] = {-1, std::move(value)};
  RewriteRows(context, transaction, table, rewrite);
}

void AddNotNull(duckdb::ClientContext& context, SqlTransaction& transaction,
                const catalog::EntryPtr& table, int position) {
  const catalog::ColumnDef& column = table->table->columns[position];
  const auto view = ValueOrThrow(transaction.state().storage().View(table->table->id));
  if (!column.default_sql && view->num_rows() > 0) {
    RefuseAlter(*table->table,
                "column " + Quoted(column.name) +
                    " is NOT NULL, and the rows that are there have no value for it; "
                    "give it a DEFAULT",
                ErrorCode::kConstraint);
  }
  duckdb::SetNotNullInfo info(EntryToAlter(*table), column.name);
  AlterHotTable(context, transaction, table, info);
}

// A constraint of the column as one of the table.
duckdb::unique_ptr<duckdb::Constraint> ForTable(const duckdb::Constraint& constraint,
                                                const std::string& column) {
  if (constraint.type != duckdb::ConstraintType::UNIQUE) return constraint.Copy();
  const bool is_key = constraint.Cast<duckdb::UniqueConstraint>().IsPrimaryKey();
  return Named(
      duckdb::make_uniq<duckdb::UniqueConstraint>(duckdb::vector<std::string>{column}, is_key),
      NameOf(constraint));
}

}  // namespace

void AddConstrainedColumn(duckdb::ClientContext& context, SqlTransaction& transaction,
                          const catalog::EntryPtr& table, duckdb::CreateTableInfo& parsed,
                          bool if_not_exists) {
  duckdb::ColumnDefinition& declared = parsed.columns.GetColumnMutable(duckdb::LogicalIndex(0));
  const std::string name = declared.Name();
  if (FindColumn(*table->table, name) >= 0) {
    if (if_not_exists) return;
    ThrowStatus(
        MakeError(ErrorCode::kAlreadyExists,
                  "table " + Quoted(table->name) + " has a column " + Quoted(name) + " already"));
  }
  if (declared.Generated())
    ThrowNotSupported("ADD COLUMN of a generated column (only in CREATE TABLE)");
  duckdb::LogicalType type = declared.Type();
  duckdb::Binder::CreateBinder(context)->BindLogicalType(type);
  declared.SetType(type);
  const catalog::ColumnDef made =
      MakeColumn(transaction, *table->table, ValueOrThrow(ColumnFromDefinition(declared)));
  duckdb::unique_ptr<duckdb::Expression> value;
  if (made.default_sql)
    value = BindDefault(context, type, *ValueOrThrow(ParseExpressionText(*made.default_sql)));
  const bool per_row = value != nullptr && value->IsVolatile();
  duckdb::ColumnDefinition plain(name, type);
  if (value != nullptr && !per_row)
    plain.SetDefaultValue(ValueOrThrow(ParseExpressionText(*made.default_sql)));
  duckdb::AddColumnInfo info(EntryToAlter(*table), std::move(plain),
                             /*if_column_not_exists=*/false);
  AlterHotTable(context, transaction, table, info);

  catalog::EntryPtr now = AsItIsNow(transaction, *table);
  const int position = FindColumn(*now->table, name);
  if (per_row) {
    FillColumn(context, transaction, *now->table, position, std::move(value));
    SetColumn(transaction, now, position, made);
    now = AsItIsNow(transaction, *table);
  }
  for (const auto& constraint : parsed.constraints) {
    if (constraint->type == duckdb::ConstraintType::NOT_NULL) {
      AddNotNull(context, transaction, now, position);
    } else {
      AddConstraint(context, transaction, now, ForTable(*constraint, name));
    }
    now = AsItIsNow(transaction, *table);
  }
}

void AddIdentity(duckdb::ClientContext& context, SqlTransaction& transaction,
                 const catalog::EntryPtr& table, const std::string& column,
                 const duckdb::CreateTableInfo& parsed) {
  const int position = RequireColumn(*table->table, column);
  catalog::ColumnDef with = table->table->columns[position];
  if (with.default_sql) {
    RefuseAlter(*table->table,
                "column " + Quoted(with.name) + " has a default already; drop it first");
  }
  const auto& declared = parsed.columns.GetColumn(duckdb::LogicalIndex(0));
  with.default_sql = declared.DefaultValue().ToString();
  with = MakeColumn(transaction, *table->table, std::move(with));
  if (with.identity == catalog::Identity::kNone) {
    ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                          "ALTER TABLE: only an identity can be added to a column"));
  }
  if (table->table->columns[position].nullable) {
    duckdb::SetNotNullInfo info(EntryToAlter(*table), with.name);
    AlterHotTable(context, transaction, table, info);
  }
  SetColumn(transaction, AsItIsNow(transaction, *table), position, with);
}

void DropIdentity(SqlTransaction& transaction, const catalog::EntryPtr& table,
                  const std::string& column, bool if_exists) {
  const int position = RequireColumn(*table->table, column);
  catalog::ColumnDef plain = table->table->columns[position];
  if (plain.identity == catalog::Identity::kNone) {
    if (if_exists) return;
    RefuseAlter(*table->table, "column " + Quoted(plain.name) + " is no identity");
  }
  catalog::TableDef owner;
  owner.columns = {plain};
  DropOwnedSequences(transaction, owner);
  plain.default_sql.reset();
  plain.identity = catalog::Identity::kNone;
  SetColumn(transaction, table, position, plain);
}

void OwnSequence(duckdb::ClientContext& context, SqlTransaction& transaction,
                 const catalog::EntryPtr& table, const std::string& column,
                 const std::string& sequence_schema, const std::string& sequence_name) {
  const int position = RequireColumn(*table->table, column);
  const std::string& schema = sequence_schema.empty() ? table->schema : sequence_schema;
  const auto sequence = ValueOrThrow(
      transaction.state().FindObject(catalog::EntryKind::kSequence, schema, sequence_name));
  if (sequence == nullptr) {
    ThrowStatus(MakeError(ErrorCode::kNotFound, "there is no sequence " + Quoted(sequence_name) +
                                                    " in schema " + Quoted(schema)));
  }
  catalog::ColumnDef with = table->table->columns[position];
  if (with.default_sql && !UsesSequence(with, table->schema, *sequence)) {
    RefuseAlter(*table->table,
                "column " + Quoted(with.name) + " has another default; drop it first");
  }
  if (with.identity != catalog::Identity::kNone) return;  // it has this sequence
  if (sequence->sequence->owned)
    RefuseAlter(*table->table, "sequence " + Quoted(sequence_name) + " is of another column");
  if (!arrow::is_integer(with.type->id())) {
    RefuseAlter(*table->table, "column " + Quoted(with.name) + " is of type " + with.sql_type +
                                   "; only integers can be identities");
  }
  catalog::Entry owned = *sequence;
  auto definition = std::make_shared<catalog::SequenceDef>(*sequence->sequence);
  definition->owned = true;
  owned.sequence = std::move(definition);
  transaction.NoteWrite();
  ValueOrThrow(transaction.state().Replace(*sequence, std::move(owned)));
  if (with.nullable) {
    duckdb::SetNotNullInfo info(EntryToAlter(*table), with.name);
    AlterHotTable(context, transaction, table, info);
  }
  with.default_sql = "nextval(" + QuoteText(QualifiedText(sequence->schema, sequence->name)) + ")";
  with.identity = catalog::Identity::kByDefault;
  SetColumn(transaction, AsItIsNow(transaction, *table), position, with);
}

}  // namespace pyralog::sql
