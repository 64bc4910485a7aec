#include "sql/alter_constraints.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/parser/constraints/foreign_key_constraint.hpp"
#include "duckdb/parser/constraints/unique_constraint.hpp"
#include "duckdb/parser/parsed_data/alter_table_info.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/constraints/bound_check_constraint.hpp"
#include "duckdb/planner/parsed_data/bound_create_table_info.hpp"
#include "lsm/row_selection.h"
#include "lsm/table_schema.h"
#include "sql/alter_table.h"
#include "sql/chunk_filler.h"
#include "sql/constraint_names.h"
#include "sql/errors.h"
#include "sql/foreign_keys.h"
#include "sql/schema_entry.h"
#include "sql/sql_text.h"
#include "sql/table_entry.h"
#include "sql/table_rewrite.h"

namespace pyralog::sql {
namespace {

// ---- CHECK over the rows that are there ----

class CheckOfRows {
 public:
  // `check` is bound over all columns of the table.
  CheckOfRows(duckdb::ClientContext& context, const catalog::TableDef& table,
              const duckdb::BoundCheckConstraint& check, std::string name)
      : context_(context),
        table_(table),
        name_(std::move(name)),
        executor_(context, *check.expression),
        result_type_(check.expression->return_type) {
    for (const duckdb::PhysicalIndex column : check.bound_columns)
      read_.push_back(static_cast<int>(column.index));
    std::ranges::sort(read_);
    filled_ = read_;
    for (const int column : table.key) {
      if (std::ranges::find(filled_, column) == filled_.end()) filled_.push_back(column);
    }
    rows_.emplace(context, table.columns, filled_);
  }

  void Run(const lsm::TableView& view) {
    lsm::MaskWords mask;
    for (size_t unit = 0; unit < view.units().size(); ++unit) {
      if (context_.IsInterrupted()) throw duckdb::InterruptException();
      if (const int64_t kept = view.Mask(unit, &mask); kept > 0) CheckUnit(view, unit, mask, kept);
    }
  }

 private:
  void CheckUnit(const lsm::TableView& view, size_t unit, const lsm::MaskWords& mask,
                 int64_t kept) {
    arrow::ArrayVector columns;
    for (const int column : filled_) {
      const auto stored = ValueOrThrow(view.Column(unit, column));
      columns.push_back(ValueOrThrow(lsm::FilterRows(stored, mask, kept)));
    }
    rows_->ForEach(columns, kept, [&](duckdb::DataChunk& rows) { CheckChunk(rows); });
  }

  // An INTEGER: 0 is a failure, NULL passes.
  void CheckChunk(duckdb::DataChunk& rows) {
    duckdb::Vector result(result_type_, rows.size());
    executor_.ExecuteExpression(rows, result);
    duckdb::UnifiedVectorFormat values;
    result.ToUnifiedFormat(rows.size(), values);
    const auto* data = duckdb::UnifiedVectorFormat::GetData<int32_t>(values);
    for (duckdb::idx_t row = 0; row < rows.size(); ++row) {
      const auto at = values.sel->get_index(row);
      if (!values.validity.RowIsValid(at) || data[at] != 0) continue;
      RefuseAlter(table_,
                  "the row with " + TextOfRow(rows, row) + " fails CHECK " + Quoted(name_) +
                      ", which is not added",
                  ErrorCode::kConstraint);
    }
  }

  // The key and what the CHECK reads.
  std::string TextOfRow(const duckdb::DataChunk& rows, duckdb::idx_t row) const {
    std::vector<int> columns = table_.key;
    for (const int column : read_) {
      if (std::ranges::find(columns, column) == columns.end()) columns.push_back(column);
    }
    std::string text;
    for (const int column : columns) {
      text += (text.empty() ? "" : ", ") + table_.columns[column].name + " = " +
              rows.data[column].GetValue(row).ToString();
    }
    return text;
  }

  duckdb::ClientContext& context_;
  const catalog::TableDef& table_;
  const std::string name_;
  duckdb::ExpressionExecutor executor_;
  const duckdb::LogicalType result_type_;
  std::vector<int> read_;            // by the CHECK
  std::vector<int> filled_;          // these, and the key
  std::optional<ChunkFiller> rows_;  // of all columns
};

// The CHECK that was added last.
void CheckRows(duckdb::ClientContext& context, SqlTransaction& transaction,
               const catalog::TableDef& table, const std::string& name) {
  auto* found = transaction.entries().Find(transaction.state(), table.schema, table.name);
  auto& entry = static_cast<TableEntry&>(*found);
  const auto constraints = duckdb::Binder::CreateBinder(context)->BindConstraints(entry);
  const duckdb::BoundCheckConstraint* last = nullptr;
  for (const auto& constraint : constraints) {
    if (constraint->type == duckdb::ConstraintType::CHECK)
      last = &constraint->Cast<duckdb::BoundCheckConstraint>();
  }
  const auto view = ValueOrThrow(transaction.state().storage().View(table.id));
  CheckOfRows(context, table, *last, name).Run(*view);
}

// ---- Adding ----

// What CREATE TABLE would make of the table's columns and the constraint alone.
catalog::TableDef DefinitionWith(duckdb::ClientContext& context, SqlTransaction& transaction,
                                 const catalog::TableDef& table,
                                 duckdb::unique_ptr<duckdb::Constraint> constraint) {
  auto info = ValueOrThrow(CreateInfoOf(table));
  if (constraint->type == duckdb::ConstraintType::FOREIGN_KEY) {
    auto& foreign_key = constraint->Cast<duckdb::ForeignKeyConstraint>().info;
    if (foreign_key.schema.empty()) foreign_key.schema = table.schema;
  }
  info->constraints.push_back(std::move(constraint));
  auto& schema = *transaction.entries().Schema(transaction.state(), table.schema);
  const auto binder = duckdb::Binder::CreateBinder(context);
  binder->SetSearchPath(schema.catalog, schema.name);
  const auto bound =
      binder->BindCreateTableInfo(duckdb::unique_ptr<duckdb::CreateInfo>(info.release()), schema);
  const auto& base = bound->Base().Cast<duckdb::CreateTableInfo>();
  catalog::TableDef made = ValueOrThrow(DefinitionFromInfo(base, table.schema));
  ThrowIfError(TakeForeignKeys(transaction.state(), base, &made));
  return made;
}

// A reference to the table itself, which is not a new one.
void ReferToItself(SqlTransaction& transaction, const catalog::TableDef& table,
                   catalog::ForeignKeyDef* foreign_key) {
  if (foreign_key->parent.value() != 0) return;
  foreign_key->parent = table.id;
  const auto stored = ValueOrThrow(transaction.state().storage().Schema(table.id));
  for (FieldId& id : foreign_key->parent_columns) id = stored->field_ids[id.value() - 1];
}

std::optional<ConstraintName> FindConstraint(const catalog::TableDef& table,
                                             const std::string& name) {
  for (const ConstraintName& constraint : NamesOfConstraints(table)) {
    if (duckdb::StringUtil::CIEquals(constraint.name, name)) return constraint;
  }
  return std::nullopt;
}

void CheckNameIsFree(const catalog::TableDef& table, const std::string& name) {
  if (name.empty() || !FindConstraint(table, name)) return;
  RefuseAlter(
      table,
      "there is a constraint " + Quoted(name) + " already; drop it first or choose another name",
      ErrorCode::kAlreadyExists);
}

// The constraint of this kind that was added last.
std::string NameOfLast(const catalog::TableDef& table, ConstraintKind kind) {
  std::string name;
  for (const ConstraintName& constraint : NamesOfConstraints(table)) {
    if (constraint.kind == kind) name = constraint.name;
  }
  return name;
}

// A failure is the new constraint's.
void ThrowUnlessHeld(const arrow::Status& status, const catalog::TableDef& table,
                     const std::string& name) {
  if (status.ok()) return;
  if (GetErrorCode(status) != ErrorCode::kConstraint) ThrowStatus(status);
  RefuseAlter(table, "constraint " + Quoted(name) + " is not added: " + status.message(),
              ErrorCode::kConstraint);
}

void AddKey(duckdb::ClientContext& context, SqlTransaction& transaction,
            const catalog::EntryPtr& table, duckdb::unique_ptr<duckdb::Constraint> constraint) {
  duckdb::AddConstraintInfo info(EntryToAlter(*table), std::move(constraint));
  AlterHotTable(context, transaction, table, info);
}

// ---- Dropping ----

// Constraints keep the names that they had, though they were made.
void KeepNames(const std::vector<ConstraintName>& names, catalog::TableDef* next) {
  const std::vector<ConstraintName> now = NamesOfConstraints(*next);
  for (size_t i = 0; i < now.size() && i < names.size(); ++i) {
    if (now[i].kind == ConstraintKind::kNotNull || now[i].name == names[i].name) continue;
    *GivenName(now[i], next) = names[i].name;
  }
}

// Those foreign keys of a table that refer to a key or unique set of the parent that `without`
// does not have any more.
std::vector<int> Orphans(SqlTransaction& transaction, const catalog::TableDef& child,
                         TableId parent, const lsm::TableSchema& without) {
  const auto schema = ValueOrThrow(transaction.state().storage().Schema(child.id));
  std::vector<int> orphans;
  for (size_t i = 0; i < schema->references.size(); ++i) {
    const lsm::Reference& reference = schema->references[i];
    if (reference.parent == parent && !lsm::KeyTableOf(reference, without))
      orphans.push_back(static_cast<int>(i));
  }
  return orphans;
}

void EraseForeignKeys(const std::vector<int>& positions, catalog::TableDef* table) {
  std::vector<ConstraintName> names = NamesOfConstraints(*table);
  std::erase_if(names, [&](const ConstraintName& name) {
    return name.kind == ConstraintKind::kForeignKey &&
           std::ranges::find(positions, name.position) != positions.end();
  });
  for (auto position = positions.rbegin(); position != positions.rend(); ++position)
    table->foreign_keys.erase(table->foreign_keys.begin() + *position);
  KeepNames(names, table);
}

// The schema that is left when the constraint is gone.
lsm::TableSchema SchemaWithout(SqlTransaction& transaction, const catalog::TableDef& table,
                               const ConstraintName& constraint) {
  lsm::TableSchema without = *ValueOrThrow(transaction.state().storage().Schema(table.id));
  if (constraint.kind == ConstraintKind::kKey) without.key.clear();
  if (constraint.kind == ConstraintKind::kUnique)
    without.unique.erase(without.unique.begin() + constraint.position);
  return without;
}

// Drops the foreign keys that need the constraint, those of the table itself in `next`.
void DropOrphans(SqlTransaction& transaction, const catalog::TableDef& table,
                 const ConstraintName& constraint, bool cascade, catalog::TableDef* next) {
  const lsm::TableSchema without = SchemaWithout(transaction, table, constraint);
  const auto refuse = [&](const catalog::TableDef& child, int position) {
    for (const ConstraintName& name : NamesOfConstraints(child)) {
      if (name.kind != ConstraintKind::kForeignKey || name.position != position) continue;
      RefuseAlter(table, "constraint " + Quoted(constraint.name) +
                             " cannot be dropped: foreign key " + Quoted(name.name) + " of table " +
                             Quoted(child.name) + " needs it; use CASCADE to drop that too");
    }
  };
  const std::vector<int> own = Orphans(transaction, table, table.id, without);
  if (!own.empty() && !cascade) refuse(table, own[0]);
  EraseForeignKeys(own, next);
  for (const TableId id : transaction.state().storage().ReferringTables(table.id)) {
    const auto child = ValueOrThrow(transaction.state().FindTable(id));
    if (child == nullptr) continue;
    const std::vector<int> orphans = Orphans(transaction, *child->table, table.id, without);
    if (orphans.empty()) continue;
    if (!cascade) refuse(*child->table, orphans[0]);
    catalog::TableDef changed = *child->table;
    EraseForeignKeys(orphans, &changed);
    transaction.NoteWrite();
    ValueOrThrow(transaction.state().ChangeConstraints(*child, std::move(changed)));
  }
}

void DropKey(duckdb::ClientContext& context, SqlTransaction& transaction,
             const catalog::EntryPtr& table, catalog::TableDef next) {
  next.key.clear();
  next.key_name.clear();
  transaction.NoteWrite();
  // Own references may be gone; RewriteTable has the table as it is.
  const auto changed = ValueOrThrow(transaction.state().ChangeConstraints(*table, [&] {
    catalog::TableDef keyed = next;
    keyed.key = table->table->key;
    keyed.key_name = table->table->key_name;
    return keyed;
  }()));
  transaction.ForgetViews();
  const Rewrite rewrite = KeepColumns(next.columns.size());
  RewriteTable(context, transaction, *changed, std::move(next), rewrite);
}

}  // namespace

void AddConstraint(duckdb::ClientContext& context, SqlTransaction& transaction,
                   const catalog::EntryPtr& table,
                   duckdb::unique_ptr<duckdb::Constraint> constraint) {
  const catalog::TableDef& old = *table->table;
  CheckNameIsFree(old, NameOf(*constraint));
  const bool unique = constraint->type == duckdb::ConstraintType::UNIQUE;
  if (unique && constraint->Cast<duckdb::UniqueConstraint>().IsPrimaryKey())
    return AddKey(context, transaction, table, std::move(constraint));
  const bool check = constraint->type == duckdb::ConstraintType::CHECK;
  catalog::TableDef made = DefinitionWith(context, transaction, old, std::move(constraint));
  catalog::TableDef next = old;
  ConstraintKind kind = ConstraintKind::kForeignKey;
  if (unique) {
    kind = ConstraintKind::kUnique;
    next.unique.push_back(std::move(made.unique.back()));
  } else if (check) {
    kind = ConstraintKind::kCheck;
    next.checks.push_back(std::move(made.checks.back()));
  } else {
    ReferToItself(transaction, old, &made.foreign_keys.back());
    next.foreign_keys.push_back(std::move(made.foreign_keys.back()));
  }
  const std::string name = NameOfLast(next, kind);
  transaction.NoteWrite();
  const auto changed = transaction.state().ChangeConstraints(*table, std::move(next));
  ThrowUnlessHeld(changed.status(), old, name);
  if (check) CheckRows(context, transaction, *(*changed)->table, name);
  if (kind == ConstraintKind::kForeignKey)
    ThrowUnlessHeld(transaction.state().CheckReferences(), old, name);
}

void DropConstraint(duckdb::ClientContext& context, SqlTransaction& transaction,
                    const catalog::EntryPtr& table, const std::string& name, bool if_exists,
                    bool cascade) {
  const catalog::TableDef& old = *table->table;
  const auto found = FindConstraint(old, name);
  if (!found) {
    if (if_exists) return;
    RefuseAlter(old,
                "there is no constraint " + Quoted(name) +
                    "; duckdb_constraints() lists those that there are",
                ErrorCode::kNotFound);
  }
  if (found->kind == ConstraintKind::kNotNull) {
    duckdb::DropNotNullInfo info(EntryToAlter(*table), old.columns[found->position].name);
    return AlterHotTable(context, transaction, table, info);
  }
  catalog::TableDef next = old;
  DropOrphans(transaction, old, *found, cascade, &next);
  if (found->kind == ConstraintKind::kKey) return DropKey(context, transaction, table, next);
  std::vector<ConstraintName> names = NamesOfConstraints(next);
  std::erase_if(names, [&](const ConstraintName& other) {
    return other.kind == found->kind && other.position == found->position;
  });
  const auto erase = [&](auto& constraints) {
    constraints.erase(constraints.begin() + found->position);
  };
  if (found->kind == ConstraintKind::kUnique) erase(next.unique);
  if (found->kind == ConstraintKind::kCheck) erase(next.checks);
  if (found->kind == ConstraintKind::kForeignKey) erase(next.foreign_keys);
  KeepNames(names, &next);
  transaction.NoteWrite();
  ValueOrThrow(transaction.state().ChangeConstraints(*table, std::move(next)));
}

void RenameConstraint(SqlTransaction& transaction, const catalog::EntryPtr& table,
                      const std::string& name, const std::string& next_name) {
  const catalog::TableDef& old = *table->table;
  const auto found = FindConstraint(old, name);
  if (!found) RefuseAlter(old, "there is no constraint " + Quoted(name), ErrorCode::kNotFound);
  if (found->kind == ConstraintKind::kNotNull) {
    RefuseAlter(old, "NOT NULL has no name of its own; " + Quoted(name) + " stays");
  }
  if (!duckdb::StringUtil::CIEquals(name, next_name)) CheckNameIsFree(old, next_name);
  std::vector<ConstraintName> names = NamesOfConstraints(old);
  for (ConstraintName& other : names) {
    if (other.kind == found->kind && other.position == found->position) other.name = next_name;
  }
  catalog::Entry next = *table;
  auto definition = std::make_shared<catalog::TableDef>(old);
  *GivenName(*found, definition.get()) = next_name;
  KeepNames(names, definition.get());
  next.table = std::move(definition);
  transaction.NoteWrite();
  ValueOrThrow(transaction.state().Replace(*table, std::move(next)));
}

}  // namespace pyralog::sql
