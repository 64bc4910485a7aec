// Sequences as DuckDB sees them. nextval and currval are DuckDB's names and binding, but for our
// sequences they ask catalog::Sequences, because DuckDB's work on its own transactions only.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/catalog/catalog_entry/sequence_catalog_entry.hpp"
#include "sql/catalog.h"

namespace pyralog::sql {

class SequenceEntry final : public duckdb::SequenceCatalogEntry {
 public:
  SequenceEntry(SqlCatalog& catalog, duckdb::SchemaCatalogEntry& schema,
                duckdb::CreateSequenceInfo& info,
                std::shared_ptr<const catalog::SequenceDef> definition);

  const catalog::SequenceDef& definition() const { return *definition_; }

  // What creates a sequence that goes on where this one stands.
  duckdb::unique_ptr<duckdb::CreateInfo> GetInfo() const override;
  std::string ToSQL() const override;

 private:
  SqlCatalog& own_catalog_;
  const std::shared_ptr<const catalog::SequenceDef> definition_;
};

std::unique_ptr<duckdb::CatalogEntry> MakeSequenceEntry(
    SqlCatalog& catalog, duckdb::SchemaCatalogEntry& schema,
    const std::shared_ptr<const catalog::SequenceDef>& definition);

catalog::SequenceDef SequenceFromInfo(const duckdb::CreateSequenceInfo& info,
                                      const std::string& schema);

// Makes nextval and currval know our sequences.
void ReplaceSequenceFunctions(duckdb::DatabaseInstance& instance);
void RegisterSetval(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
