// A string that knows of each byte whether it came from the person's data or from the template. Value type, one thread.
// The mark survives concatenation and cutting; equality and order look at the bytes only.
#pragma once

#include <string>
#include <string_view>

namespace lemma::jinja {

class Text {
 public:
  Text() = default;
  explicit Text(std::string_view bytes, bool fromUser = false) : bytes_(bytes), user_(fromUser) {}

  std::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  bool fromUser(size_t i) const { return marks_.empty() ? user_ : marks_[i] != 0; }
  // True where any byte is.
  bool anyFromUser() const { return !bytes_.empty() && (marks_.empty() ? user_ : marks_.find('\1') != marks_.npos); }

  void append(const Text& more);
  void append(std::string_view bytes, bool fromUser);
  void append(const Text& from, size_t at, size_t length);
  Text substr(size_t at, size_t length = std::string::npos) const;

 private:
  void mix();

  std::string bytes_;
  std::string marks_;  // one byte a byte, or empty where all are alike
  bool user_ = false;
};

}  // namespace lemma::jinja
