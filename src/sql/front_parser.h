// Statements that DuckDB's grammar does not know or understands otherwise, as ones that it knows.
//
//   SHOW statement_timeout       one setting (a table of that name is shown by DESCRIBE)
//   SHOW search_path             the schemas in which names are looked up
//   SHOW ALL                     all settings
//   PRAGMA version               the versions of Pyralog and of what it is made of
//   COPY t TO 'f' FORMAT PARQUET COMPRESSION ZSTD(level=3)     options without parentheses; commas
//                                                              between them are allowed
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "duckdb.hpp"

namespace pyralog::sql {

// The text to parse instead of `sql`; nothing when it is to be parsed as it is. kNotSupported and
// others as exceptions.
std::optional<std::string> RewriteStatement(duckdb::ClientContext& context, std::string_view sql);

// As RewriteStatement, for text that DuckDB cannot parse: COPY with options that have no
// parentheses.
std::optional<std::string> RewriteCopy(std::string_view sql);

}  // namespace pyralog::sql
