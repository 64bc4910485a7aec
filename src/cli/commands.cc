#include "cli/commands.h"

#include <utility>

#include "cli/interrupts.h"

namespace pyralog::cli {

Display DisplayOf(std::optional<OutputMode> mode) {
  Display display;
  display.mode = mode.value_or(StandardOutput::IsTerminal() ? OutputMode::kBox : OutputMode::kCsv);
  display.width = StandardOutput::TerminalWidth();
  display.styled = StandardOutput::IsStyled();
  return display;
}

std::shared_ptr<Database> OpenDatabase(const std::string& folder, const DatabaseOptions& options) {
  DatabaseOptions wanted = options;
  // What cannot be written cannot be made either.
  if (wanted.read_only) wanted.create_if_missing = folder.empty();
  auto database = Database::Open(folder, wanted);
  if (!database.ok()) {
    PrintToStderr(ErrorText(database.status()));
    return nullptr;
  }
  const std::string notice = (*database)->recovery_notice();
  if (!notice.empty()) PrintToStderr("notice: " + notice);
  return *std::move(database);
}

ExitCode ReportWritten(const arrow::Status& status, const StandardOutput& out) {
  if (status.ok() || out.reader_gone()) return ExitCode::kDone;
  PrintToStderr(ErrorText(status));
  return ExitCode::kStatementFailed;
}

ExitCode RunVerify(const VerifyArguments& arguments) {
  Interrupts::Get().Start(Interrupts::Insistence::kEndAtOnce);
  DatabaseOptions options;
  options.read_only = true;
  const auto database = OpenDatabase(arguments.database, options);
  if (database == nullptr) return ExitCode::kCannotOpen;
  if (const arrow::Status status = database->Verify(); !status.ok()) {
    PrintToStderr(ErrorText(status));
    return ExitCode::kStatementFailed;
  }
  StandardOutput out;
  return ReportWritten(out.Write(arguments.database + ": every byte is as it was written\n"), out);
}

ExitCode RunVersion() {
  StandardOutput out;
  return ReportWritten(out.Write("pyralog " + Version() + "\n"), out);
}

}  // namespace pyralog::cli
