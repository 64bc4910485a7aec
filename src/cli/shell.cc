#include "cli/shell.h"

#include <filesystem>
#include <string>

#include "cli/interrupts.h"
#include "cli/line_editor.h"
#include "pyralog/database.h"

namespace pyralog::cli {
namespace {

constexpr char kPrompt[] = "pyralog> ";
constexpr char kContinuedPrompt[] = "    ...> ";

std::string Greeting(const Console& console) {
  const std::string& path = console.database_path();
  return "Pyralog " + Version() + (path.empty() ? ", a database in memory" : ", " + path) +
         ". Statements end with ';', .help lists the commands.\n";
}

}  // namespace

ExitCode RunShell(Console& console) {
  LineEditor editor(HistoryPath());
  arrow::Status status = console.WriteText(Greeting(console));
  while (status.ok() && !console.wants_to_quit()) {
    const LineEditor::Line line =
        editor.Read(console.has_pending_text() ? kContinuedPrompt : kPrompt);
    if (line.end == LineEditor::End::kInput) break;
    if (line.end == LineEditor::End::kInterrupted) {
      Interrupts::Get().Clear();
      console.DropPending();
      editor.ForgetEntry();
      status = console.WriteText("^C\n");
      continue;
    }
    editor.AddToEntry(line.text);
    const arrow::Status ran = console.RunText(line.text + "\n");
    if (!ran.ok()) {
      // Behind the terminal's own ^C.
      if (Interrupts::Get().requested()) status = console.WriteText("\n");
      if (console.ReportFailure(ran) == ExitCode::kDone) return ExitCode::kDone;  // nobody reads
      console.DropPending();
    }
    Interrupts::Get().Clear();
    if (!console.has_pending_text()) editor.RememberEntry();
  }
  return console.ReportFailure(status);
}

}  // namespace pyralog::cli
