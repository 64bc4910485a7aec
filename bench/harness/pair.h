// One comparison: the same piece of work by Pyralog and by a peer, in turns.
//
// RunPair runs both sides once untimed (warm), then ours, theirs, ours, theirs ... at least 7 times
// each, 21 times when the median of the pairwise ratio is within 10 % of the goal or of 1. After
// every round the two answers are compared; a difference ends the benchmark before any time was
// printed. A pair without a peer is a figure of ours against a limit in seconds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "answer.h"
#include "arrow/api.h"
#include "machine.h"
#include "statistics.h"

namespace pyralog::bench {

// One run of one side.
struct Sample {
  double seconds = 0;
  double work = 1;  // operations done, for rates
  Answer answer = {};
  std::vector<double> latencies_us = {};  // of the single operations, where they were taken
};

struct Side {
  std::string name;
  std::function<arrow::Result<Sample>()> run;
  int pid = 0;  // of the child that does the work; 0: this process
};

enum class Measure {
  kTimeRatio,  // seconds of ours / seconds of theirs
  kRateRatio,  // operations a second of ours / of theirs
  kSeconds,    // seconds of ours (Sample::seconds, in whatever the pair normalises it to)
};

// The least that the work can cost on this machine, and why.
struct Floor {
  double seconds = 0;
  std::string why;
};

struct Pair {
  std::string name;
  std::string what;  // one line: the work, the sizes, what both sides promise
  Measure measure = Measure::kTimeRatio;
  Goal goal;
  Side ours;
  std::optional<Side> peer;
  std::function<arrow::Status()> before_round;  // untimed, may be empty
  std::function<Floor()> floor;                 // asked after the rounds, may be empty
};

// What one side needed. Memory is the peak above what was resident when a run began.
struct SideResult {
  std::string name;
  double seconds = 0;      // median of the runs
  double rate = 0;         // median of operations / second
  double cpu_seconds = 0;  // median of what the process used in a run, checking its answer included
  double peak_bytes = 0;
  double resident_bytes = 0;         // with that peak
  std::vector<double> latencies_us;  // of all runs, sorted
};

struct PairResult {
  std::string name;
  std::string what;
  Measure measure = Measure::kTimeRatio;
  Goal goal;
  std::vector<double> values;  // the pairwise ratios, or the seconds
  Summary summary;
  SideResult ours;
  std::optional<SideResult> peer;
  Floor floor;
  double pressure_before = 0;  // percent, while nothing of ours ran
  double pressure = 0;         // percent, during the run: our own threads wait, too
  double foreign = 0;          // percent of the cores' time that others used
  bool noisy = false;
};

constexpr double kNoisyPressure = 2;  // percent
constexpr double kNoisyForeign = 5;   // percent; the kernel's writing for us is some of it

struct RunOptions {
  std::vector<int> cores;
  size_t pairs = 0;           // this many, whatever they say; 0: 7 or 21
  double idle_seconds = 0.5;  // that pressure is watched before a pair begins
};

// Runs one side and keeps what it needed.
class SideRunner {
 public:
  explicit SideRunner(const Side& side) : side_(side) { result_.name = side.name; }

  arrow::Result<Sample> Run(bool keep) {
    ResetPeakResidentBytes(side_.pid);
    const double before = ResidentBytes(side_.pid);
    const double cpu_before = CpuSeconds(side_.pid);
    auto ran = side_.run();
    if (!ran.ok()) return ran.status().WithMessage(side_.name, ": ", ran.status().message());
    if (!keep) return ran;
    cpu_seconds_.push_back(CpuSeconds(side_.pid) - cpu_before);
    const double peak = PeakResidentBytes(side_.pid);
    result_.peak_bytes = std::max(result_.peak_bytes, peak - before);
    result_.resident_bytes = std::max(result_.resident_bytes, peak);
    seconds_.push_back(ran->seconds);
    rates_.push_back(ran->work / ran->seconds);
    auto& all = result_.latencies_us;
    all.insert(all.end(), ran->latencies_us.begin(), ran->latencies_us.end());
    return ran;
  }

  SideResult Finish() {
    result_.seconds = Median(seconds_);
    result_.rate = Median(rates_);
    result_.cpu_seconds = Median(cpu_seconds_);
    std::sort(result_.latencies_us.begin(), result_.latencies_us.end());
    return std::move(result_);
  }

 private:
  const Side& side_;
  SideResult result_;
  std::vector<double> seconds_;
  std::vector<double> rates_;
  std::vector<double> cpu_seconds_;
};

inline double PairValue(Measure measure, const Sample& ours, const Sample* theirs) {
  switch (measure) {
    case Measure::kTimeRatio:
      return ours.seconds / theirs->seconds;
    case Measure::kRateRatio:
      return (ours.work / ours.seconds) / (theirs->work / theirs->seconds);
    case Measure::kSeconds:
      break;
  }
  return ours.seconds;
}

// One round; `values` gets its ratio unless it is null (warming up).
inline arrow::Status RunRound(const Pair& pair, SideRunner* ours, SideRunner* theirs,
                              std::vector<double>* values) {
  if (pair.before_round) ARROW_RETURN_NOT_OK(pair.before_round());
  const bool keep = values != nullptr;
  ARROW_ASSIGN_OR_RAISE(const Sample a, ours->Run(keep));
  std::optional<Sample> b;
  if (theirs != nullptr) {
    ARROW_ASSIGN_OR_RAISE(b, theirs->Run(keep));
    ARROW_RETURN_NOT_OK(CompareAnswers(a.answer, b->answer));
  }
  if (keep) values->push_back(PairValue(pair.measure, a, b ? &*b : nullptr));
  return arrow::Status::OK();
}

// How many pairs in all, after the first few of them. Asked once, so that the rest cannot be
// stopped by how they turn out.
inline size_t PairsWanted(const Pair& pair, const std::vector<double>& few) {
  const bool is_ratio = pair.measure != Measure::kSeconds;
  return IsClose(Median(few), pair.goal, is_ratio) ? kManyPairs : kFewPairs;
}

inline double PressureWhileIdle(double seconds) {
  WaitUntilIdle(seconds);
  const PressureMeter meter;
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  return meter.Percent();
}

inline arrow::Result<PairResult> RunPair(const Pair& pair, const RunOptions& options) {
  PairResult result;
  result.name = pair.name;
  result.what = pair.what;
  result.measure = pair.measure;
  result.goal = pair.goal;
  SideRunner ours(pair.ours);
  std::optional<SideRunner> theirs;
  if (pair.peer) theirs.emplace(*pair.peer);
  SideRunner* peer = theirs ? &*theirs : nullptr;
  ARROW_RETURN_NOT_OK(RunRound(pair, &ours, peer, nullptr));

  result.pressure_before = PressureWhileIdle(options.idle_seconds);
  std::vector<int> children;
  if (pair.ours.pid != 0) children.push_back(pair.ours.pid);
  if (pair.peer && pair.peer->pid != 0) children.push_back(pair.peer->pid);
  const ForeignLoadMeter foreign(options.cores, children);
  const PressureMeter pressure;
  size_t wanted = options.pairs > 0 ? options.pairs : kFewPairs;
  while (result.values.size() < wanted) {
    ARROW_RETURN_NOT_OK(RunRound(pair, &ours, peer, &result.values));
    if (options.pairs == 0 && result.values.size() == kFewPairs) {
      wanted = PairsWanted(pair, result.values);
    }
  }
  result.pressure = pressure.Percent();
  result.foreign = foreign.Percent();
  result.noisy = result.pressure_before > kNoisyPressure || result.foreign > kNoisyForeign;

  result.summary = Summarise(result.values, pair.goal, pair.measure != Measure::kSeconds);
  result.ours = ours.Finish();
  if (theirs) result.peer = theirs->Finish();
  if (pair.floor) result.floor = pair.floor();
  return result;
}

}  // namespace pyralog::bench
