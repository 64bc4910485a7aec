// The checks that foreign files pass before DuckDB's readers open them, and what is remembered of
// them.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <string>
#include <vector>

#include "arrow/result.h"
#include "catalog/entries.h"
#include "formats/format.h"

namespace pyralog::sql {

// What opening a file through its format told.
struct FileVerdict {
  std::string obstacle;      // formats::Dataset::sql_reader_obstacle
  formats::Options options;  // formats::Dataset::sql_reader_options
};

// Opens the file through the format and returns what that says. A verdict is kept for as long as the
// file's stamp is the same, so that only the first statement pays; kInterrupted once `interrupted`.
// Thread-safe.
arrow::Result<FileVerdict> CheckFile(const std::string& path, const formats::Format& format,
                                     const formats::Options& options,
                                     const std::atomic<bool>& interrupted);

// What changes when a file does; times in nanoseconds since 1970.
struct FileStamp {
  uint64_t size = 0;
  int64_t modified_ns = 0;  // may be set by anybody
  int64_t changed_ns = 0;   // of the inode, set by the system alone
  uint64_t inode = 0;
  uint64_t device = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp StampOf(const struct stat& state);
arrow::Result<FileStamp> StampOf(const std::string& path);

// BLAKE3 of the file's content, hexadecimal. kInterrupted when the flag is set meanwhile.
arrow::Result<std::string> HashOf(const std::string& path, const std::atomic<bool>& interrupted);

// How a file differs from what was registered, by size and modification time: "missing",
// "unreadable", "changed: size", "changed: modification time" or "unchanged".
std::string StateOf(const catalog::ExternalTableDef::FileIdentity& file);

}  // namespace pyralog::sql
