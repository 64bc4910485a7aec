// The interactive shell: lines from a person, edited and remembered.
#pragma once

#include "cli/console.h"
#include "cli/exit_code.h"

namespace pyralog::cli {

// Runs lines from the terminal until .quit or Ctrl-D. Errors are told and the shell goes on; Ctrl-C
// drops the line, or cancels the statement that runs. REQUIRES: stdin and stdout are a terminal.
ExitCode RunShell(Console& console);

}  // namespace pyralog::cli
