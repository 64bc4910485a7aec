#include "cli/history.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unordered_set>

#include "io/descriptor.h"

namespace pyralog::cli {
namespace {

std::string VariableOr(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

// A file of this user's, made with its folder when missing.
io::Descriptor OpenPrivate(const std::string& path, int flags) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  io::Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
  if (file.valid() && ::fchmod(file.get(), 0600) != 0) return io::Descriptor(-1);
  return file;
}

std::string Escaped(std::string_view entry) {
  std::string line;
  for (const char c : entry) {
    if (c == '\\') line += '\\';
    if (c == '\n') {
      line += "\\n";
    } else {
      line += c;
    }
  }
  return line + '\n';
}

std::string Unescaped(std::string_view line) {
  std::string entry;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
      entry += line[i] == 'n' ? '\n' : line[i];
    } else {
      entry += line[i];
    }
  }
  return entry;
}

bool WriteAll(int descriptor, std::string_view text) {
  return ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace

std::string HistoryPath() {
  if (std::string path = VariableOr("PYRALOG_HISTORY", ""); !path.empty()) return path;
  // The XDG base directory specification ignores relative paths.
  std::string state = VariableOr("XDG_STATE_HOME", "");
  if (!state.starts_with('/')) {
    const std::string home = VariableOr("HOME", "");
    if (home.empty()) return "";
    state = home + "/.local/state";
  }
  return state + "/pyralog/history";
}

bool HoldsSecret(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  constexpr std::string_view kWords[] = {"SECRET", "PASSWORD",   "PASSWD",
                                         "TOKEN",  "CREDENTIAL", "KEY_ID"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return upper.find(word) != std::string::npos; });
}

HistoryFile::HistoryFile(std::string path) : path_(std::move(path)) {}

std::vector<std::string> HistoryFile::Load() {
  if (path_.empty()) return {};
  std::vector<std::string> lines;
  {
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
      if (!line.empty()) lines.push_back(std::move(line));
    }
  }
  std::vector<std::string> kept;  // newest first
  std::unordered_set<std::string_view> seen;
  for (auto line = lines.rbegin(); line != lines.rend() && kept.size() < kMaxEntries; ++line) {
    if (seen.insert(*line).second) kept.push_back(Unescaped(*line));
  }
  std::reverse(kept.begin(), kept.end());
  if (kept.size() < lines.size()) {
    const std::string whole = path_ + ".new";
    std::string text;
    for (const std::string& entry : kept) text += Escaped(entry);
    const io::Descriptor file = OpenPrivate(whole, O_TRUNC);
    if (!file.valid() || !WriteAll(file.get(), text) ||
        std::rename(whole.c_str(), path_.c_str()) != 0) {
      std::remove(whole.c_str());
    }
  }
  return kept;
}

void HistoryFile::Append(std::string_view entry) {
  if (path_.empty()) return;
  const io::Descriptor file = OpenPrivate(path_, O_APPEND);
  if (file.valid()) WriteAll(file.get(), Escaped(entry));
}

}  // namespace pyralog::cli
