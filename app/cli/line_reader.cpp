#include "app/cli/line_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace lemma::cli {
namespace {
constexpr size_t kMaxLine = 16 << 20;  // what follows becomes a line of its own
constexpr int kPasteMs = 30;           // a person does not type the next line so soon
}  // namespace

LineReader::LineReader() : wakeFd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), terminal_(isatty(0) == 1) {}
LineReader::~LineReader() { close(wakeFd_); }

void LineReader::wake() { eventfd_write(wakeFd_, 1); }

bool LineReader::takeLine(std::string& line) {
  size_t end = buffer_.find('\n');
  if (end == std::string::npos && (buffer_.size() > kMaxLine || (ended_ && !buffer_.empty()))) end = buffer_.size();
  if (end == std::string::npos) return false;
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

bool LineReader::inputWaits(int milliseconds) const {
  pollfd fd{0, POLLIN, 0};
  return poll(&fd, 1, milliseconds) > 0;
}

LineReader::Read LineReader::next() {
  std::string message;
  bool some = false;
  for (;;) {
    std::string line;
    while (takeLine(line)) {
      message.append(some ? "\n" : "").append(line);
      some = true;
      if (!terminal_) return message;
    }
    if (some && (ended_ || !inputWaits(kPasteMs))) return message;
    if (ended_) return End{};
    std::array<pollfd, 2> fds{{{0, POLLIN, 0}, {wakeFd_, POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) continue;
    if (fds[1].revents) {
      eventfd_t count;
      eventfd_read(wakeFd_, &count);
      return Woken{};
    }
    std::array<char, 4096> bytes;
    const ssize_t n = read(0, bytes.data(), bytes.size());
    if (n <= 0) {
      ended_ = true;
    } else {
      buffer_.append(bytes.data(), size_t(n));
    }
  }
}

}  // namespace lemma::cli
