// The commands, one function each.
#pragma once

#include <memory>
#include <optional>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/standard_output.h"

namespace pyralog::cli {

ExitCode RunSql(const SqlArguments& arguments);
ExitCode RunCat(const CatArguments& arguments);
ExitCode RunInspect(const InspectArguments& arguments);
ExitCode RunVerify(const VerifyArguments& arguments);
ExitCode RunStats(const StatsArguments& arguments);
ExitCode RunFormats(const FormatsArguments& arguments);
ExitCode RunVersion();

// How results are shown when --out says nothing: a box on a terminal, CSV otherwise.
Display DisplayOf(std::optional<OutputMode> mode);

// Opens the database and tells on stderr what opening had to repair, or why it failed (then
// nullptr).
std::shared_ptr<Database> OpenDatabase(const std::string& folder, const DatabaseOptions& options);

// The exit code of a command whose only work is to write: a reader that is gone is no failure.
ExitCode ReportWritten(const arrow::Status& status, const StandardOutput& out);

}  // namespace pyralog::cli
