#include "cli/dot_commands.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/formats_command.h"
#include "cli/nearest.h"
#include "cli/sql_text.h"
#include "fmt/format.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

using DotArguments = std::vector<std::string>;

struct DotCommand {
  std::string_view name;
  std::string_view arguments;  // as .help shows them
  std::string_view help;
  size_t max_arguments;
  arrow::Status (*run)(Console& console, const DotArguments& arguments);
};

std::span<const DotCommand> DotCommands();

// Words, of which '...' and "..." may hold spaces.
DotArguments SplitArguments(std::string_view line) {
  DotArguments words;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == ' ' || line[at] == '\t' || line[at] == '\r') {
      ++at;
      continue;
    }
    const bool quoted = line[at] == '\'' || line[at] == '"';
    const size_t start = quoted ? at + 1 : at;
    size_t end = quoted ? line.find(line[at], start) : line.find_first_of(" \t\r", start);
    end = std::min(end, line.size());
    words.emplace_back(line.substr(start, end - start));
    at = quoted ? end + 1 : end;
  }
  return words;
}

arrow::Status BadArgument(std::string message) {
  return MakeError(ErrorCode::kInvalidArgument, std::move(message));
}

arrow::Status ShowHelp(Console& console, const DotArguments&) {
  std::string text;
  for (const DotCommand& command : DotCommands()) {
    const std::string usage = fmt::format(".{} {}", command.name, command.arguments);
    text += fmt::format("{:<20}{}\n", usage, command.help);
  }
  text += "Statements end with ';' and may take several lines. Ctrl-C cancels.\n";
  return console.WriteText(text);
}

// LIKE patterns as they are; another word stands for every name that holds it.
std::string NamePattern(const DotArguments& arguments) {
  if (arguments.empty()) return "%";
  const std::string& word = arguments.front();
  return word.find_first_of("%_") == std::string::npos ? "%" + word + "%" : word;
}

arrow::Status ShowTables(Console& console, const DotArguments& arguments) {
  return console.RunStatement(
      "SELECT table_schema AS schema, table_name AS name, CASE WHEN (table_schema, table_name) IN "
      "(SELECT (schema_name, table_name) FROM storage_stats() WHERE storage_type = 'external') "
      "THEN 'external table' WHEN table_type = 'VIEW' THEN 'view' ELSE 'table' END AS type "
      "FROM information_schema.tables WHERE table_catalog = current_database() AND table_name "
      "ILIKE " +
      QuoteText(NamePattern(arguments)) + " ORDER BY ALL");
}

arrow::Status ShowSchema(Console& console, const DotArguments& arguments) {
  const std::string pattern = arguments.empty() ? "'%'" : QuoteText(arguments.front());
  return console.WriteTextsOf(
      "SELECT trim(sql, ';') || ';' FROM (SELECT schema_name, table_name AS name, sql FROM "
      "duckdb_tables() "
      "WHERE database_name = current_database() AND NOT internal UNION ALL "
      "SELECT schema_name, view_name, sql FROM duckdb_views() "
      "WHERE database_name = current_database() AND NOT internal) WHERE name ILIKE " +
      pattern + " ORDER BY schema_name, name");
}

arrow::Status ShowSchemas(Console& console, const DotArguments&) {
  return console.RunStatement(
      "SELECT schema_name AS schema FROM information_schema.schemata "
      "WHERE catalog_name = current_database() ORDER BY ALL");
}

arrow::Status ShowDatabases(Console& console, const DotArguments&) {
  std::error_code ignored;
  const std::string& path = console.database_path();
  const std::string shown =
      path.empty() ? "in memory" : std::filesystem::absolute(path, ignored).string();
  return console.RunStatement("SELECT current_database() AS name, " + QuoteText(shown) +
                              " AS path");
}

arrow::Status SetMode(Console& console, const DotArguments& arguments) {
  Display& display = console.settings().display;
  if (arguments.empty()) return console.WriteText(std::string(OutputModeName(display.mode)) + "\n");
  const auto mode = OutputModeNamed(arguments.front());
  if (!mode) {
    return BadArgument("no mode is called '" + arguments.front() + "': " + OutputModeNames());
  }
  if (*mode == OutputMode::kArrow && StandardOutput::IsTerminal()) {
    return BadArgument(
        "Arrow streams are binary: they are for files and programs, not for a terminal");
  }
  display.mode = *mode;
  return arrow::Status::OK();
}

arrow::Status SetRows(Console& console, const DotArguments& arguments) {
  int64_t& rows = console.settings().display.max_rows;
  if (arguments.empty()) return console.WriteText(std::to_string(rows) + "\n");
  const std::string& text = arguments.front();
  int64_t wanted = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), wanted);
  if (text != "all" &&
      (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || wanted < 0)) {
    return BadArgument(".rows takes a number or all, not '" + text + "'");
  }
  rows = wanted;
  return arrow::Status::OK();
}

arrow::Status SetTimer(Console& console, const DotArguments& arguments) {
  bool& shows = console.settings().shows_time;
  if (arguments.empty()) return console.WriteText(shows ? "on\n" : "off\n");
  if (arguments.front() != "on" && arguments.front() != "off") {
    return BadArgument(".timer takes on or off, not '" + arguments.front() + "'");
  }
  shows = arguments.front() == "on";
  return arrow::Status::OK();
}

arrow::Status ReadFile(Console& console, const DotArguments& arguments) {
  if (arguments.empty()) return BadArgument(".read takes the file to run");
  return console.RunFile(arguments.front());
}

arrow::Status ShowFormats(Console& console, const DotArguments&) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, FormatsTable());
  return console.WriteRows(*reader);
}

arrow::Status ShowVersion(Console& console, const DotArguments&) {
  return console.WriteText("Pyralog " + Version() + "\n");
}

arrow::Status QuitShell(Console& console, const DotArguments&) {
  console.Quit();
  return arrow::Status::OK();
}

constexpr DotCommand kDotCommands[] = {
    {"databases", "", "the database and where it is", 0, ShowDatabases},
    {"exit", "", "leave; so do .quit and Ctrl-D", 0, QuitShell},
    {"formats", "", "the file formats of this build", 0, ShowFormats},
    {"help", "", "this list", 0, ShowHelp},
    {"mode", "[MODE]", "box, csv, jsonl, arrow, markdown or line", 1, SetMode},
    {"quit", "", "leave", 0, QuitShell},
    {"read", "FILE", "run the statements of a file", 1, ReadFile},
    {"rows", "[N, all]", "how many rows a box shows", 1, SetRows},
    {"schema", "[TABLE]", "how the tables and views were made, or one of them", 1, ShowSchema},
    {"schemas", "", "the schemas of the database", 0, ShowSchemas},
    {"tables", "[PATTERN]", "tables and views whose name holds PATTERN (or % and _)", 1,
     ShowTables},
    {"timer", "[on, off]", "how long each statement takes", 1, SetTimer},
    {"version", "", "the version of this program", 0, ShowVersion},
};

std::span<const DotCommand> DotCommands() { return kDotCommands; }

// The command of exactly this name, else the only one that starts so; nullptr when there is none,
// or several.
const DotCommand* FindDotCommand(std::string_view name) {
  const DotCommand* found = nullptr;
  for (const DotCommand& command : kDotCommands) {
    if (command.name == name) return &command;
    if (name.empty() || !command.name.starts_with(name)) continue;
    if (found != nullptr) return nullptr;
    found = &command;
  }
  return found;
}

arrow::Status UnknownCommand(const std::string& name) {
  std::vector<std::string_view> names;
  for (const DotCommand& command : kDotCommands) names.push_back(command.name);
  const std::string nearest = NearestWord(name, names);
  return BadArgument("there is no command ." + name +
                     (nearest.empty() ? "; .help lists them" : "; did you mean ." + nearest + "?"));
}

}  // namespace

arrow::Status RunDotCommand(Console& console, std::string_view line) {
  DotArguments words = SplitArguments(line.substr(1));
  // Whoever is used to ending statements with ';' may end these so, too.
  if (!words.empty() && words.back().ends_with(';')) words.back().pop_back();
  if (!words.empty() && words.back().empty()) words.pop_back();
  if (words.empty()) return UnknownCommand("");
  const DotCommand* command = FindDotCommand(words.front());
  if (command == nullptr) return UnknownCommand(words.front());
  words.erase(words.begin());
  if (words.size() > command->max_arguments) {
    return BadArgument(fmt::format("usage: .{} {}", command->name, command->arguments));
  }
  return command->run(console, words);
}

}  // namespace pyralog::cli
