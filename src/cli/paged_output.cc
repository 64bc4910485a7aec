#include "cli/paged_output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace pyralog::cli {
namespace {

// Whether the shell would find the first word of the command.
bool IsProgram(std::string_view command) {
  const std::string name(command.substr(0, command.find(' ')));
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    if (::access((std::string(rest.substr(0, end)) + "/" + name).c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace

std::string DefaultPager() {
  if (const char* wanted = std::getenv("PAGER"); wanted != nullptr) {
    const std::string_view command(wanted);
    if (command.empty() || IsProgram(command)) {
      return command == "less" ? "less -SRX" : std::string(command);
    }
  }
  for (const char* command : {"less -SRX", "more"}) {
    if (IsProgram(command)) return command;
  }
  return "";
}

PagedOutput::PagedOutput(std::shared_ptr<ResultOutput> out, std::string pager, int height)
    : out_(std::move(out)), command_(std::move(pager)), height_(height) {
  set_mode(arrow::io::FileMode::WRITE);
}

arrow::Status PagedOutput::Write(const void* data, int64_t nbytes) {
  position_ += nbytes;
  if (pager_ != nullptr) return pager_->Write(data, nbytes);
  const std::string_view text(static_cast<const char*>(data), static_cast<size_t>(nbytes));
  held_ += text;
  lines_ += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  if (lines_ < height_) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(pager_, OpenProgramOutput(command_));
  return pager_->Write(std::exchange(held_, ""));
}

arrow::Status PagedOutput::Finish() {
  if (pager_ != nullptr) return pager_->Close();
  const std::string text = std::exchange(held_, "");
  return out_->Write(text.data(), static_cast<int64_t>(text.size()));
}

}  // namespace pyralog::cli
