// pyralog sql, and the shell: statements from the command line, files, stdin or a person.
#include <unistd.h>

#include <utility>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupts.h"
#include "cli/shell.h"

namespace pyralog::cli {
namespace {

arrow::Status RunInput(Console& console, const SqlArguments::Input& input) {
  if (input.kind == SqlArguments::Input::Kind::kFile) {
    return input.value == "-" ? console.RunDescriptor(STDIN_FILENO) : console.RunFile(input.value);
  }
  ARROW_RETURN_NOT_OK(console.RunText(input.value));
  return console.RunRest();
}

arrow::Status RunInputs(Console& console, const std::vector<SqlArguments::Input>& inputs) {
  if (inputs.empty()) return console.RunDescriptor(STDIN_FILENO);
  for (const SqlArguments::Input& input : inputs) {
    ARROW_RETURN_NOT_OK(RunInput(console, input));
    if (console.wants_to_quit()) break;
  }
  return arrow::Status::OK();
}

ExitCode RunSession(const SqlArguments& arguments, Database& database, bool interactive) {
  auto session = database.Connect();
  if (!session.ok()) {
    PrintToStderr(ErrorText(session.status()));
    return ExitCode::kCannotOpen;
  }
  Display display = DisplayOf(arguments.mode);
  display.max_rows = arguments.max_rows;
  Console console(*std::move(session), std::make_shared<StandardOutput>(), display,
                  arguments.database);
  if (interactive) return RunShell(console);
  return console.ReportFailure(RunInputs(console, arguments.inputs));
}

}  // namespace

ExitCode RunSql(const SqlArguments& arguments) {
  const bool interactive =
      arguments.inputs.empty() && ::isatty(STDIN_FILENO) == 1 && StandardOutput::IsTerminal();
  Interrupts::Get().Start(interactive ? Interrupts::Insistence::kKeepRunning
                                      : Interrupts::Insistence::kEnd);
  const auto database = OpenDatabase(arguments.database, arguments.options);
  if (database == nullptr) return ExitCode::kCannotOpen;
  const ExitCode code = RunSession(arguments, *database, interactive);
  const arrow::Status closed = database->Close();
  if (closed.ok() || code != ExitCode::kDone) return code;
  PrintToStderr(ErrorText(closed));
  return ExitCode::kStatementFailed;
}

}  // namespace pyralog::cli
