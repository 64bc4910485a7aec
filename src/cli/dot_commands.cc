#include "cli/dot_commands.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "cli/formats_command.h"
#include "cli/nearest.h"
#include "fmt/format.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

constexpr std::string_view kSpace = " \t\r";

// Words, of which '...' and "..." may hold spaces.
std::vector<std::string> SplitArguments(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = 0; at < line.size();) {
    if (kSpace.find(line[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    const bool quoted = line[at] == '\'' || line[at] == '"';
    const size_t start = quoted ? at + 1 : at;
    size_t end = quoted ? line.find(line[at], start) : line.find_first_of(kSpace, start);
    end = std::min(end, line.size());
    words.emplace_back(line.substr(start, end - start));
    at = quoted ? end + 1 : end;
  }
  return words;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

arrow::Status BadLine(std::string message) {
  return MakeError(ErrorCode::kInvalidArgument, std::move(message));
}

arrow::Status ShowHelp(Console& console, const DotLine& line) {
  const std::string pattern = line.arguments.empty() ? "" : line.arguments.front();
  const std::string wanted = pattern.starts_with('.') ? pattern.substr(1) : pattern;
  std::string text;
  for (const DotCommand& command : DotCommands()) {
    const std::string usage = fmt::format(".{} {}", command.name, command.arguments);
    if (usage.find(wanted) == std::string::npos && command.help.find(wanted) == std::string::npos) {
      continue;
    }
    text += fmt::format("{:<30}{}\n", usage, command.help);
  }
  if (text.empty()) return BadLine("no command's help holds '" + pattern + "'; .help lists them");
  if (wanted.empty()) {
    text +=
        "Statements end with ';' and may take several lines. Tab completes, Ctrl-C cancels,\n"
        "Ctrl-R searches the history.\n";
  }
  return console.WriteText(text);
}

arrow::Status ShowFormats(Console& console, const DotLine&) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, FormatsTable());
  return console.WriteRows(*reader);
}

arrow::Status ShowVersion(Console& console, const DotLine&) {
  return console.WriteText("Pyralog " + Version() + "\n");
}

arrow::Status PrintLine(Console& console, const DotLine& line) {
  const bool quoted = line.arguments.size() == 1;  // '  kept  '
  return console.WriteText((quoted ? line.arguments.front() : line.rest) + "\n");
}

arrow::Status QuitShell(Console& console, const DotLine& line) {
  int code = 0;
  if (!line.arguments.empty()) {
    const std::string& text = line.arguments.front();
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), code);
    if (parsed.ptr != text.data() + text.size() || code < 0 || code > 255) {
      return BadLine("an exit code is a number from 0 to 255, not '" + text + "'");
    }
  }
  console.Quit(static_cast<ExitCode>(code));
  return arrow::Status::OK();
}

using Kind = DotArgument;
constexpr DotCommand kDotCommands[] = {
    {"bail", "[on, off]", "whether the first error ends a script", 1, Kind::kSwitch, SetBail},
    {"cd", "FOLDER", "change the folder that file names start from", 1, Kind::kFile, ChangeFolder,
     false},
    {"changes", "[on, off]", "whether the number of changed rows is told", 1, Kind::kSwitch,
     SetChanges},
    {"databases", "", "the database and where it is", 0, Kind::kNone, ShowDatabases},
    {"echo", "[on, off]", "whether statements are written before their results", 1, Kind::kSwitch,
     SetEcho},
    {"exit", "[CODE]", "leave; so do .quit and Ctrl-D", 1, Kind::kNone, QuitShell},
    {"formats", "", "the file formats of this build", 0, Kind::kNone, ShowFormats},
    {"headers", "[on, off]", "whether results begin with the names of their columns", 1,
     Kind::kSwitch, SetHeaders},
    {"help", "[PATTERN]", "this list, or its lines that hold PATTERN", 1, Kind::kCommand, ShowHelp},
    {"import", "FILE TABLE", "append a file's rows to a table, which is made when missing", 2,
     Kind::kFile, ImportFile, false},
    {"indexes", "[TABLE]", "the indexes, or those of one table", 1, Kind::kName, ShowIndexes},
    {"maxrows", "[N, all]", "how many rows a box shows", 1, Kind::kNone, SetMaxRows},
    {"maxwidth", "[N, auto]", "how wide a box may be; auto is the terminal's width", 1, Kind::kNone,
     SetMaxWidth},
    {"mode", "[MODE] [TABLE]", "how results are written; .mode insert takes a table's name", 2,
     Kind::kMode, SetMode},
    {"nullvalue", "[TEXT]", "what stands for NULL in modes of text", 1, Kind::kNone, SetNullValue},
    {"once", "FILE, |PROGRAM", "where the next result goes", kAnyArguments, Kind::kFile, SendOnce,
     false},
    {"open", "[FOLDER]", "open another database; without a folder one in memory", 1, Kind::kFile,
     OpenOther, false},
    {"output", "[FILE, |PROGRAM]", "where results go; without an argument to the terminal again",
     kAnyArguments, Kind::kFile, SendOutput, false},
    {"pager", "[on, off, PROGRAM]", "what shows results that are taller than the terminal",
     kAnyArguments, Kind::kSwitch, SetPager, false},
    {"print", "TEXT", "write a line", kAnyArguments, Kind::kNone, PrintLine},
    {"progress", "[on, off]", "whether long statements say how far they are", 1, Kind::kSwitch,
     SetProgress},
    {"prompt", "[MAIN] [CONTINUED]", "the prompts; %d is the database, %t the transaction", 2,
     Kind::kNone, SetPrompt},
    {"quit", "[CODE]", "leave", 1, Kind::kNone, QuitShell},
    {"read", "FILE", "run the statements of a file", 1, Kind::kFile, ReadFile, false},
    {"schema", "[PATTERN]", "how tables, views and indexes were made", 1, Kind::kName, ShowSchema},
    {"schemas", "", "the schemas of the database", 0, Kind::kNone, ShowSchemas},
    {"separator", "[TEXT]", "what stands between the values of .mode list", 1, Kind::kNone,
     SetSeparator},
    {"shell", "COMMAND", "run a command of the system", kAnyArguments, Kind::kFile, RunProgram,
     false},
    {"show", "", "what these settings are", 0, Kind::kNone, ShowSettings},
    {"tables", "[PATTERN]", "tables and views whose name holds PATTERN (or % and _)", 1,
     Kind::kName, ShowTables},
    {"timer", "[on, off]", "how long each statement takes, and how many rows it gives", 1,
     Kind::kSwitch, SetTimer},
    {"version", "", "the version of this program", 0, Kind::kNone, ShowVersion},
    {"width", "[N ...]", "how wide each column of a box may be; 0 for any, no N for all",
     kAnyArguments, Kind::kNone, SetWidths},
};

// Commands of exactly this name, else those that start so.
std::vector<const DotCommand*> FindDotCommands(std::string_view name) {
  std::vector<const DotCommand*> found;
  for (const DotCommand& command : kDotCommands) {
    if (command.name == name) return {&command};
    if (!name.empty() && command.name.starts_with(name)) found.push_back(&command);
  }
  return found;
}

arrow::Status UnknownCommand(const std::string& name) {
  std::vector<std::string_view> names;
  for (const DotCommand& command : kDotCommands) names.push_back(command.name);
  const std::string nearest = NearestWord(name, names);
  return BadLine("there is no command ." + name +
                 (nearest.empty() ? "; .help lists them" : "; did you mean ." + nearest + "?"));
}

arrow::Status AmbiguousCommand(const std::string& name,
                               const std::vector<const DotCommand*>& found) {
  std::string names;
  for (const DotCommand* command : found) {
    names += (names.empty() ? "." : ", .") + std::string(command->name);
  }
  return BadLine("." + name + " may be " + names);
}

}  // namespace

std::span<const DotCommand> DotCommands() { return kDotCommands; }

arrow::Status RunDotCommand(Console& console, std::string_view line) {
  line = Trimmed(line.substr(1));
  // Whoever is used to ending statements with ';' may end these so, too.
  while (line.ends_with(';')) line = Trimmed(line.substr(0, line.size() - 1));
  const size_t name_end = std::min(line.find_first_of(kSpace), line.size());
  const std::string name(line.substr(0, name_end));
  const DotLine given{SplitArguments(line.substr(name_end)),
                      std::string(Trimmed(line.substr(name_end)))};
  const auto found = FindDotCommands(name);
  if (found.empty()) return UnknownCommand(name);
  if (found.size() > 1) return AmbiguousCommand(name, found);
  const DotCommand& command = *found.front();
  if (console.is_safe() && !command.when_safe) {
    return MakeError(ErrorCode::kNotSupported,
                     fmt::format(".{} is off in the safe mode (--safe): it reaches files or "
                                 "programs beyond the database",
                                 command.name));
  }
  if (given.arguments.size() > command.max_arguments) {
    return BadLine(fmt::format("usage: .{} {}", command.name, command.arguments));
  }
  return command.run(console, given);
}

}  // namespace pyralog::cli
