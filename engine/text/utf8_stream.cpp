#include "engine/text/utf8_stream.h"

namespace lemma {
namespace {
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
}

std::string_view Utf8Stream::push(std::string_view bytes) {
  out_.clear();
  for (size_t i = 0; i < bytes.size();) {
    const auto b = static_cast<uint8_t>(bytes[i]);
    if (needed_ == 0) {
      ++i;
      low_ = 0x80;
      high_ = 0xBF;
      if (b < 0x80) {
        out_ += char(b);
        continue;
      }
      if (b >= 0xC2 && b <= 0xDF) {
        needed_ = 2;
      } else if (b >= 0xE0 && b <= 0xEF) {
        needed_ = 3;
        if (b == 0xE0) low_ = 0xA0;   // no overlong forms
        if (b == 0xED) high_ = 0x9F;  // no surrogates
      } else if (b >= 0xF0 && b <= 0xF4) {
        needed_ = 4;
        if (b == 0xF0) low_ = 0x90;
        if (b == 0xF4) high_ = 0x8F;  // nothing above U+10FFFF
      } else {
        out_ += kReplacement;
        continue;
      }
      held_[0] = char(b);
      heldSize_ = 1;
      continue;
    }
    if (b < low_ || b > high_) {
      out_ += flush();  // and the byte is read again as the start of the next code point
      continue;
    }
    ++i;
    held_[size_t(heldSize_++)] = char(b);
    low_ = 0x80;
    high_ = 0xBF;
    if (heldSize_ == needed_) {
      out_.append(held_.data(), size_t(heldSize_));
      heldSize_ = needed_ = 0;
    }
  }
  return out_;
}

std::string Utf8Stream::flush() {
  const bool unfinished = heldSize_ > 0;
  heldSize_ = needed_ = 0;
  return unfinished ? std::string(kReplacement) : std::string();
}

}  // namespace lemma
