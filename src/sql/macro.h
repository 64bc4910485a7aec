// Macros of both kinds: expressions and queries with parameters, kept as the statements that create
// them.
#pragma once

#include <memory>
#include <string>

#include "arrow/result.h"
#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/parser/parsed_data/create_macro_info.hpp"

namespace pyralog::sql {

std::unique_ptr<duckdb::CatalogEntry> MakeMacroEntry(
    duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema, catalog::EntryKind kind,
    const std::shared_ptr<const catalog::MacroDef>& definition);

// kNotSupported when the macro has no text that means the same.
arrow::Result<catalog::MacroDef> MacroFromInfo(const duckdb::CreateMacroInfo& info,
                                               const std::string& schema);

}  // namespace pyralog::sql
