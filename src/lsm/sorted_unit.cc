#include "lsm/sorted_unit.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "lsm/constrained_rows.h"
#include "lsm/key.h"

namespace pyralog::lsm {
namespace {

struct OwnedUnit {
  std::vector<std::vector<uint64_t>> prefixes;
  std::vector<uint32_t> rows;
};

// The prefix of each value; that of a null is the greatest.
arrow::Result<std::vector<uint64_t>> PrefixesOf(const std::shared_ptr<arrow::Array>& column) {
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("", column->type())}),
                                              column->length(), {column});
  ARROW_ASSIGN_OR_RAISE(const ConstrainedRows values, ConstrainedRowsOf(*batch));
  std::vector<uint64_t> prefixes(column->length(), UINT64_MAX);
  for (size_t i = 0; i < values.rows.size(); ++i)
    prefixes[values.rows[i]] = KeyPrefix(values.keys.key(static_cast<int64_t>(i)));
  return prefixes;
}

}  // namespace

uint64_t KeyPrefix(std::string_view key) {
  uint8_t bytes[8] = {};
  std::memcpy(bytes, key.data(), std::min<size_t>(key.size(), sizeof(bytes)));
  uint64_t prefix = 0;
  for (const uint8_t byte : bytes) prefix = prefix << 8 | byte;
  return prefix;
}

arrow::Result<std::shared_ptr<const SortedUnit>> SortedUnit::Make(
    std::span<const std::shared_ptr<arrow::Array>> columns) {
  std::vector<std::vector<uint64_t>> unsorted;
  for (const auto& column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto prefixes, PrefixesOf(column));
    unsorted.push_back(std::move(prefixes));
  }
  auto made = std::make_shared<OwnedUnit>();
  for (int64_t row = 0; row < columns[0]->length(); ++row) {
    if (columns[0]->IsValid(row)) made->rows.push_back(static_cast<uint32_t>(row));
  }
  std::sort(made->rows.begin(), made->rows.end(), [&](uint32_t a, uint32_t b) {
    for (const auto& prefixes : unsorted) {
      if (prefixes[a] != prefixes[b]) return prefixes[a] < prefixes[b];
    }
    return a < b;
  });
  std::vector<std::span<const uint64_t>> views;
  for (const auto& prefixes : unsorted) {
    auto& sorted = made->prefixes.emplace_back();
    sorted.reserve(made->rows.size());
    for (const uint32_t row : made->rows) sorted.push_back(prefixes[row]);
  }
  for (const auto& sorted : made->prefixes) views.emplace_back(sorted);
  const std::span<const uint32_t> rows = made->rows;
  return std::make_shared<const SortedUnit>(std::move(views), rows, std::move(made));
}

std::span<const uint32_t> SortedUnit::Find(std::span<const PrefixRange> ranges) const {
  size_t begin = 0;
  size_t end = rows_.size();
  for (size_t i = 0; i < std::min(ranges.size(), prefixes_.size()); ++i) {
    const auto part = prefixes_[i].subspan(begin, end - begin);
    const auto low = std::lower_bound(part.begin(), part.end(), ranges[i].low);
    const auto high = std::upper_bound(low, part.end(), ranges[i].high);
    end = begin + static_cast<size_t>(high - part.begin());
    begin += static_cast<size_t>(low - part.begin());
    if (!ranges[i].is_point()) break;
  }
  return rows_.subspan(begin, end - begin);
}

}  // namespace pyralog::lsm
