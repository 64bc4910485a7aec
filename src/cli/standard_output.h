// stdout as Arrow's writers want a stream.
#pragma once

#include <cstdint>

#include "arrow/io/interfaces.h"
#include "arrow/result.h"

namespace pyralog::cli {

// Unbuffered. Not thread-safe. Errors name stdout.
class StandardOutput : public arrow::io::OutputStream {
 public:
  StandardOutput() { set_mode(arrow::io::FileMode::WRITE); }

  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override;

  // Whether the last failure was that nobody reads any more: then there is nothing to report.
  bool reader_gone() const { return reader_gone_; }

  // Columns of the terminal that stdout is; 0 when it is none or has no width.
  static int TerminalWidth();
  static bool IsTerminal();

 private:
  int64_t position_ = 0;
  bool reader_gone_ = false;
};

// Takes /dev/null for each of stdin, stdout and stderr that the caller closed, so that no file of a
// database gets its number; writing to such a stdout still fails. SIGPIPE is ignored from then on.
void SecureStandardDescriptors();

}  // namespace pyralog::cli
