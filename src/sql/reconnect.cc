#include "sql/reconnect.h"

#include <set>
#include <utility>

#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_search_path.hpp"
#include "duckdb/catalog/duck_catalog.hpp"
#include "duckdb/main/attached_database.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/parser/statement/prepare_statement.hpp"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

arrow::Status RollBack(duckdb::ClientContext& context) {
  return Guard([&] {
    context.CancelTransaction();  // a result that is open
    if (context.transaction.HasActiveTransaction()) context.transaction.Rollback(nullptr);
    return arrow::Status::OK();
  });
}

}  // namespace

void ConnectionCloser::operator()(duckdb::Connection* connection) const {
  // An ended instance reports an error for each of its transactions, though they are over then.
  const arrow::Status ignored = RollBack(*connection->context);
  delete connection;
}

std::vector<std::string> TemporaryNames(duckdb::Connection& connection) {
  std::set<std::string> names;
  const arrow::Status ignored = Guard([&] {
    auto& catalog = connection.context->client_data->temporary_objects->GetCatalog();
    catalog.Cast<duckdb::DuckCatalog>().ScanSchemas([&](duckdb::SchemaCatalogEntry& schema) {
      for (const auto type : {duckdb::CatalogType::TABLE_ENTRY, duckdb::CatalogType::SEQUENCE_ENTRY,
                              duckdb::CatalogType::TYPE_ENTRY, duckdb::CatalogType::MACRO_ENTRY,
                              duckdb::CatalogType::TABLE_MACRO_ENTRY}) {
        schema.Scan(type, [&](duckdb::CatalogEntry& entry) {
          if (!entry.internal) names.insert(entry.name);
        });
      }
    });
    return arrow::Status::OK();
  });
  return {names.begin(), names.end()};
}

void CarryOver(duckdb::Connection& from, duckdb::Connection& to) {
  duckdb::ClientContext& context = *to.context;
  context.config = from.context->config;
  const auto& old = *from.context->client_data;
  const auto& path = old.catalog_search_path->GetSetPaths();
  if (!path.empty()) {
    // A schema that is gone with the old instance (of a database that was attached) is left out.
    const arrow::Status ignored = Guard([&] {
      context.RunFunctionInTransaction([&] {
        context.client_data->catalog_search_path->Set(path,
                                                      duckdb::CatalogSetPathType::SET_SCHEMAS);
      });
      return arrow::Status::OK();
    });
  }
  for (const auto& [name, prepared] : old.prepared_statements) {
    // One that does not fit any more is unknown when it is executed.
    const arrow::Status ignored = Guard([&] {
      if (prepared->unbound_statement == nullptr) return arrow::Status::OK();
      auto statement = duckdb::make_uniq<duckdb::PrepareStatement>();
      statement->name = name;
      statement->statement = prepared->unbound_statement->Copy();
      statement->query = statement->statement->query;
      to.Query(std::move(statement));
      return arrow::Status::OK();
    });
  }
}

}  // namespace pyralog::sql
