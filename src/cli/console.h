// Where statements and dot commands run and their results go: the part that scripts and the
// interactive shell share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "arrow/status.h"
#include "cli/exit_code.h"
#include "cli/result_writer.h"
#include "cli/standard_output.h"
#include "cli/statement_splitter.h"
#include "pyralog/database.h"

namespace pyralog::cli {

// Not thread-safe.
class Console {
 public:
  // What dot commands change.
  struct Settings {
    Display display;
    bool shows_time = false;
  };

  Console(std::unique_ptr<Session> session, std::shared_ptr<StandardOutput> out, Display display,
          std::string database_path);

  // Runs one statement and writes its result. Nothing is held back when it returns.
  arrow::Status RunStatement(const std::string& statement);

  // Runs what a piece of text completes, in whatever pieces it comes: statements, and between two
  // of them lines that are dot commands. The first error ends it.
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

  Settings& settings() { return settings_; }
  const std::string& database_path() const { return database_path_; }
  void Quit() { wants_to_quit_ = true; }
  bool wants_to_quit() const { return wants_to_quit_; }

 private:
  arrow::Status RunQuery(const std::string& statement);
  arrow::Status WriteCount(arrow::RecordBatchReader& reader, std::string_view what);
  arrow::Status WriteColumn(arrow::RecordBatchReader& reader, int column);
  arrow::Status RunCompleted();
  arrow::Status EndLine();

  const std::unique_ptr<Session> session_;
  const std::shared_ptr<StandardOutput> out_;
  const std::string database_path_;
  Settings settings_;
  StatementSplitter splitter_;
  enum class LineKind { kNone, kSql, kCommand };
  LineKind line_ = LineKind::kNone;  // the line that the last piece of text ended in
  std::string command_;              // its beginning, of kCommand
  bool wants_to_quit_ = false;
  int file_depth_ = 0;  // files that read files
};

}  // namespace pyralog::cli
