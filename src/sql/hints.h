// What to write instead, where DuckDB's error only says what is wrong.
#pragma once

#include <string>

namespace pyralog::sql {

// The text of an error, with a line on what to do where we know one: a text in double quotes, a
// date that is compared with a number.
std::string WithHint(std::string message);

}  // namespace pyralog::sql
