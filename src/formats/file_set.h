// Several files of one format as one relation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrow/result.h"
#include "formats/format.h"

namespace pyralog::formats {

struct FileSetOptions {
  std::string format = {};  // a name in the registry; empty: each file as what it is
  std::string member = {};  // of each file
  Options options = {};     // of the format
  Limits limits = {};
  bool hive_columns = true;  // folders key=value become columns, when all files have the same keys
  // The columns of all files, by name; null where a file has not got one. All files are opened at
  // once.
  bool union_by_name = false;
  bool file_column = false;  // a last column "filename": the path that the row comes from
};

// The first file gives the schema; the others must have its columns with its types (in any order,
// and may have more). They are opened when their rows are read. Partition columns come last: int64
// when all values are whole numbers, else utf8; a column of that name in the files is hidden by
// them. REQUIRES: `paths` is not empty. kNotSupported when the format's rows come only through the
// SQL engine.
arrow::Result<std::shared_ptr<Relation>> OpenFileSet(io::Env* env,
                                                     const std::vector<std::string>& paths,
                                                     const FileSetOptions& options);

}  // namespace pyralog::formats
