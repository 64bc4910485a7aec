// The sink of both segment files: hashes each 64 KiB block on its way to the file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/io/interfaces.h"
#include "arrow/result.h"
#include "io/env.h"

namespace pyralog::lsm {

// Not thread-safe. Destroying it closes the file without sync: for a file that will be removed.
class CheckedFileStream final : public arrow::io::OutputStream {
 public:
  // Creates or empties the file.
  static arrow::Result<std::unique_ptr<CheckedFileStream>> Create(io::Env* env,
                                                                  const std::string& path);
  explicit CheckedFileStream(std::unique_ptr<io::File> file);

  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t size) override;
  // Zeros up to `offset`. REQUIRES: at most 64 KiB ahead of position().
  arrow::Status PadTo(uint64_t offset);
  arrow::Result<int64_t> Tell() const override { return static_cast<int64_t>(position_); }
  bool closed() const override { return file_ == nullptr; }
  arrow::Status Close() override;
  // Ends the file: writes what is left, syncs, closes.
  arrow::Status SyncAndClose();

  uint64_t position() const { return position_; }
  // XXH3 of each block of what was written so far; the last block may be shorter.
  std::vector<uint64_t> Checks() const;

 private:
  arrow::Status FlushPending();
  arrow::Status WriteBlocks(std::string_view data);

  std::unique_ptr<io::File> file_;
  std::string pending_;    // the begun block
  uint64_t position_ = 0;  // bytes taken
  uint64_t written_ = 0;   // bytes given to the file: whole blocks until the end
  std::vector<uint64_t> checks_;
};

}  // namespace pyralog::lsm
