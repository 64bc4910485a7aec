// The `pyralog` command. docs/architecture/cli.md
#include <exception>
#include <new>
#include <string>
#include <variant>

#include "arrow/filesystem/filesystem.h"
#include "cli/commands.h"

namespace pyralog::cli {
namespace {

struct RunCommand {
  ExitCode operator()(const SqlArguments& arguments) const { return RunSql(arguments); }
  ExitCode operator()(const CatArguments& arguments) const { return RunCat(arguments); }
  ExitCode operator()(const InspectArguments& arguments) const { return RunInspect(arguments); }
  ExitCode operator()(const VerifyArguments& arguments) const { return RunVerify(arguments); }
  ExitCode operator()(const StatsArguments& arguments) const { return RunStats(arguments); }
  ExitCode operator()(const FormatsArguments& arguments) const { return RunFormats(arguments); }
  ExitCode operator()(const VersionArguments&) const { return RunVersion(); }
};

int Main(int argc, char** argv) {
  SecureStandardDescriptors();
  const auto parsed = ParseArguments(argc, argv);
  if (const int* answered = std::get_if<int>(&parsed)) return *answered;
  ExitCode code = ExitCode::kStatementFailed;
  try {
    code = std::visit(RunCommand{}, std::get<Arguments>(parsed));
  } catch (const std::bad_alloc&) {
    PrintToStderr("error: MEMORY_LIMIT: the machine has no memory left");
  } catch (const std::exception& exception) {  // of a library, where it promises none
    PrintToStderr(std::string("error: UNKNOWN: ") + exception.what());
  }
  arrow::fs::EnsureFinalized();
  return static_cast<int>(code);
}

}  // namespace
}  // namespace pyralog::cli

int main(int argc, char** argv) { return pyralog::cli::Main(argc, argv); }
