// The machine under a measurement: cores, pressure, memory in use, and the two limits that a
// roofline needs (memory bandwidth, sync latency). Linux only.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "arrow/api.h"
#include "statistics.h"

namespace pyralog::bench {

inline double Now() {  // seconds
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// ---- Cores -------------------------------------------------------------------------------------

inline std::vector<int> AllowedCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

// Pins this process, its later threads and its children to the first `count` of the cores that it
// may use; returns them.
inline arrow::Result<std::vector<int>> PinToCores(size_t count) {
  std::vector<int> cores = AllowedCores();
  if (cores.size() > count) cores.resize(count);
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  if (cores.empty() || ::sched_setaffinity(0, sizeof(set), &set) != 0) {
    return arrow::Status::IOError("cannot pin the process to ", count, " cores");
  }
  return cores;
}

// ---- Processor time ----------------------------------------------------------------------------

// Seconds of a core that this process has used.
inline double OwnCpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// The same of another process, in steps of a clock tick; 0 when there is none.
inline double CpuSecondsOf(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t at = text.rfind(") ");  // the name in parentheses may hold spaces
  if (at == std::string::npos) return 0;
  std::istringstream words(text.substr(at + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  double user = 0;
  double system = 0;
  words >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

inline double CpuSeconds(int pid) { return pid == 0 ? OwnCpuSeconds() : CpuSecondsOf(pid); }

// ---- Noise -------------------------------------------------------------------------------------

// The number that follows `name` in a file of /proc, or -1.
inline double ReadProcNumber(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t at = text.find(name);
  return at == std::string::npos ? -1 : std::strtod(text.c_str() + at + name.size(), nullptr);
}

// Share of time in which some task of the machine waited for a core, in percent, since this object
// was made. -1 where the kernel does not tell. Our own threads count, too.
class PressureMeter {
 public:
  double Percent() const {
    const double total = Total();
    if (total < 0 || total_ < 0) return -1;
    return (total - total_) / 1e6 / std::max(Now() - start_, 1e-9) * 100;
  }

 private:
  static double Total() { return ReadProcNumber("/proc/pressure/cpu", "total="); }  // us
  double total_ = Total();
  double start_ = Now();
};

// Share of the cores' time that went to others than this process and the children named, in
// percent: what other work disturbed a run. The kernel's own threads count as others.
class ForeignLoadMeter {
 public:
  ForeignLoadMeter(std::vector<int> cores, std::vector<int> children)
      : cores_(std::move(cores)), children_(std::move(children)) {
    busy_ = Busy();
    own_ = Own();
    start_ = Now();
  }

  double Percent() const {
    const double capacity = (Now() - start_) * static_cast<double>(cores_.size());
    const double foreign = (Busy() - busy_) - (Own() - own_);
    return std::max(0.0, foreign / std::max(capacity, 1e-9) * 100);
  }

 private:
  // Seconds in which the cores were neither idle nor waiting for a disk.
  double Busy() const {
    double ticks = 0;
    std::ifstream file("/proc/stat");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string name;
      words >> name;
      const bool wanted = std::any_of(cores_.begin(), cores_.end(), [&](int core) {
        return name == "cpu" + std::to_string(core);
      });
      if (!wanted) continue;
      double field = 0;
      for (int i = 0; i < 8 && words >> field;
           ++i) {  // user nice system idle iowait irq soft steal
        if (i != 3 && i != 4) ticks += field;
      }
    }
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  double Own() const {
    double seconds = OwnCpuSeconds();
    for (const int child : children_) seconds += CpuSecondsOf(child);
    return seconds;
  }

  std::vector<int> cores_;
  std::vector<int> children_;
  double busy_ = 0;
  double own_ = 0;
  double start_ = 0;
};

// Waits until this process has used less than 2 % of a core for `quiet` seconds (background work
// of an engine has ended), at most `limit` seconds.
inline void WaitUntilIdle(double quiet = 0.5, double limit = 120) {
  const double end = Now() + limit;
  while (Now() < end) {
    const double before = OwnCpuSeconds();
    std::this_thread::sleep_for(std::chrono::duration<double>(quiet));
    if (OwnCpuSeconds() - before < 0.02 * quiet) return;
  }
}

// ---- Memory ------------------------------------------------------------------------------------

// Of this process (pid 0) or a child, in bytes; -1 when it is not known.
inline double ResidentBytes(int pid) {
  const std::string who = pid == 0 ? "self" : std::to_string(pid);
  const double kib = ReadProcNumber("/proc/" + who + "/status", "VmRSS:");
  return kib < 0 ? -1 : kib * 1024;
}

inline double PeakResidentBytes(int pid) {
  const std::string who = pid == 0 ? "self" : std::to_string(pid);
  const double kib = ReadProcNumber("/proc/" + who + "/status", "VmHWM:");
  return kib < 0 ? -1 : kib * 1024;
}

// Begins the peak anew, from what is resident now.
inline void ResetPeakResidentBytes(int pid) {
  const std::string who = pid == 0 ? "self" : std::to_string(pid);
  std::ofstream("/proc/" + who + "/clear_refs") << "5";
}

// ---- Limits ------------------------------------------------------------------------------------

// Bytes a second that `threads` threads read from memory together: best of five.
inline double MeasureBandwidth(size_t threads) {
  constexpr size_t kWords = size_t{192} << 17;  // 192 MiB, several times a usual cache
  const std::vector<uint64_t> buffer(kWords, 1);
  std::vector<uint64_t> sums(threads);
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const double start = Now();
    std::vector<std::thread> workers;
    for (size_t t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        uint64_t sum[4] = {};
        const size_t end = kWords / threads * (t + 1);
        for (size_t i = kWords / threads * t; i + 4 <= end; i += 4) {
          for (size_t lane = 0; lane < 4; ++lane) sum[lane] += buffer[i + lane];
        }
        sums[t] = sum[0] + sum[1] + sum[2] + sum[3];
      });
    }
    for (auto& worker : workers) worker.join();
    best = std::max(best, static_cast<double>(kWords * sizeof(uint64_t)) / (Now() - start));
  }
  volatile uint64_t kept = sums[0];  // so that the loops stay
  (void)kept;
  return best;
}

// Median seconds of writing 4 KiB into a preallocated file of `folder` and syncing it.
inline arrow::Result<double> MeasureSyncLatency(const std::string& folder) {
  constexpr size_t kBlock = 4096;
  constexpr int kBlocks = 200;
  const std::string path = folder + "/sync_latency";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return arrow::Status::IOError("cannot create ", path);
  const std::string block(kBlock, 'x');
  const std::string zeros(kBlock * kBlocks, '\0');
  bool ok = ::pwrite(file, zeros.data(), zeros.size(), 0) == static_cast<ssize_t>(zeros.size()) &&
            ::fsync(file) == 0;
  std::vector<double> seconds;
  for (int i = 0; ok && i < kBlocks; ++i) {
    const double start = Now();
    ok = ::pwrite(file, block.data(), kBlock, static_cast<off_t>(i) * static_cast<off_t>(kBlock)) ==
             static_cast<ssize_t>(kBlock) &&
         ::fdatasync(file) == 0;
    seconds.push_back(Now() - start);
  }
  ::close(file);
  ::unlink(path.c_str());
  if (!ok) return arrow::Status::IOError("cannot write and sync ", path);
  return Median(seconds);
}

}  // namespace pyralog::bench
