#include "cli/exit_code.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cli/display_width.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

std::string WithCode(const arrow::Status& status, std::string_view text) {
  return "error: " + std::string(ErrorCodeName(GetErrorCode(status))) + ": " + std::string(text);
}

}  // namespace

std::string ErrorText(const arrow::Status& status) { return WithCode(status, status.message()); }

std::string RefusalText(const arrow::Status& status, std::string_view path) {
  std::string text = status.message();
  const std::string prefix = std::string(path) + ": ";
  if (!text.starts_with(prefix)) text = prefix + text;
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return WithCode(status, text);
}

void PrintToStderr(std::string_view text) {
  std::string line = Printable(text, LineBreaks::kKeep);
  if (!line.ends_with('\n')) line += '\n';
  WriteToStderr(line);
}

void WriteToStderr(std::string_view text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // nobody is left to be told
    written += static_cast<size_t>(count);
  }
}

}  // namespace pyralog::cli
