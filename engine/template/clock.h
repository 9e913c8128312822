// The wall clock of strftime_now, and Python's strftime in the C locale. Pure but for systemTime(), any thread.
#pragma once

#include <string>
#include <string_view>

namespace lemma::jinja {

struct ClockTime {
  int year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0;
};
ClockTime systemTime();  // local time
std::string strftime(std::string_view format, const ClockTime& t);

}  // namespace lemma::jinja
