#include "cli/inspect_database.h"

#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "cli/interrupts.h"
#include "cli/quantity.h"
#include "fmt/format.h"
#include "formats/row_text.h"
#include "sql/sql_text.h"

namespace pyralog::cli {
namespace {

using TextRow = std::vector<std::string>;
using TextRows = std::vector<TextRow>;
using TableName = std::pair<std::string, std::string>;

// All rows of a query as text; NULL is "".
arrow::Result<TextRows> QueryText(Session& session, const std::string& sql) {
  const Interrupts::Statement interruptible(&session);
  ARROW_ASSIGN_OR_RAISE(const auto reader, session.Query(sql));
  ARROW_ASSIGN_OR_RAISE(const auto texts,
                        formats::ColumnTexts(*reader->schema(), formats::TextStyle::kPlain));
  TextRows rows;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) return rows;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      TextRow& values = rows.emplace_back(texts.size());
      for (size_t i = 0; i < texts.size(); ++i) {
        texts[i]->Append(*batch->column(static_cast<int>(i)), row, &values[i]);
      }
    }
  }
}

// What belongs to each table, or to the database as a whole (under {"", ""}).
struct Contents {
  std::map<TableName, TextRows> columns;  // name, type, nullable, default
  std::map<TableName, TextRows> files;    // path, kind, bytes, rows, deleted rows
  std::map<TableName, std::string> kinds;
};

arrow::Result<Contents> Collect(Session& session) {
  Contents contents;
  ARROW_ASSIGN_OR_RAISE(
      auto columns,
      QueryText(
          session,
          "SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default "
          "FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal "
          "ORDER BY schema_name, table_name, column_index"));
  for (TextRow& row : columns) {
    TableName name(row[0], row[1]);
    contents.columns[std::move(name)].emplace_back(row.begin() + 2, row.end());
  }
  ARROW_ASSIGN_OR_RAISE(
      auto files,
      QueryText(
          session,
          "SELECT coalesce(schema_name, ''), coalesce(table_name, ''), path, kind, size_bytes, "
          "rows, deleted_rows, storage_type, format FROM storage_stats() ORDER BY path"));
  for (TextRow& row : files) {
    TableName name(row[0], row[1]);
    if (row[7] == "external") contents.kinds[name] = "external table (" + row[8] + ")";
    contents.files[std::move(name)].emplace_back(row.begin() + 2, row.begin() + 7);
  }
  ARROW_ASSIGN_OR_RAISE(
      auto tables,
      QueryText(session,
                "SELECT table_schema, table_name, table_type FROM information_schema.tables "
                "WHERE table_catalog = current_database()"));
  for (const TextRow& row : tables) {
    contents.kinds.try_emplace({row[0], row[1]}, row[2] == "VIEW" ? "view" : "table");
  }
  return contents;
}

void AppendColumns(const TextRows& columns, std::string* out) {
  size_t widest = 0;
  for (const TextRow& column : columns) widest = std::max(widest, column[0].size());
  for (const TextRow& column : columns) {
    *out += fmt::format("  {:<{}}  {}{}{}\n", column[0], widest, column[1],
                        column[2] == "false" ? " NOT NULL" : "",
                        column[3].empty() ? "" : " DEFAULT " + column[3]);
  }
}

uint64_t NumberOr0(const std::string& text) { return text.empty() ? 0 : std::stoull(text); }

void AppendFiles(const TextRows& files, std::string* out) {
  for (const TextRow& file : files) {
    *out += fmt::format("  {:<40}  {:<9}  {:>10}", file[0], file[1], SizeText(NumberOr0(file[2])));
    if (!file[3].empty()) *out += fmt::format("  {} rows", file[3]);
    if (NumberOr0(file[4]) > 0) *out += fmt::format(", {} of them deleted", file[4]);
    *out += '\n';
  }
}

arrow::Result<std::string> RowCount(Session& session, const TableName& name) {
  ARROW_ASSIGN_OR_RAISE(const auto count,
                        QueryText(session, "SELECT count(*) FROM " + sql::QuoteName(name.first) +
                                               "." + sql::QuoteName(name.second)));
  return count.at(0).at(0);
}

arrow::Status AppendTable(Session& session, const Contents& contents, const TableName& name,
                          const std::string& kind, std::string* out) {
  *out += fmt::format("\n{} {}.{}", kind, name.first, name.second);
  if (kind == "table") {
    ARROW_ASSIGN_OR_RAISE(const std::string rows, RowCount(session, name));
    *out += ": " + rows + (rows == "1" ? " row" : " rows");
  }
  *out += '\n';
  if (const auto columns = contents.columns.find(name); columns != contents.columns.end()) {
    AppendColumns(columns->second, out);
  }
  if (const auto files = contents.files.find(name); files != contents.files.end()) {
    AppendFiles(files->second, out);
  } else if (kind == "table") {
    *out += "  no files: its rows are in the log\n";
  }
  return arrow::Status::OK();
}

}  // namespace

bool IsDatabaseFolder(const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path folder(path);
  return std::filesystem::exists(folder / "CURRENT", ignored) ||
         std::filesystem::is_directory(folder / "wal", ignored);
}

arrow::Result<std::string> DescribeDatabase(Database& database, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const auto session, database.Connect());
  ARROW_ASSIGN_OR_RAISE(const Contents contents, Collect(*session));
  uint64_t bytes = 0;
  size_t file_count = 0;
  for (const auto& [name, files] : contents.files) {
    const auto kind = contents.kinds.find(name);
    if (kind != contents.kinds.end() && kind->second.starts_with("external")) continue;
    file_count += files.size();
    for (const TextRow& file : files) bytes += NumberOr0(file[2]);
  }
  std::string text = fmt::format("database {}: {} names, {} in {} files\n", path,
                                 contents.kinds.size(), SizeText(bytes), file_count);
  for (const auto& [name, kind] : contents.kinds) {
    ARROW_RETURN_NOT_OK(AppendTable(*session, contents, name, kind, &text));
  }
  if (const auto shared = contents.files.find({"", ""}); shared != contents.files.end()) {
    text += "\nlog and lists of files\n";
    AppendFiles(shared->second, &text);
  }
  const std::string notice = database.recovery_notice();
  text += "\nrecovery: " + (notice.empty() ? "nothing had to be repaired" : notice) + '\n';
  return text;
}

}  // namespace pyralog::cli
