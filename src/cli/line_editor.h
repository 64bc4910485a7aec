// Lines from a terminal, with editing, completion and history (libedit).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/completion.h"
#include "cli/history.h"

namespace pyralog::cli {

// One for a process. Not thread-safe.
class LineEditor {
 public:
  // Offers what may stand at the end of the text before the cursor.
  using Completer = std::function<Completion(std::string_view)>;

  LineEditor(std::string history_path, Completer completer);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class End { kLine, kInput, kInterrupted };
  struct Line {
    End end = End::kLine;
    std::string text;  // without the line break at its end; one from the history may have others
  };
  Line Read(const std::string& prompt);

  // A statement may take several lines: they are one entry of the history, and are remembered
  // together, or not at all.
  void AddToEntry(std::string_view line);
  // The lines so far, with their line breaks.
  const std::string& entry() const { return entry_; }
  void ForgetEntry() { entry_.clear(); }
  void RememberEntry();

 private:
  struct Libedit;

  void Enter(const std::string& entry);

  const std::unique_ptr<Libedit> libedit_;
  HistoryFile history_;
  std::string entry_;
};

}  // namespace pyralog::cli
