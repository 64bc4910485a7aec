// Types that a user has created: names for other types, among them enums.
#pragma once

#include <memory>
#include <string>

#include "arrow/result.h"
#include "catalog/entries.h"
#include "duckdb.hpp"

namespace pyralog::sql {

std::unique_ptr<duckdb::CatalogEntry> MakeTypeEntry(
    duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
    const std::shared_ptr<const catalog::TypeDef>& definition);

// kNotSupported when the type has no text that means the same.
arrow::Result<catalog::TypeDef> TypeFromInfo(const duckdb::CreateTypeInfo& info,
                                             const std::string& schema);

}  // namespace pyralog::sql
