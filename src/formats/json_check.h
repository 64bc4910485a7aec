// Strict JSON (RFC 8259), checked in one pass without building anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/status.h"

namespace pyralog::formats {

struct JsonCheckOptions {
  int max_depth = 1000;
  // false: the text is cut anywhere; what is missing at its end is not held against it.
  bool whole = true;
  bool may_be_empty = false;  // no value at all is fine (JSON Lines)
};

struct JsonFacts {
  int64_t documents = 0;        // values at the top; more than one only when line breaks part them
  bool lines = false;           // every document so far stands on one line of its own
  bool scalar = false;          // a document is neither object nor array
  bool duplicate_keys = false;  // an object names a key twice
};

// kDamaged names offset and reason for what strict JSON is not: trailing commas, comments, bad
// escapes, control characters, invalid UTF-8, numbers with leading zeros, text behind a document on
// its line. Thread-safe.
arrow::Status CheckJson(std::string_view text, const JsonCheckOptions& options, JsonFacts* facts);

}  // namespace pyralog::formats
