// What a schema holds besides tables and views: sequences, types and macros, each with names of
// its own.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/parser/parsed_data/create_macro_info.hpp"
#include "duckdb/parser/parsed_data/create_sequence_info.hpp"
#include "duckdb/parser/parsed_data/create_type_info.hpp"
#include "duckdb/parser/parsed_data/drop_info.hpp"
#include "sql/catalog.h"
#include "sql/dependents.h"
#include "sql/errors.h"
#include "sql/macro.h"
#include "sql/schema_entry.h"
#include "sql/sequence.h"
#include "sql/transaction.h"
#include "sql/user_type.h"

namespace pyralog::sql {
namespace {

using catalog::EntryKind;

std::string Named(const catalog::Entry& entry) {
  return std::string(catalog::EntryKindName(entry.kind)) + " \"" + entry.name + "\"";
}

// Throws when a table uses the entry.
void CheckUnused(SqlTransaction& transaction, const catalog::Entry& entry,
                 const std::string& remedy) {
  const auto users = TablesUsing(transaction.state(), entry);
  if (users.empty()) return;
  ThrowStatus(MakeError(ErrorCode::kInvalidArgument,
                        Named(entry) + " is used by table \"" + users[0]->name + "\"" + remedy));
}

// Makes room for a new entry: false when the statement is to do nothing because there is one.
bool MakeRoomFor(SqlTransaction& transaction, EntryKind kind, const std::string& schema,
                 const std::string& name, duckdb::OnCreateConflict on_conflict) {
  const catalog::EntryPtr existing =
      ValueOrThrow(transaction.state().FindObject(kind, schema, name));
  if (existing == nullptr) return true;
  switch (on_conflict) {
    case duckdb::OnCreateConflict::IGNORE_ON_CONFLICT:
      return false;
    case duckdb::OnCreateConflict::REPLACE_ON_CONFLICT:
      if (kind == EntryKind::kType) CheckUnused(transaction, *existing, "; it cannot be replaced");
      ThrowIfError(transaction.state().Drop(schema, name, kind));
      transaction.NoteWrite();
      return true;
    default:
      ThrowStatus(MakeError(ErrorCode::kAlreadyExists,
                            Named(*existing) + " already exists in schema \"" + schema + "\""));
  }
}

// Takes away each default that uses the sequence.
void DropDefaults(SqlTransaction& transaction, const catalog::Entry& sequence) {
  for (const catalog::EntryPtr& user : TablesUsing(transaction.state(), sequence)) {
    auto table = std::make_shared<catalog::TableDef>(*user->table);
    for (catalog::ColumnDef& column : table->columns) {
      if (!UsesSequence(column, table->schema, sequence)) continue;
      column.default_sql.reset();
      column.identity = catalog::Identity::kNone;
    }
    catalog::Entry changed = *user;
    changed.table = std::move(table);
    ThrowIfError(transaction.state().Replace(*user, std::move(changed)).status());
  }
}

}  // namespace

std::optional<EntryKind> ObjectKindOf(duckdb::CatalogType type) {
  switch (type) {
    case duckdb::CatalogType::SEQUENCE_ENTRY:
      return EntryKind::kSequence;
    case duckdb::CatalogType::TYPE_ENTRY:
      return EntryKind::kType;
    case duckdb::CatalogType::MACRO_ENTRY:
    case duckdb::CatalogType::SCALAR_FUNCTION_ENTRY:
    case duckdb::CatalogType::AGGREGATE_FUNCTION_ENTRY:
      return EntryKind::kMacro;
    case duckdb::CatalogType::TABLE_MACRO_ENTRY:
    case duckdb::CatalogType::TABLE_FUNCTION_ENTRY:
      return EntryKind::kTableMacro;
    default:
      return std::nullopt;
  }
}

void SchemaEntry::ScanObjects(SqlTransaction& transaction, duckdb::CatalogType type,
                              const EntryVisitor& visit) {
  const auto kind = ObjectKindOf(type);
  // DuckDB keeps all functions of a kind in one set, which it asks for as scalar functions.
  if (!kind || type == duckdb::CatalogType::AGGREGATE_FUNCTION_ENTRY) return;
  for (const auto& listed : ValueOrThrow(transaction.state().ListObjects(*kind, name))) {
    auto* entry = transaction.entries().FindObject(transaction.state(), *kind, name, listed->name);
    if (entry != nullptr) visit(*entry);
  }
}

duckdb::CatalogEntry* SchemaEntry::LookupObject(SqlTransaction& transaction,
                                                const duckdb::EntryLookupInfo& lookup) {
  const auto kind = ObjectKindOf(lookup.GetCatalogType());
  if (!kind) return nullptr;
  return transaction.entries().FindObject(transaction.state(), *kind, name, lookup.GetEntryName());
}

SchemaEntry::Created SchemaEntry::CreateFunction(duckdb::CatalogTransaction transaction,
                                                 duckdb::CreateFunctionInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), catalog);
  if (info.type != duckdb::CatalogType::MACRO_ENTRY &&
      info.type != duckdb::CatalogType::TABLE_MACRO_ENTRY) {
    ThrowNotSupported("a function in a schema");
  }
  const auto kind = *ObjectKindOf(info.type);
  if (!MakeRoomFor(own, kind, name, info.name, info.on_conflict)) return nullptr;
  auto definition = ValueOrThrow(MacroFromInfo(info.Cast<duckdb::CreateMacroInfo>(), name));
  ValueOrThrow(own.state().CreateMacro(kind, std::move(definition)));
  own.NoteWrite();
  return own.entries().FindObject(own.state(), kind, name, info.name);
}

SchemaEntry::Created SchemaEntry::CreateSequence(duckdb::CatalogTransaction transaction,
                                                 duckdb::CreateSequenceInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), catalog);
  if (!MakeRoomFor(own, EntryKind::kSequence, name, info.name, info.on_conflict)) return nullptr;
  ValueOrThrow(own.state().CreateSequence(SequenceFromInfo(info, name)));
  own.NoteWrite();
  return own.entries().FindObject(own.state(), EntryKind::kSequence, name, info.name);
}

SchemaEntry::Created SchemaEntry::CreateType(duckdb::CatalogTransaction transaction,
                                             duckdb::CreateTypeInfo& info) {
  SqlTransaction& own = SqlTransaction::Get(transaction.GetContext(), catalog);
  if (!MakeRoomFor(own, EntryKind::kType, name, info.name, info.on_conflict)) return nullptr;
  ValueOrThrow(own.state().CreateType(ValueOrThrow(TypeFromInfo(info, name))));
  own.NoteWrite();
  return own.entries().FindObject(own.state(), EntryKind::kType, name, info.name);
}

void DropDefaultsFrom(SqlTransaction& transaction, const std::string& schema) {
  const auto sequences =
      ValueOrThrow(transaction.state().ListObjects(EntryKind::kSequence, schema));
  for (const catalog::EntryPtr& sequence : sequences) DropDefaults(transaction, *sequence);
}

void SchemaEntry::DropObject(SqlTransaction& transaction, const duckdb::DropInfo& info) {
  const auto kind = ObjectKindOf(info.type);
  if (!kind) ThrowNotSupported("DROP " + duckdb::CatalogTypeToString(info.type));
  const auto existing = ValueOrThrow(transaction.state().FindObject(*kind, name, info.name));
  if (existing == nullptr) return;  // DuckDB has said so already, unless IF EXISTS
  if (!info.cascade) {
    CheckUnused(transaction, *existing,
                *kind == EntryKind::kSequence ? "; use CASCADE to drop the defaults that use it"
                                              : "; use CASCADE to drop it all the same");
  } else if (*kind == EntryKind::kSequence) {
    DropDefaults(transaction, *existing);
  }
  ThrowIfError(transaction.state().Drop(name, info.name, *kind));
  transaction.NoteWrite();
}

}  // namespace pyralog::sql
