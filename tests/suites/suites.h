// Where the outside test data are, and how a suite reports.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace pyralog::suites {

// The folder of a suite below PYRALOG_SUITES (default ../shared/suites), or empty when it is not
// there.
inline std::string SuiteFolder(const std::string& suite) {
  const char* root = std::getenv("PYRALOG_SUITES");
  const char* source = std::getenv("PYRALOG_SOURCE_DIR");
  const std::string base =
      root != nullptr ? root : std::string(source != nullptr ? source : ".") + "/../shared/suites";
  const std::string folder = base + "/" + suite;
  return std::filesystem::is_directory(folder) ? folder : std::string();
}

struct Tally {
  int passed = 0;
  int failed = 0;
  int skipped = 0;

  // Prints the sum and fails when it is not the expected total: a suite that shrinks shows.
  void Report(const char* suite, int expected) const {
    std::printf("%s: %d passed, %d failed, %d skipped, %d expected\n", suite, passed, failed,
                skipped, expected);
    EXPECT_EQ(failed, 0) << suite;
    EXPECT_EQ(passed + failed + skipped, expected) << suite;
  }
};

}  // namespace pyralog::suites
