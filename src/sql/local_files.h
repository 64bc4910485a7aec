// The file system through which DuckDB's readers open local files.
//
// DuckDB keeps footers and metadata of files that it has read, and takes them again when the
// file's version tag is the same. Its own tag says device, inode, size and the second of the last
// write, so a file written over in place within one second would be read by the footer that it had
// before. Here a tag says the nanoseconds of the last write and of the last change of the inode,
// and a file that changed a moment ago, within the steps of its file system's clock, has a tag that
// is never given again.
#pragma once

#include <memory>

#include "duckdb.hpp"
#include "duckdb/common/file_system.hpp"

namespace pyralog::sql {

duckdb::unique_ptr<duckdb::FileSystem> MakeLocalFiles();

}  // namespace pyralog::sql
