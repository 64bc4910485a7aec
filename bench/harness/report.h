// How a result is told: a few lines for people, JSON for bench/run.py.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "pair.h"

namespace pyralog::bench {

inline std::string Format(const char* format, double value) {
  char text[64];
  (void)std::snprintf(text, sizeof(text), format, value);
  return text;
}

inline std::string FormatSeconds(double seconds) {
  if (seconds < 1e-3) return Format("%.1f us", seconds * 1e6);
  if (seconds < 1) return Format("%.2f ms", seconds * 1e3);
  return Format("%.2f s", seconds);
}

inline std::string FormatGoal(const Goal& goal, Measure measure) {
  if (!goal.wanted) return "none";
  return std::string(goal.direction == Direction::kAtLeast ? ">= " : "<= ") +
         Format("%.2f", goal.bound) + (measure == Measure::kSeconds ? " s" : "");
}

inline void PrintSide(const SideResult& side, const PairResult& result) {
  std::string line = "    " + side.name + ": ";
  if (result.measure == Measure::kRateRatio) {
    line += Format("%.0f", side.rate) + " a second";
  } else {
    line += FormatSeconds(side.seconds);
  }
  const auto& all = side.latencies_us;
  if (!all.empty()) {
    line += "; p50 " + Format("%.0f", Percentile(all, 50)) + ", p99 " +
            Format("%.0f", Percentile(all, 99)) + ", p99.9 " +
            Format("%.0f", Percentile(all, 99.9)) + " us";
  }
  line += "; cpu " + FormatSeconds(side.cpu_seconds) + " a run; memory +" +
          Format("%.1f", side.peak_bytes / (1 << 20)) + " of " +
          Format("%.0f MiB", side.resident_bytes / (1 << 20));
  if (result.floor.seconds > 0 && result.measure != Measure::kSeconds) {
    line += "; " + Format("%.1f", side.seconds / result.floor.seconds) + " x the floor";
  }
  (void)std::printf("%s\n", line.c_str());
}

inline void PrintResult(const PairResult& result) {
  const Summary& summary = result.summary;
  const double bound = result.goal.direction == Direction::kAtLeast ? summary.lower : summary.upper;
  (void)std::printf(
      "%s: %s\n    goal %s, %s %.3f [%.3f, %.3f], 95 %% bound %.3f, %zu %s: %s%s\n",
      result.name.c_str(), result.what.c_str(), FormatGoal(result.goal, result.measure).c_str(),
      result.measure == Measure::kSeconds ? "seconds" : "ratio", summary.median, summary.min,
      summary.max, bound, summary.count, result.peer ? "pairs" : "runs",
      std::string(VerdictName(summary.verdict)).c_str(), result.noisy ? " (noisy)" : "");
  PrintSide(result.ours, result);
  if (result.peer) PrintSide(*result.peer, result);
  if (result.floor.seconds > 0) {
    (void)std::printf("    floor: %s (%s)\n", FormatSeconds(result.floor.seconds).c_str(),
                      result.floor.why.c_str());
  }
  (void)std::printf(
      "    pressure %.1f %% before, %.1f %% during; others used %.1f %% of the cores\n",
      result.pressure_before, result.pressure, result.foreign);
  (void)std::fflush(stdout);
}

inline nlohmann::json ToJson(const SideResult& side) {
  nlohmann::json json = {{"name", side.name},
                         {"seconds", side.seconds},
                         {"rate", side.rate},
                         {"cpu_seconds", side.cpu_seconds},
                         {"peak_bytes", side.peak_bytes},
                         {"resident_bytes", side.resident_bytes}};
  if (!side.latencies_us.empty()) {
    for (const double percent : {50.0, 99.0, 99.9}) {
      json["latency_us"]["p" + Format("%g", percent)] = Percentile(side.latencies_us, percent);
    }
  }
  return json;
}

inline nlohmann::json ToJson(const PairResult& result) {
  const Summary& summary = result.summary;
  nlohmann::json json = {
      {"name", result.name},
      {"what", result.what},
      {"unit", result.measure == Measure::kSeconds ? "seconds" : "ratio"},
      {"goal", FormatGoal(result.goal, result.measure)},
      {"verdict", VerdictName(summary.verdict)},
      {"noisy", result.noisy},
      {"median", summary.median},
      {"min", summary.min},
      {"max", summary.max},
      {"bound95", result.goal.direction == Direction::kAtLeast ? summary.lower : summary.upper},
      {"values", result.values},
      {"ours", ToJson(result.ours)},
      {"pressure_before", result.pressure_before},
      {"pressure", result.pressure},
      {"foreign", result.foreign}};
  if (result.peer) json["peer"] = ToJson(*result.peer);
  if (result.floor.seconds > 0) {
    json["floor"] = {{"seconds", result.floor.seconds}, {"why", result.floor.why}};
  }
  return json;
}

}  // namespace pyralog::bench
