// Wildcards in paths, and the values that hive-style folders carry.
//
//   *      any run of characters within a name        [abc] [a-z]  one of these characters
//   ?      one character (of UTF-8)                   [!a-z]       one of the others
//   **     as a whole part: any number of folders     {a,b}        either; may hold '/' and nest
//
// Names that start with '.' match only a part that starts with '.'. A '[' without ']' and braces
// without a comma stand for themselves; [*] names a star.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"

namespace pyralog::io {

struct GlobOptions {
  bool files = true;                 // give regular files, links to them included
  bool directories = false;          // give folders
  uint64_t max_entries = 1'000'000;  // looked at; more is an error, before memory is at stake
};

// Whether Glob would expand it.
bool HasWildcard(std::string_view path);

// What matches, sorted bytewise, each once, written as the pattern is (relative stays relative).
// Something that exists under the very name of the pattern is the one match. Links to folders are
// followed where a part names or matches them, but not below **, so that a loop ends.
// kNotFound when nothing matches, naming pattern and folder; kIo when a folder cannot be read;
// kInvalidArgument for more than 1,024 alternatives by braces or more than max_entries.
arrow::Result<std::vector<std::string>> Glob(const std::string& pattern, GlobOptions options = {});

// Whether one name matches one part of a pattern (no '/', no braces).
bool MatchName(std::string_view pattern, std::string_view name);

// One folder `key=value` on the way to a file.
struct HivePart {
  std::string key;
  std::optional<std::string> value;  // null for __HIVE_DEFAULT_PARTITION__

  bool operator==(const HivePart&) const = default;
};

// The key=value folders of a file's path, outermost first, percent-decoded (as written where that
// fails). The file's own name carries none.
std::vector<HivePart> HivePartitions(std::string_view path);

}  // namespace pyralog::io
