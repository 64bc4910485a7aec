#include "cli/console.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "arrow/array.h"
#include "cli/display_width.h"
#include "cli/dot_commands.h"
#include "cli/interrupts.h"
#include "cli/result_kind.h"
#include "fmt/format.h"
#include "io/descriptor.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

constexpr int kMaxFileDepth = 16;
constexpr size_t kReadBytes = 64 << 10;

// Reads the next batch that has rows; null at the end.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> NextRows(arrow::RecordBatchReader& reader) {
  std::shared_ptr<arrow::RecordBatch> batch;
  do {
    ARROW_RETURN_NOT_OK(reader.ReadNext(&batch));
  } while (batch != nullptr && batch->num_rows() == 0);
  return batch;
}

arrow::Status Drain(arrow::RecordBatchReader& reader) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, NextRows(reader));
    if (batch == nullptr) return arrow::Status::OK();
  }
}

arrow::Status Interrupted() { return MakeError(ErrorCode::kInterrupted, "cancelled by Ctrl-C"); }

arrow::Status FileError(const std::string& path, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  return MakeError(missing ? ErrorCode::kNotFound : ErrorCode::kIo,
                   path + ": " + std::strerror(error));
}

}  // namespace

Console::Console(std::unique_ptr<Session> session, std::shared_ptr<StandardOutput> out,
                 Display display, std::string database_path)
    : session_(std::move(session)),
      out_(std::move(out)),
      database_path_(std::move(database_path)),
      settings_{display, false} {}

arrow::Status Console::RunStatement(const std::string& statement) {
  if (Interrupts::Get().requested()) return Interrupted();
  if (const size_t nul = statement.find('\0'); nul != std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument,
                     fmt::format("byte {} of the statement is NUL, where it would end", nul + 1));
  }
  const auto start = std::chrono::steady_clock::now();
  arrow::Status status;
  {
    const Interrupts::Statement interruptible(session_.get());
    status = RunQuery(statement);
  }
  if (settings_.shows_time && status.ok()) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    PrintToStderr(fmt::format("{:.3f} s", took.count()));
  }
  return status;
}

arrow::Status Console::RunQuery(const std::string& statement) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, session_->Query(statement));
  const bool machine = IsMachineMode(settings_.display.mode);
  switch (ResultKindOf(statement, *reader->schema())) {
    case ResultKind::kChanges:
      return machine ? Drain(*reader) : WriteCount(*reader, "changed");
    case ResultKind::kWritten:
      return machine ? Drain(*reader) : WriteCount(*reader, "written");
    case ResultKind::kNothing:
      return Drain(*reader);
    case ResultKind::kPlan:
      if (!machine) return WriteColumn(*reader, 1);
      break;
    case ResultKind::kRows:
      break;
  }
  return WriteRows(*reader);
}

arrow::Status Console::WriteRows(arrow::RecordBatchReader& reader) {
  Display display = settings_.display;
  if (display.mode == OutputMode::kBox) display.width = StandardOutput::TerminalWidth();
  return WriteResult(reader, out_, display);
}

arrow::Status Console::WriteCount(arrow::RecordBatchReader& reader, std::string_view what) {
  ARROW_ASSIGN_OR_RAISE(const auto batch, NextRows(reader));
  if (batch == nullptr) return arrow::Status::OK();
  const int64_t count = static_cast<const arrow::Int64Array&>(*batch->column(0)).Value(0);
  ARROW_RETURN_NOT_OK(Drain(reader));
  return WriteText(fmt::format("{} {} {}\n", count, count == 1 ? "row" : "rows", what));
}

arrow::Status Console::WriteColumn(arrow::RecordBatchReader& reader, int column) {
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, NextRows(reader));
    if (batch == nullptr) return arrow::Status::OK();
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      ARROW_ASSIGN_OR_RAISE(const auto value, batch->column(column)->GetScalar(row));
      std::string text = Printable(value->ToString(), LineBreaks::kKeep);
      if (!text.ends_with('\n')) text += '\n';
      ARROW_RETURN_NOT_OK(WriteText(text));
    }
  }
}

arrow::Status Console::WriteTextsOf(const std::string& query) {
  const Interrupts::Statement interruptible(session_.get());
  ARROW_ASSIGN_OR_RAISE(const auto reader, session_->Query(query));
  return WriteColumn(*reader, 0);
}

arrow::Status Console::WriteText(std::string_view text) {
  return out_->Write(text.data(), static_cast<int64_t>(text.size()));
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
  return RunDotCommand(*this, command);
}

arrow::Status Console::RunCompleted() {
  while (const auto statement = splitter_.Next()) {
    ARROW_RETURN_NOT_OK(RunStatement(*statement));
  }
  return arrow::Status::OK();
}

arrow::Status Console::RunRest() {
  ARROW_RETURN_NOT_OK(EndLine());
  while (const auto statement = splitter_.Finish()) {
    ARROW_RETURN_NOT_OK(RunStatement(*statement));
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
  ++file_depth_;
  const arrow::Status status = RunDescriptor(file.get());
  --file_depth_;
  return status;
}

void Console::DropPending() {
  splitter_ = StatementSplitter();
  line_ = LineKind::kNone;
  command_.clear();
}

ExitCode Console::ReportFailure(const arrow::Status& status) const {
  if (status.ok() || out_->reader_gone()) return ExitCode::kDone;
  if (!Interrupts::Get().requested()) {
    PrintToStderr(ErrorText(status));
    return ExitCode::kStatementFailed;
  }
  PrintToStderr(ErrorText(Interrupted()));
  return ExitCode::kInterrupted;
}

}  // namespace pyralog::cli
