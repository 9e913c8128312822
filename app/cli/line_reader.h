// Lines that a person types, or that come through a pipe. Waits for stdin and for a wake-up at the same time.
// Owner: one thread reads; wake() may be called from any thread.
#pragma once

#include <string>
#include <variant>

namespace lemma::cli {

class LineReader {
 public:
  struct End {};
  struct Woken {};
  using Read = std::variant<std::string, End, Woken>;

  LineReader();
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // One line without its end. On a terminal, lines that are pasted together are one message of several lines.
  Read next();
  void wake();

 private:
  bool takeLine(std::string& line);
  bool inputWaits(int milliseconds) const;
  int wakeFd_;
  bool terminal_, ended_ = false;
  std::string buffer_;
};

}  // namespace lemma::cli
