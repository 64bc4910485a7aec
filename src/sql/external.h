// Data that stays in files: external tables, FROM 'file', read_arrow(), COPY ... TO (FORMAT arrow),
// and the checks that foreign files pass before DuckDB's own readers see them.
#pragma once

#include <memory>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog_entry.hpp"

namespace pyralog::sql {

// Registers all of it. Call once for an instance, before its first connection.
void RegisterExternal(duckdb::DatabaseInstance& instance);

// What a name that stands for an external table is to DuckDB: a view over the format's reader,
// bound anew for every statement, so that files that came, went or changed are seen. Its columns
// are those of the definition: nothing is opened to list or describe it.
std::unique_ptr<duckdb::CatalogEntry> MakeExternalEntry(
    duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
    const std::shared_ptr<const catalog::ExternalTableDef>& definition);

}  // namespace pyralog::sql
