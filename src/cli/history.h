// What was typed in earlier shells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pyralog::cli {

// $PYRALOG_HISTORY, else $XDG_STATE_HOME/pyralog/history, else ~/.local/state/pyralog/history;
// empty when no home is known.
std::string HistoryPath();

// Whether text may hold a password or key: it then is not remembered.
bool HoldsSecret(std::string_view text);

// A file of entries, each on one line (its line breaks as \n, \ as \\), the newest last; for its
// owner only (mode 0600). Shells that run at the same time append to it one after the other.
class HistoryFile {
 public:
  static constexpr size_t kMaxEntries = 2000;

  // An empty path, or one that cannot be written, means that nothing outlives the shell.
  explicit HistoryFile(std::string path);

  // The entries, oldest first, each once, at its latest place. Shortens the file to them.
  std::vector<std::string> Load();
  void Append(std::string_view entry);

 private:
  const std::string path_;
};

}  // namespace pyralog::cli
