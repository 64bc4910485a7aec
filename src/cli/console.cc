#include "cli/console.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "arrow/array.h"
#include "cli/display_width.h"
#include "cli/dot_commands.h"
#include "cli/interrupts.h"
#include "cli/paged_output.h"
#include "cli/progress_bar.h"
#include "cli/result_kind.h"
#include "fmt/format.h"
#include "io/descriptor.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

constexpr int kMaxFileDepth = 16;
constexpr size_t kReadBytes = 64 << 10;

arrow::Status Drain(arrow::RecordBatchReader& reader) {
  std::shared_ptr<arrow::RecordBatch> batch;
  do {
    ARROW_RETURN_NOT_OK(reader.ReadNext(&batch));
  } while (batch != nullptr);
  return arrow::Status::OK();
}

// Each value on lines of its own.
arrow::Status WriteColumn(TextResult& result, int column, arrow::io::OutputStream& out) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, result.Next());
    if (batch == nullptr) return arrow::Status::OK();
    const auto& values = static_cast<const arrow::LargeStringArray&>(*batch->column(column));
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      std::string text = Printable(values.GetView(row), LineBreaks::kKeep);
      if (!text.ends_with('\n')) text += '\n';
      ARROW_RETURN_NOT_OK(out.Write(text));
    }
  }
}

// How long a statement takes: by the clock, and by the processors that it kept busy.
class Stopwatch {
 public:
  std::string Text(int64_t rows) const {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
    return fmt::format("{:.3f} s, {:.3f} s of processor time, {} {}", took.count(),
                       ProcessorSeconds() - processor_start_, rows, rows == 1 ? "row" : "rows");
  }

 private:
  static double ProcessorSeconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const double processor_start_ = ProcessorSeconds();
};

arrow::Status Interrupted() { return MakeError(ErrorCode::kInterrupted, "cancelled by Ctrl-C"); }

arrow::Status FileError(const std::string& path, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  return MakeError(missing ? ErrorCode::kNotFound : ErrorCode::kIo,
                   path + ": " + std::strerror(error));
}

}  // namespace

Console::Console(const Start& start, Display display) : start_(start) {
  settings_.display = std::move(display);
  settings_.bails = !start.interactive;
  settings_.pager = start.interactive ? DefaultPager() : "";
}

Console::~Console() = default;

arrow::Status Console::Open(const std::string& path) {
  DatabaseOptions options = start_.options;
  // What cannot be written cannot be made either.
  if (options.read_only) options.create_if_missing = path.empty();
  ARROW_ASSIGN_OR_RAISE(auto database, Database::Open(path, options));
  ARROW_ASSIGN_OR_RAISE(auto session, database->Connect());
  ARROW_RETURN_NOT_OK(Close());
  database_ = std::move(database);
  session_ = std::move(session);
  database_path_ = path;
  if (const std::string notice = database_->recovery_notice(); !notice.empty()) {
    PrintToStderr("notice: " + notice);
  }
  return PrepareSession();
}

arrow::Status Console::PrepareSession() {
  if (start_.interactive || StandardOutput::IsTerminal()) {  // for Session::Progress
    ARROW_RETURN_NOT_OK(session_
                            ->Execute("SET enable_progress_bar = true; "
                                      "SET enable_progress_bar_print = false; "
                                      "SET progress_bar_time = 0")
                            .status());
  }
  if (!start_.safe) return arrow::Status::OK();
  return session_->Execute("SET enable_external_access = false; SET lock_configuration = true")
      .status();
}

arrow::Status Console::Close() {
  session_.reset();
  if (database_ == nullptr) return arrow::Status::OK();
  return std::exchange(database_, nullptr)->Close();
}

std::string Console::database_name() const {
  if (database_path_.empty()) return "pyralog";
  std::error_code ignored;
  const auto folder = std::filesystem::absolute(database_path_, ignored).lexically_normal();
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

arrow::Status Console::SetOutput(const std::string& target, bool once) {
  target_ = {};
  if (target.empty()) return arrow::Status::OK();
  if (target.front() == '|') {
    ARROW_ASSIGN_OR_RAISE(target_.out, OpenProgramOutput(target.substr(1)));
  } else {
    ARROW_ASSIGN_OR_RAISE(target_.out, OpenFileOutput(target));
    target_.mode = OutputModeOfFile(target);
  }
  target_.once = once;
  return arrow::Status::OK();
}

Display Console::CurrentDisplay() const {
  Display display = settings_.display;
  const bool to_terminal = target_.out == nullptr && StandardOutput::IsTerminal();
  // A file's name decides when nobody asked for another mode than the terminal's.
  if (display.mode == OutputMode::kBox && target_.mode) display.mode = *target_.mode;
  display.styled = to_terminal && StandardOutput::IsStyled();
  display.width = settings_.max_width > 0 ? settings_.max_width
                  : to_terminal           ? StandardOutput::TerminalWidth()
                                          : 0;
  return display;
}

arrow::Status Console::CheckTarget(const Display& display) const {
  if (!IsBinaryMode(display.mode)) return arrow::Status::OK();
  const std::string name(OutputModeName(display.mode));
  if (target_.out == nullptr && StandardOutput::IsTerminal()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     name +
                         " is binary: send it to a file (.once FILE) or a program, not to a "
                         "terminal");
  }
  if (display.mode == OutputMode::kParquet && target_.results > 0) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "a Parquet file holds one result, and this one has its already: give the next "
                     "result a file of its own");
  }
  return arrow::Status::OK();
}

arrow::Status Console::RunStatement(const std::string& statement) {
  if (Interrupts::Get().requested()) return Interrupted();
  if (const size_t nul = statement.find('\0'); nul != std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument,
                     fmt::format("byte {} of the statement is NUL, where it would end", nul + 1));
  }
  if (settings_.echoes) ARROW_RETURN_NOT_OK(WriteText(statement + ";\n"));
  const Stopwatch watch;
  rows_ = 0;
  arrow::Status status;
  {
    const Interrupts::Statement interruptible(session_.get());
    status = RunQuery(statement);
  }
  if (target_.once) target_ = {};
  if (settings_.shows_time && status.ok()) PrintToStderr(watch.Text(rows_));
  return status;
}

arrow::Status Console::RunQuery(const std::string& statement) {
  const Display display = CurrentDisplay();
  ARROW_RETURN_NOT_OK(CheckTarget(display));
  std::optional<ProgressBar> bar;
  if (settings_.shows_progress && target_.out == nullptr && StandardOutput::IsTerminal() &&
      ::isatty(STDERR_FILENO) == 1) {
    bar.emplace(session_.get(), StandardOutput::TerminalWidth());
    bar_ = &*bar;
  }
  const arrow::Status status = IsArrowMode(display.mode) ? RunForPrograms(statement, display)
                                                         : RunForPeople(statement, display);
  bar_ = nullptr;
  if (bar) bar->Stop();
  wiped_line_ = bar && bar->was_drawn();
  return status;
}

arrow::Status Console::RunForPrograms(const std::string& statement, const Display& display) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, session_->Query(statement));
  const ResultKind kind = ResultKindOf(statement, *reader->schema());
  if (kind != ResultKind::kRows && kind != ResultKind::kPlan) return Drain(*reader);
  return WriteThrough([&](const auto& out) -> arrow::Status {
    return WriteResult(*reader, out, display).Value(&rows_);
  });
}

arrow::Status Console::RunForPeople(const std::string& statement, const Display& display) {
  ARROW_ASSIGN_OR_RAISE(const auto result, session_->QueryText(statement));
  const bool machine = IsMachineMode(display.mode) || !settings_.shows_changes;
  switch (ResultKindOf(statement, result->names(), result->types())) {
    case ResultKind::kChanges:
      return machine ? result->CountRest().status() : WriteCount(*result, "changed");
    case ResultKind::kWritten:
      return machine ? result->CountRest().status() : WriteCount(*result, "written");
    case ResultKind::kNothing:
      return result->CountRest().status();
    case ResultKind::kPlan:
      if (!IsMachineMode(display.mode)) {
        return WriteThrough([&](const auto& out) { return WriteColumn(*result, 1, *out); });
      }
      break;
    case ResultKind::kRows:
      break;
  }
  return WriteThrough([&](const auto& out) -> arrow::Status {
    return WriteResult(*result, out, display).Value(&rows_);
  });
}

arrow::Status Console::WriteThrough(const WriteFunction& write) {
  ++target_.results;
  return WritePaged([&](const std::shared_ptr<arrow::io::OutputStream>& out) {
    if (bar_ == nullptr) return write(out);
    return write(std::make_shared<OutputBehindBar>(out, bar_));
  });
}

arrow::Status Console::WritePaged(const WriteFunction& write) {
  const bool pages = settings_.pages && !settings_.pager.empty() && target_.out == nullptr &&
                     start_.interactive && StandardOutput::TerminalHeight() > 0;
  if (!pages) {
    return write(target_.out != nullptr ? target_.out
                                        : std::static_pointer_cast<ResultOutput>(stdout_));
  }
  const auto paged =
      std::make_shared<PagedOutput>(stdout_, settings_.pager, StandardOutput::TerminalHeight());
  const arrow::Status status = write(paged);
  if (paged->was_left()) {
    // The pager has had its Ctrl-C.
    Interrupts::Get().Clear();
    return paged->Finish();
  }
  if (bar_ != nullptr) bar_->Stop();
  const arrow::Status finished = paged->Finish();
  return status.ok() ? finished : status;
}

arrow::Status Console::WriteRows(arrow::RecordBatchReader& reader) {
  const Display display = CurrentDisplay();
  ARROW_RETURN_NOT_OK(CheckTarget(display));
  const arrow::Status status = WriteThrough([&](const auto& out) -> arrow::Status {
    return WriteResult(reader, out, display).Value(&rows_);
  });
  if (target_.once) target_ = {};
  return status;
}

arrow::Status Console::WriteCount(TextResult& result, std::string_view what) {
  ARROW_ASSIGN_OR_RAISE(const auto batch, result.Next());
  if (batch == nullptr || batch->num_rows() == 0) return arrow::Status::OK();
  const std::string count(
      static_cast<const arrow::LargeStringArray&>(*batch->column(0)).GetView(0));
  ARROW_RETURN_NOT_OK(result.CountRest().status());
  if (bar_ != nullptr) bar_->Stop();
  return WriteText(fmt::format("{} {} {}\n", count, count == "1" ? "row" : "rows", what));
}

arrow::Status Console::WriteTextsOf(const std::string& query) {
  const Interrupts::Statement interruptible(session_.get());
  ARROW_ASSIGN_OR_RAISE(const auto result, session_->QueryText(query));
  return WritePaged([&](const auto& out) { return WriteColumn(*result, 0, *out); });
}

arrow::Status Console::WriteText(std::string_view text) {
  return out().Write(text.data(), static_cast<int64_t>(text.size()));
}

arrow::Status Console::Survive(const arrow::Status& status) {
  if (status.ok() || settings_.bails || start_.interactive || Interrupts::Get().requested() ||
      out().reader_gone()) {
    return status;
  }
  failure_ = ReportFailure(status);
  return arrow::Status::OK();
}

arrow::Status Console::RunText(std::string_view text) {
  while (!text.empty() && !wants_to_quit_) {
    if (line_ == LineKind::kNone) {
      const bool command = !has_pending_text() && text.front() == '.';
      line_ = command ? LineKind::kCommand : LineKind::kSql;
    }
    const size_t end = text.find('\n');
    const std::string_view piece = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(piece.size());
    if (line_ == LineKind::kCommand) {
      command_ += piece;
    } else {
      splitter_.Feed(piece);
      ARROW_RETURN_NOT_OK(RunCompleted());
    }
    if (piece.ends_with('\n')) ARROW_RETURN_NOT_OK(EndLine());
  }
  return arrow::Status::OK();
}

arrow::Status Console::EndLine() {
  line_ = LineKind::kNone;
  if (command_.empty()) return arrow::Status::OK();
  std::string command = std::exchange(command_, "");
  if (command.ends_with('\n')) command.pop_back();
  if (settings_.echoes) ARROW_RETURN_NOT_OK(WriteText(command + "\n"));
  return Survive(RunDotCommand(*this, command));
}

arrow::Status Console::RunCompleted() {
  while (const auto statement = splitter_.Next()) {
    ARROW_RETURN_NOT_OK(Survive(RunStatement(*statement)));
  }
  return arrow::Status::OK();
}

arrow::Status Console::RunRest() {
  ARROW_RETURN_NOT_OK(EndLine());
  while (const auto statement = splitter_.Finish()) {
    ARROW_RETURN_NOT_OK(Survive(RunStatement(*statement)));
  }
  return arrow::Status::OK();
}

arrow::Status Console::RunDescriptor(int descriptor) {
  std::string piece(kReadBytes, '\0');
  while (!wants_to_quit_) {
    if (!WaitReadable(descriptor)) return Interrupted();
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return FileError("the input", errno);
    if (count == 0) return RunRest();
    ARROW_RETURN_NOT_OK(RunText(std::string_view(piece).substr(0, static_cast<size_t>(count))));
  }
  return arrow::Status::OK();
}

arrow::Status Console::RunFile(const std::string& path) {
  if (file_depth_ == kMaxFileDepth) {
    return MakeError(ErrorCode::kInvalidArgument, path + ": files read files too deeply");
  }
  const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return FileError(path, errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return FileError(path, errno);
  if (S_ISDIR(info.st_mode)) return FileError(path, EISDIR);
  // A file's statements are its own: what was begun before it goes on behind it.
  sql::StatementSplitter outer = std::exchange(splitter_, sql::StatementSplitter());
  ++file_depth_;
  const arrow::Status status = RunDescriptor(file.get());
  --file_depth_;
  splitter_ = std::move(outer);
  line_ = LineKind::kNone;
  return status;
}

void Console::DropPending() {
  splitter_ = sql::StatementSplitter();
  line_ = LineKind::kNone;
  command_.clear();
}

ExitCode Console::ReportFailure(const arrow::Status& status) const {
  if (status.ok() || stdout_->reader_gone()) return ExitCode::kDone;
  if (!Interrupts::Get().requested()) {
    PrintToStderr(ErrorText(status));
    return ExitCode::kStatementFailed;
  }
  PrintToStderr(ErrorText(Interrupted()));
  return ExitCode::kInterrupted;
}

}  // namespace pyralog::cli
