// Long results through a pager.
#pragma once

#include <memory>
#include <string>

#include "arrow/io/interfaces.h"
#include "cli/standard_output.h"

namespace pyralog::cli {

// What $PAGER says, else "less -SRX", else "more"; empty when there is none, or $PAGER is empty.
std::string DefaultPager();

// Holds text back until it is taller than the terminal, then starts the pager and gives it
// everything; what is not taller goes to stdout at Finish.
class PagedOutput : public arrow::io::OutputStream {
 public:
  PagedOutput(std::shared_ptr<ResultOutput> out, std::string pager, int height);

  arrow::Status Close() override { return Finish(); }
  bool closed() const override { return false; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override;

  // Waits for the pager's end.
  arrow::Status Finish();
  // Whether the person has left the pager before all was written: there is nothing to report.
  bool was_left() const { return pager_ != nullptr && pager_->reader_gone(); }

 private:
  const std::shared_ptr<ResultOutput> out_;
  const std::string command_;
  const int height_;
  std::string held_;
  int lines_ = 0;
  int64_t position_ = 0;
  std::shared_ptr<ResultOutput> pager_;  // null: not started
};

}  // namespace pyralog::cli
