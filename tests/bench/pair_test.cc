// How pairs are run and their answers compared.
#include "bench/harness/pair.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "arrow/api.h"
#include "arrow/json/from_string.h"
#include "arrow/testing/gtest_util.h"

namespace pyralog::bench {
namespace {

RunOptions Options(size_t pairs = 0) {
  return {.cores = AllowedCores(), .pairs = pairs, .idle_seconds = 0.001};
}

// A side that says how long it took.
Side Says(std::string* log, char letter, double seconds, Answer answer = {{"1"}}) {
  return {std::string(1, letter), [=]() -> arrow::Result<Sample> {
            log->push_back(letter);
            return Sample{.seconds = seconds, .work = 10, .answer = answer};
          }};
}

Pair MakePair(std::string* log, double ours, double theirs) {
  Pair pair;
  pair.name = "pair";
  pair.goal = {Direction::kAtMost, 2};
  pair.ours = Says(log, 'a', ours);
  pair.peer = Says(log, 'b', theirs);
  return pair;
}

TEST(RunPairTest, RunsInTurnsAfterOneUntimedRound) {
  std::string log;
  Pair pair = MakePair(&log, 1, 2);
  pair.before_round = [&log] {
    log.push_back('|');
    return arrow::Status::OK();
  };
  ASSERT_OK_AND_ASSIGN(const PairResult result, RunPair(pair, Options()));
  EXPECT_EQ(log, "|ab|ab|ab|ab|ab|ab|ab|ab");
  EXPECT_EQ(result.values, std::vector<double>(7, 0.5));
  EXPECT_EQ(result.summary.verdict, Verdict::kMet);
  EXPECT_EQ(result.ours.seconds, 1);
  EXPECT_EQ(result.peer->rate, 5);
}

TEST(RunPairTest, TakesManyPairsNearTheGoalAndNearOne) {
  std::string log;
  for (const double ours : {0.95, 1.9}) {
    ASSERT_OK_AND_ASSIGN(const PairResult result, RunPair(MakePair(&log, ours, 1), Options()));
    EXPECT_EQ(result.values.size(), kManyPairs) << ours;
  }
}

TEST(RunPairTest, ARateRatioIsOursOverTheirs) {
  std::string log;
  Pair pair = MakePair(&log, 1, 4);
  pair.measure = Measure::kRateRatio;
  ASSERT_OK_AND_ASSIGN(const PairResult result, RunPair(pair, Options(3)));
  EXPECT_EQ(result.values, std::vector<double>(3, 4));
}

TEST(RunPairTest, WithoutAPeerTheSecondsCount) {
  std::string log;
  Pair pair = MakePair(&log, 0.25, 1);
  pair.measure = Measure::kSeconds;
  pair.peer.reset();
  ASSERT_OK_AND_ASSIGN(const PairResult result, RunPair(pair, Options()));
  EXPECT_EQ(result.values, std::vector<double>(7, 0.25));
  EXPECT_FALSE(result.peer.has_value());
}

TEST(RunPairTest, DifferentAnswersEndItBeforeAnythingIsMeasured) {
  std::string log;
  Pair pair = MakePair(&log, 1, 2);
  pair.peer = Says(&log, 'b', 2, {{"2"}});
  const auto status = RunPair(pair, Options()).status();
  EXPECT_TRUE(status.IsInvalid()) << status;
  EXPECT_EQ(log, "ab");
}

TEST(CompareAnswersTest, NamesTheFirstDifference) {
  EXPECT_OK(CompareAnswers({{"a", 1.0}}, {{"a", 1.0 + 1e-12}}));
  EXPECT_EQ(CompareAnswers({{"a"}, {"b"}}, {{"a"}, {"c"}}).message(),
            "the answers differ: row 1, column 0: b against c");
  EXPECT_TRUE(CompareAnswers({{1.0}}, {{1.00001}}).IsInvalid());
  EXPECT_TRUE(CompareAnswers({{"1"}}, {{1.0}}).IsInvalid());
  EXPECT_TRUE(CompareAnswers({{"1"}}, {}).IsInvalid());
  EXPECT_TRUE(CompareAnswers({{"1", "2"}}, {{"1"}}).IsInvalid());
}

TEST(ReadAnswerTest, TellsEachTypeTheSameWayWhateverItsArrowForm) {
  const auto plain = *arrow::json::ArrayFromJSONString(arrow::utf8(), R"(["x", null])");
  const auto coded = *arrow::json::DictArrayFromJSONString(
      arrow::dictionary(arrow::int8(), arrow::utf8()), "[0, 1]", R"(["y", "z"])");
  const auto time =
      *arrow::json::ArrayFromJSONString(arrow::timestamp(arrow::TimeUnit::MILLI), "[5, 6]");
  const auto day = *arrow::json::ArrayFromJSONString(arrow::date32(), "[18262, 0]");
  const auto number = *arrow::json::ArrayFromJSONString(arrow::int16(), "[-3, 4]");
  const auto real = *arrow::json::ArrayFromJSONString(arrow::float32(), "[0.5, 1]");
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("p", plain->type()), arrow::field("c", coded->type()),
                     arrow::field("t", time->type()), arrow::field("d", day->type()),
                     arrow::field("n", number->type()), arrow::field("r", real->type())}),
      2, {plain, coded, time, day, number, real});
  ASSERT_OK_AND_ASSIGN(const Answer answer, ReadAnswer({batch}));
  EXPECT_OK(CompareAnswers(
      answer, {{"x", "y", "5000", "18262", "-3", 0.5}, {"NULL", "z", "6000", "0", "4", 1.0}}));
}

}  // namespace
}  // namespace pyralog::bench
