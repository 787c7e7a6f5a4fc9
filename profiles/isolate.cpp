#include "profiles/isolate.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

namespace paretune {
namespace {

// First byte of what the child writes.
constexpr char kOk = 'o', kNoMemory = 'm', kRefused = 'r';

void write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    done += static_cast<std::size_t>(n);
  }
}

[[noreturn]] void run_child(int fd, pid_t parent, const std::function<std::string()>& work) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before prctl
  signal(SIGINT, SIG_IGN);            // the parent decides what Ctrl-C means
  std::ofstream("/proc/self/oom_score_adj")
      << 1000;  // should memory end, this process goes and not the study
  std::string result;
  try {
    result = kOk + work();
  } catch (const std::bad_alloc&) {
    result = kNoMemory;
  } catch (const std::exception& error) {
    result = std::string(1, kRefused) + error.what();
  }
  write_all(fd, result);
  _exit(0);
}

double monotonic_seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

ChildResult run_isolated(const std::function<std::string()>& work, double timeout_s,
                         const std::atomic<bool>& stop) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0)
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) {
    close(fds[0]);
    close(fds[1]);
    throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  }
  if (child == 0) {
    close(fds[0]);
    run_child(fds[1], parent, work);
  }
  close(fds[1]);

  ChildResult result;
  std::string output;
  const double deadline = monotonic_seconds() + timeout_s;
  bool killed = false;
  while (true) {
    if (!killed && (stop.load() || monotonic_seconds() > deadline)) {
      result.interrupted = stop.load();
      killed = true;
      kill(child, SIGKILL);
    }
    pollfd ready{fds[0], POLLIN, 0};
    if (poll(&ready, 1, 50) <= 0) continue;
    char buffer[1 << 16];
    const ssize_t n = read(fds[0], buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    output.append(buffer, static_cast<std::size_t>(n));
  }
  close(fds[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }

  if (killed) {
    result.outcome = Outcome::timed_out;
    result.detail = result.interrupted ? "interrupted"
                                       : "still running after " +
                                             std::to_string(static_cast<int>(timeout_s)) + " s";
  } else if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    result.outcome = signal == SIGKILL ? Outcome::out_of_memory : Outcome::crashed;
    result.detail = signal == SIGKILL ? "killed, as the kernel does when memory ends"
                                      : std::string("signal: ") + strsignal(signal);
  } else if (output.empty()) {
    result.outcome = Outcome::crashed;
    result.detail = "exited with code " + std::to_string(WEXITSTATUS(status)) + " and no result";
  } else if (output[0] == kNoMemory) {
    result.outcome = Outcome::out_of_memory;
    result.detail = "an allocation failed";
  } else if (output[0] == kRefused) {
    result.outcome = Outcome::refused;
    result.detail = output.substr(1);
  } else {
    result.output = output.substr(1);
  }
  return result;
}

}  // namespace paretune
