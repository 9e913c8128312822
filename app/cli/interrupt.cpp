#include "app/cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>

#include "app/cli/exit_code.h"

namespace lemma::cli {
namespace {

sigset_t interruptSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = interruptSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signalFd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  quitFd_ = eventfd(0, EFD_CLOEXEC);
  watcher_ = std::thread([this] { watch(); });
}

Interrupt::~Interrupt() {
  eventfd_write(quitFd_, 1);
  watcher_.join();
  close(signalFd_);
  close(quitFd_);
  const sigset_t set = interruptSet();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Interrupt::onSignal(std::function<void()> handler) {
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
  if (flag_) handler_();
}

void Interrupt::removeHandler() {
  const std::lock_guard lock(mutex_);
  handler_ = nullptr;
}

void Interrupt::watch() {
  for (;;) {
    pollfd fds[2] = {{signalFd_, POLLIN, 0}, {quitFd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents) return;
    signalfd_siginfo info;
    while (read(signalFd_, &info, sizeof info) == sizeof info) {
      const std::lock_guard lock(mutex_);
      const bool again = flag_.exchange(true);
      stop_.request_stop();
      if (handler_) {
        handler_();
      } else if (again) {
        std::_Exit(kInterrupted);
      }
    }
  }
}

}  // namespace lemma::cli
