#include "sql/export.h"

#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/common/type_visitor.hpp"
#include "duckdb/parser/parsed_data/copy_info.hpp"
#include "duckdb/parser/parsed_data/exported_table_data.hpp"
#include "duckdb/planner/operator/logical_export.hpp"
#include "sql/errors.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalTypeId;

// Parquet has 128-bit integers as doubles, milliseconds in intervals, and times without an offset.
bool ParquetChanges(const duckdb::LogicalType& type) {
  return duckdb::TypeVisitor::Contains(type, [](const duckdb::LogicalType& part) {
    switch (part.id()) {
      case LogicalTypeId::HUGEINT:
      case LogicalTypeId::UHUGEINT:
      case LogicalTypeId::INTERVAL:
      case LogicalTypeId::TIME_TZ:
        return true;
      default:
        return false;
    }
  });
}

void CheckParquet(const duckdb::BoundExportData& exported) {
  for (const duckdb::ExportedTableInfo& table : exported.data) {
    for (const auto& column : table.entry.GetColumns().Physical()) {
      if (!ParquetChanges(column.Type())) continue;
      ThrowStatus(MakeError(ErrorCode::kNotSupported,
                            "EXPORT of column \"" + column.Name() + "\" of table \"" +
                                table.entry.name +
                                "\" to Parquet is not supported: it would change " +
                                column.Type().ToString() + " values; use FORMAT csv"));
    }
  }
}

}  // namespace

void PrepareExport(duckdb::LogicalOperator& plan) {
  if (plan.type != duckdb::LogicalOperatorType::LOGICAL_EXPORT) return;
  auto& exported = plan.Cast<duckdb::LogicalExport>();
  duckdb::CopyInfo& how = *exported.copy_info;
  if (how.format == "parquet") CheckParquet(*exported.exported_tables);
  if (how.format != "csv" || how.options.contains("allow_quoted_nulls")) return;
  // Empty text is written with quotes, and NULL without.
  how.options["allow_quoted_nulls"].push_back(duckdb::Value::BOOLEAN(false));
}

}  // namespace pyralog::sql
