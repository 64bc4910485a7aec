// The statements about external tables, which DuckDB's grammar does not know.
//
//   CREATE [OR REPLACE] EXTERNAL TABLE [IF NOT EXISTS] [schema.]name [(column type [NOT NULL],
//   ...)]
//     STORED AS format  LOCATION 'uri-or-glob'  [PARTITIONED BY (column type, ...)]  [OPTIONS (key
//     value, ...)]
//   REGISTER EXTERNAL TABLE ...   (the same as CREATE EXTERNAL TABLE)
//   DROP EXTERNAL TABLE [IF EXISTS] [schema.]name
//   VERIFY EXTERNAL [TABLE] [schema.]name
//   REFRESH EXTERNAL [TABLE] [schema.]name
//
// The clauses behind the columns come in any order. A value is text in quotes, a number, or a bare
// word; '=' may stand between key and value.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"

namespace pyralog::sql {

struct ExternalStatement {
  enum class Kind { kCreate, kDrop, kVerify, kRefresh };
  struct Column {
    std::string name;
    std::string type;  // SQL text
    bool not_null = false;
  };
  Kind kind = Kind::kCreate;
  bool or_replace = false;
  bool if_not_exists = false;
  bool if_exists = false;
  std::string database;  // empty: ours
  std::string schema;    // empty: the session's
  std::string name;
  std::vector<Column> columns;
  std::vector<Column> partitions;
  std::string format;
  std::string location;
  std::map<std::string, std::string> options;  // keys in lower case
};

// Nothing when the text does not begin as one of these statements. kInvalidArgument says where it
// goes wrong and what was expected there; kNotSupported names what is known but not offered
// (REGISTER EXTERNAL ARRAY ...).
arrow::Result<std::optional<ExternalStatement>> ParseExternalStatement(std::string_view sql);

}  // namespace pyralog::sql
