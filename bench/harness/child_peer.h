// A peer in a child process: commands go in and answers come out as lines of JSON.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"

extern char** environ;

namespace pyralog::bench {

// Not thread-safe. The destructor ends the child by closing its input.
class ChildPeer {
 public:
  static arrow::Result<std::unique_ptr<ChildPeer>> Start(const std::vector<std::string>& command) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
      return arrow::Status::IOError("cannot create pipes");
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::vector<std::string> words = command;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const int error =
        ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    std::unique_ptr<ChildPeer> peer(
        new ChildPeer(pid, ::fdopen(in[1], "w"), ::fdopen(out[0], "r")));
    if (error != 0) {
      peer->pid_ = 0;
      return arrow::Status::IOError("cannot start ", command[0]);
    }
    return peer;
  }

  ~ChildPeer() {
    (void)std::fclose(in_);
    (void)std::fclose(out_);
    if (pid_ != 0) ::waitpid(pid_, nullptr, 0);
  }
  ChildPeer(const ChildPeer&) = delete;
  ChildPeer& operator=(const ChildPeer&) = delete;

  int pid() const { return pid_; }

  // Sends a command and waits for what comes back. A child that died, or that answers {"error":
  // text}, is an error.
  arrow::Result<nlohmann::json> Call(const nlohmann::json& command) {
    const std::string line = command.dump() + "\n";
    (void)std::fwrite(line.data(), 1, line.size(), in_);
    (void)std::fflush(in_);
    std::string text;
    for (int c = std::fgetc(out_); c != EOF && c != '\n'; c = std::fgetc(out_)) {
      text.push_back(static_cast<char>(c));
    }
    auto answer = nlohmann::json::parse(text, nullptr, false);
    if (answer.is_discarded()) return arrow::Status::IOError("the peer's process ended");
    if (answer.contains("error")) {
      return arrow::Status::Invalid(answer["error"].get<std::string>());
    }
    return answer;
  }

 private:
  ChildPeer(pid_t pid, std::FILE* in, std::FILE* out) : pid_(pid), in_(in), out_(out) {}

  pid_t pid_;
  std::FILE* in_;
  std::FILE* out_;
};

}  // namespace pyralog::bench
