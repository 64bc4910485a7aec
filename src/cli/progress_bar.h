// How far a statement is, shown to a person who waits.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "arrow/io/interfaces.h"
#include "base/thread_annotations.h"
#include "pyralog/database.h"

namespace pyralog::cli {

// "[########            ]  42 %  0:03, about 0:04 left", at most `width` columns.
std::string ProgressText(std::optional<double> done, std::chrono::seconds elapsed, int width);

// Drawn on stderr while it lives, from one second on; wiped away by Stop. REQUIRES: stderr is a
// terminal.
class ProgressBar {
 public:
  static constexpr std::chrono::milliseconds kDelay{1000};

  ProgressBar(Session* session, int width);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { Stop(); }
  void Stop() EXCLUDES(mutex_);
  // Whether anything was shown. REQUIRES: it was stopped.
  bool was_drawn() const { return drawn_; }

 private:
  void Draw() EXCLUDES(mutex_);

  Session* const session_;
  const int width_;
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool drawn_ = false;  // the thread's until it is joined
  std::thread thread_;
};

// Stops the bar before the first byte is written.
class OutputBehindBar : public arrow::io::OutputStream {
 public:
  OutputBehindBar(std::shared_ptr<arrow::io::OutputStream> out, ProgressBar* bar)
      : out_(std::move(out)), bar_(bar) {
    set_mode(arrow::io::FileMode::WRITE);
  }
  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }
  arrow::Result<int64_t> Tell() const override { return out_->Tell(); }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t nbytes) override {
    bar_->Stop();
    return out_->Write(data, nbytes);
  }

 private:
  const std::shared_ptr<arrow::io::OutputStream> out_;
  ProgressBar* const bar_;
};

}  // namespace pyralog::cli
