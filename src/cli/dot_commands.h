// Lines of the shell that begin with a dot.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/status.h"
#include "cli/console.h"

namespace pyralog::cli {

struct DotLine {
  std::vector<std::string> arguments;
  std::string rest;  // what stands behind the command, as it was written
};

// What an argument may be, for completion.
enum class DotArgument { kNone, kName, kFile, kMode, kSwitch, kCommand };

struct DotCommand {
  std::string_view name;
  std::string_view arguments;  // as .help shows them
  std::string_view help;
  size_t max_arguments;
  DotArgument kind;
  arrow::Status (*run)(Console& console, const DotLine& line);
  bool when_safe = true;  // allowed under --safe
};

inline constexpr size_t kAnyArguments = 1000;

// Sorted by name.
std::span<const DotCommand> DotCommands();

// Runs a line that begins with a dot. kInvalidArgument names a command that does not exist, and the
// nearest one that does.
arrow::Status RunDotCommand(Console& console, std::string_view line);

// Their parts, in the files of these names.

// dot_catalog.cc: what the database holds.
arrow::Status ShowTables(Console& console, const DotLine& line);
arrow::Status ShowSchema(Console& console, const DotLine& line);
arrow::Status ShowSchemas(Console& console, const DotLine& line);
arrow::Status ShowIndexes(Console& console, const DotLine& line);
arrow::Status ShowDatabases(Console& console, const DotLine& line);

// dot_files.cc: files and programs.
arrow::Status ReadFile(Console& console, const DotLine& line);
arrow::Status ImportFile(Console& console, const DotLine& line);
arrow::Status SendOutput(Console& console, const DotLine& line);
arrow::Status SendOnce(Console& console, const DotLine& line);
arrow::Status ChangeFolder(Console& console, const DotLine& line);
arrow::Status RunProgram(Console& console, const DotLine& line);
arrow::Status OpenOther(Console& console, const DotLine& line);

// dot_settings.cc: how results are shown. Without an argument each says what it is.
arrow::Status SetMode(Console& console, const DotLine& line);
arrow::Status SetMaxRows(Console& console, const DotLine& line);
arrow::Status SetMaxWidth(Console& console, const DotLine& line);
arrow::Status SetWidths(Console& console, const DotLine& line);
arrow::Status SetHeaders(Console& console, const DotLine& line);
arrow::Status SetNullValue(Console& console, const DotLine& line);
arrow::Status SetSeparator(Console& console, const DotLine& line);
arrow::Status SetTimer(Console& console, const DotLine& line);
arrow::Status SetChanges(Console& console, const DotLine& line);
arrow::Status SetEcho(Console& console, const DotLine& line);
arrow::Status SetBail(Console& console, const DotLine& line);
arrow::Status SetProgress(Console& console, const DotLine& line);
arrow::Status SetPager(Console& console, const DotLine& line);
arrow::Status SetPrompt(Console& console, const DotLine& line);
arrow::Status ShowSettings(Console& console, const DotLine& line);

}  // namespace pyralog::cli
