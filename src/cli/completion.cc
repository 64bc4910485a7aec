#include "cli/completion.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/array/array_binary.h"
#include "cli/dot_commands.h"
#include "cli/interrupts.h"
#include "sql/sql_text.h"

namespace pyralog::cli {
namespace {

bool StartsWithFolded(std::string_view text, std::string_view beginning) {
  return text.size() >= beginning.size() &&
         std::equal(beginning.begin(), beginning.end(), text.begin(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) ==
                  std::tolower(static_cast<unsigned char>(b));
         });
}

std::vector<std::string> FilesThatBegin(const std::string& beginning) {
  const size_t slash = beginning.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : beginning.substr(0, slash + 1);
  const std::string name = beginning.substr(folder.size());
  std::vector<std::string> found;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder.empty() ? "." : folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string entry = entries->path().filename().string();
    if (!entry.starts_with(name) || (name.empty() && entry.starts_with('.'))) continue;
    std::error_code ignored;
    found.push_back(folder + entry + (entries->is_directory(ignored) ? "/" : ""));
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Names of the catalog, for dot commands that take one.
std::vector<std::string> TablesThatBegin(Console& console, const std::string& beginning) {
  const auto result = console.session().QueryText(
      "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() "
      "AND starts_with(table_name, " +
      sql::QuoteText(beginning) + ") ORDER BY ALL");
  std::vector<std::string> names;
  if (!result.ok()) return names;
  while (true) {
    const auto batch = (*result)->Next();
    if (!batch.ok() || *batch == nullptr) return names;
    const auto& values = static_cast<const arrow::LargeStringArray&>(*(*batch)->column(0));
    for (int64_t i = 0; i < values.length(); ++i) names.emplace_back(values.GetView(i));
  }
}

std::vector<std::string> WordsThatBegin(std::string_view commas, std::string_view beginning) {
  std::vector<std::string> found;
  for (size_t at = 0; at < commas.size();) {
    const size_t end = std::min(commas.find(", ", at), commas.size());
    const std::string_view word = commas.substr(at, end - at);
    if (word.starts_with(beginning)) found.emplace_back(word);
    at = end + 2;
  }
  return found;
}

std::vector<std::string> CommandsThatBegin(std::string_view beginning, std::string_view mark) {
  std::vector<std::string> found;
  for (const DotCommand& command : DotCommands()) {
    if (command.name.starts_with(beginning)) {
      found.push_back(std::string(mark) + std::string(command.name));
    }
  }
  return found;
}

Completion CompleteDotCommand(Console& console, std::string_view line) {
  const size_t name_end = line.find(' ');
  if (name_end == std::string_view::npos) return {0, CommandsThatBegin(line.substr(1), ".")};
  const std::string_view name = line.substr(1, name_end - 1);
  const DotCommand* found = nullptr;
  for (const DotCommand& command : DotCommands()) {
    if (command.name.starts_with(name) && (found == nullptr || command.name == name)) {
      found = &command;
    }
  }
  if (found == nullptr) return {};
  size_t start = line.find_last_of(" '\"") + 1;
  const std::string beginning(line.substr(start));
  switch (found->kind) {
    case DotArgument::kFile:
      return {start, FilesThatBegin(beginning)};
    case DotArgument::kName:
      return {start, TablesThatBegin(console, beginning)};
    case DotArgument::kMode:
      return {start, WordsThatBegin(OutputModeNames(), beginning)};
    case DotArgument::kSwitch:
      return {start, WordsThatBegin("on, off", beginning)};
    case DotArgument::kCommand:
      return {start, CommandsThatBegin(beginning, "")};
    case DotArgument::kNone:
      break;
  }
  return {};
}

// A word that is offered without quotes, too, needs none. Behind keywords there is a space.
void DropNeedlessQuotes(std::vector<std::string>* words) {
  const std::set<std::string> all(words->begin(), words->end());
  std::erase_if(*words, [&](const std::string& word) {
    if (word.size() <= 2 || !word.starts_with('"') || !word.ends_with('"')) return false;
    const std::string bare = word.substr(1, word.size() - 2);
    return all.contains(bare) || all.contains(bare + ' ');
  });
}

}  // namespace

Completion Complete(Console& console, std::string_view before, std::string_view line) {
  if (before.empty() && line.starts_with('.')) return CompleteDotCommand(console, line);
  const std::string text = std::string(before) + std::string(line);
  Completion completion;
  completion.start = line.size();
  // An error would end an open transaction: then another session is asked, which does not see what
  // the transaction has made.
  std::unique_ptr<Session> aside;
  if (console.session().transaction_state() != TransactionState::kNone) {
    auto made = console.Connect();
    if (!made.ok()) return completion;
    aside = *std::move(made);
  }
  Session& session = aside != nullptr ? *aside : console.session();
  const Interrupts::Statement interruptible(&session);
  const auto result = session.QueryText(
      "SELECT suggestion, suggestion_start FROM sql_auto_complete(" + sql::QuoteText(text) + ")");
  if (!result.ok()) return completion;
  while (true) {
    const auto batch = (*result)->Next();
    if (!batch.ok() || *batch == nullptr) break;
    const auto& words = static_cast<const arrow::LargeStringArray&>(*(*batch)->column(0));
    const auto& starts = static_cast<const arrow::LargeStringArray&>(*(*batch)->column(1));
    for (int64_t i = 0; i < words.length(); ++i) {
      size_t start = 0;
      const std::string_view digits = starts.GetView(i);
      std::from_chars(digits.data(), digits.data() + digits.size(), start);
      if (start < before.size() || start > text.size()) continue;
      // The function also offers what is merely similar. A name in quotes is met by its letters.
      const std::string_view typed = std::string_view(text).substr(start);
      std::string word(words.GetView(i));
      const bool quoted = word.starts_with('"') && !typed.starts_with('"');
      if (!StartsWithFolded(std::string_view(word).substr(quoted ? 1 : 0), typed)) continue;
      completion.start = start - before.size();
      if (std::find(completion.words.begin(), completion.words.end(), word) ==
          completion.words.end()) {
        completion.words.push_back(std::move(word));
      }
    }
  }
  DropNeedlessQuotes(&completion.words);
  return completion;
}

std::string CommonBeginning(const std::vector<std::string>& words) {
  if (words.empty()) return "";
  std::string common = words.front();
  for (const std::string& word : words) {
    const auto differs = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
    common.erase(differs.first, common.end());
  }
  // Not within a character: its first byte goes with the others.
  if (common == words.front()) return common;
  size_t end = common.size();
  while (end > 0 && (static_cast<unsigned char>(words.front()[end]) & 0xC0) == 0x80) --end;
  common.resize(end);
  return common;
}

}  // namespace pyralog::cli
