// Decides whether work stands still, from regular looks at a counter. A time in which nobody looked (the machine
// slept, the process was stopped) is no time in which work could have gone on, so it hardly counts.
// Pure, with the time given from outside. Owner: whoever looks; one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace lemma::app {

class StallClock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Span = std::chrono::steady_clock::duration;

  explicit StallClock(Span limit) : limit_(limit) {}

  // How long to wait between two looks.
  Span between() const { return limit_ / 20; }

  // True when work was to be done and `count` has not moved for the limit.
  bool look(Time now, bool busy, uint64_t count) {
    const Span passed = std::min(now - last_, 2 * between());
    quiet_ = busy && count == count_ ? quiet_ + passed : Span::zero();
    last_ = now;
    count_ = count;
    return quiet_ >= limit_;
  }

 private:
  Span limit_, quiet_{0};
  Time last_{};
  uint64_t count_ = 0;
};

}  // namespace lemma::app
