// What the command line asks for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/result_writer.h"
#include "pyralog/database.h"

namespace pyralog::cli {

struct SqlArguments {
  struct Input {
    enum class Kind { kText, kFile } kind;
    std::string value;  // SQL, or a path; "-" is stdin
  };
  std::string database;  // a folder; empty: in memory
  DatabaseOptions options;
  std::vector<Input> inputs;  // in the order given; none: the shell
  std::optional<OutputMode> mode;
  int64_t max_rows = 40;
  bool headers = true;
  std::optional<std::string> null_text;
  bool echoes = false;
  bool safe = false;  // no files beyond the database, no programs
  bool reads_init = true;
};

struct CatArguments {
  std::string uri;
  std::string format;  // empty: detected
  std::string member;  // empty: the only one
  std::optional<OutputMode> mode;
  std::optional<int64_t> limit;
  uint64_t memory_limit = uint64_t{1} << 30;
  std::optional<std::chrono::milliseconds> timeout;
};

struct InspectArguments {
  std::string path;
  bool buffers = false;  // the Arrow buffers of a file's columns in place of the rest
};
struct VerifyArguments {
  std::string database;
};
struct StatsArguments {
  std::string database;
  std::optional<OutputMode> mode;
};
struct FormatsArguments {
  std::optional<OutputMode> mode;
};
struct VersionArguments {};

using Arguments = std::variant<SqlArguments, CatArguments, InspectArguments, VerifyArguments,
                               StatsArguments, FormatsArguments, VersionArguments>;

// Either what to do, or the exit code when the command line itself is answered (--help) or refused;
// the text for stdout or stderr then has been written.
std::variant<Arguments, int> ParseArguments(int argc, char** argv);

}  // namespace pyralog::cli
