// A benchmark program: its command line, the folder it works in, the machine's limits, its results.
//
//   NAME_bench [--scale small|full] [--filter TEXT] [--pairs N] [--out FILE] [--work FOLDER]
//              [--python PROGRAM] [--peers FOLDER]
//
// `./dev bench` gives what is needed; by hand, --filter and --scale are enough for pairs whose peer
// is in the process.
#pragma once

#include <stdlib.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pair.h"
#include "report.h"

namespace pyralog::bench {

struct SuiteOptions {
  bool full = true;
  std::string filter;
  size_t pairs = 0;
  std::string out;
  std::string work = ".";
  std::string python = "python3";
  std::string peers = "bench/peers";
};

// What the machine can do at best.
struct Limits {
  double bandwidth = 0;     // bytes a second, all pinned cores together
  double sync_seconds = 0;  // one durable 4 KiB write in the work folder
};

inline Floor BytesFloor(const Limits& limits, double bytes) {
  return {bytes / limits.bandwidth, Format("%.0f MB", bytes / 1e6) + " read at " +
                                        Format("%.1f GB/s", limits.bandwidth / 1e9)};
}

inline Floor SyncFloor(const Limits& limits, double syncs) {
  return {syncs * limits.sync_seconds,
          Format("%.0f", syncs) + " syncs of " + FormatSeconds(limits.sync_seconds)};
}

class Suite {
 public:
  Suite(std::string name, SuiteOptions options)
      : name_(std::move(name)), options_(std::move(options)) {}
  ~Suite() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  Suite(const Suite&) = delete;
  Suite& operator=(const Suite&) = delete;

  arrow::Status Start() {
    ARROW_ASSIGN_OR_RAISE(run_.cores, PinToCores(2));
    run_.pairs = options_.pairs;
    std::error_code ignored;
    std::filesystem::create_directories(options_.work, ignored);
    folder_ = options_.work + "/" + name_ + "_XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) {
      return arrow::Status::IOError("cannot create a folder in ", options_.work);
    }
    limits_.bandwidth = MeasureBandwidth(run_.cores.size());
    ARROW_ASSIGN_OR_RAISE(limits_.sync_seconds, MeasureSyncLatency(folder_));
    (void)std::printf("%s: %zu cores, memory %.1f GB/s, sync %s\n", name_.c_str(),
                      run_.cores.size(), limits_.bandwidth / 1e9,
                      FormatSeconds(limits_.sync_seconds).c_str());
    return arrow::Status::OK();
  }

  const SuiteOptions& options() const { return options_; }
  const Limits& limits() const { return limits_; }
  size_t threads() const { return run_.cores.size(); }
  // A path in this run's folder, which goes with the suite.
  std::string Path(std::string_view name) const { return folder_ + "/" + std::string(name); }

  template <class T>
  T Scaled(T small, T full) const {
    return options_.full ? full : small;
  }

  // Whether the filter selects the pair with this name.
  bool Wants(std::string_view pair) const {
    return pair.find(options_.filter) != std::string_view::npos;
  }
  bool WantsAny(const std::vector<std::string>& pairs) const {
    return std::any_of(pairs.begin(), pairs.end(),
                       [this](const std::string& pair) { return Wants(pair); });
  }

  // Runs, prints and keeps a pair that the filter selects.
  arrow::Status Run(const Pair& pair) {
    if (!Wants(pair.name)) return arrow::Status::OK();
    auto result = RunPair(pair, run_);
    if (!result.ok()) {
      return result.status().WithMessage(pair.name, ": ", result.status().message());
    }
    PrintResult(*result);
    results_.push_back(ToJson(*result));
    return arrow::Status::OK();
  }

  arrow::Status WriteResults() const {
    if (options_.out.empty()) return arrow::Status::OK();
    const nlohmann::json json = {{"suite", name_},
                                 {"scale", options_.full ? "full" : "small"},
                                 {"cores", run_.cores.size()},
                                 {"bandwidth", limits_.bandwidth},
                                 {"sync_seconds", limits_.sync_seconds},
                                 {"pairs", results_}};
    std::ofstream file(options_.out);
    file << json.dump(2) << '\n';
    if (!file.flush()) return arrow::Status::IOError("cannot write ", options_.out);
    return arrow::Status::OK();
  }

 private:
  std::string name_;
  SuiteOptions options_;
  std::string folder_;
  Limits limits_;
  RunOptions run_;
  std::vector<nlohmann::json> results_;
};

inline arrow::Result<SuiteOptions> ParseOptions(const std::vector<std::string>& words) {
  SuiteOptions options;
  if (words.size() % 2 != 0) return arrow::Status::Invalid("an option without its value");
  for (size_t i = 0; i < words.size(); i += 2) {
    const std::string& name = words[i];
    const std::string& value = words[i + 1];
    if (name == "--scale" && (value == "small" || value == "full")) {
      options.full = value == "full";
    } else if (name == "--filter") {
      options.filter = value;
    } else if (name == "--pairs" && value.find_first_not_of("0123456789") == std::string::npos) {
      options.pairs = std::strtoul(value.c_str(), nullptr, 10);
    } else if (name == "--out") {
      options.out = value;
    } else if (name == "--work") {
      options.work = value;
    } else if (name == "--python") {
      options.python = value;
    } else if (name == "--peers") {
      options.peers = value;
    } else {
      return arrow::Status::Invalid("no option ", name, " ", value);
    }
  }
  return options;
}

// What main() returns: 0 when all pairs ran, whatever their verdicts; 1 otherwise; 64 for usage.
inline int RunSuite(const std::string& name, int argc, char** argv, arrow::Status (*body)(Suite*)) {
  const auto options = ParseOptions({argv + 1, argv + argc});
  if (!options.ok()) {
    (void)std::fprintf(stderr, "%s: %s\n", name.c_str(), options.status().message().c_str());
    return 64;
  }
  Suite suite(name, *options);
  arrow::Status status = suite.Start();
  if (status.ok()) status = body(&suite);
  const arrow::Status written = suite.WriteResults();
  if (status.ok()) status = written;
  if (!status.ok()) (void)std::fprintf(stderr, "%s: %s\n", name.c_str(), status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace pyralog::bench
