#include "engine/template/marked_text.h"

#include <algorithm>

namespace lemma::jinja {

void Text::mix() {
  if (marks_.empty()) marks_.assign(bytes_.size(), char(user_));
}

void Text::append(std::string_view bytes, bool fromUser) {
  if (bytes.empty()) return;
  if (bytes_.empty()) user_ = fromUser;
  if (!marks_.empty() || user_ != fromUser) {
    mix();
    marks_.append(bytes.size(), char(fromUser));
  }
  bytes_ += bytes;
}

void Text::append(const Text& more) { append(more, 0, more.size()); }

void Text::append(const Text& from, size_t at, size_t length) {
  length = std::min(length, from.size() - at);
  if (from.marks_.empty()) {
    append(from.bytes().substr(at, length), from.user_);
    return;
  }
  if (length == 0) return;
  mix();
  marks_.append(from.marks_, at, length);
  bytes_.append(from.bytes_, at, length);
}

Text Text::substr(size_t at, size_t length) const {
  Text out;
  at = std::min(at, size());
  out.append(*this, at, std::min(length, size() - at));
  return out;
}

}  // namespace lemma::jinja
