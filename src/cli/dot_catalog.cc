#include <filesystem>
#include <string>

#include "cli/dot_commands.h"
#include "sql/sql_text.h"

namespace pyralog::cli {
namespace {

// LIKE patterns as they are; another word stands for every name that holds it.
std::string NamePattern(const DotLine& line) {
  if (line.arguments.empty()) return "%";
  const std::string& word = line.arguments.front();
  return word.find_first_of("%_") == std::string::npos ? "%" + word + "%" : word;
}

// A name as it is, or a LIKE pattern.
std::string NameOrPattern(const DotLine& line) {
  return sql::QuoteText(line.arguments.empty() ? "%" : line.arguments.front());
}

}  // namespace

arrow::Status ShowTables(Console& console, const DotLine& line) {
  return console.RunStatement(
      "SELECT table_schema AS schema, table_name AS name, CASE WHEN (table_schema, table_name) IN "
      "(SELECT (schema_name, table_name) FROM storage_stats() WHERE storage_type = 'external') "
      "THEN 'external table' WHEN table_type = 'VIEW' THEN 'view' ELSE 'table' END AS type "
      "FROM information_schema.tables WHERE table_catalog = current_database() AND table_name "
      "ILIKE " +
      sql::QuoteText(NamePattern(line)) + " ORDER BY ALL");
}

arrow::Status ShowSchema(Console& console, const DotLine& line) {
  const std::string own = "database_name = current_database()";
  return console.WriteTextsOf(
      "SELECT trim(sql, ';') || ';' FROM ("
      "SELECT 1 AS kind, schema_name, table_name AS name, table_name, sql FROM duckdb_tables() "
      "WHERE " +
      own +
      " AND NOT internal UNION ALL "
      "SELECT 2, schema_name, view_name, view_name, sql FROM duckdb_views() "
      "WHERE " +
      own +
      " AND NOT internal UNION ALL "
      "SELECT 3, schema_name, index_name, table_name, sql FROM duckdb_indexes() "
      "WHERE " +
      own +
      " AND sql IS NOT NULL) "
      "WHERE name ILIKE " +
      NameOrPattern(line) + " OR table_name ILIKE " + NameOrPattern(line) +
      " ORDER BY schema_name, table_name, kind, name");
}

arrow::Status ShowSchemas(Console& console, const DotLine&) {
  return console.RunStatement(
      "SELECT schema_name AS schema FROM information_schema.schemata "
      "WHERE catalog_name = current_database() ORDER BY ALL");
}

arrow::Status ShowIndexes(Console& console, const DotLine& line) {
  return console.RunStatement(
      "SELECT schema_name AS schema, table_name AS table, index_name AS name, "
      "is_unique AS \"unique\", expressions FROM duckdb_indexes() "
      "WHERE database_name = current_database() AND table_name ILIKE " +
      NameOrPattern(line) + " ORDER BY ALL");
}

arrow::Status ShowDatabases(Console& console, const DotLine&) {
  std::error_code ignored;
  const std::string& path = console.database_path();
  const std::string shown =
      path.empty() ? "in memory" : std::filesystem::absolute(path, ignored).string();
  return console.RunStatement(
      "SELECT database_name AS name, CASE WHEN database_name = "
      "current_database() THEN " +
      sql::QuoteText(shown) +
      " ELSE coalesce(path, 'in memory') END AS path FROM "
      "duckdb_databases() WHERE NOT internal ORDER BY ALL");
}

}  // namespace pyralog::cli
