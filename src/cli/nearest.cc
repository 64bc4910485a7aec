#include "cli/nearest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace pyralog::cli {

int EditDistance(std::string_view a, std::string_view b) {
  // Three rows of the table: of a's letter before last, its last, and the current one.
  std::vector<int> older(b.size() + 1), old(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(older, old);
    std::swap(old, row);
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = old[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, old[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], older[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string NearestWord(std::string_view written, std::span<const std::string_view> known) {
  std::string nearest;
  int distance = std::max(1, static_cast<int>(written.size()) / 3) + 1;
  for (const std::string_view word : known) {
    const int found = EditDistance(written, word);
    if (found >= distance) continue;
    distance = found;
    nearest = word;
  }
  return nearest;
}

}  // namespace pyralog::cli
