// What a database is made of, as text.
#pragma once

#include <string>

#include "arrow/result.h"
#include "pyralog/database.h"

namespace pyralog::cli {

// Whether the folder holds a database, whole or not.
bool IsDatabaseFolder(const std::string& path);

// Tables with their columns, rows and files, external tables and views; log and other files; what
// opening had to repair.
arrow::Result<std::string> DescribeDatabase(Database& database, const std::string& path);

}  // namespace pyralog::cli
