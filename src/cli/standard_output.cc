#include "cli/standard_output.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

arrow::Status OutputError(const std::string& name, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return MakeError(full ? ErrorCode::kNoSpace : ErrorCode::kIo, name + ": " + std::strerror(error));
}

winsize TerminalSize() {
  winsize size{};
  if (!StandardOutput::IsTerminal() || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return size;
}

// Starts `sh -c command` with the signals as a program expects them: this process blocks SIGINT and
// ignores SIGPIPE. `input` becomes its stdin unless it is -1.
arrow::Result<pid_t> StartShell(const std::string& command, int input) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_init(&actions);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGINT);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  std::string shell = "sh";
  std::string option = "-c";
  std::string text = command;
  char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = -1;
  const int failure = ::posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) return OutputError("/bin/sh", failure);
  return child;
}

int WaitFor(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class OwnedOutput : public ResultOutput {
 public:
  OwnedOutput(int descriptor, std::string name, pid_t reader)
      : ResultOutput(descriptor, std::move(name)), reader_(reader) {}
  OwnedOutput(const OwnedOutput&) = delete;
  OwnedOutput& operator=(const OwnedOutput&) = delete;
  ~OwnedOutput() override { CloseNow(); }

  arrow::Status Close() override {
    CloseNow();
    return arrow::Status::OK();
  }
  bool closed() const override { return descriptor() < 0; }

 private:
  void CloseNow() {
    if (descriptor() < 0) return;
    ::close(descriptor());
    set_descriptor(-1);
    if (reader_ > 0) WaitFor(reader_);
  }

  const pid_t reader_;  // 0: none
};

}  // namespace

arrow::Status ResultOutput::Write(const void* data, int64_t nbytes) {
  const char* next = static_cast<const char*>(data);
  int64_t left = nbytes;
  while (left > 0) {
    const ssize_t count = ::write(descriptor_, next, static_cast<size_t>(left));
    if (count >= 0) {
      next += count;
      left -= count;
      position_ += count;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {  // a terminal or pipe that somebody made non-blocking
      pollfd ready{descriptor_, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    reader_gone_ = errno == EPIPE;
    const arrow::Status status = OutputError(name_, errno);
    return status.WithMessage(status.message(), " (after ", position_, " bytes)");
  }
  return arrow::Status::OK();
}

int StandardOutput::TerminalWidth() { return TerminalSize().ws_col; }
int StandardOutput::TerminalHeight() { return TerminalSize().ws_row; }

bool StandardOutput::IsTerminal() { return ::isatty(STDOUT_FILENO) == 1; }

bool StandardOutput::IsStyled() {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  const char* terminal = std::getenv("TERM");
  return IsTerminal() && (no_color == nullptr || *no_color == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

arrow::Result<std::shared_ptr<ResultOutput>> OpenFileOutput(const std::string& path) {
  const int opened = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (opened < 0) return OutputError(path, errno);
  return std::make_shared<OwnedOutput>(opened, path, 0);
}

arrow::Result<std::shared_ptr<ResultOutput>> OpenProgramOutput(const std::string& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return OutputError("a pipe", errno);
  const auto child = StartShell(command, ends[0]);
  ::close(ends[0]);
  if (!child.ok()) {
    ::close(ends[1]);
    return child.status();
  }
  return std::make_shared<OwnedOutput>(ends[1], command, *child);
}

arrow::Result<int> RunShellCommand(const std::string& command) {
  ARROW_ASSIGN_OR_RAISE(const pid_t child, StartShell(command, -1));
  return WaitFor(child);
}

void SecureStandardDescriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number, so exactly this one; open for the wrong direction.
    const int opened = ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened < 0) return;
  }
  ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace pyralog::cli
