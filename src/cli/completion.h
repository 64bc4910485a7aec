// What Tab offers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/console.h"

namespace pyralog::cli {

struct Completion {
  size_t start = 0;  // byte of the line that the words replace the rest from
  std::vector<std::string> words;
};

// The words that may stand at the end of `line`, which goes on `before` (a statement's earlier
// lines): dot commands and their arguments; keywords, tables, columns, functions, and files in
// quotes.
Completion Complete(Console& console, std::string_view before, std::string_view line);

// What all of the words begin with.
std::string CommonBeginning(const std::vector<std::string>& words);

}  // namespace pyralog::cli
