#include "sql/macro.h"

#include <utility>

#include "duckdb/catalog/catalog_entry/scalar_macro_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/table_macro_catalog_entry.hpp"
#include "duckdb/function/macro_function.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/statement/create_statement.hpp"
#include "pyralog/error.h"
#include "sql/arrow_types.h"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

using MacroInfo = duckdb::unique_ptr<duckdb::CreateMacroInfo>;

bool IsMacro(const duckdb::CreateInfo& info) {
  return info.type == duckdb::CatalogType::MACRO_ENTRY ||
         info.type == duckdb::CatalogType::TABLE_MACRO_ENTRY;
}

// The macro that a statement creates, its parameters' types resolved.
arrow::Result<MacroInfo> ParseMacro(const std::string& sql) {
  return Guard([&]() -> arrow::Result<MacroInfo> {
    duckdb::Parser parser;
    parser.ParseQuery(sql);
    const bool creates = parser.statements.size() == 1 &&
                         parser.statements[0]->type == duckdb::StatementType::CREATE_STATEMENT;
    if (creates) {
      auto& info = parser.statements[0]->Cast<duckdb::CreateStatement>().info;
      if (IsMacro(*info)) {
        auto macro =
            duckdb::unique_ptr_cast<duckdb::CreateInfo, duckdb::CreateMacroInfo>(std::move(info));
        for (auto& function : macro->macros) {
          for (duckdb::LogicalType& type : function->types) type = ResolvedType(type);
        }
        return macro;
      }
    }
    return MakeError(ErrorCode::kDamaged, "this creates no macro: " + sql);
  });
}

}  // namespace

std::unique_ptr<duckdb::CatalogEntry> MakeMacroEntry(
    duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema, catalog::EntryKind kind,
    const std::shared_ptr<const catalog::MacroDef>& definition) {
  const MacroInfo info = ValueOrThrow(ParseMacro(definition->sql));
  info->catalog = catalog.GetName();
  info->schema = schema.name;
  info->name = definition->name;
  info->temporary = info->internal = false;
  std::unique_ptr<duckdb::CatalogEntry> entry;
  if (kind == catalog::EntryKind::kTableMacro) {
    entry = std::make_unique<duckdb::TableMacroCatalogEntry>(catalog, schema, *info);
  } else {
    entry = std::make_unique<duckdb::ScalarMacroCatalogEntry>(catalog, schema, *info);
  }
  entry->oid = definition->ordinal;  // EXPORT writes macros in this order
  return entry;
}

arrow::Result<catalog::MacroDef> MacroFromInfo(const duckdb::CreateMacroInfo& info,
                                               const std::string& schema) {
  const auto plain =
      duckdb::unique_ptr_cast<duckdb::CreateInfo, duckdb::CreateMacroInfo>(info.Copy());
  plain->catalog = plain->schema = "";
  plain->temporary = false;
  plain->on_conflict = duckdb::OnCreateConflict::ERROR_ON_CONFLICT;
  catalog::MacroDef definition;
  definition.schema = schema;
  definition.name = info.name;
  definition.sql = plain->ToString();
  const auto again = ParseMacro(definition.sql);
  if (!again.ok() || (*again)->type != info.type || (*again)->ToString() != definition.sql) {
    return MakeError(ErrorCode::kNotSupported, "the macro \"" + info.name +
                                                   "\" cannot be kept: its text would mean "
                                                   "something else; avoid quoted parameter names");
  }
  return definition;
}

}  // namespace pyralog::sql
