// "Did you mean ...?"
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pyralog::cli {

// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other
// (optimal string alignment distance), in bytes.
int EditDistance(std::string_view a, std::string_view b);

// The known word that is nearest to what was written: at most a third of its letters (at least one)
// away. Empty when none is near.
std::string NearestWord(std::string_view written, std::span<const std::string_view> known);

}  // namespace pyralog::cli
