// What a series of ratios says: median, range, a bound of the median that needs no distribution,
// and whether a goal is met. Pure functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>
#include <vector>

namespace pyralog::bench {

enum class Direction { kAtLeast, kAtMost };

// What a figure is held against. Without `wanted` a figure is stated, not judged.
struct Goal {
  Direction direction = Direction::kAtLeast;
  double bound = 1;
  bool wanted = true;
};

enum class Verdict {
  kMet,
  kUnsure,  // the median meets the goal, the 95 % bound of the median does not
  kMissed,
  kStated,  // there is no goal
};

struct Summary {
  size_t count = 0;
  double median = 0;
  double min = 0;
  double max = 0;
  double upper = 0;  // 95 % bounds of the median, each one-sided
  double lower = 0;
  Verdict verdict = Verdict::kStated;
};

constexpr size_t kFewPairs = 7;    // always
constexpr size_t kManyPairs = 21;  // when the median is close to what decides
constexpr double kClose = 0.10;    // of the goal, or of 1

// REQUIRES: not empty.
inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The smallest value that at least `percent` of all values do not exceed (nearest rank).
// REQUIRES: sorted, not empty, 0 < percent <= 100.
inline double Percentile(const std::vector<double>& sorted, double percent) {
  const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()) - 1e-9);
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

// The smallest k for which the k-th smallest of `count` values (from 1) is at least the median of
// what they were drawn from, with a probability of 95 % or more: P(Binomial(count, 1/2) < k) >=
// 0.95. 0 when there is none (count < 5).
inline size_t MedianBoundRank(size_t count) {
  double probability = std::pow(0.5, static_cast<double>(count));  // of exactly i successes
  double below = 0;
  for (size_t i = 0; i < count; ++i) {
    below += probability;
    if (below >= 0.95) return i + 1;
    probability *= static_cast<double>(count - i) / static_cast<double>(i + 1);
  }
  return 0;
}

// Infinite when there are too few values for one.
inline double MedianUpperBound(std::vector<double> values) {
  const size_t rank = MedianBoundRank(values.size());
  if (rank == 0) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end());
  return values[rank - 1];
}

inline double MedianLowerBound(std::vector<double> values) {
  for (double& value : values) value = -value;
  return -MedianUpperBound(std::move(values));
}

inline bool Meets(double value, const Goal& goal) {
  return goal.direction == Direction::kAtLeast ? value >= goal.bound : value <= goal.bound;
}

// Whether the median is within 10 % of the goal or, for ratios, of 1: then few pairs do not decide.
inline bool IsClose(double median, const Goal& goal, bool is_ratio) {
  const auto near = [median](double value) { return std::abs(median - value) <= kClose * value; };
  return (goal.wanted && near(goal.bound)) || (is_ratio && near(1));
}

// REQUIRES: not empty.
inline Summary Summarise(const std::vector<double>& values, const Goal& goal, bool is_ratio) {
  Summary summary;
  summary.count = values.size();
  summary.median = Median(values);
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  summary.min = *min;
  summary.max = *max;
  summary.upper = MedianUpperBound(values);
  summary.lower = MedianLowerBound(values);
  if (!goal.wanted) return summary;
  const double bound = goal.direction == Direction::kAtLeast ? summary.lower : summary.upper;
  const bool close = IsClose(summary.median, goal, is_ratio) || values.size() < kFewPairs;
  if (!Meets(summary.median, goal)) {
    summary.verdict = Verdict::kMissed;
  } else {
    summary.verdict = close && !Meets(bound, goal) ? Verdict::kUnsure : Verdict::kMet;
  }
  return summary;
}

inline std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMet:
      return "met";
    case Verdict::kUnsure:
      return "unsure";
    case Verdict::kMissed:
      return "missed";
    case Verdict::kStated:
      return "stated";
  }
  return "";
}

}  // namespace pyralog::bench
