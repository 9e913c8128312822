// Turns a stream of bytes cut anywhere (tokens are cut anywhere) into whole UTF-8 code points.
// Ill-formed bytes become U+FFFD, one for each maximal subpart (Unicode 15, section 3.9, table 3-7).
// Holds back at most 3 bytes. One per generated message; not shared between threads.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace lemma {

class Utf8Stream {
 public:
  // Whole code points only; the same bytes give the same text however they are cut. Lives until the next push.
  std::string_view push(std::string_view bytes);
  // The end of the stream: an unfinished code point becomes U+FFFD.
  std::string flush();
  // True while a code point is unfinished.
  bool pending() const { return heldSize_ > 0; }

 private:
  std::string out_;
  std::array<char, 4> held_{};
  int heldSize_ = 0;
  int needed_ = 0;                    // bytes of the code point that is being read
  uint8_t low_ = 0x80, high_ = 0xBF;  // what the next continuation byte may be
};

}  // namespace lemma
