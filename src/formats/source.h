// A foreign file: opened safely, read within its bounds.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "arrow/buffer.h"
#include "arrow/io/interfaces.h"
#include "arrow/memory_pool.h"
#include "arrow/result.h"
#include "io/env.h"
#include "pyralog/error.h"

namespace pyralog::formats {

// What a reader of foreign bytes may use.
struct Limits {
  // Everything a reader allocates comes from here.
  arrow::MemoryPool* pool = arrow::default_memory_pool();
  int max_depth = 64;  // of nested types
  // What takes long while a file is opened ends with kInterrupted once this is set.
  const std::atomic<bool>* interrupted = nullptr;
};

// One regular file, open for reading. Thread-safe.
class Source {
 public:
  // Folders, devices, FIFOs and sockets are kInvalidArgument; a missing file is kNotFound.
  static arrow::Result<std::shared_ptr<Source>> Open(io::Env* env, const std::string& path,
                                                     const Limits& limits = {});

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // when it was opened
  const Limits& limits() const { return limits_; }

  // Exactly `size` bytes at `offset`. kDamaged when the file has no such range.
  arrow::Result<std::string> Read(uint64_t offset, uint64_t size) const;
  // The first bytes, at most `size`.
  arrow::Result<std::string> Head(uint64_t size) const;
  // The file as Arrow's readers want it: positional reads, memory from the limits' pool.
  std::shared_ptr<arrow::io::RandomAccessFile> AsRandomAccess() const;
  // The same bytes where the caller wants them.
  arrow::Status ReadInto(uint64_t offset, uint64_t size, void* out) const;
  // The same as a buffer of its own, from the limits' pool; what fills it up to its capacity is zero.
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadBuffer(uint64_t offset, uint64_t size) const;
  // kDamaged when the file was written to since it was opened, as far as its size and the time of its
  // last write tell: what its header or footer says may then be of other bytes than those that are
  // there. To be asked after bytes were read and before they are given out.
  arrow::Status CheckUnchanged() const;

  // "<path>: <what>" with the code, the one wording of everything that is wrong with a file.
  arrow::Status Error(ErrorCode code, std::string_view what) const;
  // The status of a library that read this file, as ours: its text behind the path. `fallback` is
  // the code of what the library calls invalid; running out of memory, cancellation and failed
  // system calls keep theirs.
  arrow::Status Wrap(const arrow::Status& status, ErrorCode fallback = ErrorCode::kDamaged) const;

 private:
  Source(std::string path, Limits limits, std::shared_ptr<io::File> file, uint64_t size,
         int64_t last_write);
  // kDamaged when the file had no such range when it was opened.
  arrow::Status CheckRange(uint64_t offset, uint64_t size) const;

  const std::string path_;
  const Limits limits_;
  const std::shared_ptr<io::File> file_;
  const uint64_t size_;
  const int64_t last_write_;
};

using SourcePtr = std::shared_ptr<Source>;

}  // namespace pyralog::formats
