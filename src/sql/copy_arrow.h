// COPY ... TO 'file' (FORMAT arrow), an Arrow IPC file, or a stream with the option STREAM; and
// COPY ... FROM the same.
#pragma once

#include "duckdb/main/extension/extension_loader.hpp"

namespace pyralog::sql {

// Options: STREAM, COMPRESSION (none, lz4, zstd), ROW_GROUP_SIZE (rows of a record batch).
void RegisterCopyArrow(duckdb::ExtensionLoader& loader);

}  // namespace pyralog::sql
