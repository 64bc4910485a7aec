#include "cli/shell.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "cli/completion.h"
#include "cli/display_width.h"
#include "cli/interrupts.h"
#include "cli/line_editor.h"
#include "pyralog/database.h"

namespace pyralog::cli {
namespace {

std::string Greeting(const Console& console) {
  const std::string& path = console.database_path();
  return "Pyralog " + Version() + (path.empty() ? ", a database in memory" : ", " + path) +
         ". Statements end with ';', .help lists the commands.\n";
}

std::string_view TransactionMark(TransactionState state) {
  switch (state) {
    case TransactionState::kNone:
      return "";
    case TransactionState::kOpen:
      return "*";
    case TransactionState::kAborted:
      return "!";
  }
  return "";
}

std::string Prompt(Console& console) {
  const std::string& wanted = console.settings().prompt;
  const std::string_view pattern = wanted.empty() ? std::string_view(kDefaultPrompt) : wanted;
  std::string prompt;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view two = pattern.substr(i, 2);
    if (two == "%d") {
      prompt += Printable(console.database_name(), LineBreaks::kEscape);
    } else if (two == "%t") {
      prompt += TransactionMark(console.session().transaction_state());
    } else {
      prompt += pattern[i];
      continue;
    }
    ++i;
  }
  return prompt;
}

// "...> ", ending where the prompt ends.
std::string ContinuedPrompt(Console& console) {
  const std::string& wanted = console.settings().continued_prompt;
  if (!wanted.empty()) return wanted;
  const std::string dots = "...> ";
  const auto width = static_cast<size_t>(DisplayWidth(Prompt(console)));
  return std::string(width > dots.size() ? width - dots.size() : 0, ' ') + dots;
}

void RunInit(Console& console, const std::string& path) {
  std::error_code ignored;
  if (path.empty() || !std::filesystem::exists(path, ignored)) return;
  const arrow::Status status = console.RunFile(path);
  if (!status.ok()) {
    console.ReportFailure(status);
    console.DropPending();
  }
  Interrupts::Get().Clear();
}

// Runs one line. False when nobody reads any more.
bool RunLine(Console& console, LineEditor& editor, const std::string& text) {
  editor.AddToEntry(text);
  const arrow::Status ran = console.RunText(text + "\n");
  bool goes_on = true;
  if (!ran.ok()) {
    // Behind the terminal's own ^C.
    if (Interrupts::Get().requested() && !console.wiped_line()) WriteToStderr("\n");
    goes_on = console.ReportFailure(ran) != ExitCode::kDone;
    console.DropPending();
  }
  Interrupts::Get().Clear();
  if (!console.has_pending_text()) editor.RememberEntry();
  return goes_on;
}

}  // namespace

std::string InitPath() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (std::string path = variable("PYRALOG_INIT"); !path.empty()) return path;
  std::string config = variable("XDG_CONFIG_HOME");
  if (!config.starts_with('/')) {
    const std::string home = variable("HOME");
    if (home.empty()) return "";
    config = home + "/.config";
  }
  return config + "/pyralog/init.sql";
}

ExitCode RunShell(Console& console, const std::string& init_path) {
  LineEditor* reading = nullptr;
  LineEditor editor(HistoryPath(), [&](std::string_view line) {
    return Complete(console, reading->entry(), line);
  });
  reading = &editor;
  arrow::Status status = console.WriteText(Greeting(console));
  RunInit(console, init_path);
  while (status.ok() && !console.wants_to_quit()) {
    const LineEditor::Line line =
        editor.Read(console.has_pending_text() ? ContinuedPrompt(console) : Prompt(console));
    if (line.end == LineEditor::End::kInput) break;
    if (line.end == LineEditor::End::kInterrupted) {
      Interrupts::Get().Clear();
      console.DropPending();
      editor.ForgetEntry();
      WriteToStderr("^C\n");
      continue;
    }
    if (!RunLine(console, editor, line.text)) return ExitCode::kDone;
  }
  const ExitCode code = console.ReportFailure(status);
  return code == ExitCode::kDone ? console.failure() : code;
}

}  // namespace pyralog::cli
