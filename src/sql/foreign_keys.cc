#include "sql/foreign_keys.h"

#include <utility>

#include "duckdb/parser/constraints/foreign_key_constraint.hpp"
#include "lsm/key.h"
#include "pyralog/error.h"
#include "sql/constraint_names.h"

namespace pyralog::sql {
namespace {

using duckdb::ForeignKeyType;

arrow::Result<catalog::ForeignKeyDef> ForeignKeyFrom(catalog::Transaction& transaction,
                                                     const duckdb::ForeignKeyConstraint& constraint,
                                                     const catalog::TableDef& child) {
  catalog::ForeignKeyDef made;
  for (const duckdb::PhysicalIndex column : constraint.info.fk_keys) {
    const catalog::ColumnDef& definition = child.columns[column.index];
    if (!lsm::CheckKeyType(*definition.type).ok()) {
      return MakeError(ErrorCode::kNotSupported, "FOREIGN KEY of column \"" + definition.name +
                                                     "\" of type " + definition.sql_type +
                                                     " is not supported");
    }
    made.columns.push_back(static_cast<int>(column.index));
  }
  if (constraint.info.type == ForeignKeyType::FK_TYPE_SELF_REFERENCE_TABLE) {
    made.parent_name = child.name;
    for (const duckdb::PhysicalIndex column : constraint.info.pk_keys)
      made.parent_columns.emplace_back(static_cast<uint32_t>(column.index + 1));  // of a new table
    return made;
  }
  ARROW_ASSIGN_OR_RAISE(const catalog::EntryPtr parent,
                        transaction.Find(child.schema, constraint.info.table));
  if (parent == nullptr || parent->table == nullptr) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "FOREIGN KEY: \"" + constraint.info.table + "\" is no hot table of schema \"" +
                         child.schema + "\"; only such a table can be referred to");
  }
  made.parent = parent->table->id;
  made.parent_name = parent->name;
  ARROW_ASSIGN_OR_RAISE(const auto stored, transaction.storage().Schema(made.parent));
  for (const duckdb::PhysicalIndex column : constraint.info.pk_keys)
    made.parent_columns.push_back(stored->field_ids[column.index]);
  return made;
}

// The parent as it is called now.
arrow::Result<catalog::EntryPtr> ParentOf(catalog::Transaction& transaction,
                                          const catalog::TableDef& child,
                                          const catalog::ForeignKeyDef& foreign_key) {
  ARROW_ASSIGN_OR_RAISE(catalog::EntryPtr parent,
                        transaction.Find(child.schema, foreign_key.parent_name));
  if (parent != nullptr && parent->table != nullptr && parent->table->id == foreign_key.parent)
    return parent;
  ARROW_ASSIGN_OR_RAISE(parent, transaction.FindTable(foreign_key.parent));
  if (parent != nullptr) return parent;
  return MakeError(ErrorCode::kDamaged, "table \"" + child.name +
                                            "\" refers to a table that does not exist; restore the "
                                            "database from a backup");
}

}  // namespace

arrow::Status TakeForeignKeys(catalog::Transaction& transaction,
                              const duckdb::CreateTableInfo& info, catalog::TableDef* definition) {
  for (const auto& constraint : info.constraints) {
    if (constraint->type != duckdb::ConstraintType::FOREIGN_KEY) continue;
    ARROW_ASSIGN_OR_RAISE(
        auto made,
        ForeignKeyFrom(transaction, constraint->Cast<duckdb::ForeignKeyConstraint>(), *definition));
    made.name = NameOf(*constraint);
    definition->foreign_keys.push_back(std::move(made));
  }
  return arrow::Status::OK();
}

arrow::Status ShowForeignKeys(catalog::Transaction& transaction,
                              const catalog::TableDef& definition, duckdb::CreateTableInfo* info) {
  for (const catalog::ForeignKeyDef& foreign_key : definition.foreign_keys) {
    ARROW_ASSIGN_OR_RAISE(const catalog::EntryPtr parent,
                          ParentOf(transaction, definition, foreign_key));
    ARROW_ASSIGN_OR_RAISE(const auto stored, transaction.storage().Schema(foreign_key.parent));
    duckdb::ForeignKeyInfo shown;
    shown.type = foreign_key.parent == definition.id ? ForeignKeyType::FK_TYPE_SELF_REFERENCE_TABLE
                                                     : ForeignKeyType::FK_TYPE_FOREIGN_KEY_TABLE;
    shown.schema = parent->schema;
    shown.table = parent->name;
    duckdb::vector<std::string> parent_columns;
    for (const int column : stored->PositionsOf(foreign_key.parent_columns)) {
      shown.pk_keys.emplace_back(column);
      parent_columns.push_back(stored->arrow->field(column)->name());
    }
    duckdb::vector<std::string> columns;
    for (const int column : foreign_key.columns) {
      shown.fk_keys.emplace_back(column);
      columns.push_back(definition.columns[column].name);
    }
    info->constraints.push_back(
        Named(duckdb::make_uniq<duckdb::ForeignKeyConstraint>(std::move(parent_columns),
                                                              std::move(columns), std::move(shown)),
              foreign_key.name));
  }
  return arrow::Status::OK();
}

}  // namespace pyralog::sql
