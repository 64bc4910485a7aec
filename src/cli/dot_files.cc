#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "cli/dot_commands.h"
#include "fmt/format.h"
#include "pyralog/error.h"
#include "sql/sql_text.h"

namespace pyralog::cli {
namespace {

arrow::Status Missing(std::string_view what) {
  return MakeError(ErrorCode::kInvalidArgument, std::string(what));
}

// A file's name, or "|" and a command as it was written.
arrow::Status SendTo(Console& console, const DotLine& line, bool once) {
  if (line.rest.starts_with('|')) return console.SetOutput(line.rest, once);
  if (line.arguments.size() > 1) return Missing("one file's name is wanted; quote one with spaces");
  const std::string target = line.arguments.empty() ? "" : line.arguments.front();
  return console.SetOutput(target == "stdout" ? "" : target, once);
}

// "t" or "schema.t", as the SQL parser reads them.
std::string QuotedTable(const std::string& name) {
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return sql::QuoteName(name);
  return sql::QuoteName(name.substr(0, dot)) + "." + sql::QuoteName(name.substr(dot + 1));
}

}  // namespace

arrow::Status ReadFile(Console& console, const DotLine& line) {
  if (line.arguments.empty()) return Missing(".read takes the file to run");
  return console.RunFile(line.arguments.front());
}

arrow::Status ImportFile(Console& console, const DotLine& line) {
  if (line.arguments.size() != 2) return Missing("usage: .import FILE TABLE");
  const std::string table = QuotedTable(line.arguments[1]);
  const std::string rows = "SELECT * FROM " + sql::QuoteText(line.arguments[0]);
  arrow::Status there = console.session().Execute("SELECT 1 FROM " + table + " LIMIT 0").status();
  if (there.ok()) return console.RunStatement("INSERT INTO " + table + " " + rows);
  if (GetErrorCode(there) != ErrorCode::kNotFound) return there;
  return console.RunStatement("CREATE TABLE " + table + " AS " + rows);
}

arrow::Status SendOutput(Console& console, const DotLine& line) {
  return SendTo(console, line, /*once=*/false);
}

arrow::Status SendOnce(Console& console, const DotLine& line) {
  if (line.rest.empty()) return Missing(".once takes a file, or | and a program");
  return SendTo(console, line, /*once=*/true);
}

arrow::Status ChangeFolder(Console& console, const DotLine& line) {
  if (line.arguments.empty()) return Missing(".cd takes a folder");
  const std::string& folder = line.arguments.front();
  if (!console.database_path().empty() &&
      !std::filesystem::path(console.database_path()).is_absolute()) {
    return MakeError(ErrorCode::kNotSupported,
                     "the open database was given by a relative path, which would lead elsewhere "
                     "from another folder; .open it by its absolute path first");
  }
  if (::chdir(folder.c_str()) == 0) return arrow::Status::OK();
  return MakeError(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                   folder + ": " + std::strerror(errno));
}

arrow::Status RunProgram(Console& console, const DotLine& line) {
  if (line.rest.empty()) return Missing(".shell takes a command");
  (void)console;
  ARROW_ASSIGN_OR_RAISE(const int code, RunShellCommand(line.rest));
  if (code == 0) return arrow::Status::OK();
  return MakeError(ErrorCode::kIo, fmt::format("the command ended with code {}", code));
}

arrow::Status OpenOther(Console& console, const DotLine& line) {
  return console.Open(line.arguments.empty() ? "" : line.arguments.front());
}

}  // namespace pyralog::cli
