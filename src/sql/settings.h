// The settings that Pyralog adds to DuckDB's: SET, RESET, SHOW and current_setting() know them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "arrow/result.h"
#include "duckdb.hpp"
#include "pyralog/database.h"

namespace pyralog::sql {

// statement_timeout, batch_size, and durability, memtable_size and read_only, which say how the database was
// opened.
void RegisterSettings(duckdb::DatabaseInstance& instance, const DatabaseOptions& options);

// The session's statement_timeout; 0: none.
std::chrono::milliseconds StatementTimeout(duckdb::ClientContext& context);

// Rows of the session's record batches; nothing: as it suits the result.
std::optional<int64_t> BatchRows(duckdb::ClientContext& context);

// "250" (milliseconds), "250ms", "1s", "5min", "2h", "1d"; "0" and "" are none. kInvalidArgument
// for what is none of them.
arrow::Result<std::chrono::milliseconds> ParseTimeout(std::string_view text);
// "250 ms", "1 s", "5 min", in the largest unit that fits.
std::string TimeoutText(std::chrono::milliseconds timeout);

}  // namespace pyralog::sql
