// pyralog inspect: what a file or a database is made of.
#include <sys/stat.h>

#include <utility>

#include "arrow/table.h"
#include "cli/commands.h"
#include "cli/display_width.h"
#include "cli/inspect_buffers.h"
#include "cli/inspect_database.h"
#include "cli/inspect_parquet.h"
#include "cli/interrupts.h"
#include "cli/quantity.h"
#include "fmt/format.h"
#include "formats/registry.h"
#include "io/uri.h"
#include "pyralog/error.h"
#include "sql/sql_text.h"

namespace pyralog::cli {
namespace {

void AppendSchema(const arrow::Schema& schema, std::string* out) {
  *out += fmt::format("{:<16}{}\n", "columns", schema.num_fields());
  size_t widest = 0;
  for (const auto& field : schema.fields()) widest = std::max(widest, field->name().size());
  for (const auto& field : schema.fields()) {
    *out += fmt::format("  {:<{}}  {}{}\n", field->name(), widest, field->type()->ToString(),
                        field->nullable() ? "" : " not null");
  }
}

// Rows and columns of a file that only the SQL engine's reader reads: it has to read all of it.
arrow::Status AppendBySql(const std::string& path, const std::string& reader, std::string* out) {
  ARROW_ASSIGN_OR_RAISE(const auto database, Database::Open(""));
  ARROW_ASSIGN_OR_RAISE(const auto session, database->Connect());
  const Interrupts::Statement interruptible(session.get());
  const std::string from = " FROM " + reader + "(" + sql::QuoteText(path) + ")";
  ARROW_ASSIGN_OR_RAISE(auto count, session->Query("SELECT count(*)" + from));
  ARROW_ASSIGN_OR_RAISE(const auto table, count->ToTable());
  ARROW_ASSIGN_OR_RAISE(const auto rows, table->column(0)->GetScalar(0));
  count.reset();
  *out += fmt::format("{:<16}{}\n", "rows", rows->ToString());
  ARROW_ASSIGN_OR_RAISE(const auto none, session->Query("SELECT *" + from + " LIMIT 0"));
  AppendSchema(*none->schema(), out);
  return arrow::Status::OK();
}

arrow::Status AppendMember(formats::Dataset& dataset, const formats::Member& member,
                           const std::string& path, std::string* out) {
  if (!member.name.empty()) *out += fmt::format("{:<16}{}\n", member.kind, member.name);
  ARROW_ASSIGN_OR_RAISE(const auto relation, dataset.OpenRelation(member.name));
  if (relation == nullptr) return AppendBySql(path, dataset.format().sql_reader, out);
  const auto rows = relation->row_count();
  if (rows) *out += fmt::format("{:<16}{}\n", "rows", *rows);
  AppendSchema(*relation->schema(), out);
  return arrow::Status::OK();
}

arrow::Result<std::string> DescribeFile(const std::string& path, bool buffers) {
  ARROW_ASSIGN_OR_RAISE(const auto source, formats::Source::Open(io::PosixEnv(), path));
  ARROW_ASSIGN_OR_RAISE(const auto dataset, formats::OpenDataset(source));
  if (buffers) return DescribeBuffers(*dataset);
  const formats::FormatInfo& format = dataset->format();
  std::string text = fmt::format("{:<16}{}\n", "file", path);
  text += fmt::format("{:<16}{} ({})\n", "format", format.name, format.title);
  text += fmt::format("{:<16}{} ({} bytes)\n", "size", SizeText(source->size()), source->size());
  for (const auto& [name, value] : dataset->Describe()) {
    text += fmt::format("{:<16}{}\n", name, value);
  }
  for (const formats::Member& member : dataset->members()) {
    ARROW_RETURN_NOT_OK(AppendMember(*dataset, member, path, &text));
  }
  if (format.name == "parquet") {
    ARROW_ASSIGN_OR_RAISE(const std::string layout, DescribeParquetLayout(path));
    text += layout;
  }
  return text;
}

ExitCode WriteDescription(const arrow::Result<std::string>& text, const std::string& path,
                          ExitCode failure) {
  if (!text.ok()) {
    PrintToStderr(RefusalText(text.status(), path));
    return Interrupts::Get().requested() ? ExitCode::kInterrupted : failure;
  }
  StandardOutput out;
  return ReportWritten(out.Write(Printable(*text, LineBreaks::kKeep)), out);
}

bool IsFolder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

ExitCode RunInspect(const InspectArguments& arguments) {
  Interrupts::Get().Start(Interrupts::Insistence::kEnd);
  const auto path = io::LocalPath(arguments.path);
  if (!path.ok()) return WriteDescription(path.status(), arguments.path, ExitCode::kInputRefused);
  if (!IsFolder(*path)) {
    return WriteDescription(DescribeFile(*path, arguments.buffers), *path, ExitCode::kInputRefused);
  }
  if (arguments.buffers) {
    return WriteDescription(MakeError(ErrorCode::kInvalidArgument,
                                      "--buffers wants a file, for example a segment in hot/"),
                            *path, ExitCode::kInputRefused);
  }
  if (!IsDatabaseFolder(*path)) {
    return WriteDescription(
        MakeError(ErrorCode::kInvalidArgument, "it is a folder, but no database"), *path,
        ExitCode::kInputRefused);
  }
  DatabaseOptions options;
  options.read_only = true;
  const auto database = OpenDatabase(*path, options);
  if (database == nullptr) return ExitCode::kCannotOpen;
  return WriteDescription(DescribeDatabase(*database, *path), *path, ExitCode::kStatementFailed);
}

}  // namespace pyralog::cli
