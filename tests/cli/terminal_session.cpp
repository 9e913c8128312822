#include "tests/cli/terminal_session.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace lemma::cli {

using Clock = std::chrono::steady_clock;

TerminalSession::TerminalSession(const std::vector<std::string>& arguments) {
  pid_ = forkpty(&fd_, nullptr, nullptr, nullptr);
  if (pid_ != 0) return;
  std::vector<char*> argv{const_cast<char*>(LEMMA_CLI)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(LEMMA_CLI, argv.data());
  _exit(99);
}

TerminalSession::~TerminalSession() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(fd_);
}

void TerminalSession::type(const std::string& keys) {
  if (write(fd_, keys.data(), keys.size()) != ssize_t(keys.size())) seen_ = "(the terminal takes no keys)";
}

bool TerminalSession::read(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  if (left <= 0) return false;
  pollfd fd{fd_, POLLIN, 0};
  if (poll(&fd, 1, int(left)) <= 0) return false;
  std::array<char, 4096> bytes;
  const ssize_t n = ::read(fd_, bytes.data(), bytes.size());
  if (n <= 0) return false;
  screen_.append(bytes.data(), size_t(n));
  unseen_.append(bytes.data(), size_t(n));
  return true;
}

bool TerminalSession::waitFor(const std::string& text, std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    if (const size_t at = unseen_.find(text); at != std::string::npos) {
      seen_ = unseen_.substr(0, at + text.size());
      unseen_.erase(0, at + text.size());
      return true;
    }
    if (!read(deadline)) return false;
  }
}

bool TerminalSession::waitForMore(size_t bytes, std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  while (unseen_.size() < bytes) {
    if (!read(deadline)) return false;
  }
  seen_ = std::move(unseen_);
  unseen_.clear();
  return true;
}

int TerminalSession::finish(std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  while (read(deadline)) {
  }
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) != pid_) {
    if (Clock::now() > deadline) return -1;
    usleep(10'000);
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace lemma::cli
