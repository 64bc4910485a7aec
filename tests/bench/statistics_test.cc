// What benchmarks conclude from a series of ratios.
#include "bench/harness/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace pyralog::bench {
namespace {

constexpr Goal kAtLeastTwo{Direction::kAtLeast, 2};
constexpr Goal kAtMostOneThird{Direction::kAtMost, 1.3};

std::vector<double> Repeated(size_t count, double value) { return std::vector(count, value); }

TEST(MedianTest, IsTheMiddleOrTheMeanOfTheTwoInTheMiddle) {
  EXPECT_EQ(Median({3}), 3);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4, 1, 3, 2}), 2.5);
}

TEST(PercentileTest, IsTheNearestRank) {
  std::vector<double> values;
  for (int i = 1; i <= 1000; ++i) values.push_back(i);
  EXPECT_EQ(Percentile(values, 50), 500);
  EXPECT_EQ(Percentile(values, 99), 990);
  EXPECT_EQ(Percentile(values, 99.9), 999);
  EXPECT_EQ(Percentile(values, 100), 1000);
  EXPECT_EQ(Percentile({7}, 1), 7);
}

TEST(MedianBoundTest, RanksAreThoseOfTheBinomialTable) {
  // The smallest k with P(Binomial(n, 1/2) < k) >= 0.95.
  for (size_t count = 0; count < 5; ++count) EXPECT_EQ(MedianBoundRank(count), 0U) << count;
  EXPECT_EQ(MedianBoundRank(5), 5U);
  EXPECT_EQ(MedianBoundRank(7), 7U);
  EXPECT_EQ(MedianBoundRank(8), 7U);
  EXPECT_EQ(MedianBoundRank(11), 9U);
  EXPECT_EQ(MedianBoundRank(20), 15U);
  EXPECT_EQ(MedianBoundRank(21), 15U);
  EXPECT_EQ(MedianBoundRank(100), 59U);
}

TEST(MedianBoundTest, HoldsTheMedianInNineteenOfTwentySeries) {
  std::mt19937_64 random(11);
  std::lognormal_distribution<double> draw(0, 0.5);  // its median is 1
  constexpr int kSeries = 4000;
  for (const size_t count : {kFewPairs, kManyPairs}) {
    int above = 0;
    int below = 0;
    for (int i = 0; i < kSeries; ++i) {
      std::vector<double> values(count);
      for (double& value : values) value = draw(random);
      above += MedianUpperBound(values) >= 1 ? 1 : 0;
      below += MedianLowerBound(values) <= 1 ? 1 : 0;
    }
    EXPECT_GE(above, kSeries * 0.94) << count;
    EXPECT_GE(below, kSeries * 0.94) << count;
  }
}

TEST(MedianBoundTest, IsUnboundedForTooFewValues) {
  EXPECT_TRUE(std::isinf(MedianUpperBound({1, 1, 1, 1})));
  EXPECT_TRUE(std::isinf(MedianLowerBound({1, 1, 1, 1})));
  EXPECT_EQ(MedianUpperBound({1, 2, 3, 4, 5}), 5);
  EXPECT_EQ(MedianLowerBound({1, 2, 3, 4, 5}), 1);
}

TEST(CloseTest, TenPercentOfTheGoalOrOfOne) {
  EXPECT_TRUE(IsClose(2.15, kAtLeastTwo, true));
  EXPECT_TRUE(IsClose(1.85, kAtLeastTwo, true));
  EXPECT_FALSE(IsClose(2.3, kAtLeastTwo, true));
  EXPECT_TRUE(IsClose(0.95, kAtLeastTwo, true));
  EXPECT_FALSE(IsClose(0.95, kAtLeastTwo, false));  // seconds: 1 means nothing
  EXPECT_FALSE(IsClose(2.0, {Direction::kAtLeast, 2, false}, true));
}

TEST(SummariseTest, FarFromTheGoalTheMedianDecides) {
  auto values = Repeated(7, 4.0);
  values[0] = 1.0;  // an outlier below the goal
  const Summary summary = Summarise(values, kAtLeastTwo, true);
  EXPECT_EQ(summary.verdict, Verdict::kMet);
  EXPECT_EQ(summary.median, 4);
  EXPECT_EQ(summary.min, 1);
  EXPECT_EQ(summary.max, 4);
  EXPECT_EQ(summary.lower, 1);
  EXPECT_EQ(Summarise(Repeated(7, 1.5), kAtLeastTwo, true).verdict, Verdict::kMissed);
  EXPECT_EQ(Summarise(Repeated(7, 0.4), kAtMostOneThird, true).verdict, Verdict::kMet);
  EXPECT_EQ(Summarise(Repeated(7, 1.5), kAtMostOneThird, true).verdict, Verdict::kMissed);
}

TEST(SummariseTest, NearTheGoalTheBoundDecides) {
  auto values = Repeated(21, 2.1);
  EXPECT_EQ(Summarise(values, kAtLeastTwo, true).verdict, Verdict::kMet);
  for (size_t i = 0; i < 6; ++i) values[i] = 1.9;  // the bound is the 7th smallest
  EXPECT_EQ(Summarise(values, kAtLeastTwo, true).verdict, Verdict::kMet);
  values[6] = 1.9;
  EXPECT_EQ(Summarise(values, kAtLeastTwo, true).verdict, Verdict::kUnsure);
}

TEST(SummariseTest, TooFewPairsNeedTheBoundWhereverTheMedianIs) {
  EXPECT_EQ(Summarise(Repeated(3, 9.0), kAtLeastTwo, true).verdict, Verdict::kUnsure);
  EXPECT_EQ(Summarise(Repeated(3, 1.0), kAtLeastTwo, true).verdict, Verdict::kMissed);
}

TEST(SummariseTest, WithoutAGoalNothingIsJudged) {
  const Summary summary = Summarise({1, 2, 3}, {Direction::kAtLeast, 1, false}, true);
  EXPECT_EQ(summary.verdict, Verdict::kStated);
  EXPECT_EQ(summary.median, 2);
}

}  // namespace
}  // namespace pyralog::bench
