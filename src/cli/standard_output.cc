#include "cli/standard_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "pyralog/error.h"

namespace pyralog::cli {

arrow::Status StandardOutput::Write(const void* data, int64_t nbytes) {
  const char* next = static_cast<const char*>(data);
  int64_t left = nbytes;
  while (left > 0) {
    const ssize_t count = ::write(STDOUT_FILENO, next, static_cast<size_t>(left));
    if (count >= 0) {
      next += count;
      left -= count;
      position_ += count;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {  // a terminal or pipe that somebody made non-blocking
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    reader_gone_ = errno == EPIPE;
    const ErrorCode code =
        errno == ENOSPC || errno == EDQUOT ? ErrorCode::kNoSpace : ErrorCode::kIo;
    return MakeError(code, std::string("stdout: ") + std::strerror(errno) + " (after " +
                               std::to_string(position_) + " bytes)");
  }
  return arrow::Status::OK();
}

int StandardOutput::TerminalWidth() {
  winsize size{};
  if (!IsTerminal() || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

bool StandardOutput::IsTerminal() { return ::isatty(STDOUT_FILENO) == 1; }

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
