#include "cli/commands.h"

#include <utility>

#include "arrow/array/array_binary.h"
#include "arrow/config.h"
#include "cli/interrupts.h"
#include "fmt/format.h"
#include "sql/mask.h"

namespace pyralog::cli {
namespace {

#ifdef __clang__
constexpr const char* kCompiler = "clang";
#else
constexpr const char* kCompiler = "g++";
#endif

// A line for each table, and one for what serves all of them.
constexpr std::string_view kStats =
    "SELECT coalesce(schema_name, '') AS schema, coalesce(table_name, '(log and lists)') AS name, "
    "storage_type, count(*) AS files, sum(size_bytes)::BIGINT AS bytes, "
    "sum(rows)::BIGINT AS stored_rows, sum(deleted_rows)::BIGINT AS deleted_rows, "
    "max(level) AS deepest_level FROM storage_stats() GROUP BY ALL ORDER BY ALL";

arrow::Status WriteStats(Database& database, const std::shared_ptr<StandardOutput>& out,
                         const Display& display) {
  ARROW_ASSIGN_OR_RAISE(const auto session, database.Connect());
  const Interrupts::Statement interruptible(session.get());
  if (IsArrowMode(display.mode)) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, session->Query(kStats));
    return WriteResult(*reader, out, display).status();
  }
  ARROW_ASSIGN_OR_RAISE(const auto result, session->QueryText(kStats));
  return WriteResult(*result, out, display).status();
}

// How this program was compiled.
std::string BuildText() {
#ifdef NDEBUG
  const char* kind = "release";
#else
  const char* kind = "with assertions";
#endif
  return fmt::format("{}, {} {}", kind, kCompiler, __VERSION__);
}

std::string_view SimdName(sql::SimdLevel level) {
  switch (level) {
    case sql::SimdLevel::kScalar:
      return "scalar (x86-64-v2)";
    case sql::SimdLevel::kAvx2:
      return "AVX2";
    case sql::SimdLevel::kAvx512:
      return "AVX-512";
  }
  return "";
}

// "AVX2", or "scalar (x86-64-v2), chosen by PYRALOG_SIMD; the machine has AVX2".
std::string SimdText() {
  const sql::SimdLevel active = sql::ActiveSimdLevel();
  const sql::SimdLevel machine = sql::MachineSimdLevel();
  if (active == machine) return std::string(SimdName(active));
  return fmt::format("{}, chosen by PYRALOG_SIMD; the machine has {}", SimdName(active),
                     SimdName(machine));
}

arrow::Result<std::string> VersionText() {
  ARROW_ASSIGN_OR_RAISE(const auto database, Database::Open(""));
  ARROW_ASSIGN_OR_RAISE(const auto session, database->Connect());
  ARROW_ASSIGN_OR_RAISE(const auto result, session->QueryText("SELECT version()"));
  ARROW_ASSIGN_OR_RAISE(const auto row, result->Next());
  const auto& duckdb = static_cast<const arrow::LargeStringArray&>(*row->column(0));
  return fmt::format("pyralog {}\nDuckDB  {}\nArrow   {}\nSIMD    {}\nbuilt   {}\n", Version(),
                     duckdb.GetView(0), arrow::GetBuildInfo().version_string, SimdText(),
                     BuildText());
}

}  // namespace

Display DisplayOf(std::optional<OutputMode> mode) {
  Display display;
  display.mode = mode.value_or(StandardOutput::IsTerminal() ? OutputMode::kBox : OutputMode::kCsv);
  display.width = StandardOutput::TerminalWidth();
  display.styled = StandardOutput::IsStyled();
  return display;
}

std::shared_ptr<Database> OpenDatabase(const std::string& folder, const DatabaseOptions& options) {
  DatabaseOptions wanted = options;
  // What cannot be written cannot be made either.
  if (wanted.read_only) wanted.create_if_missing = folder.empty();
  auto database = Database::Open(folder, wanted);
  if (!database.ok()) {
    PrintToStderr(ErrorText(database.status()));
    return nullptr;
  }
  const std::string notice = (*database)->recovery_notice();
  if (!notice.empty()) PrintToStderr("notice: " + notice);
  return *std::move(database);
}

ExitCode ReportWritten(const arrow::Status& status, const StandardOutput& out) {
  if (status.ok() || out.reader_gone()) return ExitCode::kDone;
  PrintToStderr(ErrorText(status));
  return ExitCode::kStatementFailed;
}

ExitCode RunVerify(const VerifyArguments& arguments) {
  Interrupts::Get().Start(Interrupts::Insistence::kEndAtOnce);
  DatabaseOptions options;
  options.read_only = true;
  options.create_if_missing = false;
  const auto database = Database::Open(arguments.database, options);
  const arrow::Status status = database.ok() ? (*database)->Verify() : database.status();
  if (!status.ok()) {
    PrintToStderr(ErrorText(status));
    if (IsDamaged(status)) return ExitCode::kInputRefused;
    return database.ok() ? ExitCode::kStatementFailed : ExitCode::kCannotOpen;
  }
  if (const std::string notice = (*database)->recovery_notice(); !notice.empty()) {
    PrintToStderr("notice: " + notice);
  }
  StandardOutput out;
  return ReportWritten(out.Write(arguments.database + ": every byte is as it was written\n"), out);
}

ExitCode RunStats(const StatsArguments& arguments) {
  Interrupts::Get().Start(Interrupts::Insistence::kEnd);
  DatabaseOptions options;
  options.read_only = true;
  const auto database = OpenDatabase(arguments.database, options);
  if (database == nullptr) return ExitCode::kCannotOpen;
  const auto out = std::make_shared<StandardOutput>();
  return ReportWritten(WriteStats(*database, out, DisplayOf(arguments.mode)), *out);
}

ExitCode RunVersion() {
  StandardOutput out;
  const auto text = VersionText();
  return ReportWritten(text.ok() ? out.Write(*text) : text.status(), out);
}

}  // namespace pyralog::cli
