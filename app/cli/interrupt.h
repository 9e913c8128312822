// Ctrl-C as a value: while one lives, SIGINT calls a handler on a thread of its own instead of killing the program.
// Owner: a command, which makes it before any other thread exists (threads inherit the blocked signal).
// The handler runs on the watcher's thread; flag() and token() may be read from any thread.
#pragma once

#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "engine/model.h"

namespace lemma::cli {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Called once for each SIGINT; at once where one came before. Without a handler a second SIGINT ends the program,
  // so that work which does not look at the flag can still be left.
  void onSignal(std::function<void()> handler);
  void removeHandler();  // returns when a running handler has

  bool seen() const { return flag_; }
  const CancelFlag& flag() const { return flag_; }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch();

  int signalFd_ = -1, quitFd_ = -1;
  CancelFlag flag_{false};
  std::stop_source stop_;
  std::mutex mutex_;  // guards handler_
  std::function<void()> handler_;
  std::thread watcher_;
};

}  // namespace lemma::cli
