// Where statements and dot commands run and their results go: the part that scripts and the
// interactive shell share.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "arrow/status.h"
#include "cli/exit_code.h"
#include "cli/result_kind.h"
#include "cli/result_writer.h"
#include "cli/standard_output.h"
#include "pyralog/database.h"
#include "sql/statement_splitter.h"

namespace pyralog::cli {

// Not thread-safe.
class Console {
 public:
  struct Settings {
    Display display;
    int max_width = 0;           // of a box; 0: the terminal's
    bool shows_time = false;     // .timer
    bool shows_changes = true;   // .changes, in modes for people
    bool shows_progress = true;  // .progress, on a terminal
    bool echoes = false;         // .echo
    bool bails = true;           // .bail: the first error ends a script
    bool pages = true;           // .pager, in the shell
    std::string pager;           // a shell command; empty: none
    std::string prompt;          // as .prompt gives it
    std::string continued_prompt;
  };
  struct Start {
    DatabaseOptions options;
    bool interactive = false;
    bool safe = false;  // no files beyond the database, no programs
  };

  Console(const Start& start, Display display);
  ~Console();

  // Opens the database (empty: one in memory) in place of the one that is open, which stays when it
  // fails.
  arrow::Status Open(const std::string& path);
  // Another session of the database.
  arrow::Result<std::unique_ptr<Session>> Connect() { return database_->Connect(); }
  // Closes it cleanly.
  arrow::Status Close();

  // Runs one statement and writes its result. Nothing is held back when it returns.
  arrow::Status RunStatement(const std::string& statement);

  // Runs what a piece of text completes, in whatever pieces it comes: statements, and between two
  // of them lines that are dot commands. The first error ends it, unless .bail is off: then it is
  // told, and kept in failure().
  arrow::Status RunText(std::string_view text);
  // Runs what is still pending, at the end of a script.
  arrow::Status RunRest();
  // Runs text from a descriptor until its end, an error, .quit or Ctrl-C.
  arrow::Status RunDescriptor(int descriptor);
  // The same for a file; kNotFound or kIo names one that cannot be opened.
  arrow::Status RunFile(const std::string& path);
  // Forgets a statement that was begun.
  void DropPending();
  bool has_pending_text() const { return !splitter_.is_between_statements(); }

  arrow::Status WriteText(std::string_view text);
  arrow::Status WriteRows(arrow::RecordBatchReader& reader);
  // The first column of the query's rows as they are, each on lines of its own.
  arrow::Status WriteTextsOf(const std::string& query);
  // Tells the user why something failed and gives the exit code that it means.
  ExitCode ReportFailure(const arrow::Status& status) const;
  // What a script that went on after errors (.bail off) has to end with.
  ExitCode failure() const { return failure_; }

  // Where results go from now on, or only the next one: a file, or a command behind "|"; empty:
  // stdout.
  arrow::Status SetOutput(const std::string& target, bool once);

  Settings& settings() { return settings_; }
  Session& session() { return *session_; }
  const std::string& database_path() const { return database_path_; }
  // The folder's name; "pyralog" for one in memory.
  std::string database_name() const;
  bool is_safe() const { return start_.safe; }
  bool is_interactive() const { return start_.interactive; }
  void Quit(ExitCode code = ExitCode::kDone) {
    wants_to_quit_ = true;
    failure_ = code == ExitCode::kDone ? failure_ : code;
  }
  bool wants_to_quit() const { return wants_to_quit_; }
  // Whether the last statement's progress bar has left an empty line, so that the terminal's ^C is
  // not there any more.
  bool wiped_line() const { return wiped_line_; }

 private:
  struct Target {
    std::shared_ptr<ResultOutput> out;
    bool once = false;
    std::optional<OutputMode> mode;  // that the file's name says
    int results = 0;
  };

  arrow::Status PrepareSession();
  arrow::Status RunQuery(const std::string& statement);
  arrow::Status RunForPrograms(const std::string& statement, const Display& display);
  arrow::Status RunForPeople(const std::string& statement, const Display& display);
  // Writes a result by `write`, through the pager and behind the progress bar where there are any.
  using WriteFunction =
      std::function<arrow::Status(const std::shared_ptr<arrow::io::OutputStream>&)>;
  arrow::Status WriteThrough(const WriteFunction& write);
  arrow::Status WritePaged(const WriteFunction& write);
  arrow::Status CheckTarget(const Display& display) const;
  arrow::Status WriteCount(TextResult& result, std::string_view what);
  // How results are shown now.
  Display CurrentDisplay() const;
  arrow::Status RunCompleted();
  arrow::Status EndLine();
  // Passes errors on, unless the script goes on after them.
  arrow::Status Survive(const arrow::Status& status);
  ResultOutput& out() { return target_.out ? *target_.out : *stdout_; }

  const Start start_;
  const std::shared_ptr<StandardOutput> stdout_ = std::make_shared<StandardOutput>();
  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
  std::string database_path_;
  Target target_;  // no `out`: stdout
  Settings settings_;
  sql::StatementSplitter splitter_;
  enum class LineKind { kNone, kSql, kCommand };
  LineKind line_ = LineKind::kNone;  // the line that the last piece of text ended in
  std::string command_;              // its beginning, of kCommand
  bool wants_to_quit_ = false;
  ExitCode failure_ = ExitCode::kDone;
  int file_depth_ = 0;  // files that read files
  int64_t rows_ = 0;    // of the last result
  bool wiped_line_ = false;
  class ProgressBar* bar_ = nullptr;  // of the running statement
};

}  // namespace pyralog::cli
