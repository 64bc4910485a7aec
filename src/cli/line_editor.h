// Lines from a terminal, with editing and history (libedit).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pyralog::cli {

// $PYRALOG_HISTORY, else $XDG_STATE_HOME/pyralog/history, else ~/.local/state/pyralog/history;
// empty when no home is known.
std::string HistoryPath();

// Whether text may hold a password or key: it then is not remembered.
bool HoldsSecret(std::string_view text);

// One for a process. Not thread-safe.
class LineEditor {
 public:
  // The history file is read now and written at each RememberEntry, for its owner only (mode 0600).
  // An empty path, or one that cannot be written, means that nothing outlives the shell.
  explicit LineEditor(std::string history_path);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class End { kLine, kInput, kInterrupted };
  struct Line {
    End end = End::kLine;
    std::string text;  // without the line break
  };
  Line Read(const char* prompt);

  // A statement may take several lines: they are remembered together, or not at all.
  void AddToEntry(std::string_view line);
  void ForgetEntry() { entry_.clear(); }
  void RememberEntry();

 private:
  struct Libedit;
  const std::unique_ptr<Libedit> libedit_;
  const std::string history_path_;
  std::vector<std::string> entry_;
};

}  // namespace pyralog::cli
