// Where the bytes of a database live: files, folders, mappings, locks, sync.
//
// Everything that the engine does to storage goes through an Env, so that a test can put a FaultEnv
// under it and cut the power at any operation. Paths are UTF-8, absolute or relative to the working
// directory, '/'-separated.
//
// Errors: every failed system call becomes an arrow::Status whose text names the path and the
// reason and whose code (pyralog/error.h) is kIo, kNoSpace, kNotFound, kAlreadyExists or kLocked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/result.h"

namespace pyralog::io {

// An open file, read and written at explicit offsets. One thread writes; reads of bytes already
// written may run beside it.
class File {
 public:
  virtual ~File() = default;
  // Writes all of `data` at `offset`, or fails. A failed write may have written a prefix.
  virtual arrow::Status WriteAt(uint64_t offset, std::string_view data) = 0;
  // Reads up to `size` bytes at `offset` into `out`; fewer only at the end of the file. Returns the
  // count.
  virtual arrow::Result<size_t> ReadAt(uint64_t offset, size_t size, void* out) const = 0;
  // Makes what was written durable (fdatasync: data and size). After a failure nothing written
  // since the last successful Sync may be relied on, ever; callers must not retry.
  virtual arrow::Status Sync() = 0;
  virtual arrow::Status Truncate(uint64_t size) = 0;
  virtual arrow::Result<uint64_t> Size() const = 0;
  // When the content was last written, in nanoseconds since 1970; 0 where the storage does not tell.
  virtual arrow::Result<int64_t> LastWrite() const { return 0; }
  // Closes early and reports what close said. The destructor closes silently.
  virtual arrow::Status Close() = 0;
};

enum class OpenMode {
  kRead,             // must exist
  kReadWrite,        // must exist
  kCreateExclusive,  // must not exist; read and write
  kCreate,           // created or opened; read and write; content kept
};

// A held lock; released by its destructor.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class EntryKind { kFile, kDirectory, kOther };
struct DirEntry {
  std::string name;  // without the folder
  EntryKind kind;
  uint64_t size = 0;  // bytes, of files
};

class Env {
 public:
  virtual ~Env() = default;

  virtual arrow::Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // The whole file as a read-only mapping that lives as long as the buffer. An empty file gives an
  // empty buffer.
  virtual arrow::Result<std::shared_ptr<arrow::Buffer>> Map(const std::string& path) = 0;

  // Replaces `to` atomically. Durable only after SyncDir of the folder(s).
  virtual arrow::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual arrow::Status RemoveFile(const std::string& path) = 0;
  virtual arrow::Status RemoveDir(const std::string& path) = 0;  // must be empty
  // Creates one folder; kAlreadyExists when there is something of that name.
  virtual arrow::Status CreateDir(const std::string& path) = 0;
  // Makes creations, renames and removals in this folder durable.
  virtual arrow::Status SyncDir(const std::string& path) = 0;
  // Sorted by name; without "." and "..".
  virtual arrow::Result<std::vector<DirEntry>> List(const std::string& path) = 0;
  virtual arrow::Result<bool> Exists(const std::string& path) = 0;
  virtual arrow::Result<uint64_t> FileSize(const std::string& path) = 0;

  // Takes the file's exclusive lock without waiting (OFD lock on real files); kLocked when it is
  // held. Creates the file when needed.
  virtual arrow::Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;

  // Bytes that can still be written below `path`; for error texts and early refusals, never for
  // correctness.
  virtual arrow::Result<uint64_t> FreeSpace(const std::string& path) = 0;
};

// Real files of this machine. Lives for ever.
Env* PosixEnv();

// Files in memory, gone with the Env: the storage of `:memory:` databases. Sync does nothing.
std::unique_ptr<Env> NewMemEnv();

// Convenience, each a few lines over an Env.
arrow::Result<std::string> ReadFileToString(Env* env, const std::string& path);
// Writes `path`.tmp, syncs it, renames it over `path`, syncs the folder.
arrow::Status WriteFileAtomically(Env* env, const std::string& path, std::string_view data);
arrow::Status CreateDirIfMissing(Env* env, const std::string& path);
// Writes zeros over the bytes of [begin, end).
arrow::Status FillWithZeros(File* file, uint64_t begin, uint64_t end);
std::string JoinPath(std::string_view folder, std::string_view name);
std::string ParentPath(std::string_view path);

}  // namespace pyralog::io
