#include "sql/user_type.h"

#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/type_catalog_entry.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parsed_data/create_type_info.hpp"
#include "pyralog/error.h"
#include "sql/arrow_types.h"
#include "sql/arrow_vectors.h"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

// Writes the type as it is kept: DuckDB's text does not escape the values of an enum.
struct TypeInfo final : public duckdb::CreateTypeInfo {
  std::string sql_type;

  std::string ToString() const override {
    return GetCreatePrefix("TYPE") + QualifierToString(catalog, schema, name) + " AS " + sql_type +
           ";";
  }
};

class TypeEntry final : public duckdb::TypeCatalogEntry {
 public:
  TypeEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
            duckdb::CreateTypeInfo& info, std::shared_ptr<const catalog::TypeDef> definition)
      : duckdb::TypeCatalogEntry(catalog, schema, info), definition_(std::move(definition)) {}

  duckdb::unique_ptr<duckdb::CreateInfo> GetInfo() const override {
    auto info = duckdb::make_uniq<TypeInfo>();
    info->catalog = catalog.GetName();
    info->schema = schema.name;
    info->name = name;
    info->type = user_type;
    info->sql_type = definition_->sql_type;
    return info;
  }

  std::string ToSQL() const override {
    auto info = GetInfo();
    info->catalog.clear();
    return info->ToString();
  }

 private:
  const std::shared_ptr<const catalog::TypeDef> definition_;
};

arrow::Result<duckdb::LogicalType> TypeOf(const catalog::TypeDef& definition) {
  catalog::ColumnDef column;
  column.name = definition.name;
  column.sql_type = definition.sql_type;
  return SqlTypeOfColumn(column);
}

}  // namespace

std::unique_ptr<duckdb::CatalogEntry> MakeTypeEntry(
    duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
    const std::shared_ptr<const catalog::TypeDef>& definition) {
  duckdb::CreateTypeInfo info;
  info.schema = schema.name;
  info.name = definition->name;
  info.type = ValueOrThrow(TypeOf(*definition));
  return std::make_unique<TypeEntry>(catalog, schema, info, definition);
}

arrow::Result<catalog::TypeDef> TypeFromInfo(const duckdb::CreateTypeInfo& info,
                                             const std::string& schema) {
  catalog::TypeDef definition{schema, info.name, SqlTypeName(info.type)};
  const auto again = TypeOf(definition);
  if (!again.ok() || *again != info.type) {
    return MakeError(ErrorCode::kNotSupported,
                     "CREATE TYPE of " + info.type.ToString() + " is not supported");
  }
  return definition;
}

}  // namespace pyralog::sql
