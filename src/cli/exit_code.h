// How the program ends, and how it says what went wrong: one place for both.
#pragma once

#include <string>
#include <string_view>

#include "arrow/status.h"

namespace pyralog::cli {

// The only exit codes there are; scripts rely on them.
enum class ExitCode : int {
  kDone = 0,
  kStatementFailed = 1,  // also: the result could not be written
  kInputRefused = 2,     // a file given to cat or inspect
  kCannotOpen = 3,       // the database
  kUsage = 64,           // EX_USAGE of sysexits.h
  kInterrupted = 130,    // 128 + SIGINT, as shells count
};

// "error: <CODE>: <text>" with the status's stable code.
std::string ErrorText(const arrow::Status& status);

// "error: <CODE>: <path>: <reason>" in one line, whatever the text holds; the path is named once.
std::string RefusalText(const arrow::Status& status, std::string_view path);

// Writes text to stderr, with the line break that it lacks. Control characters other than line
// breaks and tabs are shown as \xNN: an error may quote foreign bytes.
void PrintToStderr(std::string_view text);
// Writes text of our own to stderr as it is.
void WriteToStderr(std::string_view text);

}  // namespace pyralog::cli
