#include "cli/arguments.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "CLI/CLI.hpp"
#include "cli/exit_code.h"
#include "cli/nearest.h"
#include "cli/quantity.h"
#include "cli/standard_output.h"

namespace pyralog::cli {
namespace {

constexpr std::string_view kCommandNames[] = {"sql",   "cat",     "inspect", "verify",
                                              "stats", "formats", "version"};

// Refuses the value with the status's text, as CLI11 wants it told.
template <class Value>
Value ValueOrRefuse(arrow::Result<Value> result, const std::string& option) {
  if (!result.ok()) throw CLI::ValidationError(option, result.status().message());
  return *std::move(result);
}

void AddMode(CLI::App* app, std::optional<OutputMode>* mode) {
  app->add_option_function<std::string>(
         "--out",
         [mode](const std::string& name) {
           *mode = OutputModeNamed(name);
           if (!*mode) {
             throw CLI::ValidationError("--out", "'" + name + "' is none of " + OutputModeNames());
           }
         },
         "How results are written: " + OutputModeNames() + "; box on a terminal, else csv")
      ->type_name("MODE");
}

void AddSize(CLI::App* app, const std::string& name, uint64_t* size, const std::string& help) {
  app->add_option_function<std::string>(
         name,
         [name, size](const std::string& text) { *size = ValueOrRefuse(ParseSize(text), name); },
         help)
      ->type_name("SIZE");
}

// Whole numbers from 0 on.
CLI::Validator NotNegative() { return CLI::Range(int64_t{0}, INT64_MAX).description(""); }

void AddDatabaseOptions(CLI::App* app, SqlArguments* sql) {
  DatabaseOptions* options = &sql->options;
  app->add_flag("--readonly", options->read_only, "Take no writes; the database must be there");
  const std::map<std::string, Durability> levels = {
      {"full", Durability::kFull}, {"normal", Durability::kNormal}, {"off", Durability::kOff}};
  app->add_option_function<std::string>(
         "--durability",
         [options, levels](const std::string& name) {
           const auto found = levels.find(name);
           if (found == levels.end()) {
             throw CLI::ValidationError("--durability",
                                        "'" + name + "' is none of full, normal, off");
           }
           options->durability = found->second;
         },
         "What a commit survives: full (power loss, the default), normal (a killed process), off")
      ->type_name("LEVEL");
  AddSize(app, "--memory-limit", &options->memory_limit, "Memory for queries and caches");
  AddSize(app, "--memtable-size", &options->memtable_size,
          "Recent rows kept in memory before they go to files");
  app->add_option("--threads", options->threads, "Threads of queries; as many as cores")
      ->check(CLI::Range(1, 1024).description(""))
      ->type_name("N");
  app->add_flag("--safe", sql->safe,
                "No files beyond the database, no programs, no change of settings");
  app->add_flag("!--no-init", sql->reads_init,
                "Do not run the init file (~/.config/pyralog/init.sql) in the shell");
  app->add_flag("--echo", sql->echoes, "Write each statement before its result");
  AddMode(app, &sql->mode);
  app->add_flag("!--no-headers", sql->headers, "Results without the names of their columns");
  app->add_option("--null", sql->null_text, "What stands for NULL in modes of text")
      ->type_name("TEXT");
  app->add_option("--max-rows", sql->max_rows, "Rows that a box shows (40); 0 for all")
      ->check(NotNegative())
      ->type_name("N");
}

void AddSql(CLI::App* app, SqlArguments* sql) {
  app->add_option("--db", sql->database,
                  "The database's folder, made when missing; none: in memory")
      ->type_name("FOLDER");
  AddDatabaseOptions(app, sql);
  auto add_input = [&](const char* name, SqlArguments::Input::Kind kind, const char* help) {
    app->add_option_function<std::vector<std::string>>(
           name, [](const auto&) {}, help)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->type_name(kind == SqlArguments::Input::Kind::kText ? "SQL" : "FILE");
  };
  add_input("-c", SqlArguments::Input::Kind::kText, "Run these statements; may be repeated");
  add_input("-f", SqlArguments::Input::Kind::kFile, "Run a file's statements; - is stdin");
}

// -c and -f in the order in which they were given.
void CollectInputs(const CLI::App& app, SqlArguments* sql) {
  std::map<const CLI::Option*, size_t> used;
  for (const CLI::Option* option : app.parse_order()) {
    const bool text = option->check_name("-c");
    if (!text && !option->check_name("-f")) continue;
    const auto kind = text ? SqlArguments::Input::Kind::kText : SqlArguments::Input::Kind::kFile;
    sql->inputs.push_back({kind, option->results().at(used[option]++)});
  }
}

void AddCat(CLI::App* app, CatArguments* cat) {
  app->add_option("uri", cat->uri, "A file, file:// URI or pattern")->required()->type_name("URI");
  app->add_option("--format", cat->format, "The file's format; else it is detected");
  app->add_option("--select", cat->member, "The member of a file that holds several");
  AddMode(app, &cat->mode);
  app->add_option_function<int64_t>(
         "--limit", [cat](const int64_t& rows) { cat->limit = rows; }, "Rows at most")
      ->check(NotNegative())
      ->type_name("N");
  AddSize(app, "--memory-limit", &cat->memory_limit, "Memory for reading (1GiB)");
  app->add_option_function<std::string>(
         "--timeout",
         [cat](const std::string& text) {
           cat->timeout = ValueOrRefuse(ParseDuration(text), "--timeout");
         },
         "Time for reading, as in 20s; none unless given")
      ->type_name("TIME");
}

// A misspelt command would be taken for the name of a new database.
std::string MisspeltCommand(const std::string& database) {
  std::error_code ignored;
  if (database.empty() || std::filesystem::exists(database, ignored)) return "";
  return NearestWord(database, kCommandNames);
}

// ", did you mean --limit?" for the first option that the command does not have.
std::string NearestOption(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  std::string unknown;
  for (int i = 1; i < argc; ++i) {
    const std::string argument(argv[i]);
    for (const CLI::App* named : app.get_subcommands([](const CLI::App*) { return true; })) {
      if (command == &app && named->get_name() == argument) command = named;
    }
    if (!unknown.empty() || !argument.starts_with("--")) continue;
    unknown = argument.substr(0, argument.find('='));
    if (command->get_option_no_throw(unknown) != nullptr) unknown.clear();
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::string nearest =
      NearestWord(unknown, std::vector<std::string_view>(known.begin(), known.end()));
  return nearest.empty() || unknown.empty() ? "" : "; did you mean " + nearest + "?";
}

int RefuseUsage(const std::string& message) {
  PrintToStderr("error: " + message + "\nusage: pyralog [COMMAND] ...; pyralog --help says more");
  return static_cast<int>(ExitCode::kUsage);
}

struct Parser {
  Parser() : app("Pyralog, an Arrow-native database") {
    app.name("pyralog");
    app.set_help_flag("-h,--help", "This text");
    app.set_version_flag("--version", [] { return "pyralog " + Version(); });
    app.require_subcommand(0, 1);
    app.footer(
        "Without a command: a shell on the database DB.\n"
        "Exit codes: 0 done, 1 the statement failed, 2 the input was refused, 3 the database "
        "cannot be\n"
        "opened, 64 usage, 130 interrupted.");
    app.add_option("db", shell.database,
                   "The database's folder, made when missing; none: in memory")
        ->type_name("DB");
    AddDatabaseOptions(&app, &shell);
    sql_command = app.add_subcommand("sql", "Run statements, or the shell");
    AddSql(sql_command, &sql);
    cat_command = app.add_subcommand("cat", "Write the rows of a file");
    AddCat(cat_command, &cat);
    inspect_command = app.add_subcommand("inspect", "Say what a file or a database is made of");
    inspect_command->add_option("path", inspect.path, "A file or a database's folder")->required();
    inspect_command->add_flag("--buffers", inspect.buffers,
                              "Bytes of the Arrow buffers of each column of a file");
    verify_command = app.add_subcommand("verify", "Read and check every byte of a database");
    verify_command->add_option("db", verify.database, "The database's folder")->required();
    stats_command = app.add_subcommand("stats", "Files, bytes and rows of each table");
    stats_command->add_option("db", stats.database, "The database's folder")->required();
    AddMode(stats_command, &stats.mode);
    formats_command = app.add_subcommand("formats", "List the file formats of this build");
    AddMode(formats_command, &formats.mode);
    version_command = app.add_subcommand("version", "Say what this program is made of");
    AddExamples();
  }

  void AddExamples() {
    sql_command->footer(
        "Examples:\n"
        "  pyralog sql --db shop -c \"SELECT * FROM orders LIMIT 3\"\n"
        "  pyralog sql --out parquet -c \"FROM 'orders.csv'\" >orders.parquet\n"
        "  pyralog sql --db shop -f load.sql -f report.sql");
    cat_command->footer(
        "Examples:\n"
        "  pyralog cat orders.parquet --limit 10\n"
        "  pyralog cat 'logs/*.jsonl' --out csv >logs.csv");
    inspect_command->footer(
        "Examples:\n"
        "  pyralog inspect orders.parquet\n"
        "  pyralog inspect shop\n"
        "  pyralog inspect shop/hot/1/00000001.arrow --buffers");
    verify_command->footer("Example:\n  pyralog verify shop && cp -r shop /backup/");
    stats_command->footer("Example:\n  pyralog stats shop --out jsonl");
    formats_command->footer("Example:\n  pyralog formats --out csv");
    version_command->footer("Example:\n  pyralog version");
  }

  Arguments Take() {
    if (sql_command->parsed()) {
      CollectInputs(*sql_command, &sql);
      return sql;
    }
    if (cat_command->parsed()) return cat;
    if (inspect_command->parsed()) return inspect;
    if (verify_command->parsed()) return verify;
    if (stats_command->parsed()) return stats;
    if (formats_command->parsed()) return formats;
    if (version_command->parsed()) return VersionArguments{};
    return shell;
  }

  CLI::App app;
  SqlArguments shell;
  SqlArguments sql;
  CatArguments cat;
  InspectArguments inspect;
  VerifyArguments verify;
  StatsArguments stats;
  FormatsArguments formats;
  CLI::App* sql_command;
  CLI::App* cat_command;
  CLI::App* inspect_command;
  CLI::App* verify_command;
  CLI::App* stats_command;
  CLI::App* formats_command;
  CLI::App* version_command;
};

std::optional<OutputMode> ModeOf(const Arguments& arguments) {
  if (const auto* sql = std::get_if<SqlArguments>(&arguments)) return sql->mode;
  if (const auto* cat = std::get_if<CatArguments>(&arguments)) return cat->mode;
  if (const auto* stats = std::get_if<StatsArguments>(&arguments)) return stats->mode;
  if (const auto* formats = std::get_if<FormatsArguments>(&arguments)) return formats->mode;
  return std::nullopt;
}

}  // namespace

std::variant<Arguments, int> ParseArguments(int argc, char** argv) {
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::Success& answered) {  // --help, --version
    std::ostringstream text;
    parser.app.exit(answered, text, text);
    StandardOutput out;
    const arrow::Status written = out.Write(text.str());
    if (written.ok() || out.reader_gone()) return static_cast<int>(ExitCode::kDone);
    PrintToStderr(ErrorText(written));
    return static_cast<int>(ExitCode::kStatementFailed);
  } catch (const CLI::ExtrasError& error) {
    return RefuseUsage(error.what() + NearestOption(parser.app, argc, argv));
  } catch (const CLI::ParseError& error) {
    return RefuseUsage(error.what());
  }
  Arguments arguments = parser.Take();
  const std::optional<OutputMode> mode = ModeOf(arguments);
  if (mode && IsBinaryMode(*mode) && StandardOutput::IsTerminal()) {
    return RefuseUsage("--out " + std::string(OutputModeName(*mode)) +
                       " is binary: send it to a file or a program, not to a terminal");
  }
  const bool is_shell = parser.app.get_subcommands().empty();
  const std::string meant = is_shell ? MisspeltCommand(parser.shell.database) : "";
  if (!meant.empty()) {
    return RefuseUsage("there is no command '" + parser.shell.database + "'; did you mean " +
                       meant + "? (pyralog sql --db " + parser.shell.database +
                       " makes a database of that name)");
  }
  return arguments;
}

}  // namespace pyralog::cli
