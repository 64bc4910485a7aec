// SQL tests as stories: text files in the style of sqllogictest, run one record after the other.
//
//   # a comment
//   require session               the story needs what a session holds (PREPARE, TEMP, SET): it is
//                                 never reopened
//
//   statement ok                  the statement succeeds
//   CREATE TABLE t(a INTEGER)
//
//   statement count 3             it succeeds and changes 3 rows
//   INSERT INTO t VALUES (1), (2), (3)
//
//   statement error CONSTRAINT: .*must not be NULL
//   INSERT INTO t VALUES (NULL)   it fails; "CODE: message" has a match of this regular expression
//
//   connection two                the next record is run by the session of this name
//   query IT rowsort              it gives these rows: a letter for each column (I whole, R real,
//   SELECT a, b FROM t            T anything else); with rowsort both sides are sorted first
//   ----
//   1	x                          values are separated by tabs; NULL, and (empty) for the empty
//                                 string
//
//   plan has KEY_LOOKUP           what EXPLAIN says of it has a match of this regular expression;
//   SELECT b FROM t WHERE a = 1   plan lacks: has none
//
//   flush                         writes recent rows to segments
//
// A record ends at an empty line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"

namespace pyralog::tests {

struct StoryRecord {
  enum class Kind { kOk, kCount, kError, kQuery, kPlanHas, kPlanLacks, kFlush };

  Kind kind = Kind::kOk;
  int line = 0;            // in the file, from 1
  std::string connection;  // empty: the first session
  std::string sql;
  int64_t count = 0;              // of kCount
  std::string pattern;            // of kError, kPlanHas and kPlanLacks: a regular expression
  std::string types;              // of kQuery
  bool sorted = false;            // of kQuery
  std::vector<std::string> rows;  // of kQuery: values separated by tabs
};

struct Story {
  std::vector<StoryRecord> records;
  bool needs_session = false;
};

// kInvalidArgument names the line that does not follow the format.
arrow::Result<Story> ParseStory(std::string_view text);

}  // namespace pyralog::tests
