// Statements that PostgreSQL's tools write (pg_dump above all), as ones that DuckDB's parser takes.
//
//   CREATE SEQUENCE s AS integer ... CACHE n       bounds of the type; values are always cached
//   ALTER SEQUENCE s OWNED BY t.c                  the column becomes an identity with this sequence
//   ALTER SEQUENCE s RESTART [WITH n]              setval
//   SET name = on                                  a word that DuckDB keeps for itself
//   SET search_path TO a, b
//   BEGIN ISOLATION LEVEL REPEATABLE READ          or less: that is what transactions are
//   CREATE INDEX ON t (c)                          is called t_c_idx
//   nextval('s'::regclass)                         there is no such type
//   SELECT pg_catalog.set_config('search_path', '', false)     names in a dump have their schemas
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "arrow/status.h"

namespace pyralog::sql {

// The text to parse instead of `sql`, one statement; nothing when it is parsed as it is. Throws
// kNotSupported for what cannot be kept.
std::optional<std::string> RewritePostgres(std::string_view sql);

// The error of a statement that does not parse, with what to do instead where that is known.
arrow::Status WithStatementHint(const arrow::Status& status, std::string_view sql);

}  // namespace pyralog::sql
