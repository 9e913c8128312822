// lemma-cli on a pseudo-terminal, as a person at a keyboard has it. For tests, one thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace lemma::cli {

class TerminalSession {
 public:
  explicit TerminalSession(const std::vector<std::string>& arguments);
  ~TerminalSession();  // kills what still runs
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;

  void type(const std::string& keys);  // "\x03" is Ctrl-C, "\x04" is Ctrl-D
  // What came since the last call, up to and with `text`; false where it does not come.
  bool waitFor(const std::string& text, std::chrono::seconds patience = std::chrono::seconds(60));
  bool waitForMore(size_t bytes, std::chrono::seconds patience = std::chrono::seconds(60));
  int finish(std::chrono::seconds patience = std::chrono::seconds(20));  // its exit code; -1 where it does not end

  const std::string& screen() const { return screen_; }  // everything that was printed
  const std::string& seen() const { return seen_; }      // what the last wait took

 private:
  bool read(std::chrono::steady_clock::time_point deadline);
  int fd_ = -1, pid_ = -1;
  std::string screen_, unseen_, seen_;
};

}  // namespace lemma::cli
