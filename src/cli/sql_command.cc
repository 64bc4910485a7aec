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

ExitCode RunSession(const SqlArguments& arguments, Console& console) {
  if (console.is_interactive()) {
    const bool init = arguments.reads_init && !arguments.safe;
    return RunShell(console, init ? InitPath() : "");
  }
  const ExitCode code = console.ReportFailure(RunInputs(console, arguments.inputs));
  return code == ExitCode::kDone ? console.failure() : code;
}

}  // namespace

ExitCode RunSql(const SqlArguments& arguments) {
  const bool interactive =
      arguments.inputs.empty() && ::isatty(STDIN_FILENO) == 1 && StandardOutput::IsTerminal();
  Interrupts::Get().Start(interactive ? Interrupts::Insistence::kKeepRunning
                                      : Interrupts::Insistence::kEnd);
  Display display = DisplayOf(arguments.mode);
  display.max_rows = arguments.max_rows;
  display.headers = arguments.headers;
  display.null_text = arguments.null_text;
  Console console({arguments.options, interactive, arguments.safe}, std::move(display));
  console.settings().echoes = arguments.echoes;
  if (const arrow::Status opened = console.Open(arguments.database); !opened.ok()) {
    PrintToStderr(ErrorText(opened));
    return ExitCode::kCannotOpen;
  }
  const ExitCode code = RunSession(arguments, console);
  const arrow::Status closed = console.Close();
  if (closed.ok() || code != ExitCode::kDone) return code;
  PrintToStderr(ErrorText(closed));
  return ExitCode::kStatementFailed;
}

}  // namespace pyralog::cli
