// What is asked of the shell, not of the database: .help, .tables, .mode ...
#pragma once

#include <string_view>

#include "arrow/status.h"
#include "cli/console.h"

namespace pyralog::cli {

// Runs a line that starts with a dot. A command may be shortened to any beginning that no other
// has. kInvalidArgument says what is wrong with a command or its arguments and names the nearest
// one that there is.
arrow::Status RunDotCommand(Console& console, std::string_view line);

}  // namespace pyralog::cli
