// The user's own program as a grader: it reads one line of JSON, {"prompt", "answer", "output"},
// and prints a score from 0 to 1.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>

#include "workloads/graders.h"
#include "workloads/text_file.h"

extern char** environ;

namespace paretune {
namespace {

constexpr std::chrono::seconds kTimeout{60};
constexpr std::size_t kMostOutput = 64 << 10;  // bytes: a score takes few

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("grader: no pipe");
  }
  ~Pipe() {
    for (const int end : ends) {
      if (end >= 0) close(end);
    }
  }
  void close_end(std::size_t i) {
    close(ends[i]);
    ends[i] = -1;
  }
};

// What the command prints to its standard output when it is given `input`. It has a process group
// of its own, so that what it started ends with it.
std::string run(const std::string& command, const std::string& input) {
  Pipe in, out;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.ends[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::string shell = "sh", flag = "-c", text = command;
  std::array<char*, 4> arguments{shell.data(), flag.data(), text.data(), nullptr};
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) throw std::runtime_error("grader: cannot start " + command);
  in.close_end(0);
  out.close_end(1);
  // A command that does not read its input is no reason to die.
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &before);
  fcntl(in.ends[1], F_SETFL, O_NONBLOCK);
  std::string output;
  std::size_t written = 0;
  bool timed_out = false;
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  while (output.size() <= kMostOutput) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    std::array<pollfd, 2> wait{pollfd{out.ends[0], POLLIN, 0}, pollfd{in.ends[1], POLLOUT, 0}};
    const int ready =
        poll(wait.data(), in.ends[1] >= 0 ? 2 : 1, std::max(0, static_cast<int>(left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      timed_out = true;
      break;
    }
    if (in.ends[1] >= 0 && wait[1].revents != 0) {
      const ssize_t n = write(in.ends[1], input.data() + written, input.size() - written);
      if (n > 0) written += static_cast<std::size_t>(n);
      if (n < 0 || written == input.size()) in.close_end(1);
    }
    if (wait[0].revents != 0) {
      std::array<char, 4096> bytes;
      const ssize_t n = read(out.ends[0], bytes.data(), bytes.size());
      if (n <= 0) break;
      output.append(bytes.data(), static_cast<std::size_t>(n));
    }
  }
  const bool flooded = output.size() > kMostOutput;
  if (timed_out || flooded) kill(-child, SIGKILL);
  // It may have closed its output and go on.
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(child, &status, timed_out || flooded ? 0 : WNOHANG)) != child) {
    if (ended < 0 && errno != EINTR) {
      status = -1;
      break;
    }
    if (ended != 0) continue;
    if (std::chrono::steady_clock::now() >= deadline) {
      timed_out = true;
      kill(-child, SIGKILL);
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  sigaction(SIGPIPE, &before, nullptr);
  if (timed_out)
    throw std::runtime_error("grader: " + command + ": found no score within " +
                             std::to_string(kTimeout.count()) + " s");
  if (flooded)
    throw std::runtime_error("grader: " + command + ": found more than " +
                             std::to_string(kMostOutput >> 10) +
                             " KiB of output, allowed: a number from 0 to 1");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error("grader: " + command + ": it failed (exit status " +
                             std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1) + ")");
  return output;
}

std::string_view lacks_command(const EvalItem& item) {
  return item.command.empty() ? "a command, as the eval's \"command\"" : "";
}

double command(const EvalItem& item, std::string_view output) {
  const std::string line =
      nlohmann::json{{"prompt", item.prompt}, {"answer", item.answer}, {"output", output}}.dump(
          -1, ' ', false, nlohmann::json::error_handler_t::replace) +
      '\n';
  const std::string printed = run(item.command, line);
  const std::string_view number = trimmed(printed);
  double score = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), score);
  if (error != std::errc() || end != number.data() + number.size() || !(score >= 0 && score <= 1))
    throw std::runtime_error("grader: " + item.command + ": found \"" +
                             std::string(number.substr(0, 80)) + "\" for item " + item.id +
                             ", allowed: a number from 0 to 1");
  return score;
}

}  // namespace

constexpr Grader kCommand{"command", lacks_command, command, nullptr};

}  // namespace paretune
