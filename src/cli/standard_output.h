// Descriptors as Arrow's writers want streams: stdout, files and programs that results go to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "arrow/io/interfaces.h"
#include "arrow/result.h"

namespace pyralog::cli {

// Unbuffered. Not thread-safe. Errors name what it is.
class ResultOutput : public arrow::io::OutputStream {
 public:
  ResultOutput(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {
    set_mode(arrow::io::FileMode::WRITE);
  }

  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override;

  // Whether the last failure was that nobody reads any more: then there is nothing to report.
  bool reader_gone() const { return reader_gone_; }
  virtual bool is_terminal() const { return false; }

 protected:
  int descriptor() const { return descriptor_; }
  void set_descriptor(int descriptor) { descriptor_ = descriptor; }

 private:
  int descriptor_;
  const std::string name_;
  int64_t position_ = 0;
  bool reader_gone_ = false;
};

class StandardOutput : public ResultOutput {
 public:
  StandardOutput() : ResultOutput(1, "stdout") {}
  bool is_terminal() const override { return IsTerminal(); }

  // Columns and rows of the terminal that stdout is; 0 when it is none or has no size.
  static int TerminalWidth();
  static int TerminalHeight();
  static bool IsTerminal();
  // Whether it is a terminal that knows bold and faint, and NO_COLOR is not set.
  static bool IsStyled();
};

// A file, made or emptied.
arrow::Result<std::shared_ptr<ResultOutput>> OpenFileOutput(const std::string& path);

// A shell command that reads what is written. Close waits for its end.
arrow::Result<std::shared_ptr<ResultOutput>> OpenProgramOutput(const std::string& command);

// Runs a shell command to its end with this process's terminal; its exit code.
arrow::Result<int> RunShellCommand(const std::string& command);

// Takes /dev/null for each of stdin, stdout and stderr that the caller closed, so that no file of a
// database gets its number; writing to such a stdout still fails. SIGPIPE is ignored from then on.
void SecureStandardDescriptors();

}  // namespace pyralog::cli
