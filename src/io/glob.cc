#include "io/glob.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "io/env.h"
#include "io/system_error.h"
#include "io/uri.h"
#include "pyralog/error.h"

namespace pyralog::io {
namespace {

constexpr size_t kMostAlternatives = 1024;
constexpr std::string_view kHiveNull = "__HIVE_DEFAULT_PARTITION__";

// The next character of UTF-8, taken off `text`; a broken byte is a character by itself.
std::string_view TakeCharacter(std::string_view* text) {
  const auto lead = static_cast<unsigned char>(text->front());
  size_t size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  size = std::min(size, text->size());
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>((*text)[i]) & 0xc0) != 0x80) size = i;
  }
  const std::string_view character = text->substr(0, size);
  text->remove_prefix(size);
  return character;
}

// The position behind the ']' that closes the set at the start of `pattern`; 0 without one.
size_t SetEnd(std::string_view pattern) {
  size_t i = 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;  // first, it stands for itself
  const size_t close = pattern.find(']', i);
  return close == std::string_view::npos ? 0 : close + 1;
}

// `set` is what stands between the brackets. Bytewise order of UTF-8 is code point order.
bool SetHolds(std::string_view set, std::string_view character) {
  const bool negated = !set.empty() && (set[0] == '!' || set[0] == '^');
  if (negated) set.remove_prefix(1);
  bool found = false;
  while (!set.empty()) {
    const std::string_view low = TakeCharacter(&set);
    std::string_view high = low;
    if (set.size() >= 2 && set[0] == '-') {
      set.remove_prefix(1);
      high = TakeCharacter(&set);
    }
    found = found || (low <= character && character <= high);
  }
  return found != negated;
}

// Matches one character of `name` against the head of `pattern` (not a star); takes both off.
bool TakeMatch(std::string_view* pattern, std::string_view* name) {
  if (pattern->empty() || name->empty()) return false;
  const std::string_view character = TakeCharacter(name);
  const size_t set_end = pattern->front() == '[' ? SetEnd(*pattern) : 0;
  if (set_end > 0) {
    const std::string_view set = pattern->substr(1, set_end - 2);
    pattern->remove_prefix(set_end);
    return SetHolds(set, character);
  }
  const std::string_view expected = TakeCharacter(pattern);
  return expected == "?" || expected == character;
}

bool IsPatternPart(std::string_view part) {
  if (part.find_first_of("*?") != std::string_view::npos) return true;
  const size_t bracket = part.find('[');
  return bracket != std::string_view::npos && SetEnd(part.substr(bracket)) > 0;
}

// A closed pair of braces and the commas directly in it.
struct Braces {
  size_t open = std::string::npos;
  size_t close = 0;
  std::vector<size_t> commas;
};

// The leftmost pair with a comma; `open` is npos without one.
Braces FindBraces(std::string_view text) {
  Braces first;
  std::vector<Braces> unclosed;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t set_size = text[i] == '[' ? SetEnd(text.substr(i)) : 0;
    if (set_size > 0) {
      i += set_size - 1;
    } else if (text[i] == '{') {
      unclosed.push_back({i, 0, {}});
    } else if (text[i] == ',' && !unclosed.empty()) {
      unclosed.back().commas.push_back(i);
    } else if (text[i] == '}' && !unclosed.empty()) {
      Braces braces = std::move(unclosed.back());
      unclosed.pop_back();
      braces.close = i;
      if (!braces.commas.empty() && braces.open < first.open) first = std::move(braces);
    }
  }
  return first;
}

arrow::Result<std::vector<std::string>> ExpandBraces(const std::string& pattern) {
  std::vector<std::string> done;
  std::vector<std::string> open = {pattern};
  while (!open.empty()) {
    if (done.size() + open.size() > kMostAlternatives) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "pattern " + pattern + ": its braces give more than " +
                           std::to_string(kMostAlternatives) + " alternatives; use fewer");
    }
    const std::string next = std::move(open.back());
    open.pop_back();
    Braces braces = FindBraces(next);
    if (braces.open == std::string::npos) {
      done.push_back(next);
      continue;
    }
    braces.commas.push_back(braces.close);
    size_t begin = braces.open + 1;
    for (const size_t end : braces.commas) {
      open.push_back(next.substr(0, braces.open) + next.substr(begin, end - begin) +
                     next.substr(braces.close + 1));
      begin = end + 1;
    }
  }
  return done;
}

std::vector<std::string> Parts(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (slash != 0) parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

// Expands one pattern without braces, part by part; `found_` holds what matches the parts so far.
class GlobWalk {
 public:
  explicit GlobWalk(GlobOptions options) : options_(options) {}

  arrow::Status Expand(const std::string& pattern, std::set<std::string>* matches) {
    found_ = {pattern.starts_with('/') ? "/" : ""};
    const std::vector<std::string> parts = Parts(pattern);
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool is_last = i + 1 == parts.size();
      if (parts[i] == "**") {
        ARROW_RETURN_NOT_OK(Descend());
        // At the end it gives what lies in all those folders.
        if (is_last) ARROW_RETURN_NOT_OK(Step("*", true));
      } else {
        ARROW_RETURN_NOT_OK(Step(parts[i], is_last));
      }
    }
    matches->merge(found_);
    return arrow::Status::OK();
  }

 private:
  // From folders to what matches `part` in them: folders, or at the end what the options ask for.
  arrow::Status Step(const std::string& part, bool is_last) {
    std::set<std::string> next;
    for (const std::string& folder : found_) {
      if (!IsPatternPart(part)) {
        const std::string path = JoinPath(folder, part);
        if (Takes(path, EntryKind::kOther, is_last)) next.insert(path);
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const auto entries, List(folder));
      for (const DirEntry& entry : entries) {
        if (!MatchName(part, entry.name)) continue;
        std::string path = JoinPath(folder, entry.name);
        if (Takes(path, entry.kind, is_last)) next.insert(std::move(path));
      }
    }
    found_ = std::move(next);
    return arrow::Status::OK();
  }

  // From folders to them and all folders below; links are left out, so this ends.
  arrow::Status Descend() {
    std::vector<std::string> open(found_.begin(), found_.end());
    while (!open.empty()) {
      const std::string folder = std::move(open.back());
      open.pop_back();
      ARROW_ASSIGN_OR_RAISE(const auto entries, List(folder));
      for (const DirEntry& entry : entries) {
        if (entry.kind != EntryKind::kDirectory || entry.name.starts_with('.')) continue;
        std::string path = JoinPath(folder, entry.name);
        if (found_.insert(path).second) open.push_back(std::move(path));
      }
    }
    return arrow::Status::OK();
  }

  bool Takes(const std::string& path, EntryKind kind, bool is_last) const {
    struct stat info;
    if (kind == EntryKind::kOther && ::stat(path.c_str(), &info) == 0) {  // a link, or unknown
      if (S_ISREG(info.st_mode)) kind = EntryKind::kFile;
      if (S_ISDIR(info.st_mode)) kind = EntryKind::kDirectory;
    }
    if (kind == EntryKind::kDirectory) return !is_last || options_.directories;
    return kind == EntryKind::kFile && is_last && options_.files;
  }

  arrow::Result<std::vector<DirEntry>> List(const std::string& folder) {
    auto entries = PosixEnv()->List(folder.empty() ? "." : folder);
    // A folder that vanished meanwhile, or the root of the pattern that never was.
    if (GetErrorCode(entries.status()) == ErrorCode::kNotFound) return std::vector<DirEntry>();
    ARROW_RETURN_NOT_OK(entries.status());
    seen_ += entries->size();
    if (seen_ <= options_.max_entries) return entries;
    return MakeError(ErrorCode::kInvalidArgument,
                     "more than " + std::to_string(options_.max_entries) +
                         " files and folders to look at; start the pattern deeper");
  }

  const GlobOptions options_;
  uint64_t seen_ = 0;
  std::set<std::string> found_;
};

// The folder that a pattern searches: what stands before its first wildcard.
std::string SearchedFolder(const std::string& pattern) {
  std::string folder = pattern.starts_with('/') ? "/" : "";
  const std::vector<std::string> parts = Parts(pattern);
  for (size_t i = 0; i + 1 < parts.size() && !HasWildcard(parts[i]); ++i) {
    if (parts[i].find('{') != std::string::npos) break;  // braces may reach across parts
    folder = JoinPath(folder, parts[i]);
  }
  return folder;
}

arrow::Status NothingMatches(const std::string& pattern) {
  const std::string folder = SearchedFolder(pattern);
  std::string text = "no file matches the pattern " + pattern + " in ";
  text += folder.empty() ? "the working directory" : "folder " + folder;
  const bool exists = folder.empty() || PosixEnv()->Exists(folder).ValueOr(true);
  text += exists ? "; check the pattern (names are case-sensitive)" : ", which does not exist";
  return MakeError(ErrorCode::kNotFound, std::move(text));
}

}  // namespace

bool HasWildcard(std::string_view path) {
  return IsPatternPart(path) || FindBraces(path).open != std::string::npos;
}

bool MatchName(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  // After a mismatch only the last star needs to take one character more.
  std::optional<std::string_view> after_star;
  std::string_view name_at_star;
  while (!name.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      after_star = pattern;
      name_at_star = name;
      continue;
    }
    if (TakeMatch(&pattern, &name)) continue;
    if (!after_star || name_at_star.empty()) return false;
    TakeCharacter(&name_at_star);
    name = name_at_star;
    pattern = *after_star;
  }
  return true;
}

arrow::Result<std::vector<std::string>> Glob(const std::string& pattern, GlobOptions options) {
  ARROW_RETURN_NOT_OK(CheckNoNul(pattern));
  if (!HasWildcard(pattern) || PosixEnv()->Exists(pattern).ValueOr(false)) {
    ARROW_ASSIGN_OR_RAISE(const bool exists, PosixEnv()->Exists(pattern));
    if (!exists) return SystemError("open", pattern, ENOENT);
    return std::vector<std::string>{pattern};
  }
  ARROW_ASSIGN_OR_RAISE(const auto alternatives, ExpandBraces(pattern));
  std::set<std::string> matches;
  GlobWalk walk(options);
  for (const std::string& alternative : alternatives) {
    const arrow::Status status = walk.Expand(alternative, &matches);
    if (!status.ok()) {
      return MakeError(GetErrorCode(status), "pattern " + pattern + ": " + status.message());
    }
  }
  if (matches.empty()) return NothingMatches(pattern);
  return std::vector<std::string>(matches.begin(), matches.end());
}

std::vector<HivePart> HivePartitions(std::string_view path) {
  const auto decode = [](std::string_view text) {
    return PercentDecode(text).ValueOr(std::string(text));
  };
  std::vector<std::string> parts = Parts(path);
  if (!parts.empty() && !path.ends_with('/')) parts.pop_back();
  std::vector<HivePart> found;
  for (const std::string_view part : parts) {
    const size_t equals = part.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    const std::string_view value = part.substr(equals + 1);
    HivePart hive{decode(part.substr(0, equals)), std::nullopt};
    if (value != kHiveNull) hive.value = decode(value);
    found.push_back(std::move(hive));
  }
  return found;
}

}  // namespace pyralog::io
