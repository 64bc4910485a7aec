// The interactive shell: lines from a person, edited and remembered.
#pragma once

#include <string>

#include "cli/console.h"
#include "cli/exit_code.h"

namespace pyralog::cli {

// %d is the database's name, %t the transaction's state: nothing, "*" (open) or "!" (aborted).
inline constexpr char kDefaultPrompt[] = "%d%t> ";

// $PYRALOG_INIT, else $XDG_CONFIG_HOME/pyralog/init.sql, else ~/.config/pyralog/init.sql; empty when
// no home is known.
std::string InitPath();

// Runs lines from the terminal until .quit or Ctrl-D. Errors are told and the shell goes on; Ctrl-C
// drops the line, or cancels the statement that runs. The init file is run first, unless its path is
// empty or it is not there. REQUIRES: stdin and stdout are a terminal.
ExitCode RunShell(Console& console, const std::string& init_path);

}  // namespace pyralog::cli
